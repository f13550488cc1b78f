//! Where the bytes of the last minute came from, second by second, as one stacked plot.

use egui::{Color32, Painter, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::i18n::Value;
use crate::state::{Flow, HISTORY_SECONDS, History};
use crate::theme::{Theme, Type, Weight, space};
use crate::ui::Cx;
use crate::widget::text;

/// Height of the plot itself.
const HEIGHT: f32 = 88.0;
/// Distance of the lines and dots that tell the parts apart for who sees no colours, in points.
const PATTERN: f32 = 4.0;

/// Who gave the bytes; also how a part of the plot is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Other viewers: full.
    Viewers,
    /// The broadcaster: lines.
    Broadcaster,
    /// The server: dots.
    Server,
}

impl Part {
    /// From the ground up.
    pub(super) const ALL: [Self; 3] = [Self::Viewers, Self::Broadcaster, Self::Server];

    /// The Fluent key of its name.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Viewers => "swarm-viewers",
            Self::Broadcaster => "swarm-broadcaster",
            Self::Server => "swarm-server",
        }
    }

    fn color(self, theme: &Theme) -> Color32 {
        match self {
            Self::Viewers => theme.colors.accent,
            // Not the good green, which in the light theme is next to the accent.
            Self::Broadcaster => theme.colors.quiet,
            Self::Server => theme.colors.warn,
        }
    }

    fn of(self, flow: &Flow) -> f64 {
        match self {
            Self::Viewers => flow.from_peers,
            Self::Broadcaster => flow.from_publisher,
            Self::Server => flow.from_server,
        }
    }

    /// Fills a place the way this part is filled, in the plot and beside its name.
    pub(super) fn fill(self, painter: &Painter, theme: &Theme, rect: Rect) {
        let color = self.color(theme);
        match self {
            Self::Viewers => {
                painter.rect_filled(rect, 0.0, color);
            }
            Self::Broadcaster => {
                painter.rect_filled(rect, 0.0, color.gamma_multiply(0.35));
                let mut y = (rect.top() / PATTERN).ceil() * PATTERN;
                while y < rect.bottom() {
                    painter.hline(rect.x_range(), y, Stroke::new(1.5, color));
                    y += PATTERN;
                }
            }
            Self::Server => {
                painter.rect_filled(rect, 0.0, color.gamma_multiply(0.3));
                let mut y = (rect.top() / PATTERN).ceil() * PATTERN;
                while y < rect.bottom() {
                    let shift = if (y / PATTERN) as i64 % 2 == 0 { 0.0 } else { PATTERN / 2.0 };
                    let mut x = ((rect.left() - shift) / PATTERN).ceil() * PATTERN + shift;
                    while x < rect.right() {
                        painter.rect_filled(Rect::from_min_size(pos2(x, y), vec2(2.0, 2.0)), 0.0, color);
                        x += PATTERN;
                    }
                    y += PATTERN;
                }
            }
        }
    }
}

/// Draws the plot over the whole width, with its axes.
pub(super) fn show(ui: &mut Ui, cx: &Cx<'_>, history: &History) {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    let small =
        |ui: &Ui, words: &str| text::layout(ui, theme, words, (Type::Small, Weight::Regular), colors.faint, 160.0, 1);
    let most = history.seconds().map(Flow::received).fold(0.0, f64::max);
    let top_kbps = ceiling(most * 8.0 / 1000.0);
    let (top, half) = (small(ui, &cx.words.rate(top_kbps)), small(ui, &cx.words.rate(top_kbps / 2)));
    let (before, now) = (small(ui, &cx.text("swarm-plot-ago")), small(ui, &cx.text("swarm-plot-now")));
    let left = top.size().x.max(half.size().x) + space::S;
    let (rect, response) = ui.allocate_exact_size(
        vec2(ui.available_width(), HEIGHT * theme.growth() + before.size().y + space::XS),
        Sense::hover(),
    );
    let plot = Rect::from_min_max(
        pos2(rect.left() + left, rect.top() + top.size().y / 2.0),
        pos2(rect.right(), rect.bottom() - before.size().y - space::XS),
    );
    let label = summary(cx, history);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::Role::Image);
        node.set_label(label);
    });
    if history.seconds().len() == 0 {
        ui.painter().hline(plot.x_range(), plot.bottom().round(), Stroke::new(1.0, colors.line));
        let words = small(ui, &cx.text("swarm-plot-empty"));
        ui.painter().galley(plot.center() - words.size() / 2.0, words, colors.faint);
        return;
    }
    for (share, words) in [(1.0, Some(top)), (0.5, Some(half)), (0.0, None)] {
        let y = (plot.bottom() - plot.height() * share).round();
        ui.painter().hline(plot.x_range(), y, Stroke::new(1.0, colors.line));
        if let Some(words) = words {
            let at = pos2(plot.left() - space::S - words.size().x, y - words.size().y / 2.0);
            ui.painter().galley(at, words, colors.faint);
        }
    }
    let foot = plot.bottom() + space::XS;
    let right = plot.right() - now.size().x;
    ui.painter().galley(pos2(plot.left(), foot), before, colors.faint);
    ui.painter().galley(pos2(right, foot), now, colors.faint);
    let scale = f64::from(plot.height()) / (f64::from(top_kbps) * 1000.0 / 8.0);
    let step = plot.width() / HISTORY_SECONDS as f32;
    let painter = ui.painter().with_clip_rect(plot.expand(0.5).intersect(ui.clip_rect()));
    for (back, second) in history.seconds().rev().enumerate() {
        let end = plot.right() - back as f32 * step;
        let mut bottom = plot.bottom();
        for part in Part::ALL {
            let height = (part.of(second) * scale) as f32;
            let place = Rect::from_min_max(pos2(end - step, bottom - height), pos2(end, bottom));
            if height > 0.2 {
                part.fill(&painter, theme, place);
            }
            bottom -= height;
        }
    }
    hover(ui, cx, &response, plot, history);
}

/// What came in the second under the pointer.
fn hover(ui: &Ui, cx: &Cx<'_>, response: &egui::Response, plot: Rect, history: &History) {
    let Some(pointer) = response.hover_pos().filter(|at| plot.contains(*at)) else { return };
    let back = ((plot.right() - pointer.x) / plot.width() * HISTORY_SECONDS as f32) as usize;
    let Some(second) = history.seconds().rev().nth(back) else { return };
    let x = pointer.x.round();
    ui.painter().vline(x, plot.y_range(), Stroke::new(1.0, cx.theme.colors.text));
    response.clone().on_hover_ui_at_pointer(|ui| {
        let ago = cx.words.fill("swarm-plot-second", "seconds", &(back + 1).to_string());
        text::strong(ui, cx.theme, &ago);
        for part in Part::ALL.into_iter().rev() {
            let rate = cx.words.rate(kbps(part.of(second)));
            let words = cx
                .words
                .with("swarm-plot-part", &[("name", Value::Text(&cx.text(part.key()))), ("rate", Value::Text(&rate))]);
            text::body(ui, cx.theme, &words);
        }
    });
}

/// The plot in words.
pub(super) fn summary(cx: &Cx<'_>, history: &History) -> String {
    let total = history.total();
    let bytes = |bytes: f64| cx.words.bytes(bytes as u64);
    cx.words.with(
        "swarm-plot-summary",
        &[
            ("viewers", Value::Text(&bytes(total.from_peers))),
            ("broadcaster", Value::Text(&bytes(total.from_publisher))),
            ("server", Value::Text(&bytes(total.from_server))),
        ],
    )
}

/// Bytes of a second as kilobits a second.
pub(super) fn kbps(bytes: f64) -> u32 {
    (bytes * 8.0 / 1000.0).round().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// The round number, in kilobits a second, up to which the axis goes; at least 100 and even, since half of it is shown too.
fn ceiling(kbps: f64) -> u32 {
    let powers = (2..8).map(|power| 10_u32.pow(power));
    let rounds = powers.flat_map(|power| [1, 2, 3, 4, 5, 6, 8].map(|digit| digit * power));
    rounds.into_iter().find(|round| f64::from(*round) >= kbps).unwrap_or(100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        let kbps = [0.0, 99.0, 100.0, 101.0, 230.0, 620.0, 2_600.0, 7_000.0, 9_000.0, 1e12];
        assert_eq!(kbps.map(ceiling), [100, 100, 100, 200, 300, 800, 3_000, 8_000, 10_000, 100_000_000]);
    }
}
