//! A place to write one line.

use egui::{Align2, Id, Margin, Response, TextEdit, Ui, vec2};

use crate::theme::{Theme, Type, Weight, space};

/// A place to write one line.
pub struct Field<'a> {
    label: &'a str,
    hint: String,
    id: Option<Id>,
    width: f32,
    limit: usize,
    secret: bool,
    icon: Option<&'a str>,
    enabled: bool,
}

impl<'a> Field<'a> {
    /// A field that a screen reader calls `label`.
    pub fn new(label: &'a str) -> Self {
        let hint = String::new();
        Self { label, hint, id: None, width: f32::INFINITY, limit: 200, secret: false, icon: None, enabled: true }
    }

    /// What stands in it while it is empty.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// By which the keyboard is put into it.
    pub fn id(mut self, id: Id) -> Self {
        self.id = Some(id);
        self
    }

    /// So wide at most.
    pub fn width(mut self, width: f32) -> Self {
        self.width = width;
        self
    }

    /// So many characters at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Shows dots.
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// An icon in front.
    pub fn icon(mut self, icon: &'a str) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Whether one can write.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Draws it.
    pub fn show(self, ui: &mut Ui, theme: &Theme, text: &mut String) -> Response {
        let height = theme.control_height();
        let width = self.width.min(ui.available_width());
        let faint = theme.colors.faint;
        let side = space::M as i8;
        let mut edit = TextEdit::singleline(text)
            .font(theme.font(Type::Body, Weight::Regular))
            .hint_text(egui::RichText::new(self.hint).color(faint))
            .char_limit(self.limit)
            .password(self.secret)
            .margin(Margin::symmetric(side, 0))
            .align(Align2::LEFT_CENTER)
            .min_size(vec2(width, height))
            .desired_width(width - 2.0 * space::M);
        if let Some(icon) = self.icon {
            edit = edit.prefix(egui::RichText::new(icon).font(theme.icon(16.0, false)).color(faint));
        }
        if let Some(id) = self.id {
            edit = edit.id(id);
        }
        let inner = ui.scope(|ui| {
            // egui rings a field that has the keyboard with this.
            ui.visuals_mut().selection.stroke = egui::Stroke::new(2.0, theme.colors.accent);
            ui.add_enabled(self.enabled, edit)
        });
        inner.inner.accessible_name(self.label)
    }
}
