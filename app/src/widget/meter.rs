//! How loud it is.

use egui::{Color32, CornerRadius, Rect, Role, Sense, Ui, pos2, vec2};

use crate::theme::Theme;

/// The quietest a meter shows, in decibels.
const FLOOR: f32 = -60.0;
/// Louder than this is close to clipping.
const HOT: f32 = -12.0;
/// Louder than this clips sooner or later.
const CLIPPING: f32 = -3.0;

/// Where on a meter a level lies, 0 to 1.
pub fn share(db: f32) -> f32 {
    if db.is_nan() { 0.0 } else { ((db - FLOOR) / -FLOOR).clamp(0.0, 1.0) }
}

/// A bar of loudness with a tick for the peak.
pub fn show(ui: &mut Ui, theme: &Theme, label: &str, (peak, loudness): (f32, f32), width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 8.0), Sense::hover());
    let colors = theme.colors;
    let painter = ui.painter();
    let corners = CornerRadius::same(4);
    painter.rect_filled(rect, corners, colors.raised);
    let at = |db: f32| rect.left() + rect.width() * share(db);
    let zones = [(FLOOR, HOT, colors.good), (HOT, CLIPPING, colors.warn), (CLIPPING, 0.0, colors.live)];
    for (from, to, color) in zones {
        let end = loudness.min(to);
        if end > from {
            bar(painter, rect, corners, (at(from), at(end)), color);
        }
    }
    if peak > FLOOR {
        let color = zones.iter().rev().find(|(from, ..)| peak > *from).map_or(colors.good, |zone| zone.2);
        bar(painter, rect, corners, (at(peak) - 2.0, at(peak)), color);
    }
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Meter);
        node.set_label(label);
        node.set_numeric_value(f64::from(loudness.clamp(FLOOR, 0.0)));
        node.set_min_numeric_value(f64::from(FLOOR));
        node.set_max_numeric_value(0.0);
    });
}

fn bar(painter: &egui::Painter, rect: Rect, corners: CornerRadius, (from, to): (f32, f32), color: Color32) {
    let clip = Rect::from_min_max(pos2(from, rect.top()), pos2(to, rect.bottom()));
    painter.with_clip_rect(clip.intersect(painter.clip_rect())).rect_filled(rect, corners, color);
}

/// The marks under a meter.
pub fn scale(ui: &mut Ui, theme: &Theme, width: f32) {
    let font = theme.font(crate::theme::Type::Small, crate::theme::Weight::Regular);
    let height = ui.ctx().fonts_mut(|fonts| fonts.row_height(&font));
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    // From the loud end, where it matters; what has no room is left out.
    let mut free = rect.right() + 1.0;
    for db in [-60, 0, -3, -12, -20, -40] {
        let x = rect.left() + rect.width() * share(db as f32);
        let half = theme.size(crate::theme::Type::Small) * 1.2;
        if db != 0 && db != -60 && x + half > free {
            continue;
        }
        if db != -60 {
            free = x - half;
        }
        let align = match db {
            -60 => egui::Align2::LEFT_TOP,
            0 => egui::Align2::RIGHT_TOP,
            _ => egui::Align2::CENTER_TOP,
        };
        let words = if db == 0 { "0".to_owned() } else { format!("−{}", -db) };
        ui.painter().text(pos2(x, rect.top()), align, words, font.clone(), theme.colors.faint);
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn levels_lie_between_silence_and_full_scale() {
        assert_eq!([f32::NEG_INFINITY, -90.0, -60.0, -30.0, 0.0, 6.0].map(share), [0.0, 0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(share(f32::NAN), 0.0);
    }
}
