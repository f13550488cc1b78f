//! What one's broadcasts are made of, and the keys they are signed with.

use egui::Ui;

use crate::state::{RenderSize, SettingChange, SourceChoice};
use crate::ui::dialog::Dialog;
use crate::ui::{Cx, Go, devices};
use crate::widget::{Button, choice, toggle};

use super::{Rows, watching};

/// Sizes that are offered.
const SIZES: [(u32, u32); 4] = [(640, 360), (854, 480), (1280, 720), (1920, 1080)];
/// Rates that are offered.
const RATES: [u32; 4] = [24, 25, 30, 60];
/// Bitrates that are offered, in kilobits a second.
const BITRATES: [u32; 8] = [600, 1000, 1500, 2500, 4000, 6000, 8000, 12_000];

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    rows.row(ui, "setting-source", "setting-source-about", |ui, rows| {
        let all = picture_names(rows.cx);
        let label = rows.cx.text("setting-source");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 240.0, &settings.source, &all) {
            rows.change("setting-source", SettingChange::Source(picked));
        }
    });
    rows.row(ui, "setting-pointer", "setting-pointer-about", |ui, rows| {
        let (on, label) = (settings.pointer, rows.cx.text("setting-pointer"));
        if toggle::show(ui, rows.cx.theme, on, &label).changed() {
            rows.change("setting-pointer", SettingChange::Pointer(!on));
        }
    });
    rows.row(ui, "setting-sound", "setting-sound-about", |ui, rows| {
        let all = devices::named(&devices::sounds(rows.cx, &settings.sound));
        let label = rows.cx.text("setting-sound");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 240.0, &settings.sound, &all) {
            rows.change("setting-sound", SettingChange::Sound(picked));
        }
    });
    rows.row(ui, "setting-denoise", "setting-denoise-about", |ui, rows| {
        let (on, label) = (settings.denoise, rows.cx.text("setting-denoise"));
        if toggle::show(ui, rows.cx.theme, on, &label).changed() {
            rows.change("setting-denoise", SettingChange::Denoise(!on));
        }
    });
    rows.whole(ui, "setting-check", "setting-check-about", |ui, rows| {
        rows.check.show(ui, rows.cx, rows.cx.theme.colors.ground);
    });
    rows.row(ui, "setting-size", "setting-size-about", |ui, rows| {
        let mut sizes = SIZES.map(|(width, height)| RenderSize { width, height }).to_vec();
        with(&mut sizes, settings.size);
        let all: Vec<_> = sizes.iter().map(|size| (*size, format!("{} × {}", size.width, size.height))).collect();
        let label = rows.cx.text("setting-size");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 160.0, &settings.size, &all) {
            rows.change("setting-size", SettingChange::Size(picked));
        }
    });
    rows.row(ui, "setting-fps", "setting-fps-about", |ui, rows| {
        let mut rates = RATES.to_vec();
        with(&mut rates, settings.fps);
        let all: Vec<_> = rates.iter().map(|fps| (*fps, fps.to_string())).collect();
        let label = rows.cx.text("setting-fps");
        if let Some(picked) = choice::segments(ui, rows.cx.theme, &label, settings.fps, &all) {
            rows.change("setting-fps", SettingChange::Fps(picked));
        }
    });
    rows.row(ui, "setting-bitrate", "setting-bitrate-about", |ui, rows| {
        let mut bitrates = BITRATES.to_vec();
        with(&mut bitrates, settings.bitrate_kbps);
        let all: Vec<_> = bitrates.iter().map(|kbps| (*kbps, rows.cx.words.rate(*kbps))).collect();
        let label = rows.cx.text("setting-bitrate");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 140.0, &settings.bitrate_kbps, &all) {
            rows.change("setting-bitrate", SettingChange::Bitrate(picked));
        }
    });
    rows.row(ui, "setting-encoder", "setting-encoder-about", |ui, rows| {
        let mut all = vec![(None, rows.cx.text("setting-encoder-auto"))];
        all.extend(rows.cx.state.devices.encoders.iter().map(|it| (Some(it.id.clone()), it.name.clone())));
        watching::keep(&mut all, &settings.encoder);
        let label = rows.cx.text("setting-encoder");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 240.0, &settings.encoder, &all) {
            rows.change("setting-encoder", SettingChange::Encoder(picked));
        }
    });
}

/// Adds what is chosen to what is offered, where it was chosen elsewhere.
fn with<T: PartialEq>(all: &mut Vec<T>, chosen: T) {
    if !all.contains(&chosen) {
        all.insert(0, chosen);
    }
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
    rows.row(ui, "setting-keys-revoke", "setting-keys-revoke-about", |ui, rows| {
        if Button::new(&rows.cx.text("setting-keys-revoke-do")).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::RevokeKey));
        }
    });
}
