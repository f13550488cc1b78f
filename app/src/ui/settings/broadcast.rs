//! What one's broadcasts are made of, and the keys they are signed with.

use egui::Ui;

use crate::state::{RenderSize, SettingChange, SourceChoice};
use crate::ui::dialog::Dialog;
use crate::ui::{Cx, Go, devices};
use crate::widget::Button;

use super::{Rows, offer};

/// Sizes that are offered.
const SIZES: [(u32, u32); 4] = [(640, 360), (854, 480), (1280, 720), (1920, 1080)];
/// Rates that are offered.
const RATES: [u32; 4] = [24, 25, 30, 60];
/// Bitrates that are offered, in kilobits a second.
const BITRATES: [u32; 8] = [600, 1000, 1500, 2500, 4000, 6000, 8000, 12_000];

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    let keys = ("setting-source", "setting-source-about");
    rows.many(ui, keys, (&settings.source, 240.0), picture_names, SettingChange::Source);
    rows.switch(ui, ("setting-pointer", "setting-pointer-about"), settings.pointer, SettingChange::Pointer);
    let sounds = |cx: &Cx<'_>| devices::named(&devices::sounds(cx, &settings.sound));
    let keys = ("setting-sound", "setting-sound-about");
    rows.many(ui, keys, (&settings.sound, 240.0), sounds, SettingChange::Sound);
    rows.switch(ui, ("setting-denoise", "setting-denoise-about"), settings.denoise, SettingChange::Denoise);
    rows.whole(ui, "setting-check", "setting-check-about", |ui, rows| {
        rows.check.show(ui, rows.cx, rows.cx.theme.colors.ground);
    });
    let sizes = |_: &Cx<'_>| {
        let sizes = SIZES.map(|(width, height)| RenderSize { width, height });
        offer(&sizes, settings.size, |size| format!("{} × {}", size.width, size.height))
    };
    rows.many(ui, ("setting-size", "setting-size-about"), (&settings.size, 160.0), sizes, SettingChange::Size);
    let rates = |_: &Cx<'_>| offer(&RATES, settings.fps, |fps| fps.to_string());
    rows.few(ui, ("setting-fps", "setting-fps-about"), settings.fps, rates, SettingChange::Fps);
    let bitrates = |cx: &Cx<'_>| offer(&BITRATES, settings.bitrate_kbps, |kbps| cx.words.rate(kbps));
    let keys = ("setting-bitrate", "setting-bitrate-about");
    rows.many(ui, keys, (&settings.bitrate_kbps, 140.0), bitrates, SettingChange::Bitrate);
    let encoders = |cx: &Cx<'_>| {
        let mut all = vec![(None, cx.text("setting-encoder-auto"))];
        all.extend(cx.state.devices.encoders.iter().map(|it| (Some(it.id.clone()), it.name.clone())));
        if let Some(name) =
            settings.encoder.as_ref().filter(|name| !all.iter().any(|(id, _)| id.as_ref() == Some(*name)))
        {
            all.push((Some(name.clone()), name.clone()));
        }
        all
    };
    let keys = ("setting-encoder", "setting-encoder-about");
    rows.many(ui, keys, (&settings.encoder, 240.0), encoders, SettingChange::Encoder);
}

/// The pictures one can choose from; a file chosen in the studio is among them.
pub(in crate::ui) fn picture_names(cx: &Cx<'_>) -> Vec<(SourceChoice, String)> {
    let chosen = &cx.state.settings.source;
    let mut all = devices::named(&devices::pictures(cx, chosen));
    if let SourceChoice::File(path) = chosen {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.push((chosen.clone(), name));
    }
    all
}

pub(super) fn keys(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    rows.row(ui, "setting-keys-export", "setting-keys-export-about", |ui, rows| {
        if Button::new(&rows.cx.text("setting-keys-export-do")).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::ExportKeys { passphrase: String::new() }));
        }
    });
    rows.row(ui, "setting-keys-import", "setting-keys-import-about", |ui, rows| {
        if Button::new(&rows.cx.text("setting-keys-import-do")).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::ImportKeys { passphrase: String::new() }));
        }
    });
    // What is on air is signed with the old key to its end.
    let on_air = rows.cx.state.on_air();
    let about = if on_air { "setting-keys-revoke-live" } else { "setting-keys-revoke-about" };
    rows.row(ui, "setting-keys-revoke", about, |ui, rows| {
        let label = rows.cx.text("setting-keys-revoke-do");
        if Button::new(&label).enabled(!on_air).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::RevokeKey));
        }
    });
}
