//! Watch: the picture takes all it can, the rest lies over its edge or beside it.

use std::time::{Duration, Instant};

use egui::{Align, CentralPanel, Context, Frame, Layout, Margin, Panel, Rect, Sense, Ui, ViewportCommand, pos2};

use crate::barrage::Barrage;
use crate::command::Command;
use crate::state::{SettingChange, WatchPhase, WatchState};
use crate::theme::{Type, Weight, space};
use crate::widget::{Button, Kind, Surface, icon, text};

use super::chat::{self, ChatView};
use super::keys::Shortcut;
use super::{Cx, Go, NARROW, Page, home};

mod comments;
mod overlay;
mod plot;
pub(super) mod swarm;
mod words;

/// How far a trackpad is moved for what a wheel does in one notch, in points.
const NOTCH: f32 = 40.0;

/// What the side panel shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Side {
    /// The chat.
    #[default]
    Chat,
    /// Where the picture comes from.
    Swarm,
}

/// What Watch remembers from pass to pass.
#[derive(Default)]
pub(super) struct WatchView {
    surface: Surface,
    chat: ChatView,
    barrage: Barrage,
    // How many messages of the chat have been given to the barrage.
    flown: u64,
    side: Side,
    // `None` until someone opens or closes it: wide windows have it, narrow ones do not.
    side_open: Option<bool>,
    pointer_moved: Option<Instant>,
    // Turns of the wheel that are no whole step yet.
    wheel: f32,
    fullscreen: bool,
    foot: f32,
    // Of which channel all this is.
    channel: Option<crate::state::ChannelId>,
}

impl WatchView {
    /// Tells the window system when full screen is wanted or not any more.
    pub(super) fn set_fullscreen(&mut self, ctx: &Context, on: bool) {
        if self.fullscreen != on {
            self.fullscreen = on;
            ctx.send_viewport_cmd(ViewportCommand::Fullscreen(on));
        }
    }

    /// How much of the window's foot messages must leave free.
    pub(super) fn foot(&self) -> f32 {
        self.foot
    }

    fn side_open(&self, ui: &Ui) -> bool {
        self.side_open.unwrap_or(ui.ctx().content_rect().width() >= NARROW)
    }

    fn toggle_side(&mut self, ui_wide: bool, side: Side) {
        let open = self.side_open.unwrap_or(ui_wide);
        self.side_open = Some(!(open && self.side == side));
        self.side = side;
    }
}

/// Does what a key asks for.
pub(super) fn shortcut(cx: &mut Cx<'_>, view: &mut WatchView, key: Shortcut) {
    let Some(watch) = &cx.state.watch else { return };
    let settings = &cx.state.settings;
    view.pointer_moved = Some(cx.clock.now);
    match key {
        Shortcut::PlayPause => play_pause(cx, watch),
        Shortcut::Mute => cx.send(Command::Change(SettingChange::Muted(!settings.muted))),
        Shortcut::VolumeUp => change_volume(cx, 0.05),
        Shortcut::VolumeDown => change_volume(cx, -0.05),
        Shortcut::JumpToLive => cx.send(Command::JumpToLive),
        Shortcut::Barrage => cx.send(Command::Change(SettingChange::Barrage(!settings.barrage))),
        Shortcut::WriteInChat => {
            (view.side, view.side_open) = (Side::Chat, Some(true));
            view.chat.focus();
        }
        Shortcut::SwarmPanel => view.toggle_side(true, Side::Swarm),
        _ => {}
    }
}

fn play_pause(cx: &mut Cx<'_>, watch: &WatchState) {
    cx.send(Command::SetPaused(watch.phase != WatchPhase::Paused));
}

fn change_volume(cx: &mut Cx<'_>, by: f32) {
    let volume = ((cx.state.settings.volume + by) * 20.0).round() / 20.0;
    cx.send(Command::Change(SettingChange::Volume(volume.clamp(0.0, 1.0))));
    if cx.state.settings.muted && by > 0.0 {
        cx.send(Command::Change(SettingChange::Muted(false)));
    }
}

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WatchView, fullscreen: &mut bool) {
    let state = cx.state;
    let Some(watch) = &state.watch else {
        nothing(ui, cx);
        return;
    };
    if view.channel.as_ref() != Some(&watch.channel) {
        view.channel = Some(watch.channel.clone());
        view.surface.clear();
        view.barrage.clear();
        view.flown = watch.chat.received;
        view.chat = ChatView::default();
    }
    view.surface.update(ui, watch.picture.as_ref());
    if !*fullscreen && view.side_open(ui) {
        let frame = Frame::new().fill(cx.theme.colors.surface).inner_margin(Margin::same(12));
        let width = cx.theme.side_width().min(ui.available_width() * 0.45);
        let panel =
            Panel::right("watch side").exact_size(width).resizable(false).show_separator_line(false).frame(frame);
        panel.show(ui, |ui| side(ui, cx, view, watch));
    }
    if !*fullscreen {
        let frame = Frame::new().inner_margin(Margin { left: 16, right: 16, top: 12, bottom: 12 });
        let panel = Panel::bottom("watch info").resizable(false).show_separator_line(false).frame(frame);
        let shown = panel.show(ui, |ui| info(ui, cx, watch));
        // The controls over the picture's edge stay free, too.
        view.foot = shown.response.rect.height() + cx.theme.control_height() + 2.0 * space::M;
    }
    CentralPanel::default().frame(Frame::new().fill(cx.theme.picture.ground)).show(ui, |ui| {
        picture(ui, cx, view, watch, fullscreen);
    });
}

fn nothing(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (title, about, back) = (cx.text("watch-nothing"), cx.text("watch-nothing-text"), cx.text("watch-back"));
    let mut pressed = false;
    home::middle(ui, cx, icon::TELEVISION_SIMPLE, (&title, &about), |ui| {
        home::centered_row(ui, "nothing to watch", |ui| {
            pressed = Button::new(&back).kind(Kind::Primary).tall().show(ui, cx.theme).clicked();
        });
    });
    if pressed {
        cx.go(Go::Page(Page::Home));
    }
}

fn picture(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WatchView, watch: &WatchState, fullscreen: &mut bool) {
    let rect = ui.max_rect();
    let response = ui.interact(rect, ui.scope_id().with("picture"), Sense::click());
    let label = cx.words.fill("watch-picture", "name", &watch.name);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::Role::Video);
        node.set_label(label);
    });
    if response.double_clicked() {
        *fullscreen = !*fullscreen;
    }
    wheel(ui, cx, view, rect, &response);
    view.surface.paint(ui, cx.screen, rect);
    let seen = view.surface.picture_rect(rect);
    comments::show(ui, cx, view, watch, seen);
    words::show(ui, cx, watch, rect, view.surface.has_picture());
    overlay::show(ui, cx, view, watch, rect, fullscreen);
}

/// The wheel over the picture is the volume.
fn wheel(ui: &Ui, cx: &mut Cx<'_>, view: &mut WatchView, rect: Rect, response: &egui::Response) {
    if !response.contains_pointer() || !ui.rect_contains_pointer(rect) {
        view.wheel = 0.0;
        return;
    }
    // Notches as they are turned: what egui smooths over several passes would count several times.
    let turned = ui.input(|input| {
        let notches = input.events.iter().filter_map(|event| match event {
            egui::Event::MouseWheel { unit: egui::MouseWheelUnit::Point, delta, .. } => Some(delta.y / NOTCH),
            egui::Event::MouseWheel { delta, .. } => Some(delta.y),
            _ => None,
        });
        notches.sum::<f32>()
    });
    view.wheel += turned;
    let steps = view.wheel.trunc();
    view.wheel -= steps;
    if steps != 0.0 {
        view.pointer_moved = Some(cx.clock.now);
        change_volume(cx, steps * 0.05);
    }
}

/// Title, channel, follow and viewers under the picture.
fn info(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState) {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    ui.horizontal(|ui| {
        let community = cx.state.communities.get(&watch.community);
        let follows = community.is_some_and(|it| it.following.contains(&watch.channel));
        let right = 170.0 * theme.growth();
        ui.vertical(|ui| {
            ui.set_width((ui.available_width() - right).max(120.0));
            ui.spacing_mut().item_spacing.y = space::XS;
            let untitled = cx.text("card-untitled");
            let title = if watch.title.trim().is_empty() { &untitled } else { &watch.title };
            text::line(ui, theme, title, Type::Lead, Weight::Strong, colors.text);
            ui.horizontal(|ui| {
                let viewers = cx.words.count("viewers", watch.viewers);
                let mut parts = vec![watch.name.as_str()];
                parts.extend(Some(watch.category.as_str()).filter(|it| !it.is_empty()));
                parts.push(&viewers);
                let on_air = cx.clock.wall.as_micros().saturating_sub(watch.started.as_micros());
                let time = (watch.started.as_micros() > 0 && on_air > 0 && !watch.phase.is_over())
                    .then(|| cx.words.numbers().clock(Duration::from_micros(on_air.unsigned_abs())));
                parts.extend(time.as_deref());
                if time.is_some() {
                    ui.ctx().request_repaint_after(Duration::from_secs(1));
                }
                text::line(ui, theme, &parts.join("  ·  "), Type::Body, Weight::Regular, colors.quiet);
            });
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let label = cx.text(if follows { "watch-unfollow" } else { "watch-follow" });
            let button = Button::new(&label).with_icon(icon::HEART).filled(follows).selected(follows);
            let kind = if follows { Kind::Plain } else { Kind::Primary };
            if button.kind(kind).show(ui, theme).clicked() {
                let (community, channel) = (watch.community.clone(), watch.channel.clone());
                cx.send(Command::Follow { community, channel, on: !follows });
            }
        });
    });
}

fn side(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WatchView, watch: &WatchState) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        for (side, key) in [(Side::Chat, "chat-title"), (Side::Swarm, "swarm-tab")] {
            let words = cx.text(key);
            if Button::new(&words).kind(Kind::Quiet).selected(view.side == side).show(ui, cx.theme).clicked() {
                view.side = side;
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Button::icon(icon::X, &cx.text("panel-close")).show(ui, cx.theme).clicked() {
                view.side_open = Some(false);
            }
        });
    });
    let top = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), top, egui::Stroke::new(1.0, cx.theme.colors.line));
    ui.add_space(space::S);
    let room = Rect::from_min_max(pos2(ui.max_rect().left(), ui.cursor().top()), ui.max_rect().max);
    ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| match view.side {
        Side::Chat => chat::show(ui, cx, &mut view.chat, &watch.chat, Some((&watch.community, &watch.channel))),
        Side::Swarm => swarm::show(ui, cx, watch),
    });
}
