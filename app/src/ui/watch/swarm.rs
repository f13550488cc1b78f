//! Where the picture comes from, what one passes on, and how it is.

use std::time::Duration;

use egui::{Rect, ScrollArea, Sense, Ui, pos2, vec2};

use crate::i18n::Value;
use crate::state::{Limit, WatchState, Way};
use crate::theme::{Type, Weight, space};
use crate::ui::{Cx, Go};
use crate::widget::{Button, Kind, text};

use super::plot::{self, Part};

/// Side of the sample beside the name of a part of the plot, in points.
const SAMPLE: f32 = 12.0;

/// A name and what it is.
struct Row {
    name: String,
    value: String,
    part: Option<Part>,
}

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState) {
    let (sources, shared, stats) = (sources(cx, watch), shared(cx, watch), stats(cx, watch));
    ScrollArea::vertical().id_salt("swarm").auto_shrink(false).show(ui, |ui| {
        text::strong(ui, cx.theme, &cx.text("swarm-title"));
        plot::show(ui, cx, &watch.history);
        sources.iter().for_each(|it| row(ui, cx, it));
        ui.add_space(space::L);
        text::strong(ui, cx.theme, &cx.text("swarm-sharing"));
        text::quiet(ui, cx.theme, &cx.text(way(watch.telemetry.way)));
        shared.iter().for_each(|it| row(ui, cx, it));
        if let Some(words) = limit(cx) {
            text::quiet(ui, cx.theme, &words);
        }
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            if Button::new(&cx.text("swarm-change")).kind(Kind::Plain).show(ui, cx.theme).clicked() {
                cx.go(Go::Setting("group-sharing"));
            }
            if Button::new(&cx.text("swarm-copy")).kind(Kind::Plain).show(ui, cx.theme).clicked() {
                let mut lines = vec![watch.name.clone(), cx.text(way(watch.telemetry.way))];
                lines.extend(limit(cx));
                lines.push(plot::summary(cx, &watch.history));
                lines.extend(sources.iter().chain(&shared).chain(&stats).map(Row::words));
                cx.go(Go::Copy(lines.join("\n")));
            }
        });
        ui.add_space(space::L);
        text::strong(ui, cx.theme, &cx.text("stats-title"));
        stats.iter().for_each(|it| row(ui, cx, it));
        ui.ctx().request_repaint_after(Duration::from_secs(1));
    });
}

impl Row {
    fn words(&self) -> String {
        format!("{}: {}", self.name, self.value)
    }
}

/// All bytes since watching began, the part on top of the plot first.
fn sources(cx: &Cx<'_>, watch: &WatchState) -> Vec<Row> {
    let delivery = &watch.telemetry.delivery;
    let bytes = |part| match part {
        Part::Viewers => delivery.from_peers,
        Part::Broadcaster => delivery.from_publisher,
        Part::Server => delivery.from_server,
    };
    let row = |part: Part| Row { name: cx.text(part.key()), value: cx.words.bytes(bytes(part)), part: Some(part) };
    Part::ALL.into_iter().rev().map(row).collect()
}

/// What one passes on, and to how many.
fn shared(cx: &Cx<'_>, watch: &WatchState) -> Vec<Row> {
    let (delivery, words) = (&watch.telemetry.delivery, cx.words);
    let plain = |key: &str, value: String| Row { name: cx.text(key), value, part: None };
    let unknown = words.text("stats-unknown");
    let now = watch.history.given_lately().map_or_else(|| unknown.clone(), |bytes| words.rate(plot::kbps(bytes)));
    let upload = match cx.state.sharing.ruling.upload_kbps {
        Some(0) => words.text("swarm-upload-none"),
        Some(cap) => {
            words.with("swarm-upload-of", &[("now", Value::Text(&now)), ("cap", Value::Text(&words.rate(cap)))])
        }
        None => words.fill("swarm-upload-free", "now", &now),
    };
    let mut rows = vec![
        plain("swarm-connected", words.numbers().full(u64::from(delivery.viewers))),
        plain("swarm-upload", upload),
        plain("swarm-given", words.bytes(delivery.to_peers)),
    ];
    if delivery.rejected > 0 {
        rows.push(plain("swarm-rejected", words.numbers().full(delivery.rejected)));
    }
    rows
}

/// How others are reached, in a sentence.
fn way(way: Way) -> &'static str {
    match way {
        Way::Off => "way-off",
        Way::Searching => "way-searching",
        Way::Alone => "way-alone",
        Way::Direct => "way-direct",
        Way::Tcp => "way-tcp",
        Way::Punched => "way-punched",
        Way::Near => "way-near",
        Way::Unreachable { udp_blocked: true } => "way-udp-blocked",
        Way::Unreachable { udp_blocked: false } => "way-unreachable",
    }
}

/// Why less is shared than was allowed, in a sentence.
pub(in crate::ui) fn limit(cx: &Cx<'_>) -> Option<String> {
    let key = match cx.state.sharing.ruling.limit? {
        Limit::FewViewers { above } => {
            return Some(cx.words.fill("limit-few", "number", &above.to_string()));
        }
        Limit::NotAsked => "limit-not-asked",
        Limit::Community => "limit-community",
        Limit::Metered => "limit-metered",
        Limit::DataCap => "limit-data-cap",
        Limit::Schedule => "limit-schedule",
    };
    Some(cx.text(key))
}

fn row(ui: &mut Ui, cx: &Cx<'_>, row: &Row) {
    let colors = cx.theme.colors;
    let width = ui.available_width();
    let value = text::layout(ui, cx.theme, &row.value, (Type::Body, Weight::Regular), colors.text, width * 0.7, 2);
    let inset = if row.part.is_some() { SAMPLE + space::S } else { 0.0 };
    let room = width - value.size().x - inset - space::S;
    let galley = text::layout(ui, cx.theme, &row.name, (Type::Body, Weight::Regular), colors.quiet, room, 2);
    let height = galley.size().y.max(value.size().y);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let words = row.words();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
    if let Some(part) = row.part {
        let sample = Rect::from_center_size(pos2(rect.left() + SAMPLE / 2.0, rect.center().y), vec2(SAMPLE, SAMPLE));
        part.fill(ui.painter(), cx.theme, sample);
    }
    ui.painter().galley(rect.min + vec2(inset, 0.0), galley, colors.quiet);
    ui.painter().galley(pos2(rect.right() - value.size().x, rect.top()), value, colors.text);
}

fn stats(cx: &Cx<'_>, watch: &WatchState) -> Vec<Row> {
    let (telemetry, words) = (&watch.telemetry, cx.words);
    let unknown = words.text("stats-unknown");
    let numbers = words.numbers();
    let known = |value: Option<String>| value.unwrap_or_else(|| unknown.clone());
    let size = telemetry.size.zip(telemetry.fps).map(|((width, height), fps)| size_and_rate(cx, width, height, fps));
    let target = words.seconds(cx.state.settings.target_delay);
    let behind = telemetry.behind.map(|behind| {
        let now = words.seconds(behind);
        words.with("stats-behind-of", &[("now", Value::Text(&now)), ("target", Value::Text(&target))])
    });
    let rows = [
        ("stats-size", known(size)),
        ("stats-bitrate", known(telemetry.bitrate_kbps.map(|kbps| words.rate(kbps)))),
        ("stats-codecs", known(Some(telemetry.codecs.clone()).filter(|codecs| !codecs.is_empty()))),
        ("stats-behind", known(behind)),
        ("stats-buffer", words.seconds(telemetry.buffer)),
        ("stats-shown", numbers.full(telemetry.frames_shown)),
        ("stats-skipped", numbers.full(telemetry.frames_skipped)),
        ("stats-stalls", numbers.full(u64::from(telemetry.stalls))),
        ("stats-sync", known(telemetry.av_offset_ms.map(|ms| words.unit("milliseconds", &numbers.signed(ms))))),
    ];
    rows.into_iter().map(|(key, value)| Row { name: words.text(key), value, part: None }).collect()
}

/// A picture's size and rate in words.
pub(in crate::ui) fn size_and_rate(cx: &Cx<'_>, width: u32, height: u32, fps: f32) -> String {
    let (width, height, fps) = (width.to_string(), height.to_string(), format!("{fps:.0}"));
    let values = [("width", Value::Text(&width)), ("height", Value::Text(&height)), ("fps", Value::Text(&fps))];
    cx.words.with("size-and-rate", &values)
}
