//! The shape of what will come, while it comes.

use egui::{CornerRadius, Rect, Ui};

use crate::theme::Theme;

/// A bar or block in the place of something that loads.
///
/// It does not pulse: movement that says nothing costs a repaint each frame.
pub fn block(ui: &Ui, theme: &Theme, rect: Rect, corners: CornerRadius) {
    ui.painter().rect_filled(rect, corners, theme.colors.raised);
}
