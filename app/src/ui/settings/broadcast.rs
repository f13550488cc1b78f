//! What one's broadcasts are made of, and the keys they are signed with.

use egui::Ui;

use crate::state::{Devices, RenderSize, SettingChange, SoundChoice};
use crate::ui::dialog::Dialog;
use crate::ui::{Cx, Go};
use crate::widget::{Button, choice};

use super::{Rows, watching};

/// Sizes that are offered.
const SIZES: [(u32, u32); 4] = [(640, 360), (854, 480), (1280, 720), (1920, 1080)];
/// Rates that are offered.
const RATES: [u32; 4] = [24, 25, 30, 60];
/// Bitrates that are offered, in kilobits a second.
const BITRATES: [u32; 8] = [600, 1000, 1500, 2500, 4000, 6000, 8000, 12_000];

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    rows.row(ui, "setting-camera", "setting-camera-about", |ui, rows| {
        let all = cameras(rows.cx, settings.camera);
        let label = rows.cx.text("setting-camera");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 240.0, &settings.camera, &all) {
            rows.change("setting-camera", SettingChange::Camera(picked));
        }
    });
    rows.row(ui, "setting-sound", "setting-sound-about", |ui, rows| {
        let all = sounds(rows.cx, &settings.sound);
        let label = rows.cx.text("setting-sound");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 240.0, &settings.sound, &all) {
            rows.change("setting-sound", SettingChange::Sound(picked));
        }
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

/// The cameras one can choose from.
pub(in crate::ui) fn cameras(cx: &Cx<'_>, chosen: Option<u32>) -> Vec<(Option<u32>, String)> {
    let devices: &Devices = &cx.state.devices;
    let mut all = vec![(None, cx.text("setting-camera-first"))];
    all.extend(devices.cameras.iter().filter_map(|it| Some((Some(it.id.parse().ok()?), it.name.clone()))));
    if let Some(index) = chosen
        && !all.iter().any(|(value, _)| *value == chosen)
    {
        all.push((chosen, cx.words.fill("source-camera", "number", &(index + 1).to_string())));
    }
    all
}

/// The sounds one can choose from.
pub(in crate::ui) fn sounds(cx: &Cx<'_>, chosen: &SoundChoice) -> Vec<(SoundChoice, String)> {
    let devices = &cx.state.devices;
    let mut all =
        vec![(SoundChoice::Source, cx.text("sound-source")), (SoundChoice::Microphone, cx.text("sound-microphone"))];
    all.extend(devices.microphones.iter().map(|it| (SoundChoice::NamedMicrophone(it.id.clone()), it.name.clone())));
    all.push((SoundChoice::Desktop, cx.text("sound-desktop")));
    all.push((SoundChoice::Silence, cx.text("sound-silence")));
    if let SoundChoice::NamedMicrophone(name) = chosen
        && !all.iter().any(|(value, _)| value == chosen)
    {
        all.push((chosen.clone(), name.clone()));
    }
    all
}

pub(super) fn keys(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    rows.row(ui, "setting-keys-export", "setting-keys-export-about", |ui, rows| {
        if Button::new(&rows.cx.text("setting-keys-export-do")).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::ExportKeys { passphrase: String::new() }));
        }
    });
    rows.row(ui, "setting-keys-revoke", "setting-keys-revoke-about", |ui, rows| {
        if Button::new(&rows.cx.text("setting-keys-revoke-do")).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::RevokeKey));
        }
    });
}
