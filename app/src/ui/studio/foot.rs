//! The foot of the studio: the mixer, one sentence about how it goes, and the one button.

use egui::{Align, Color32, Layout, Popup, PopupCloseBehavior, Ui, vec2};

use crate::command::Command;
use crate::state::{Connection, Health, StudioPhase, StudioTelemetry};
use crate::theme::{Type, Weight, space};
use crate::ui::dialog::Dialog;
use crate::ui::problem::{self, Step};
use crate::ui::{Cx, Go, devices, watch};
use crate::widget::{Button, Hold, HoldOutcome, Kind, icon, slider, text};

use super::{details, go_live, target};

/// Loudest and quietest gain in decibels.
const GAIN: std::ops::RangeInclusive<f32> = -20.0..=20.0;

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    ui.spacing_mut().item_spacing.y = space::S;
    mixer(ui, cx);
    let top = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), top, egui::Stroke::new(1.0, cx.theme.colors.line));
    ui.add_space(space::S);
    ui.horizontal(|ui| {
        let button = 176.0 * cx.theme.growth();
        ui.vertical(|ui| {
            ui.set_width(ui.available_width() - button - space::L);
            ui.spacing_mut().item_spacing.y = 2.0;
            health(ui, cx);
            encoder(ui, cx);
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| action(ui, cx, button));
    });
}

fn mixer(ui: &mut Ui, cx: &mut Cx<'_>) {
    let studio = &cx.state.studio;
    ui.horizontal(|ui| {
        let label = cx.text(if studio.muted { "studio-unmute" } else { "studio-mute" });
        let glyph = if studio.muted { icon::MICROPHONE_SLASH } else { icon::MICROPHONE };
        let mut button = Button::icon(glyph, &label).selected(studio.muted);
        if studio.muted {
            button = button.tint(cx.theme.colors.live);
        }
        if button.show(ui, cx.theme).clicked() {
            cx.send(Command::MuteSound(!studio.muted));
        }
        let gain_room = 300.0 * cx.theme.growth();
        let width = (ui.available_width() - gain_room).clamp(120.0, 640.0);
        devices::meters(ui, cx, width);
        ui.add_space(space::S);
        let room = 92.0 * cx.theme.growth();
        ui.allocate_ui_with_layout(vec2(room, 32.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(room);
            devices::peak(ui, cx);
        });
        gain(ui, cx);
    });
}

fn gain(ui: &mut Ui, cx: &mut Cx<'_>) {
    let label = cx.text("studio-gain");
    text::quiet(ui, cx.theme, &label);
    let mut gain = cx.state.studio.gain_db;
    let width = (ui.available_width() - 70.0).clamp(60.0, 120.0);
    if slider::show(ui, cx.theme, &label, &mut gain, (GAIN, 1.0), width, slider::Ground::Panel).changed() {
        cx.send(Command::SetGain(gain));
    }
    let value = cx.words.numbers().signed(gain);
    let value = if gain > 0.0 { format!("+{value}") } else { value };
    text::line(ui, cx.theme, &cx.words.unit("decibels", &value), Type::Small, Weight::Regular, cx.theme.colors.quiet);
}

/// One colour, one sentence, one next step.
fn health(ui: &mut Ui, cx: &mut Cx<'_>) {
    let colors = cx.theme.colors;
    let studio = &cx.state.studio;
    let of = |cx: &Cx<'_>, problem: &crate::state::Problem| {
        (problem::sentence(cx.words, problem), problem::next(cx, problem))
    };
    let offline = cx.state.community().and_then(|community| match &community.connection {
        Connection::Offline(problem) => Some(problem.clone()),
        Connection::Connecting | Connection::Online => None,
    });
    let (glyph, color, words, step): (&str, Color32, String, Option<(&str, Step)>) =
        match (&studio.phase, &studio.health) {
            (StudioPhase::Failed(problem), _) => {
                let (words, step) = of(cx, problem);
                (icon::WARNING_CIRCLE, colors.live, words, step)
            }
            (StudioPhase::Starting { .. }, _) => (icon::PULSE, colors.quiet, cx.text("health-starting"), None),
            (_, Health::Bad(problem)) => {
                let (words, step) = of(cx, problem);
                (icon::WARNING_CIRCLE, colors.live, words, step)
            }
            (_, Health::Degraded(problem)) => {
                let (words, step) = of(cx, problem);
                (icon::WARNING, colors.warn, words, step)
            }
            (_, Health::Idle) if studio.device.is_some() => {
                let (words, step) = studio.device.as_ref().map(|problem| of(cx, problem)).unwrap_or_default();
                (icon::WARNING, colors.warn, words, step)
            }
            (_, Health::Good) => (icon::CHECK_CIRCLE, colors.good, cx.text("health-good"), None),
            (_, Health::Idle) => match (cx.state.current.is_some(), offline) {
                (false, _) => {
                    let step = ("home-connect", Step::Connect(String::new()));
                    (icon::PLUGS, colors.quiet, cx.text("studio-no-community"), Some(step))
                }
                (true, Some(problem)) => {
                    let (words, step) = of(cx, &problem);
                    (icon::WIFI_SLASH, colors.warn, words, step)
                }
                (true, None) => (icon::CHECK_CIRCLE, colors.quiet, cx.text("health-ready"), None),
            },
        };
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new(glyph).font(cx.theme.icon(16.0, true)).color(color));
        let room = ui.available_width() - if step.is_some() { 180.0 * cx.theme.growth() } else { 0.0 };
        let galley = text::layout(ui, cx.theme, &words, (Type::Body, Weight::Strong), colors.text, room, 2);
        let (rect, response) = ui.allocate_exact_size(galley.size(), egui::Sense::hover());
        ui.painter().galley(rect.min, galley, colors.text);
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_role(egui::Role::Status);
            node.set_value(words.clone());
            node.set_live(egui::accesskit::Live::Polite);
        });
        if let Some((key, step)) = step
            && Button::new(&cx.text(key)).tint(colors.accent).show(ui, cx.theme).clicked()
        {
            problem::take(cx, step);
        }
    });
}

/// What is sent, in words; the numbers are one click deeper.
fn encoder(ui: &mut Ui, cx: &mut Cx<'_>) {
    let settings = &cx.state.settings;
    // What was encoded last says nothing about what comes next.
    let idle = StudioTelemetry::default();
    let telemetry = if cx.state.on_air() { &cx.state.studio.telemetry } else { &idle };
    let (width, height) = telemetry.size.unwrap_or((settings.size.width, settings.size.height));
    let size = watch::swarm::size_and_rate(cx, width, height, telemetry.fps.unwrap_or(settings.fps as f32));
    let rate = cx.words.rate(telemetry.bitrate_kbps.unwrap_or(settings.bitrate_kbps));
    let values = [("size", crate::i18n::Value::Text(&size)), ("rate", crate::i18n::Value::Text(&rate))];
    let rate = cx.words.with("studio-rate", &values);
    let encoder = match (&telemetry.encoder, &settings.encoder) {
        (Some(encoder), _) => cx.words.fill("studio-encoder-named", "name", &encoder.name),
        (None, Some(name)) => cx.words.fill("studio-encoder-fixed", "name", name),
        (None, None) => cx.text("studio-encoder-auto"),
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        let details = cx.text("studio-details");
        let room = ui.available_width() - 160.0 * cx.theme.growth();
        ui.allocate_ui_with_layout(
            vec2(room.max(80.0), cx.theme.control_height()),
            Layout::left_to_right(Align::Center),
            |ui| {
                let words = format!("{rate}  ·  {encoder}");
                text::line(ui, cx.theme, &words, Type::Small, Weight::Regular, cx.theme.colors.quiet);
            },
        );
        if Button::icon(icon::GEAR_SIX, &cx.text("studio-change")).show(ui, cx.theme).clicked() {
            cx.go(Go::Setting("setting-size"));
        }
        let button = Button::new(&details).kind(Kind::Quiet).with_icon(icon::SLIDERS_HORIZONTAL).show(ui, cx.theme);
        let popup = Popup::from_toggle_button_response(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        popup.accessible_name(details).show(|ui| details::show(ui, cx));
    });
}

fn action(ui: &mut Ui, cx: &mut Cx<'_>, width: f32) {
    match cx.state.studio.phase {
        StudioPhase::Live { .. } => {
            let hint = cx.words.fill("studio-end-hint", "keys", "Ctrl+Shift+L");
            let hold = Hold { label: &cx.text("studio-end"), hint: &hint, icon: icon::STOP, width };
            match hold.show(ui, cx.theme, cx.clock.now) {
                HoldOutcome::Held => cx.send(Command::EndBroadcast),
                HoldOutcome::Asked => cx.go(Go::Dialog(Dialog::EndBroadcast)),
                HoldOutcome::Nothing => {}
            }
        }
        StudioPhase::Starting { .. } | StudioPhase::Ending => {
            let starting = cx.state.studio.phase != StudioPhase::Ending;
            let label = cx.text(if starting { "studio-starting" } else { "studio-ending" });
            Button::new(&label).kind(Kind::Plain).tall().enabled(false).width(width).show(ui, cx.theme);
        }
        StudioPhase::Idle | StudioPhase::Ended(_) | StudioPhase::Failed(_) => {
            let ready = target(cx).is_some();
            let label = cx.text("studio-go-live");
            let button =
                Button::new(&label).kind(Kind::Primary).with_icon(icon::BROADCAST).tall().enabled(ready).width(width);
            if button.shortcut("Ctrl+Shift+L").show(ui, cx.theme).clicked() {
                go_live(cx);
            }
        }
    }
}
