//! Buttons: one primary action a screen, the rest quiet.

use egui::{Color32, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use super::text;
use crate::theme::{Theme, Type, Weight, space};

/// How loud a button is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one primary action on a screen.
    Primary,
    /// On air, or something that cannot be undone.
    Live,
    /// One of several things to do.
    Plain,
    /// No ground until pointed at.
    Quiet,
    /// Lies on a picture.
    OnPicture,
}

/// A button with an icon, words or both.
pub struct Button<'a> {
    label: &'a str,
    icon: Option<&'a str>,
    filled: bool,
    words: bool,
    kind: Kind,
    enabled: bool,
    selected: Option<bool>,
    shortcut: Option<&'a str>,
    width: Option<f32>,
    tall: bool,
    start: bool,
    tint: Option<Color32>,
}

impl<'a> Button<'a> {
    /// A button that says what it does.
    pub fn new(label: &'a str) -> Self {
        Self {
            label,
            icon: None,
            filled: false,
            words: true,
            kind: Kind::Plain,
            enabled: true,
            selected: None,
            shortcut: None,
            width: None,
            tall: false,
            start: false,
            tint: None,
        }
    }

    /// A button that is an icon; its words are for screen readers and the tooltip.
    pub fn icon(icon: &'a str, label: &'a str) -> Self {
        Self { icon: Some(icon), words: false, kind: Kind::Quiet, ..Self::new(label) }
    }

    /// Adds an icon before the words.
    pub fn with_icon(mut self, icon: &'a str) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Fills the icon.
    pub fn filled(mut self, filled: bool) -> Self {
        self.filled = filled;
        self
    }

    /// How loud it is.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Whether it can be used.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Shows it as one of several that is chosen, or a switch that is on.
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = Some(selected);
        self
    }

    /// The keys that do the same, for the tooltip.
    pub fn shortcut(mut self, keys: &'a str) -> Self {
        self.shortcut = Some(keys);
        self
    }

    /// Exactly so wide.
    pub fn width(mut self, width: f32) -> Self {
        self.width = Some(width);
        self
    }

    /// As high as a primary action.
    pub fn tall(mut self) -> Self {
        self.tall = true;
        self
    }

    /// Words at the start instead of the middle, as in a list.
    pub fn at_start(mut self) -> Self {
        self.start = true;
        self
    }

    /// Another colour for icon and words.
    pub fn tint(mut self, color: Color32) -> Self {
        self.tint = Some(color);
        self
    }

    /// Draws it.
    pub fn show(self, ui: &mut Ui, theme: &Theme) -> Response {
        let height = if self.tall { theme.primary_height() } else { theme.control_height() };
        let padding = if self.words { space::M } else { 0.0 };
        let icon_points = if self.tall || self.kind == Kind::OnPicture || !self.words { 20.0 } else { 16.0 };
        let icon = self.icon.map(|icon| {
            ui.painter().layout_no_wrap(icon.to_owned(), theme.icon(icon_points, self.filled), Color32::PLACEHOLDER)
        });
        let icon_width = icon.as_ref().map_or(0.0, |icon| icon.size().x);
        let gap = if icon.is_some() && self.words { space::S } else { 0.0 };
        let room = self.width.unwrap_or_else(|| ui.available_width()) - 2.0 * padding - icon_width - gap;
        let weight = if matches!(self.kind, Kind::Primary | Kind::Live) { Weight::Strong } else { Weight::Regular };
        let words = self.words.then(|| {
            text::layout(ui, theme, self.label, (Type::Body, weight), Color32::PLACEHOLDER, room.max(24.0), 1)
        });
        let content = icon_width + gap + words.as_ref().map_or(0.0, |words| words.size().x);
        let width = self.width.unwrap_or_else(|| (content + 2.0 * padding).max(height));
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(vec2(width, height), sense);
        response.widget_info(|| match self.selected {
            Some(selected) => WidgetInfo::selected(Role::Button, self.enabled, selected, self.label),
            None => WidgetInfo::labeled(Role::Button, self.enabled, self.label),
        });

        if ui.is_rect_visible(rect) {
            let front = self.paint_ground(ui, theme, rect, &response);
            let mut x = if self.start { rect.left() + padding } else { rect.center().x - content / 2.0 };
            for galley in icon.into_iter().chain(words) {
                let at = pos2(x, rect.center().y - galley.size().y / 2.0);
                x += galley.size().x + gap;
                ui.painter().galley(at.round(), galley, front);
            }
        }
        self.tooltip(response)
    }

    fn paint_ground(&self, ui: &Ui, theme: &Theme, rect: Rect, response: &Response) -> Color32 {
        let colors = theme.colors;
        let hover = self.enabled && (response.hovered() || response.has_focus());
        let down = self.enabled && response.is_pointer_button_down_on();
        let lift = if down {
            0.16
        } else if hover {
            0.08
        } else {
            0.0
        };
        let chosen = self.selected == Some(true);
        let lifted = |fill: Color32| fill.lerp_to_gamma(colors.text, lift);
        let (fill, front) = match self.kind {
            _ if !self.enabled && self.kind == Kind::Quiet => (Color32::TRANSPARENT, colors.faint),
            _ if !self.enabled && self.kind != Kind::OnPicture => (colors.raised, colors.faint),
            Kind::Primary => (colors.accent.lerp_to_gamma(colors.text, lift), colors.on_accent),
            Kind::Live => (colors.live.lerp_to_gamma(colors.text, lift), colors.on_live),
            Kind::Plain => (lifted(colors.raised), colors.text),
            Kind::Quiet if chosen => (lifted(colors.raised), colors.text),
            Kind::Quiet if hover || down => (lifted(colors.raised), colors.text),
            Kind::Quiet => (Color32::TRANSPARENT, colors.quiet),
            Kind::OnPicture if hover || down => (Color32::from_white_alpha(40), theme.picture.text),
            Kind::OnPicture => (Color32::TRANSPARENT, theme.picture.text),
        };
        let corners = theme.control_corners();
        ui.painter().rect_filled(rect, corners, fill);
        if response.has_focus() {
            focus_ring(ui, theme, rect, self.kind == Kind::OnPicture);
        }
        self.tint.filter(|_| self.enabled).unwrap_or(front)
    }

    fn tooltip(&self, response: Response) -> Response {
        match (self.words, self.shortcut) {
            (false, Some(keys)) => response.on_hover_text(format!("{} ({keys})", self.label)),
            (false, None) => response.on_hover_text(self.label),
            (true, Some(keys)) => response.on_hover_text(keys),
            (true, None) => response,
        }
    }
}

/// The ring around what the keyboard is on.
pub(super) fn focus_ring(ui: &Ui, theme: &Theme, rect: Rect, on_picture: bool) {
    let color = if on_picture { theme.picture.accent } else { theme.colors.accent };
    ui.painter().rect_stroke(rect, theme.control_corners(), Stroke::new(2.0, color), StrokeKind::Inside);
}

/// Keeps a square of the smallest size that can be hit.
pub(super) fn at_least(size: Vec2, least: f32) -> Vec2 {
    size.max(Vec2::splat(least))
}
