//! First start: four cards, each of which can be skipped.

use egui::{Align, Align2, Area, Frame, Id, Layout, Margin, Ui, vec2};

use crate::command::Command;
use crate::i18n::{Locale, Value};
use crate::state::{Language, Role, SettingChange, Sharing};
use crate::theme::{Type, Weight, space};
use crate::widget::{Button, Kind, choice, icon, slider, text};

use super::devices::{Check, named, sounds};
use super::{Cx, settings};

const CARDS: usize = 4;
/// Height of what is on a card, for the tallest of them.
const HEIGHT: f32 = 420.0;

/// What the first start remembers from pass to pass.
#[derive(Default)]
pub(super) struct WelcomeView {
    card: usize,
    check: Check,
}

impl WelcomeView {
    /// Whether the card with the devices is shown.
    pub(super) fn at_devices(&self) -> bool {
        self.card + 1 == CARDS
    }
}

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WelcomeView) {
    let room = ui.available_height() - 64.0 - 2.0 * space::L;
    let width = (640.0 * cx.theme.growth()).min(ui.available_width() - 2.0 * space::XL);
    let frame = Frame::new()
        .fill(cx.theme.colors.surface)
        .stroke(egui::Stroke::new(1.0, cx.theme.colors.line))
        .corner_radius(cx.theme.card_corners())
        .inner_margin(Margin::same(32));
    Area::new(Id::unique("welcome")).anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0)).constrain(true).show(
        ui.ctx(),
        |ui| {
            frame.show(ui, |ui| {
                ui.set_width(width - 64.0);
                ui.spacing_mut().item_spacing.y = space::S;
                let top = ui.cursor().top();
                dots(ui, cx, view.card);
                ui.add_space(space::S);
                match view.card {
                    0 => language(ui, cx),
                    1 => role(ui, cx),
                    2 => sharing(ui, cx, view),
                    _ => devices(ui, cx, &mut view.check),
                }
                // The buttons stay where they are from card to card.
                let below = space::L + cx.theme.primary_height();
                let rest = (HEIGHT * cx.theme.growth()).min(room) - (ui.cursor().top() - top) - below;
                ui.add_space(space::L + rest.max(0.0));
                foot(ui, cx, view);
            });
        },
    );
}

fn dots(ui: &mut Ui, cx: &Cx<'_>, card: usize) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 8.0), egui::Sense::hover());
    for index in 0..CARDS {
        let at = rect.left_center() + vec2(4.0 + 16.0 * index as f32, 0.0);
        let color = if index == card { cx.theme.colors.accent } else { cx.theme.colors.line };
        ui.painter().circle_filled(at, 4.0, color);
    }
    let (step, count) = ((card + 1).to_string(), CARDS.to_string());
    let words = cx.words.with("welcome-step", &[("step", Value::Text(&step)), ("count", Value::Text(&count))]);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
}

fn head(ui: &mut Ui, cx: &Cx<'_>, title: &str, words: &str) {
    text::title(ui, cx.theme, &cx.text(title));
    text::quiet(ui, cx.theme, &cx.text(words));
    ui.add_space(space::M);
}

fn foot(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WelcomeView) {
    let last = view.card + 1 == CARDS;
    ui.horizontal(|ui| {
        if view.card > 0 && Button::new(&cx.text("welcome-back")).kind(Kind::Quiet).tall().show(ui, cx.theme).clicked()
        {
            view.card -= 1;
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            // Sharing is answered by its own two buttons: nobody agrees by pressing "next".
            let label = cx.text(if last { "welcome-done" } else { "welcome-next" });
            let next = view.card != 2 && Button::new(&label).kind(Kind::Primary).tall().show(ui, cx.theme).clicked();
            let skip =
                !last && Button::new(&cx.text("welcome-skip")).kind(Kind::Quiet).tall().show(ui, cx.theme).clicked();
            if next || skip {
                forward(cx, view);
            }
        });
    });
}

fn forward(cx: &mut Cx<'_>, view: &mut WelcomeView) {
    if view.card + 1 == CARDS {
        cx.send(Command::Change(SettingChange::Welcomed(true)));
    } else {
        view.card += 1;
    }
}

fn language(ui: &mut Ui, cx: &mut Cx<'_>) {
    head(ui, cx, "welcome-language-title", "welcome-language-text");
    let current = cx.words.locale();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        let width = (ui.available_width() - space::M) / 2.0;
        for locale in Locale::ALL {
            if choice::tile(ui, cx.theme, icon::TRANSLATE, (locale.own_name(), ""), locale == current, width) {
                let language = match locale {
                    Locale::English => Language::English,
                    Locale::Chinese => Language::Chinese,
                };
                cx.send(Command::Change(SettingChange::Language(language)));
            }
        }
    });
}

fn role(ui: &mut Ui, cx: &mut Cx<'_>) {
    head(ui, cx, "welcome-role-title", "welcome-role-text");
    let current = cx.state.settings.role;
    let all = [
        (Role::Watch, icon::TELEVISION_SIMPLE, "welcome-role-watch", "welcome-role-watch-text"),
        (Role::Stream, icon::VIDEO_CAMERA, "welcome-role-stream", "welcome-role-stream-text"),
        (Role::Both, icon::BROADCAST, "welcome-role-both", "welcome-role-both-text"),
    ];
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        let width = (ui.available_width() - 2.0 * space::M) / 3.0;
        for (role, glyph, name, about) in all {
            if choice::tile(ui, cx.theme, glyph, (&cx.text(name), &cx.text(about)), role == current, width) {
                cx.send(Command::Change(SettingChange::Role(role)));
            }
        }
    });
}

fn sharing(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut WelcomeView) {
    head(ui, cx, "welcome-sharing-title", "welcome-sharing-text");
    let all = [
        (icon::SHARE_NETWORK, "welcome-sharing-what"),
        (icon::GLOBE, "welcome-sharing-whom"),
        (icon::GEAR_SIX, "welcome-sharing-stop"),
    ];
    for (glyph, key) in all {
        ui.horizontal_top(|ui| {
            ui.label(egui::RichText::new(glyph).font(cx.theme.icon(20.0, false)).color(cx.theme.colors.accent));
            text::body(ui, cx.theme, &cx.text(key));
        });
    }
    ui.add_space(space::S);
    let cap = cx.state.settings.upload_cap;
    labelled(ui, cx, "setting-cap", |ui, cx, label| {
        let all = settings::caps(cx, cap);
        let mut at = all.iter().position(|(value, _)| *value == cap).unwrap_or(0) as f32;
        let steps = (0.0..=(all.len() - 1) as f32, 1.0);
        if slider::show(ui, cx.theme, label, &mut at, steps, 200.0, slider::Ground::Panel).changed() {
            cx.send(Command::Change(SettingChange::UploadCap(all[at.round() as usize % all.len()].0)));
        }
        let words = all.iter().find(|(value, _)| *value == cap).map_or("", |(_, words)| words.as_str());
        text::line(ui, cx.theme, words, Type::Body, Weight::Regular, cx.theme.colors.text);
    });
    ui.add_space(space::S);
    ui.horizontal(|ui| {
        let (yes, no) = (cx.text("welcome-sharing-on"), cx.text("welcome-sharing-off"));
        let answer = if Button::new(&yes).kind(Kind::Primary).tall().show(ui, cx.theme).clicked() {
            Some(Sharing::On)
        } else if Button::new(&no).tall().show(ui, cx.theme).clicked() {
            Some(Sharing::Off)
        } else {
            None
        };
        if let Some(answer) = answer {
            cx.send(Command::Change(SettingChange::Sharing(answer)));
            forward(cx, view);
        }
    });
}

fn devices(ui: &mut Ui, cx: &mut Cx<'_>, check: &mut Check) {
    head(ui, cx, "welcome-devices-title", "welcome-devices-text");
    let settings = &cx.state.settings;
    labelled(ui, cx, "setting-source", |ui, cx, label| {
        let all = settings::picture_names(cx);
        if let Some(picked) = choice::select(ui, cx.theme, label, 260.0, &settings.source, &all) {
            cx.send(Command::Change(SettingChange::Source(picked)));
        }
    });
    labelled(ui, cx, "setting-sound", |ui, cx, label| {
        let all = named(&sounds(cx, &settings.sound));
        if let Some(picked) = choice::select(ui, cx.theme, label, 260.0, &settings.sound, &all) {
            cx.send(Command::Change(SettingChange::Sound(picked)));
        }
    });
    if !cx.state.devices.known {
        text::hint(ui, cx.theme, &cx.text("source-looking"));
    }
    ui.add_space(space::S);
    check.show(ui, cx, cx.theme.colors.surface);
}

fn labelled(ui: &mut Ui, cx: &mut Cx<'_>, key: &str, control: impl FnOnce(&mut Ui, &mut Cx<'_>, &str)) {
    ui.horizontal(|ui| {
        let label = cx.text(key);
        let width = 140.0 * cx.theme.growth();
        ui.allocate_ui_with_layout(
            // A list that opens has an edge of one point around its control.
            vec2(width, cx.theme.control_height() + 2.0),
            Layout::left_to_right(Align::Center),
            |ui| {
                ui.set_min_width(width);
                text::body(ui, cx.theme, &label);
            },
        );
        control(ui, cx, &label);
    });
}
