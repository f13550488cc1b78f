//! The numbers behind the one sentence.

use egui::{Grid, ScrollArea, Ui};

use crate::theme::{Weight, space};
use crate::ui::Cx;
use crate::widget::text;

/// The stages we have words for; others are shown by their own name.
const STAGES: [(&str, &str); 5] = [
    ("capture", "stage-capture"),
    ("preprocess", "stage-preprocess"),
    ("encode", "stage-encode"),
    ("package", "stage-package"),
    ("upload", "stage-upload"),
];

fn stage(cx: &Cx<'_>, name: &str) -> String {
    STAGES.iter().find(|(stage, _)| *stage == name).map_or_else(|| name.to_owned(), |(_, key)| cx.text(key))
}

pub(super) fn show(ui: &mut Ui, cx: &Cx<'_>) {
    let telemetry = &cx.state.studio.telemetry;
    let (words, numbers) = (cx.words, cx.words.numbers());
    ui.set_max_width(360.0 * cx.theme.growth());
    ui.set_min_width(280.0 * cx.theme.growth());
    egui::Frame::new().inner_margin(egui::Margin::same(12)).show(ui, |ui| {
        ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
            if let Some(encoder) = &telemetry.encoder {
                text::strong(ui, cx.theme, &encoder.name);
                text::quiet(ui, cx.theme, &encoder.reason);
                ui.add_space(space::S);
            }
            table(ui, cx, "sent", |row| {
                row("studio-captured", &numbers.full(telemetry.captured));
                let upload = telemetry.upload_kbps.map_or_else(|| words.text("stats-unknown"), |kbps| words.rate(kbps));
                row("studio-upload", &upload);
                let unknown = || words.text("stats-unknown");
                let copies = telemetry.copies.map_or_else(unknown, |copies| format!("{copies:.1}"));
                row("studio-copies", &copies);
                let offload = telemetry.offload.map_or_else(unknown, |share| words.percent(share));
                row("studio-offload", &offload);
            });
            ui.add_space(space::S);
            text::strong(ui, cx.theme, &words.text("studio-drops"));
            if telemetry.dropped_total() == 0 {
                text::quiet(ui, cx.theme, &words.text("studio-drops-none"));
            } else {
                named(
                    ui,
                    cx,
                    "drops",
                    telemetry.dropped.iter().map(|(name, count)| (stage(cx, name), numbers.full(*count))),
                );
            }
            if !telemetry.stage_ms.is_empty() {
                ui.add_space(space::S);
                text::strong(ui, cx.theme, &words.text("studio-stage-time"));
                let times = telemetry.stage_ms.iter().map(|(name, (half, most))| {
                    (stage(cx, name), words.unit("milliseconds", &format!("{half:.1} / {most:.1}")))
                });
                named(ui, cx, "times", times);
            }
        });
    });
}

fn table(ui: &mut Ui, cx: &Cx<'_>, id: &str, rows: impl FnOnce(&mut dyn FnMut(&str, &str))) {
    let mut all = Vec::new();
    rows(&mut |key, value| all.push((cx.text(key), value.to_owned())));
    named(ui, cx, id, all.into_iter());
}

fn named(ui: &mut Ui, cx: &Cx<'_>, id: &str, rows: impl Iterator<Item = (String, String)>) {
    Grid::new(id).num_columns(2).spacing([space::XL, space::XS]).min_col_width(120.0).show(ui, |ui| {
        for (name, value) in rows {
            text::cell(ui, cx.theme, &name, Weight::Regular, cx.theme.colors.quiet);
            text::cell(ui, cx.theme, &value, Weight::Regular, cx.theme.colors.text);
            ui.end_row();
        }
    });
}
