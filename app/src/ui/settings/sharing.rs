//! What one passes on: with whom, how much, when, and over which networks.

use egui::Ui;

use crate::i18n::Value;
use crate::state::{DataCap, Metered, MeteredChoice, Schedule, SettingChange, Sharing};
use crate::theme::{Type, Weight};
use crate::ui::Cx;
use crate::ui::watch::swarm;
use crate::widget::{choice, text};

use super::{Rows, offer};

/// Upload caps that are offered, in kilobits a second.
const CAPS: [Option<u32>; 6] = [Some(1000), Some(2000), Some(5000), Some(10_000), Some(20_000), None];
/// Numbers of viewers that are offered as few.
const CROWDS: [u32; 6] = [5, 10, 20, 50, 100, 500];
/// Amounts of data that are offered; none comes last.
const AMOUNTS: [(u32, bool); 7] =
    [(500, false), (2_000, false), (10_000, false), (10_000, true), (50_000, true), (200_000, true), (1_000_000, true)];
/// What is offered outside the hours, in kilobits a second; 0 is nothing.
const OUTSIDE: [u32; 4] = [0, 250, 500, 1000];
/// The hours that are offered first when a schedule begins: the night.
const NIGHT: Schedule = Schedule { from: 22, to: 7, outside_kbps: 0 };

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let settings = &rows.cx.state.settings;
    let before = rows.shown;
    let levels = |cx: &Cx<'_>| {
        let all = [Sharing::Off, Sharing::Lan, Sharing::Crowd, Sharing::On];
        let keys = ["sharing-off", "sharing-lan", "sharing-crowd", "sharing-on"];
        all.into_iter().zip(keys.map(|key| cx.text(key))).collect()
    };
    // Whoever was not asked yet shares nothing.
    let level = if settings.sharing.allowed() { settings.sharing } else { Sharing::Off };
    rows.many(ui, ("setting-sharing", "setting-sharing-about"), (&level, 220.0), levels, SettingChange::Sharing);
    if rows.shown > before {
        now(ui, rows.cx, level);
    }
    if level == Sharing::Crowd {
        let crowds = |_: &Cx<'_>| offer(&CROWDS, settings.crowd_above, |above| above.to_string());
        let keys = ("setting-crowd", "setting-crowd-about");
        rows.many(ui, keys, (&settings.crowd_above, 120.0), crowds, SettingChange::CrowdAbove);
    }
    let all = |cx: &Cx<'_>| caps(cx, settings.upload_cap);
    let keys = ("setting-cap", "setting-cap-about");
    rows.many(ui, keys, (&settings.upload_cap, 140.0), all, SettingChange::UploadCap);
    let amounts = |cx: &Cx<'_>| amounts(cx, settings.data_cap);
    let keys = ("setting-data-cap", "setting-data-cap-about");
    let before = rows.shown;
    rows.many(ui, keys, (&settings.data_cap, 180.0), amounts, SettingChange::DataCap);
    if rows.shown > before {
        given(ui, rows.cx);
    }
    schedule(ui, rows);
    let choices = |cx: &Cx<'_>| {
        let all = [MeteredChoice::Detect, MeteredChoice::Metered, MeteredChoice::Unmetered];
        all.into_iter().zip(["metered-detect", "metered-yes", "metered-no"].map(|key| cx.text(key))).collect()
    };
    let about = match rows.cx.state.sharing.metered {
        Metered::Yes => "setting-metered-found",
        Metered::No => "setting-metered-not-found",
        Metered::Unknown => "setting-metered-unknown",
    };
    rows.few(ui, ("setting-metered", about), settings.metered, choices, SettingChange::Metered);
}

/// What the choice means, and what holds at the moment where that is less.
fn now(ui: &mut Ui, cx: &Cx<'_>, level: Sharing) {
    let about = match level {
        Sharing::NotAsked | Sharing::Off => "sharing-off-about",
        Sharing::Lan => "sharing-lan-about",
        Sharing::Crowd => "sharing-crowd-about",
        Sharing::On => "sharing-on-about",
    };
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        text::hint(ui, cx.theme, &cx.text(about));
        if let Some(words) = swarm::limit(cx).filter(|_| level.allowed()) {
            text::hint(ui, cx.theme, &words);
        }
    });
}

/// How much was given so far.
fn given(ui: &mut Ui, cx: &Cx<'_>) {
    let sharing = &cx.state.sharing;
    let (today, month) = (cx.words.bytes(sharing.today), cx.words.bytes(sharing.this_month));
    let values = [("today", Value::Text(&today)), ("month", Value::Text(&month))];
    text::hint(ui, cx.theme, &cx.words.with("data-given", &values));
}

fn schedule(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let current = rows.cx.state.settings.schedule;
    let turn = |on: bool| SettingChange::Schedule(on.then_some(NIGHT));
    rows.switch(ui, ("setting-hours", "setting-hours-about"), current.is_some(), turn);
    let Some(now) = current else { return };
    rows.row(ui, "setting-hours-which", "setting-hours-which-about", |ui, rows| {
        let hours = |cx: &Cx<'_>| -> Vec<(u8, String)> {
            (0..24).map(|hour| (hour, cx.words.fill("hour", "hour", &format!("{hour:02}")))).collect()
        };
        let all = hours(rows.cx);
        // From the right to the left, as the row is laid out.
        let label = rows.cx.text("hours-to");
        let to = choice::select(ui, rows.cx.theme, &label, 80.0, &now.to, &all);
        text::line(ui, rows.cx.theme, "–", Type::Body, Weight::Regular, rows.cx.theme.colors.quiet);
        let label = rows.cx.text("hours-from");
        let from = choice::select(ui, rows.cx.theme, &label, 80.0, &now.from, &all);
        let (from, to) = (from.unwrap_or(now.from), to.unwrap_or(now.to));
        // The same hour twice would mean the whole day, which is what the switch is for.
        if (from, to) != (now.from, now.to) && from != to {
            rows.change("setting-hours-which", SettingChange::Schedule(Some(Schedule { from, to, ..now })));
        }
    });
    let rates = |cx: &Cx<'_>| {
        offer(&OUTSIDE, now.outside_kbps, |kbps| if kbps == 0 { cx.text("hours-nothing") } else { cx.words.rate(kbps) })
    };
    let keys = ("setting-hours-outside", "setting-hours-outside-about");
    rows.many(ui, keys, (&now.outside_kbps, 140.0), rates, |outside_kbps| {
        SettingChange::Schedule(Some(Schedule { outside_kbps, ..now }))
    });
}

/// The caps one can choose from, in words; a cap set elsewhere is among them.
pub(in crate::ui) fn caps(cx: &Cx<'_>, current: Option<u32>) -> Vec<(Option<u32>, String)> {
    offer(&CAPS, current, |cap| cap.map_or_else(|| cx.text("setting-cap-none"), |kbps| cx.words.rate(kbps)))
}

/// The amounts one can choose from, in words.
fn amounts(cx: &Cx<'_>, current: Option<DataCap>) -> Vec<(Option<DataCap>, String)> {
    let some = AMOUNTS.map(|(megabytes, monthly)| Some(DataCap { megabytes, monthly }));
    let all: Vec<_> = some.into_iter().chain([None]).collect();
    offer(&all, current, |cap| match cap {
        Some(DataCap { megabytes, monthly }) => {
            let key = if monthly { "data-a-month" } else { "data-a-day" };
            cx.words.fill(key, "amount", &cx.words.amount(u64::from(megabytes) * 1_000_000))
        }
        None => cx.text("setting-cap-none"),
    })
}
