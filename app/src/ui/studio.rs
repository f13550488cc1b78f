//! Studio: what goes in, how it looks and sounds, and going live.

use egui::{Align, CentralPanel, Frame, Layout, Margin, Panel, Ui};

use crate::command::Command;
use crate::state::{BroadcastSummary, CommunityId, Connection, SettingChange, StudioPhase};
use crate::theme::{Type, Weight, space};
use crate::widget::{Button, Field, Kind, Surface, choice, icon, text};

use super::chat::{self, ChatView};
use super::dialog::Dialog;
use super::{Cx, Go, NARROW, current};

mod details;
mod foot;
mod preview;
mod sources;

/// What the left panel shows where there is no room for the chat beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Sources,
    Chat,
}

/// What the studio remembers from pass to pass.
#[derive(Default)]
pub(super) struct StudioView {
    surface: Surface,
    chat: ChatView,
    tab: Tab,
    margins: bool,
    title: String,
    foot: f32,
    summary_read: Option<BroadcastSummary>,
}

impl StudioView {
    /// How much of the window's foot messages must leave free.
    pub(super) fn foot(&self) -> f32 {
        self.foot
    }
}

/// Where one would go live: where one is live already, or the current community if it can be reached.
fn target(cx: &Cx<'_>) -> Option<CommunityId> {
    if cx.state.on_air() {
        return cx.state.studio.community.clone();
    }
    let online = cx.state.community().is_some_and(|community| community.connection == Connection::Online);
    current(cx).filter(|_| online)
}

/// What the key for going live does: ask before ending, else go live.
pub(super) fn go_live_or_ask(cx: &mut Cx<'_>) {
    match cx.state.studio.phase {
        StudioPhase::Live { .. } => cx.go(Go::Dialog(Dialog::EndBroadcast)),
        StudioPhase::Starting { .. } | StudioPhase::Ending => {}
        StudioPhase::Idle | StudioPhase::Ended(_) | StudioPhase::Failed(_) => go_live(cx),
    }
}

fn go_live(cx: &mut Cx<'_>) {
    if let Some(community) = target(cx) {
        cx.send(Command::GoLive { community, title: cx.state.settings.title.trim().to_owned() });
    }
}

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut StudioView) {
    let state = cx.state;
    view.surface.update(ui, state.studio.preview.as_ref());
    if state.studio.preview.is_none() {
        view.surface.clear();
    }
    let wide = ui.ctx().content_rect().width() >= NARROW;
    let side = || Frame::new().fill(cx.theme.colors.surface).inner_margin(Margin::same(space::M as i8));
    let foot_frame =
        Frame::new().fill(cx.theme.colors.surface).inner_margin(Margin { left: 16, right: 16, top: 12, bottom: 12 });
    let side_frame = side();
    let panel = Panel::bottom("studio foot").resizable(false).show_separator_line(false).frame(foot_frame);
    view.foot = panel.show(ui, |ui| foot::show(ui, cx)).response.rect.height();
    if wide {
        let width = cx.theme.side_width();
        let panel =
            Panel::right("studio chat").exact_size(width).resizable(false).show_separator_line(false).frame(side_frame);
        panel.show(ui, |ui| {
            text::strong(ui, cx.theme, &cx.text("studio-chat"));
            ui.add_space(space::XS);
            room(ui, cx, view);
        });
    }
    let width = (260.0 * cx.theme.growth()).min(ui.available_width() * 0.4);
    let panel =
        Panel::left("studio sources").exact_size(width).resizable(false).show_separator_line(false).frame(side_frame);
    panel.show(ui, |ui| left(ui, cx, view, wide));
    let frame = Frame::new().inner_margin(Margin::same(space::L as i8));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        head(ui, cx, view);
        ui.add_space(space::S);
        preview::show(ui, cx, view);
    });
}

fn left(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut StudioView, wide: bool) {
    if !wide {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            for (tab, key) in [(Tab::Sources, "studio-sources"), (Tab::Chat, "studio-chat")] {
                let words = cx.text(key);
                if Button::new(&words).kind(Kind::Quiet).selected(view.tab == tab).show(ui, cx.theme).clicked() {
                    view.tab = tab;
                }
            }
        });
        ui.add_space(space::XS);
    }
    if !wide && view.tab == Tab::Chat {
        room(ui, cx, view);
    } else {
        sources::show(ui, cx);
    }
}

fn room(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut StudioView) {
    let studio = &cx.state.studio;
    let channel = studio.community.as_ref().zip(studio.channel.as_ref());
    let rect = egui::Rect::from_min_max(ui.cursor().min, ui.max_rect().max);
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
        if channel.is_none() || !studio.phase.on_air() && studio.chat.messages.is_empty() {
            let words = cx.text("health-idle");
            ui.centered_and_justified(|ui| {
                ui.label(text::rich(cx.theme, words, Type::Body, Weight::Regular, cx.theme.colors.faint));
            });
        } else {
            chat::show(ui, cx, &mut view.chat, &studio.chat, channel);
        }
    });
}

/// Title of the show, and where it goes.
fn head(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut StudioView) {
    ui.horizontal(|ui| {
        let label = cx.text("studio-title");
        let several = cx.state.communities.len() > 1;
        let margins = cx.text(if view.margins { "studio-margins-hide" } else { "studio-margins-show" });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Button::icon(icon::APP_WINDOW, &margins).selected(view.margins).show(ui, cx.theme).clicked() {
                view.margins = !view.margins;
            }
            if several && !cx.state.on_air() {
                let all: Vec<_> = cx.state.communities.iter().map(|(id, it)| (id.clone(), it.name.clone())).collect();
                if let Some(now) = current(cx)
                    && let Some(picked) = choice::select(ui, cx.theme, &cx.text("studio-community"), 160.0, &now, &all)
                {
                    cx.send(Command::SelectCommunity(picked));
                }
            }
            let id = egui::Id::unique("studio title");
            let writing = ui.ctx().memory(|memory| memory.has_focus(id));
            if !writing && view.title != cx.state.settings.title {
                view.title.clone_from(&cx.state.settings.title);
            }
            let field = Field::new(&label).hint(cx.text("studio-title-hint")).id(id).limit(120);
            let field = field.show(ui, cx.theme, &mut view.title);
            if field.lost_focus() && view.title != cx.state.settings.title {
                cx.send(Command::Change(SettingChange::Title(view.title.clone())));
                if cx.state.on_air() {
                    cx.send(Command::SetTitle(view.title.trim().to_owned()));
                }
            }
        });
    });
}
