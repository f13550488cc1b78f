//! Language, theme, text, movement, role.

use egui::Ui;

use crate::i18n::Locale;
use crate::state::{Language, Role, SettingChange, TextScale, ThemeChoice};
use crate::widget::{choice, toggle};

use super::Rows;

/// Sizes of text that are offered, in percent.
const SCALES: [u16; 6] = [80, 100, 125, 150, 175, 200];

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    rows.row(ui, "setting-language", "setting-language-about", |ui, rows| {
        let all = [
            (Language::System, rows.cx.text("setting-language-system")),
            (Language::English, Locale::English.own_name().to_owned()),
            (Language::Chinese, Locale::Chinese.own_name().to_owned()),
        ];
        let label = rows.cx.text("setting-language");
        if let Some(picked) = choice::segments(ui, rows.cx.theme, &label, settings.language, &all) {
            rows.change("setting-language", SettingChange::Language(picked));
        }
    });
    rows.row(ui, "setting-theme", "setting-theme-about", |ui, rows| {
        let all = [
            (ThemeChoice::System, rows.cx.text("setting-theme-system")),
            (ThemeChoice::Dark, rows.cx.text("setting-theme-dark")),
            (ThemeChoice::Light, rows.cx.text("setting-theme-light")),
        ];
        let label = rows.cx.text("setting-theme");
        if let Some(picked) = choice::segments(ui, rows.cx.theme, &label, settings.theme, &all) {
            rows.change("setting-theme", SettingChange::Theme(picked));
        }
    });
    rows.row(ui, "setting-text", "setting-text-about", |ui, rows| {
        let mut all: Vec<_> =
            SCALES.map(|percent| (percent, rows.cx.words.unit("percent", &percent.to_string()))).into();
        let now = settings.text_scale.percent();
        if !SCALES.contains(&now) {
            all.insert(0, (now, rows.cx.words.unit("percent", &now.to_string())));
        }
        let label = rows.cx.text("setting-text");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 120.0, &now, &all) {
            rows.change("setting-text", SettingChange::TextScale(TextScale::clamped(picked)));
        }
    });
    rows.row(ui, "setting-motion", "setting-motion-about", |ui, rows| {
        let (on, label) = (settings.reduced_motion, rows.cx.text("setting-motion"));
        if toggle::show(ui, rows.cx.theme, on, &label).changed() {
            rows.change("setting-motion", SettingChange::ReducedMotion(!on));
        }
    });
    rows.row(ui, "setting-role", "setting-role-about", |ui, rows| {
        let all = [
            (Role::Watch, rows.cx.text("role-watch")),
            (Role::Stream, rows.cx.text("role-stream")),
            (Role::Both, rows.cx.text("role-both")),
        ];
        let label = rows.cx.text("setting-role");
        if let Some(picked) = choice::segments(ui, rows.cx.theme, &label, settings.role, &all) {
            rows.change("setting-role", SettingChange::Role(picked));
        }
    });
}
