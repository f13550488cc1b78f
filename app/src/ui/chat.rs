//! The chat of a channel: beside the picture, and in the studio.

use std::collections::HashMap;
use std::sync::Arc;

use egui::text::{LayoutJob, TextWrapping};
use egui::{Galley, Id, Key, Rect, ScrollArea, Sense, Ui, pos2, vec2};

use crate::command::Command;
use crate::state::{ChannelId, Chat, ChatMessage, ChatPhase, CommunityId};
use crate::theme::{Type, Weight, space};
use crate::widget::{Button, Field, Kind, icon, text};

use super::{Cx, Go};

/// Longest message, in characters.
const MAX_CHARS: usize = 300;
/// Room between two messages.
const GAP: f32 = space::S;

/// What the chat remembers from pass to pass.
#[derive(Default)]
pub(super) struct ChatView {
    draft: String,
    heights: HashMap<String, f32>,
    width: f32,
    seen: u64,
    to_end: bool,
    focus: bool,
}

impl ChatView {
    /// Puts the keyboard into the field.
    pub(super) fn focus(&mut self) {
        self.focus = true;
    }
}

pub(super) fn show(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    view: &mut ChatView,
    chat: &Chat,
    room: Option<(&CommunityId, &ChannelId)>,
) {
    let field_height = cx.theme.control_height() + space::M;
    let list = Rect::from_min_max(ui.max_rect().min, ui.max_rect().max - vec2(0.0, field_height));
    let mut list_ui = ui.new_child(egui::UiBuilder::new().max_rect(list).id_salt("messages"));
    list_ui.set_clip_rect(list.intersect(ui.clip_rect()));
    messages(&mut list_ui, cx, view, chat);
    let foot = Rect::from_min_max(pos2(list.left(), list.bottom() + space::M), ui.max_rect().max);
    ui.scope_builder(egui::UiBuilder::new().max_rect(foot), |ui| write(ui, cx, view, chat, room));
}

fn messages(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut ChatView, chat: &Chat) {
    let hint = match (&chat.phase, chat.messages.is_empty()) {
        (ChatPhase::Connecting, true) => Some("chat-connecting"),
        (_, true) => Some("chat-empty"),
        _ => None,
    };
    if let Some(key) = hint {
        let galley = text::layout(
            ui,
            cx.theme,
            &cx.text(key),
            (Type::Body, Weight::Regular),
            cx.theme.colors.faint,
            ui.available_width(),
            2,
        );
        let at = ui.max_rect().center() - galley.size() / 2.0;
        ui.painter().galley(at, galley, cx.theme.colors.faint);
        return;
    }
    let width = ui.available_width() - space::M;
    if view.width != width || view.heights.len() > 2 * chat.messages.len() + 64 {
        view.heights.clear();
        view.width = width;
    }
    let mut tops = Vec::with_capacity(chat.messages.len() + 1);
    let mut y = 0.0;
    for message in &chat.messages {
        tops.push(y);
        let height = match view.heights.get(&message.id) {
            Some(height) => *height,
            None => {
                let height = galley(ui, cx, message, width).size().y;
                view.heights.insert(message.id.clone(), height);
                height
            }
        };
        y += height + GAP;
    }
    let total = y;
    let mut area = ScrollArea::vertical().id_salt("chat").auto_shrink(false).stick_to_bottom(true);
    if std::mem::take(&mut view.to_end) {
        area = area.vertical_scroll_offset(total);
    }
    let shown = area.show_viewport(ui, |ui, viewport| {
        ui.set_height(total);
        let origin = ui.min_rect().min;
        let first = tops.partition_point(|top| *top < viewport.top()).saturating_sub(1);
        for (message, top) in chat.messages.iter().zip(&tops).skip(first) {
            if *top > viewport.bottom() {
                break;
            }
            line(ui, cx, message, pos2(origin.x, origin.y + top), width);
        }
    });
    let at_end =
        shown.state.clamped_offset().y + shown.inner_rect.height() >= total - 2.0 || total <= shown.inner_rect.height();
    if at_end {
        view.seen = chat.received;
    }
    ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
        node.set_role(egui::Role::Log);
        node.set_label(cx.words.text("chat-title"));
        node.set_live(egui::accesskit::Live::Polite);
    });
    let new = chat.received.saturating_sub(view.seen);
    if new > 0 {
        let words = cx.words.count("chat-newest", new);
        let size = vec2(ui.max_rect().width().min(220.0), cx.theme.control_height());
        let at = Rect::from_center_size(pos2(ui.max_rect().center().x, ui.max_rect().bottom() - size.y), size);
        let mut over =
            ui.new_child(egui::UiBuilder::new().max_rect(at).layout(egui::Layout::top_down(egui::Align::Center)));
        view.to_end = Button::new(&words).kind(Kind::Primary).show(&mut over, cx.theme).clicked();
    }
}

fn galley(ui: &Ui, cx: &Cx<'_>, message: &ChatMessage, width: f32) -> Arc<Galley> {
    let colors = cx.theme.colors;
    let format = |weight, color| text::format(cx.theme, Type::Body, weight, color);
    let mut job =
        LayoutJob { wrap: TextWrapping { max_width: width, ..TextWrapping::default() }, ..LayoutJob::default() };
    let author = if message.own { colors.accent } else { colors.quiet };
    job.append(&message.author, 0.0, format(Weight::Strong, author));
    job.append(&message.text, space::S, format(Weight::Regular, colors.text));
    ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
}

fn line(ui: &mut Ui, cx: &mut Cx<'_>, message: &ChatMessage, at: egui::Pos2, width: f32) {
    let galley = galley(ui, cx, message, width);
    let rect = Rect::from_min_size(at, vec2(width, galley.size().y));
    let response = ui.interact(rect, ui.scope_id().with(&message.id), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(rect.expand(3.0), cx.theme.control_corners(), cx.theme.colors.raised);
    }
    ui.painter().galley(at, galley, cx.theme.colors.text);
    let words = cx.words.with(
        "chat-message",
        &[("author", crate::i18n::Value::Text(&message.author)), ("text", crate::i18n::Value::Text(&message.text))],
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, &words));
    if message.own {
        let delete = cx.text("chat-delete");
        let mut deleted = false;
        response.context_menu(|ui| {
            if ui.button(&delete).clicked() {
                deleted = true;
                ui.close();
            }
        });
        if deleted && let Some(community) = super::current(cx) {
            cx.send(Command::DeleteMessage { community, message: message.id.clone() });
        }
    }
}

fn write(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut ChatView, chat: &Chat, room: Option<(&CommunityId, &ChannelId)>) {
    match chat.phase {
        ChatPhase::ReadOnly => {
            ui.horizontal(|ui| {
                text::quiet(ui, cx.theme, &cx.text("chat-read-only"));
                if Button::new(&cx.text("community-sign-in")).show(ui, cx.theme).clicked()
                    && let Some((community, _)) = room
                {
                    let (community, name, password) = (community.clone(), String::new(), String::new());
                    cx.go(Go::Dialog(super::dialog::Dialog::SignIn { community, name, password }));
                }
            });
            return;
        }
        ChatPhase::Closed => {
            text::quiet(ui, cx.theme, &cx.text("chat-closed"));
            return;
        }
        ChatPhase::Connecting | ChatPhase::Open => {}
    }
    let open = chat.phase == ChatPhase::Open && room.is_some();
    ui.horizontal(|ui| {
        let (label, send) = (cx.text("chat-hint"), cx.text("chat-send"));
        let id = Id::unique("chat field").with(ui.scope_id());
        let width = ui.available_width() - cx.theme.control_height() - space::S;
        let field = Field::new(&label).hint(label.clone()).id(id).limit(MAX_CHARS).width(width).enabled(open);
        let field = field.show(ui, cx.theme, &mut view.draft);
        if std::mem::take(&mut view.focus) {
            field.request_focus();
        }
        let ready = open && !view.draft.trim().is_empty();
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let button = Button::icon(icon::PAPER_PLANE_RIGHT, &send).enabled(ready).show(ui, cx.theme);
        if entered {
            // One goes on writing after a message.
            field.request_focus();
        }
        if ready
            && (entered || button.clicked())
            && let Some((community, channel)) = room
        {
            let text = std::mem::take(&mut view.draft).trim().to_owned();
            view.to_end = true;
            cx.send(Command::SendChat { community: community.clone(), channel: channel.clone(), text });
        }
    });
}
