//! Controls over the lower edge of the picture; they fade when the pointer rests.

use std::time::Duration;

use egui::{Align, Color32, Layout, Rect, Ui, UiBuilder, pos2, vec2};

use crate::command::Command;
use crate::state::{SettingChange, WatchPhase, WatchState};
use crate::theme::{self, space};
use crate::ui::{Cx, NARROW};
use crate::widget::{Button, Kind, badge, icon, slider};

use super::{Side, WatchView, play_pause};

pub(super) fn show(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    view: &mut WatchView,
    watch: &WatchState,
    rect: Rect,
    fullscreen: &mut bool,
) {
    let bar =
        Rect::from_min_max(pos2(rect.left(), rect.bottom() - cx.theme.control_height() - 2.0 * space::M), rect.max);
    let shown = shown(ui, cx, view, watch, rect, bar);
    let opacity = ui.ctx().animate_bool_responsive(ui.scope_id().with("controls"), shown);
    if !shown && ui.rect_contains_pointer(rect) && *fullscreen {
        ui.ctx().set_cursor_icon(egui::CursorIcon::None);
    }
    // They stay in the tree when faded, so that keyboard and screen reader always find them.
    let inner = bar.shrink2(vec2(space::M, space::M));
    let builder = UiBuilder::new().max_rect(inner).id_salt("controls").layout(Layout::left_to_right(Align::Center));
    ui.scope_builder(builder, |ui| {
        ui.set_opacity(opacity);
        scrim(ui, cx, bar);
        ui.spacing_mut().item_spacing.x = space::XS;
        left(ui, cx, watch);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| right(ui, cx, view, watch, fullscreen));
    });
}

/// Whether the controls are to be seen now.
fn shown(ui: &Ui, cx: &Cx<'_>, view: &mut WatchView, watch: &WatchState, rect: Rect, bar: Rect) -> bool {
    let (moved, pointer) = ui.input(|input| (input.pointer.delta() != egui::Vec2::ZERO, input.pointer.hover_pos()));
    let over = pointer.is_some_and(|at| rect.contains(at));
    if over && (moved || view.pointer_moved.is_none()) {
        view.pointer_moved = Some(cx.clock.now);
    }
    let by_keyboard = ui
        .ctx()
        .memory(|memory| memory.focused())
        .is_some_and(|id| ui.ctx().read_response(id).is_some_and(|response| bar.contains(response.rect.center())));
    if by_keyboard || pointer.is_some_and(|at| bar.contains(at)) || watch.phase == WatchPhase::Paused {
        return true;
    }
    let Some(moved) = view.pointer_moved else { return false };
    let rest = theme::controls_stay().saturating_sub(cx.clock.now.saturating_duration_since(moved));
    if !rest.is_zero() {
        ui.ctx().request_repaint_after(rest + Duration::from_millis(1));
    }
    !rest.is_zero()
}

/// Darkens the picture under the controls, more towards the edge.
fn scrim(ui: &Ui, cx: &Cx<'_>, bar: Rect) {
    let color = cx.theme.picture.scrim;
    let solid = Rect::from_min_max(bar.min, bar.max);
    ui.painter().rect_filled(solid, 0.0, color);
    let soft = Rect::from_min_max(bar.min - vec2(0.0, 32.0), pos2(bar.right(), bar.top()));
    let mut mesh = egui::Mesh::default();
    for (at, color) in [
        (soft.left_top(), Color32::TRANSPARENT),
        (soft.right_top(), Color32::TRANSPARENT),
        (soft.left_bottom(), color),
        (soft.right_bottom(), color),
    ] {
        mesh.colored_vertex(at, color);
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(2, 1, 3);
    ui.painter().add(mesh);
}

fn left(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState) {
    let settings = &cx.state.settings;
    let over = watch.phase.is_over();
    let (glyph, key) =
        if watch.phase == WatchPhase::Paused { (icon::PLAY, "watch-play") } else { (icon::PAUSE, "watch-pause") };
    let label = cx.text(key);
    // What is over neither pauses nor goes on.
    let button = Button::icon(glyph, &label).kind(Kind::OnPicture).filled(true).shortcut("Space");
    if !over && button.show(ui, cx.theme).clicked() {
        play_pause(cx, watch);
    }
    let silent = settings.muted || settings.volume <= 0.0;
    let glyph = match settings.volume {
        _ if silent => icon::SPEAKER_SLASH,
        volume if volume < 0.5 => icon::SPEAKER_LOW,
        _ => icon::SPEAKER_HIGH,
    };
    let label = cx.text(if silent { "watch-unmute" } else { "watch-mute" });
    if Button::icon(glyph, &label).kind(Kind::OnPicture).shortcut("M").show(ui, cx.theme).clicked() {
        cx.send(Command::Change(SettingChange::Muted(!settings.muted)));
        if silent && settings.volume <= 0.0 {
            cx.send(Command::Change(SettingChange::Volume(0.5)));
        }
    }
    let mut volume = if settings.muted { 0.0 } else { settings.volume };
    let label = cx.text("watch-volume");
    let moved = slider::show(ui, cx.theme, &label, &mut volume, (0.0..=1.0, 0.05), 88.0, slider::Ground::Picture);
    if moved.changed() {
        cx.send(Command::Change(SettingChange::Volume(volume)));
        if settings.muted && volume > 0.0 {
            cx.send(Command::Change(SettingChange::Muted(false)));
        }
    }
    ui.add_space(space::S);
    if !over {
        live_badge(ui, cx, watch);
    }
}

fn live_badge(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState) {
    let telemetry = &watch.telemetry;
    let behind = telemetry.behind.map(|behind| format!("{:.1}", behind.as_secs_f64()));
    let stands = matches!(watch.phase, WatchPhase::Paused | WatchPhase::Stalled { .. });
    let late = telemetry.behind_on_purpose || stands;
    let words = match (&behind, late) {
        (Some(seconds), true) => cx.words.fill("watch-behind", "seconds", seconds),
        (Some(seconds), false) => cx.words.fill("watch-live-behind", "seconds", seconds),
        (None, _) => cx.text("watch-live"),
    };
    let look = if late { badge::Paint::scrim(cx.theme) } else { badge::Paint::live(cx.theme) };
    let look = if late { badge::Paint { ground: Color32::from_gray(90), ..look } } else { look };
    let label = cx.text(if late { "watch-catch-up" } else { "watch-behind-tip" });
    if badge::button(ui, cx.theme, None, &words, look, &label).clicked() {
        if watch.phase == WatchPhase::Paused {
            cx.send(Command::SetPaused(false));
        }
        cx.send(Command::JumpToLive);
    }
}

fn right(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WatchView, watch: &WatchState, fullscreen: &mut bool) {
    let (glyph, key) = if *fullscreen {
        (icon::CORNERS_IN, "watch-fullscreen-leave")
    } else {
        (icon::CORNERS_OUT, "watch-fullscreen")
    };
    let label = cx.text(key);
    if Button::icon(glyph, &label).kind(Kind::OnPicture).shortcut("F").show(ui, cx.theme).clicked() {
        *fullscreen = !*fullscreen;
    }
    let wide = ui.ctx().content_rect().width() >= NARROW;
    if !*fullscreen {
        let open = view.side_open.unwrap_or(wide) && view.side == Side::Chat;
        let label = cx.text(if open { "watch-chat-hide" } else { "watch-chat-show" });
        let button = Button::icon(icon::CHAT_CIRCLE_TEXT, &label).kind(Kind::OnPicture).filled(open);
        if button.show(ui, cx.theme).clicked() {
            view.toggle_side(wide, Side::Chat);
        }
    }
    let flying = cx.state.settings.barrage;
    let label = cx.text(if flying { "watch-barrage-hide" } else { "watch-barrage-show" });
    let button = Button::icon(icon::TEXT_ALIGN_RIGHT, &label).kind(Kind::OnPicture).filled(flying).shortcut("D");
    let button = if flying { button } else { button.tint(cx.theme.picture.quiet) };
    if button.show(ui, cx.theme).clicked() {
        cx.send(Command::Change(SettingChange::Barrage(!flying)));
    }
    let delivery = &watch.telemetry.delivery;
    let words = match delivery.peer_share() {
        _ if watch.phase.is_over() => return,
        Some(share) if share >= 0.005 => cx.words.fill("watch-peers", "percent", &cx.words.percent(share)),
        Some(_) if delivery.from_publisher > delivery.from_server => cx.text("watch-peers-broadcaster"),
        Some(_) => cx.text("watch-peers-none"),
        None => return,
    };
    let tip = cx.text("watch-peers-tip");
    let look = badge::Paint { ground: Color32::from_white_alpha(36), front: cx.theme.picture.text };
    if badge::button(ui, cx.theme, Some(icon::SHARE_NETWORK), &words, look, &tip).clicked() {
        *fullscreen = false;
        view.toggle_side(wide, Side::Swarm);
    }
}
