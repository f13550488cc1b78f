//! The preview, and what lies over it.

use egui::{Color32, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::i18n::Value;
use crate::state::{BroadcastSummary, StudioPhase};
use crate::theme::{Type, Weight, space};
use crate::ui::{Cx, devices};
use crate::widget::{Button, Kind, badge, text};

use super::StudioView;

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut StudioView) {
    let room = Rect::from_min_max(ui.cursor().min, ui.max_rect().max);
    let settings = &cx.state.settings;
    let shape = settings.size.width.max(1) as f32 / settings.size.height.max(1) as f32;
    let size = if room.width() / room.height().max(1.0) > shape {
        vec2(room.height() * shape, room.height())
    } else {
        vec2(room.width(), room.width() / shape)
    };
    let rect = Rect::from_center_size(room.center(), size);
    let colors = cx.theme.colors;
    devices::picture(ui, cx, &view.surface, rect, colors.ground);
    if view.margins {
        margins(ui, rect);
    }
    let edge = if cx.state.on_air() { Stroke::new(2.0, colors.live) } else { Stroke::new(1.0, colors.line) };
    ui.painter().rect_stroke(rect, cx.theme.card_corners(), edge, StrokeKind::Outside);
    if let StudioPhase::Live { since } = cx.state.studio.phase {
        let time = cx.words.numbers().clock(cx.clock.now.saturating_duration_since(since));
        let words = cx.words.fill("studio-live", "time", &time);
        let live = badge::paint(
            ui,
            ui.painter(),
            cx.theme,
            rect.min + vec2(space::M, space::M),
            &words,
            badge::Paint::live(cx.theme),
        );
        let viewers = cx.words.count("viewers", cx.state.studio.telemetry.viewers);
        let at = pos2(live.right() + space::S, live.top());
        let viewers = badge::paint(ui, ui.painter(), cx.theme, at, &viewers, badge::Paint::scrim(cx.theme));
        if let Some(words) = carried(cx) {
            let at = pos2(viewers.right() + space::S, live.top());
            // Where the picture is small, the details have it.
            let wide =
                text::layout(ui, cx.theme, &words, (Type::Small, Weight::Strong), Color32::WHITE, 600.0, 1).size().x;
            if at.x + wide + 2.0 * space::M <= rect.right() {
                badge::paint(ui, ui.painter(), cx.theme, at, &words, badge::Paint::scrim(cx.theme));
            }
        }
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(500));
    }
    summary(ui, cx, view, rect);
}

/// How many copies leave the house, and what viewers carry.
fn carried(cx: &Cx<'_>) -> Option<String> {
    let telemetry = &cx.state.studio.telemetry;
    let copies = format!("{:.1}", telemetry.copies?);
    let Some(offload) = telemetry.offload else { return Some(cx.words.fill("studio-sent", "copies", &copies)) };
    let share = cx.words.percent(offload);
    Some(cx.words.with("studio-carried", &[("copies", Value::Text(&copies)), ("percent", Value::Text(&share))]))
}

/// Title-safe and action-safe lines: 90 % and 93 % of the picture, as broadcasters have them.
fn margins(ui: &Ui, rect: Rect) {
    for share in [0.90, 0.93] {
        let inner = Rect::from_center_size(rect.center(), rect.size() * share);
        ui.painter().rect_stroke(inner, 0.0, Stroke::new(1.0, Color32::from_white_alpha(150)), StrokeKind::Inside);
    }
}

/// What the broadcast was, until it is read.
fn summary(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut StudioView, rect: Rect) {
    let StudioPhase::Ended(summary) = &cx.state.studio.phase else {
        view.summary_read = None;
        return;
    };
    if view.summary_read.as_ref() == Some(summary) {
        return;
    }
    let width = (rect.width() - 2.0 * space::L).min(380.0 * cx.theme.growth());
    let place = Rect::from_center_size(rect.center(), vec2(width, rect.height().min(260.0)));
    ui.scope_builder(egui::UiBuilder::new().max_rect(place).id_salt("summary"), |ui| {
        let colors = cx.theme.colors;
        let frame = egui::Frame::new()
            .fill(colors.surface)
            .stroke(Stroke::new(1.0, colors.line))
            .corner_radius(cx.theme.card_corners())
            .inner_margin(egui::Margin::same(16));
        frame.show(ui, |ui| {
            ui.set_width(width - 2.0 * space::L);
            text::title(ui, cx.theme, &cx.text("studio-over"));
            ui.add_space(space::XS);
            rows(ui, cx, summary);
            ui.add_space(space::S);
            if Button::new(&cx.text("studio-over-done")).kind(Kind::Primary).show(ui, cx.theme).clicked() {
                view.summary_read = Some(summary.clone());
            }
        });
    });
}

fn rows(ui: &mut Ui, cx: &Cx<'_>, summary: &BroadcastSummary) {
    let numbers = cx.words.numbers();
    let dropped = if summary.dropped == 0 {
        cx.text("studio-drops-none")
    } else {
        let share = summary.dropped as f64 / summary.captured.max(1) as f64;
        let share = cx.words.unit("percent", &format!("{:.2}", share * 100.0));
        format!("{} ({share})", numbers.full(summary.dropped))
    };
    let rows = [
        ("studio-over-length", numbers.clock(summary.length)),
        ("studio-over-peak", numbers.full(summary.peak_viewers)),
        ("studio-over-drops", dropped),
    ];
    egui::Grid::new("summary").num_columns(2).spacing([space::XL, space::XS]).show(ui, |ui| {
        for (key, value) in rows {
            text::cell(ui, cx.theme, &cx.text(key), Weight::Regular, cx.theme.colors.quiet);
            text::cell(ui, cx.theme, &value, Weight::Strong, cx.theme.colors.text);
            ui.end_row();
        }
    });
}
