//! A switch that is on or off.

use egui::{CornerRadius, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::button::focus_ring;
use super::icon;
use crate::theme::Theme;

/// Draws a switch; `true` when it was turned.
pub fn show(ui: &mut Ui, theme: &Theme, on: bool, label: &str) -> Response {
    let size = vec2(44.0, theme.hit().max(24.0));
    let (rect, mut response) = ui.allocate_exact_size(size, Sense::click());
    if response.clicked() {
        response.mark_changed();
    }
    let turned = on != response.changed();
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, turned, label));
    let share = ui.ctx().animate_bool_responsive(response.id, turned);
    let track = egui::Rect::from_center_size(rect.center(), vec2(40.0, 22.0));
    let colors = theme.colors;
    let ground = colors.line.lerp_to_gamma(colors.accent, share);
    ui.painter().rect_filled(track, CornerRadius::same(11), ground);
    let x = egui::lerp(track.left() + 11.0..=track.right() - 11.0, share);
    let knob = pos2(x, track.center().y);
    let front = if turned { colors.on_accent } else { colors.text };
    ui.painter().circle_filled(knob, 8.0, front);
    if turned {
        // Not by colour alone.
        let font = egui::FontId::new(11.0, egui::FontFamily::Proportional);
        ui.painter().text(knob, egui::Align2::CENTER_CENTER, icon::CHECK, font, ground);
    }
    if response.has_focus() {
        focus_ring(ui, theme, rect, false);
    }
    response
}
