//! Sharing and watching.

use std::time::Duration;

use egui::Ui;

use crate::state::{SettingChange, Sharing};
use crate::theme::{Type, Weight};
use crate::ui::Cx;
use crate::widget::{choice, slider, text, toggle};

use super::Rows;

/// Upload caps that are offered, in kilobits a second.
pub(in crate::ui) const CAPS: [Option<u32>; 6] = [Some(1000), Some(2000), Some(5000), Some(10_000), Some(20_000), None];
/// Delays that are offered, in milliseconds.
const DELAYS: [u64; 5] = [600, 1000, 2000, 4000, 8000];

pub(super) fn sharing(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    rows.row(ui, "setting-sharing", "setting-sharing-about", |ui, rows| {
        let (on, label) = (settings.sharing.allowed(), rows.cx.text("setting-sharing"));
        if toggle::show(ui, rows.cx.theme, on, &label).changed() {
            let next = if on { Sharing::Off } else { Sharing::On };
            rows.change("setting-sharing", SettingChange::Sharing(next));
        }
    });
    rows.row(ui, "setting-cap", "setting-cap-about", |ui, rows| {
        let all = caps(rows.cx, settings.upload_cap);
        let label = rows.cx.text("setting-cap");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 140.0, &settings.upload_cap, &all) {
            rows.change("setting-cap", SettingChange::UploadCap(picked));
        }
    });
}

/// The caps one can choose from, in words; a cap set elsewhere is among them.
pub(in crate::ui) fn caps(cx: &Cx<'_>, current: Option<u32>) -> Vec<(Option<u32>, String)> {
    let mut all = CAPS.to_vec();
    if !all.contains(&current) {
        all.insert(0, current);
    }
    let words = |cap: Option<u32>| cap.map_or_else(|| cx.text("setting-cap-none"), |kbps| cx.words.rate(kbps));
    all.into_iter().map(|cap| (cap, words(cap))).collect()
}

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    rows.row(ui, "setting-delay", "setting-delay-about", |ui, rows| {
        let now = settings.target_delay.as_millis() as u64;
        let mut delays = DELAYS.to_vec();
        if !delays.contains(&now) {
            delays.insert(0, now);
        }
        let all: Vec<_> = delays.iter().map(|ms| (*ms, rows.cx.words.seconds(Duration::from_millis(*ms)))).collect();
        let label = rows.cx.text("setting-delay");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 140.0, &now, &all) {
            rows.change("setting-delay", SettingChange::TargetDelay(Duration::from_millis(picked)));
        }
    });
    rows.row(ui, "setting-output", "setting-output-about", |ui, rows| {
        let mut all = vec![(None, rows.cx.text("setting-device-default"))];
        all.extend(rows.cx.state.devices.outputs.iter().map(|it| (Some(it.id.clone()), it.name.clone())));
        keep(&mut all, &settings.output);
        let label = rows.cx.text("setting-output");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 240.0, &settings.output, &all) {
            rows.change("setting-output", SettingChange::Output(picked));
        }
    });
    rows.row(ui, "setting-barrage", "setting-barrage-about", |ui, rows| {
        let (on, label) = (settings.barrage, rows.cx.text("setting-barrage"));
        if toggle::show(ui, rows.cx.theme, on, &label).changed() {
            rows.change("setting-barrage", SettingChange::Barrage(!on));
        }
    });
    if !settings.barrage {
        return;
    }
    rows.row(ui, "setting-barrage-opacity", "setting-barrage-opacity-about", |ui, rows| {
        let mut opacity = settings.barrage_opacity;
        let words = rows.cx.words.percent(f64::from(opacity));
        text::line(ui, rows.cx.theme, &words, Type::Small, Weight::Regular, rows.cx.theme.colors.quiet);
        let label = rows.cx.text("setting-barrage-opacity");
        let steps = (0.2..=1.0, 0.05);
        if slider::show(ui, rows.cx.theme, &label, &mut opacity, steps, 160.0, slider::Ground::Panel).changed() {
            rows.change("setting-barrage-opacity", SettingChange::BarrageOpacity(opacity));
        }
    });
    rows.row(ui, "setting-barrage-area", "setting-barrage-area-about", |ui, rows| {
        let all = [
            (25_u8, rows.cx.text("area-quarter")),
            (50, rows.cx.text("area-half")),
            (75, rows.cx.text("area-three-quarters")),
            (100, rows.cx.text("area-all")),
        ];
        let now = (settings.barrage_area * 4.0).round().clamp(1.0, 4.0) as u8 * 25;
        let label = rows.cx.text("setting-barrage-area");
        if let Some(picked) = choice::select(ui, rows.cx.theme, &label, 160.0, &now, &all) {
            rows.change("setting-barrage-area", SettingChange::BarrageArea(f32::from(picked) / 100.0));
        }
    });
    rows.row(ui, "setting-barrage-size", "setting-barrage-size-about", |ui, rows| {
        if let Some(size) = pace(ui, rows.cx, "setting-barrage-size", settings.barrage_size) {
            rows.change("setting-barrage-size", SettingChange::BarrageSize(size));
        }
    });
    rows.row(ui, "setting-barrage-speed", "setting-barrage-speed-about", |ui, rows| {
        if let Some(speed) = pace(ui, rows.cx, "setting-barrage-speed", settings.barrage_speed) {
            rows.change("setting-barrage-speed", SettingChange::BarrageSpeed(speed));
        }
    });
}

/// Sizes and speeds of flying comments that are offered, in percent.
const PACES: [u8; 5] = [50, 75, 100, 150, 200];

/// A share of the usual as one of a few steps; gives the one that was picked.
fn pace(ui: &mut Ui, cx: &Cx<'_>, key: &str, now: f32) -> Option<f32> {
    let now = (now * 100.0).round().clamp(0.0, 255.0) as u8;
    let mut paces = PACES.to_vec();
    if !paces.contains(&now) {
        paces.insert(0, now);
    }
    let all: Vec<_> = paces.iter().map(|it| (*it, cx.words.unit("percent", &it.to_string()))).collect();
    choice::select(ui, cx.theme, &cx.text(key), 120.0, &now, &all).map(|picked| f32::from(picked) / 100.0)
}

/// Keeps a device in the list that is chosen but not there now.
pub(super) fn keep(all: &mut Vec<(Option<String>, String)>, chosen: &Option<String>) {
    if !all.iter().any(|(value, _)| value == chosen)
        && let Some(name) = chosen
    {
        all.push((chosen.clone(), name.clone()));
    }
}
