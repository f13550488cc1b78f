//! Watching.

use std::time::Duration;

use egui::Ui;

use crate::state::{DeviceChoice, SettingChange};
use crate::theme::{Type, Weight};
use crate::ui::{Cx, devices};
use crate::widget::{slider, text};

use super::{Rows, offer};

/// Delays that are offered, in milliseconds.
const DELAYS: [u64; 5] = [600, 1000, 2000, 4000, 8000];

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    let now = settings.target_delay.as_millis() as u64;
    let delays = |cx: &Cx<'_>| offer(&DELAYS, now, |ms| cx.words.seconds(Duration::from_millis(ms)));
    let change = |ms| SettingChange::TargetDelay(Duration::from_millis(ms));
    rows.many(ui, ("setting-delay", "setting-delay-about"), (&now, 140.0), delays, change);
    let outputs = |cx: &Cx<'_>| {
        let mut all = vec![(None, cx.text("setting-device-default"))];
        let meant = settings.output.as_ref().and_then(|id| DeviceChoice::meant(&cx.state.devices.outputs, id));
        all.extend(cx.state.devices.outputs.iter().map(|it| {
            // The chosen one however it was named when it was chosen.
            let id = if Some(it) == meant { settings.output.clone() } else { Some(it.id.clone()) };
            (id, it.name.clone())
        }));
        if let (Some(id), None) = (&settings.output, meant) {
            all.push((Some(id.clone()), devices::gone(cx, id, "setting-output")));
        }
        all
    };
    let keys = ("setting-output", "setting-output-about");
    rows.many(ui, keys, (&settings.output, 240.0), outputs, SettingChange::Output);
    rows.switch(ui, ("setting-barrage", "setting-barrage-about"), settings.barrage, SettingChange::Barrage);
    if settings.barrage {
        barrage(ui, rows);
    }
}

/// How comments fly.
fn barrage(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
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
    let areas = |cx: &Cx<'_>| {
        let names = ["area-quarter", "area-half", "area-three-quarters", "area-all"];
        (1..=4).zip(names).map(|(quarters, name)| (quarters * 25, cx.text(name))).collect()
    };
    let now = (settings.barrage_area * 4.0).round().clamp(1.0, 4.0) as u8 * 25;
    let keys = ("setting-barrage-area", "setting-barrage-area-about");
    rows.many(ui, keys, (&now, 160.0), areas, |percent| SettingChange::BarrageArea(f32::from(percent) / 100.0));
    let percent = |share: f32| (share * 100.0).round().clamp(0.0, 255.0) as u8;
    let (size, speed) = (percent(settings.barrage_size), percent(settings.barrage_speed));
    let paces = |now| move |cx: &Cx<'_>| offer(&PACES, now, |it| cx.words.unit("percent", &it.to_string()));
    let keys = ("setting-barrage-size", "setting-barrage-size-about");
    rows.many(ui, keys, (&size, 120.0), paces(size), |it| SettingChange::BarrageSize(f32::from(it) / 100.0));
    let keys = ("setting-barrage-speed", "setting-barrage-speed-about");
    rows.many(ui, keys, (&speed, 120.0), paces(speed), |it| SettingChange::BarrageSpeed(f32::from(it) / 100.0));
}

/// Sizes and speeds of flying comments that are offered, in percent.
const PACES: [u8; 5] = [50, 75, 100, 150, 200];
