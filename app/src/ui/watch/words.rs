//! Words over the picture when there is none, when it stands still, and when it is over.

use std::time::Instant;

use egui::{Color32, Layout, Rect, Ui, UiBuilder, pos2, vec2};

use crate::command::Command;
use crate::state::{EndReason, LiveItem, WatchPhase, WatchState};
use crate::theme::{self, Type, Weight, space};
use crate::ui::{Cx, Go, Page, problem};
use crate::widget::{Button, Kind, icon, text};

/// Cards of other channels that fit under the last picture.
const ALSO: usize = 3;

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState, rect: Rect, has_picture: bool) {
    match &watch.phase {
        WatchPhase::Playing if watch.telemetry.sound_lost => sound_lost(ui, cx, rect),
        WatchPhase::Playing | WatchPhase::Paused => {}
        WatchPhase::Opening { since } if late(ui, cx, *since, theme::skeleton_after()) => {
            say(ui, cx, rect, (icon::TELEVISION_SIMPLE, &cx.text("watch-opening"), ""), |_, _| {});
        }
        WatchPhase::Stalled { since } if late(ui, cx, *since, theme::words_after()) => {
            dim(ui, rect, has_picture);
            say(ui, cx, rect, (icon::WARNING, &cx.text("watch-stalled"), ""), |_, _| {});
        }
        WatchPhase::Opening { .. } | WatchPhase::Stalled { .. } => {}
        WatchPhase::Ended(reason) => {
            dim(ui, rect, has_picture);
            ended(ui, cx, watch, rect, reason);
        }
        WatchPhase::Failed(problem) => {
            dim(ui, rect, has_picture);
            let (words, step) = (problem::sentence(cx.words, problem), problem::next(cx, problem));
            let back = cx.text("watch-back");
            say(ui, cx, rect, (icon::WARNING_CIRCLE, &words, ""), |ui, cx| {
                if let Some((key, step)) = step
                    && Button::new(&cx.text(key)).kind(Kind::Primary).show(ui, cx.theme).clicked()
                {
                    problem::take(cx, step);
                }
                if Button::new(&back).show(ui, cx.theme).clicked() {
                    cx.go(Go::Page(Page::Home));
                }
            });
        }
    }
}

/// Whether something lasts so long that words are due; asks for a pass when they will be.
fn late(ui: &Ui, cx: &Cx<'_>, since: Instant, after: std::time::Duration) -> bool {
    let rest = after.saturating_sub(cx.clock.now.saturating_duration_since(since));
    if !rest.is_zero() {
        ui.ctx().request_repaint_after(rest);
    }
    rest.is_zero()
}

fn dim(ui: &Ui, rect: Rect, has_picture: bool) {
    if has_picture {
        ui.painter().rect_filled(rect, 0.0, Color32::from_black_alpha(150));
    }
}

/// Words in the middle of the picture, with something to do under them.
fn say(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    rect: Rect,
    (glyph, words, about): (&str, &str, &str),
    more: impl FnOnce(&mut Ui, &mut Cx<'_>),
) {
    let theme = cx.theme;
    let width = (rect.width() - 2.0 * space::XL).clamp(160.0, 520.0 * theme.growth());
    // Its height is known after the first pass.
    let id = ui.scope_id().with("words height");
    let height: f32 = ui.data(|data| data.get_temp(id)).unwrap_or(0.0);
    let top = (rect.center().y - height / 2.0 - space::L).max(rect.top() + space::S);
    let panel = Rect::from_min_size(pos2(rect.center().x - width / 2.0, top), vec2(width, rect.bottom() - top));
    let builder = UiBuilder::new().max_rect(panel).id_salt("words").layout(Layout::top_down(egui::Align::Center));
    let shown = ui.scope_builder(builder, |ui| {
        let frame = egui::Frame::new()
            .fill(theme.picture.scrim)
            .corner_radius(theme.card_corners())
            .inner_margin(egui::Margin::same(24));
        frame.show(ui, |ui| {
            ui.label(egui::RichText::new(glyph).font(theme.icon(28.0, false)).color(theme.picture.quiet));
            let label =
                egui::Label::new(text::rich(theme, words, Type::Lead, Weight::Strong, theme.picture.text)).wrap();
            let response = ui.add(label);
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Polite));
            if !about.is_empty() {
                ui.add(
                    egui::Label::new(text::rich(theme, about, Type::Body, Weight::Regular, theme.picture.quiet)).wrap(),
                );
            }
            more(ui, cx);
        });
    });
    let measured = shown.response.rect.height();
    if (measured - height).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, measured));
        ui.ctx().request_discard("the height of the words was not known");
    }
}

fn ended(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState, rect: Rect, reason: &EndReason) {
    let (key, about) = match reason {
        EndReason::Ended => ("watch-ended", String::new()),
        EndReason::Stopped => ("watch-stopped", cx.words.fill("watch-stopped-text", "name", &watch.name)),
        EndReason::TakenDown => ("watch-taken-down", String::new()),
    };
    let others: Vec<LiveItem> = cx
        .state
        .communities
        .get(&watch.community)
        .into_iter()
        .flat_map(|community| &community.live.items)
        .filter(|item| item.channel != watch.channel)
        .take(ALSO)
        .cloned()
        .collect();
    let (back, also) = (cx.text("watch-back"), cx.text("watch-also-live"));
    let quiet = cx.theme.picture.quiet;
    say(ui, cx, rect, (icon::TELEVISION_SIMPLE, &cx.text(key), &about), |ui, cx| {
        if !others.is_empty() {
            ui.add_space(space::S);
            ui.label(text::rich(cx.theme, &also, Type::Small, Weight::Strong, quiet));
            for item in &others {
                let words = if item.title.is_empty() { &item.name } else { &item.title };
                let button = Button::new(words).kind(Kind::OnPicture).with_icon(icon::PLAY).at_start();
                if button.width(ui.available_width()).show(ui, cx.theme).clicked() {
                    let (community, channel) = (watch.community.clone(), item.channel.clone());
                    cx.send(Command::Watch { community, channel });
                }
            }
        }
        ui.add_space(space::S);
        if Button::new(&back).kind(Kind::Primary).show(ui, cx.theme).clicked() {
            cx.go(Go::Page(Page::Home));
        }
    });
}

fn sound_lost(ui: &mut Ui, cx: &Cx<'_>, rect: Rect) {
    let theme = cx.theme;
    let words = format!("{}  {}", icon::SPEAKER_SLASH, cx.text("watch-sound-lost"));
    let galley =
        text::layout(ui, theme, &words, (Type::Body, Weight::Regular), theme.picture.text, rect.width() - 64.0, 2);
    let ground = Rect::from_min_size(rect.min + vec2(space::L, space::L), galley.size() + vec2(space::XL, space::L));
    ui.painter().rect_filled(ground, theme.control_corners(), theme.picture.scrim);
    ui.painter().galley(ground.min + vec2(space::M, space::S), galley, theme.picture.text);
}
