//! A slider with a name.

use std::ops::RangeInclusive;

use egui::{Color32, Response, Ui};

use crate::theme::Theme;

/// Where a slider lies, which decides its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// On a panel.
    Panel,
    /// On a picture.
    Picture,
}

/// Draws a slider of a width; it moves in steps.
pub fn show(
    ui: &mut Ui,
    theme: &Theme,
    label: &str,
    value: &mut f32,
    (range, step): (RangeInclusive<f32>, f64),
    width: f32,
    ground: Ground,
) -> Response {
    let inner = ui.scope(|ui| {
        let (accent, rail, knob) = match ground {
            Ground::Panel => (theme.colors.accent, theme.colors.line, theme.colors.text),
            Ground::Picture => (theme.picture.accent, Color32::from_gray(96), theme.picture.text),
        };
        let visuals = ui.visuals_mut();
        visuals.selection.bg_fill = accent;
        let looks = [
            (&mut visuals.widgets.inactive, accent),
            (&mut visuals.widgets.hovered, knob),
            (&mut visuals.widgets.active, knob),
        ];
        for (look, edge) in looks {
            look.bg_fill = rail;
            look.fg_stroke = egui::Stroke::new(2.0, edge);
        }
        ui.spacing_mut().slider_width = width;
        ui.spacing_mut().interact_size.y = 20.0;
        ui.add(egui::Slider::new(value, range).step_by(step).show_value(false).trailing_fill(true))
    });
    inner.inner.accessible_name(label)
}
