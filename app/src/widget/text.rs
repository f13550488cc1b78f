//! Text in the tokens' sizes, weights and colours.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align, Color32, Galley, Label, Response, RichText, Ui};

use crate::theme::{Theme, Type, Weight};

/// Text of a size, weight and colour.
pub fn rich(theme: &Theme, text: impl Into<String>, of: Type, weight: Weight, color: Color32) -> RichText {
    RichText::new(text).font(theme.font(of, weight)).line_height(Some(theme.line(of))).color(color)
}

/// The title of a page or group.
pub fn title(ui: &mut Ui, theme: &Theme, text: &str) -> Response {
    let text = rich(theme, text, Type::Title, Weight::Strong, theme.colors.text);
    let response = ui.add(Label::new(text).wrap());
    heading(ui, &response);
    response
}

/// Tells screen readers that a text is a heading.
pub fn heading(ui: &Ui, response: &Response) {
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::Role::Heading);
        if let Some(words) = node.value().map(str::to_owned) {
            node.set_label(words);
        }
    });
}

/// A cell of a table: never broken into lines.
pub fn cell(ui: &mut Ui, theme: &Theme, text: &str, weight: Weight, color: Color32) -> Response {
    ui.add(Label::new(rich(theme, text, Type::Body, weight, color)).extend())
}

/// A name or sentence that matters.
pub fn strong(ui: &mut Ui, theme: &Theme, text: &str) -> Response {
    ui.add(Label::new(rich(theme, text, Type::Body, Weight::Strong, theme.colors.text)).wrap())
}

/// Something to read.
pub fn body(ui: &mut Ui, theme: &Theme, text: &str) -> Response {
    ui.add(Label::new(rich(theme, text, Type::Body, Weight::Regular, theme.colors.text)).wrap())
}

/// A label or explanation.
pub fn quiet(ui: &mut Ui, theme: &Theme, text: &str) -> Response {
    ui.add(Label::new(rich(theme, text, Type::Body, Weight::Regular, theme.colors.quiet)).wrap())
}

/// A hint.
pub fn hint(ui: &mut Ui, theme: &Theme, text: &str) -> Response {
    ui.add(Label::new(rich(theme, text, Type::Small, Weight::Regular, theme.colors.faint)).wrap())
}

/// One line that ends in an ellipsis where it does not fit; the whole of it on hover.
pub fn line(ui: &mut Ui, theme: &Theme, text: &str, of: Type, weight: Weight, color: Color32) -> Response {
    ui.add(Label::new(rich(theme, text, of, weight, color)).truncate())
}

/// How a piece of text is written.
pub fn format(theme: &Theme, of: Type, weight: Weight, color: Color32) -> TextFormat {
    let (font_id, line_height) = (theme.font(of, weight), Some(theme.line(of)));
    TextFormat { font_id, line_height, color, valign: Align::Center, ..TextFormat::default() }
}

/// Lays text out within a width and a number of lines.
pub fn layout(
    ui: &Ui,
    theme: &Theme,
    text: &str,
    (of, weight): (Type, Weight),
    color: Color32,
    width: f32,
    lines: usize,
) -> Arc<Galley> {
    let format = format(theme, of, weight, color);
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap = TextWrapping {
        max_width: width.max(1.0),
        max_rows: lines,
        break_anywhere: lines == 1,
        ..TextWrapping::default()
    };
    ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
}
