//! Small words on a coloured ground.

use egui::{Color32, Painter, Pos2, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::button::{at_least, focus_ring};
use super::text;
use crate::theme::{Theme, Type, Weight, space};

/// Colours of a badge.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Its ground.
    pub ground: Color32,
    /// Its words.
    pub front: Color32,
}

impl Paint {
    /// On air.
    pub fn live(theme: &Theme) -> Self {
        Self { ground: theme.picture.live, front: theme.picture.on_live }
    }

    /// Anything else that lies on a picture.
    pub fn scrim(theme: &Theme) -> Self {
        Self { ground: theme.picture.scrim, front: theme.picture.text }
    }

    /// On a panel.
    pub fn plain(theme: &Theme) -> Self {
        Self { ground: theme.colors.raised, front: theme.colors.quiet }
    }
}

/// Draws a badge with its left upper corner at a point, over whatever is there; gives the room it took.
pub fn paint(ui: &Ui, painter: &Painter, theme: &Theme, at: Pos2, words: &str, paint: Paint) -> Rect {
    let galley = text::layout(ui, theme, words, (Type::Small, Weight::Strong), paint.front, 400.0, 1);
    let size = galley.size() + vec2(space::S * 1.5, space::XS);
    let rect = Rect::from_min_size(at, size);
    painter.rect_filled(rect, egui::CornerRadius::same(4), paint.ground);
    painter.galley((rect.center() - galley.size() / 2.0).round(), galley, paint.front);
    rect
}

/// A badge that can be pressed.
pub fn button(ui: &mut Ui, theme: &Theme, icon: Option<&str>, words: &str, look: Paint, label: &str) -> Response {
    let galley = text::layout(ui, theme, words, (Type::Small, Weight::Strong), look.front, 400.0, 1);
    let icon = icon.map(|icon| ui.painter().layout_no_wrap(icon.to_owned(), theme.icon(14.0, false), look.front));
    let icon_width = icon.as_ref().map_or(0.0, |icon| icon.size().x + space::XS);
    let inner = vec2(galley.size().x + icon_width + space::L, galley.size().y + space::S);
    let (rect, response) = ui.allocate_exact_size(at_least(inner, theme.hit()), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, label));
    let ground = Rect::from_center_size(rect.center(), vec2(rect.width(), inner.y.min(rect.height())));
    let fill = if response.hovered() { look.ground.lerp_to_gamma(look.front, 0.12) } else { look.ground };
    ui.painter().rect_filled(ground, theme.control_corners(), fill);
    let mut x = ground.center().x - (galley.size().x + icon_width) / 2.0;
    for (part, width) in [(icon, icon_width), (Some(galley), 0.0)] {
        if let Some(part) = part {
            ui.painter().galley(pos2(x, ground.center().y - part.size().y / 2.0).round(), part, look.front);
        }
        x += width;
    }
    if response.has_focus() {
        focus_ring(ui, theme, rect, true);
    }
    response.on_hover_text(label)
}
