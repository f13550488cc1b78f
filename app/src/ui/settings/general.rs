//! Language, theme, text, movement, role.

use egui::Ui;

use crate::i18n::Locale;
use crate::state::{Language, Role, SettingChange, TextScale, ThemeChoice};

use super::{Cx, Rows, offer};

/// Sizes of text that are offered, in percent.
const SCALES: [u16; 6] = [80, 100, 125, 150, 175, 200];

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    let languages = |cx: &Cx<'_>| {
        let own = |locale: Locale| locale.own_name().to_owned();
        vec![
            (Language::System, cx.text("setting-language-system")),
            (Language::English, own(Locale::English)),
            (Language::Chinese, own(Locale::Chinese)),
        ]
    };
    let keys = ("setting-language", "setting-language-about");
    rows.few(ui, keys, settings.language, languages, SettingChange::Language);
    let themes = |cx: &Cx<'_>| {
        vec![
            (ThemeChoice::System, cx.text("setting-theme-system")),
            (ThemeChoice::Dark, cx.text("setting-theme-dark")),
            (ThemeChoice::Light, cx.text("setting-theme-light")),
        ]
    };
    rows.few(ui, ("setting-theme", "setting-theme-about"), settings.theme, themes, SettingChange::Theme);
    let now = settings.text_scale.percent();
    let scales = |cx: &Cx<'_>| offer(&SCALES, now, |percent| cx.words.unit("percent", &percent.to_string()));
    let change = |percent| SettingChange::TextScale(TextScale::clamped(percent));
    rows.many(ui, ("setting-text", "setting-text-about"), (&now, 120.0), scales, change);
    let keys = ("setting-motion", "setting-motion-about");
    rows.switch(ui, keys, settings.reduced_motion, SettingChange::ReducedMotion);
    let roles = |cx: &Cx<'_>| {
        vec![
            (Role::Watch, cx.text("role-watch")),
            (Role::Stream, cx.text("role-stream")),
            (Role::Both, cx.text("role-both")),
        ]
    };
    rows.few(ui, ("setting-role", "setting-role-about"), settings.role, roles, SettingChange::Role);
}
