//! Where the picture comes from, and how it is.

use std::time::Duration;

use egui::{Color32, CornerRadius, Rect, ScrollArea, Sense, Ui, pos2, vec2};

use crate::state::WatchState;
use crate::theme::{Type, Weight, space};
use crate::ui::{Cx, Go};
use crate::widget::{Button, Kind, text};

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, watch: &WatchState) {
    ScrollArea::vertical().id_salt("swarm").auto_shrink(false).show(ui, |ui| {
        let (delivery, colors) = (&watch.telemetry.delivery, cx.theme.colors);
        let parts = [
            ("swarm-viewers", delivery.from_peers, colors.accent),
            // Not the good green, which in the light theme is next to the accent.
            ("swarm-broadcaster", delivery.from_publisher, colors.faint),
            ("swarm-server", delivery.from_server, colors.warn),
        ];
        text::strong(ui, cx.theme, &cx.text("swarm-title"));
        bar(ui, &parts, colors.raised);
        for (key, bytes, color) in parts {
            row(ui, cx, &cx.text(key), &cx.words.bytes(bytes), Some(color));
        }
        ui.add_space(space::S);
        row(ui, cx, &cx.text("swarm-given"), &cx.words.bytes(delivery.to_peers), None);
        let connected = cx.words.count("people-connected", u64::from(delivery.neighbours));
        row(ui, cx, &cx.text("swarm-connected"), &connected, None);
        if delivery.rejected > 0 {
            row(ui, cx, &cx.text("swarm-rejected"), &cx.words.numbers().full(delivery.rejected), None);
        }
        ui.add_space(space::S);
        let sharing = cx.state.settings.sharing.allowed();
        text::quiet(ui, cx.theme, &cx.text(if sharing { "swarm-on" } else { "swarm-off" }));
        if Button::new(&cx.text("swarm-change")).kind(Kind::Plain).show(ui, cx.theme).clicked() {
            cx.go(Go::Setting("setting-sharing"));
        }
        ui.add_space(space::L);
        stats(ui, cx, watch);
    });
}

/// One bar, divided by who sent how much.
fn bar(ui: &mut Ui, parts: &[(&str, u64, Color32)], ground: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 8.0), Sense::hover());
    let corners = CornerRadius::same(4);
    ui.painter().rect_filled(rect, corners, ground);
    let total: f64 = parts.iter().map(|(_, bytes, _)| *bytes as f64).sum();
    if total <= 0.0 {
        return;
    }
    let mut left = rect.left();
    for (_, bytes, color) in parts {
        let right = left + rect.width() * (*bytes as f64 / total) as f32;
        // A gap tells neighbours apart where their colours are close.
        let end = if right < rect.right() - 0.5 { (right - 2.0).max(left + 1.0) } else { right };
        let clip = Rect::from_min_max(pos2(left, rect.top()), pos2(end, rect.bottom()));
        ui.painter().with_clip_rect(clip.intersect(ui.clip_rect())).rect_filled(rect, corners, *color);
        left = right;
    }
}

fn row(ui: &mut Ui, cx: &Cx<'_>, name: &str, value: &str, mark: Option<Color32>) {
    let colors = cx.theme.colors;
    let width = ui.available_width();
    let value = text::layout(ui, cx.theme, value, (Type::Body, Weight::Regular), colors.text, width * 0.55, 2);
    let inset = if mark.is_some() { 16.0 } else { 0.0 };
    let room = width - value.size().x - inset - space::S;
    let galley = text::layout(ui, cx.theme, name, (Type::Body, Weight::Regular), colors.quiet, room, 2);
    let height = galley.size().y.max(value.size().y);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let words = format!("{name}: {}", value.text());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
    if let Some(color) = mark {
        ui.painter().circle_filled(pos2(rect.left() + 5.0, rect.center().y), 4.0, color);
    }
    ui.painter().galley(rect.min + vec2(inset, 0.0), galley, colors.quiet);
    ui.painter().galley(pos2(rect.right() - value.size().x, rect.top()), value, colors.text);
}

fn stats(ui: &mut Ui, cx: &Cx<'_>, watch: &WatchState) {
    let (telemetry, words) = (&watch.telemetry, cx.words);
    let unknown = words.text("stats-unknown");
    let numbers = words.numbers();
    let known = |value: Option<String>| value.unwrap_or_else(|| unknown.clone());
    let size = telemetry.size.zip(telemetry.fps).map(|((width, height), fps)| size_and_rate(cx, width, height, fps));
    text::strong(ui, cx.theme, &words.text("stats-title"));
    let rows = [
        ("stats-size", known(size)),
        ("stats-bitrate", known(telemetry.bitrate_kbps.map(|kbps| words.rate(kbps)))),
        ("stats-codecs", known(Some(telemetry.codecs.clone()).filter(|codecs| !codecs.is_empty()))),
        ("stats-behind", known(telemetry.behind.map(|behind| words.seconds(behind)))),
        ("stats-buffer", words.seconds(telemetry.buffer)),
        ("stats-shown", numbers.full(telemetry.frames_shown)),
        ("stats-skipped", numbers.full(telemetry.frames_skipped)),
        ("stats-stalls", numbers.full(u64::from(telemetry.stalls))),
        ("stats-sync", known(telemetry.av_offset_ms.map(|ms| words.unit("milliseconds", &numbers.signed(ms))))),
    ];
    for (key, value) in rows {
        row(ui, cx, &words.text(key), &value, None);
    }
    ui.ctx().request_repaint_after(Duration::from_secs(1));
}

/// A picture's size and rate in words.
pub(in crate::ui) fn size_and_rate(cx: &Cx<'_>, width: u32, height: u32, fps: f32) -> String {
    use crate::i18n::Value;
    let (width, height, fps) = (width.to_string(), height.to_string(), format!("{fps:.0}"));
    let values = [("width", Value::Text(&width)), ("height", Value::Text(&height)), ("fps", Value::Text(&fps))];
    cx.words.with("size-and-rate", &values)
}
