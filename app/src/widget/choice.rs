//! One of a few, side by side; or one of many, in a list.

use egui::{Color32, ComboBox, CornerRadius, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::button::focus_ring;
use super::{icon, text};
use crate::theme::{Theme, Type, Weight, space};

/// A few choices side by side; gives the one that was picked.
pub fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    theme: &Theme,
    label: &str,
    current: T,
    all: &[(T, String)],
) -> Option<T> {
    let mut picked = None;
    // Wide enough for either weight, so that nothing moves when the choice does.
    let width = |ui: &Ui, words: &str| {
        let galley = text::layout(ui, theme, words, (Type::Body, Weight::Strong), theme.colors.text, 240.0, 1);
        galley.size().x + 2.0 * space::M
    };
    let widths: Vec<f32> = all.iter().map(|(_, words)| width(ui, words)).collect();
    let total = widths.iter().sum::<f32>() + 2.0 * (all.len() as f32 + 1.0);
    let (rect, group) = ui.allocate_exact_size(vec2(total, theme.control_height()), Sense::hover());
    ui.painter().rect_filled(rect, theme.control_corners(), theme.colors.raised);
    ui.ctx().accesskit_node_builder(group.id, |node| {
        node.set_role(Role::RadioGroup);
        node.set_label(label);
    });
    let mut left = rect.left() + 2.0;
    for (index, ((value, words), width)) in all.iter().zip(widths).enumerate() {
        let place = Rect::from_min_size(pos2(left, rect.top() + 2.0), vec2(width, rect.height() - 4.0));
        left += width + 2.0;
        if segment(ui, theme, place, group.id.with(index), words, *value == current) {
            picked = Some(*value);
        }
    }
    picked.filter(|picked| *picked != current)
}

fn segment(ui: &Ui, theme: &Theme, rect: Rect, id: egui::Id, words: &str, chosen: bool) -> bool {
    let colors = theme.colors;
    let color = if chosen { colors.text } else { colors.quiet };
    let weight = if chosen { Weight::Strong } else { Weight::Regular };
    let galley = text::layout(ui, theme, words, (Type::Body, weight), color, 240.0, 1);
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, words));
    let corners = CornerRadius::same(4);
    if chosen {
        ui.painter().rect_filled(rect, corners, colors.surface);
        let edge = egui::Stroke::new(1.0, colors.accent);
        ui.painter().rect_stroke(rect, corners, edge, egui::StrokeKind::Inside);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, corners, colors.raised.lerp_to_gamma(colors.text, 0.08));
    }
    ui.painter().galley((rect.center() - galley.size() / 2.0).round(), galley, color);
    if response.has_focus() {
        focus_ring(ui, theme, rect, false);
    }
    response.clicked()
}

/// Many choices in a list that opens; gives the one that was picked.
pub fn select<T: Clone + PartialEq>(
    ui: &mut Ui,
    theme: &Theme,
    label: &str,
    width: f32,
    current: &T,
    all: &[(T, String)],
) -> Option<T> {
    let words = all.iter().find(|(value, _)| value == current).map_or("", |(_, words)| words.as_str());
    let mut picked = None;
    let response = ComboBox::from_id_salt(label)
        .width(width)
        .truncate()
        .selected_text(words)
        .icon(caret(theme))
        .show_ui(ui, |ui| {
            for (value, words) in all {
                let chosen = value == current;
                if ui.selectable_label(chosen, words).clicked() && !chosen {
                    picked = Some(value.clone());
                }
            }
        })
        .response;
    response.accessible_name(label);
    picked
}

/// The mark of a list that opens.
fn caret(theme: &Theme) -> impl FnOnce(&Ui, Rect, &egui::style::WidgetVisuals, bool) + use<> {
    let font = theme.icon(14.0, false);
    move |ui, rect, visuals, open| {
        let glyph = if open { icon::CARET_UP } else { icon::CARET_DOWN };
        ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, glyph, font, visuals.fg_stroke.color);
    }
}

/// One of many choices below each other, with an icon.
pub fn row(ui: &mut Ui, theme: &Theme, glyph: &str, name: &str, chosen: bool) -> Response {
    let colors = theme.colors;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme.control_height()), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, name));
    let fill = if chosen || response.hovered() { colors.raised } else { Color32::TRANSPARENT };
    ui.painter().rect_filled(rect, theme.control_corners(), fill);
    let front = if chosen { colors.text } else { colors.quiet };
    let accent = if chosen { colors.accent } else { colors.quiet };
    let middle = rect.center().y;
    ui.painter().text(
        pos2(rect.left() + 18.0, middle),
        egui::Align2::CENTER_CENTER,
        glyph,
        theme.icon(16.0, chosen),
        accent,
    );
    let room = rect.width() - 36.0 - if chosen { 28.0 } else { space::S };
    let weight = if chosen { Weight::Strong } else { Weight::Regular };
    let galley = text::layout(ui, theme, name, (Type::Body, weight), front, room, 1);
    let elided = galley.elided;
    ui.painter().galley(pos2(rect.left() + 36.0, middle - galley.size().y / 2.0).round(), galley, front);
    if chosen {
        let at = pos2(rect.right() - 16.0, middle);
        ui.painter().text(at, egui::Align2::CENTER_CENTER, icon::CHECK, theme.icon(16.0, false), accent);
    }
    if response.has_focus() {
        focus_ring(ui, theme, rect, false);
    }
    if elided { response.on_hover_text(name) } else { response }
}

/// A large choice with words under it, as on a card: whether it was picked.
pub fn tile(ui: &mut Ui, theme: &Theme, icon: &str, words: (&str, &str), chosen: bool, width: f32) -> bool {
    let colors = theme.colors;
    let (name, about) = words;
    let inner = width - 2.0 * space::L;
    let icon = ui.painter().layout_no_wrap(icon.to_owned(), theme.icon(20.0, false), colors.accent);
    let name_galley = text::layout(ui, theme, name, (Type::Lead, Weight::Strong), colors.text, inner, 2);
    let about_galley = text::layout(ui, theme, about, (Type::Body, Weight::Regular), colors.quiet, inner, 4);
    let about_height = if about.is_empty() { 0.0 } else { (3.0 * theme.line(Type::Body)).max(about_galley.size().y) };
    let height = 2.0 * space::L + icon.size().y + space::S + name_galley.size().y + space::XS + about_height;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, name));
    let fill = if response.hovered() { colors.raised } else { colors.surface };
    let edge = if chosen { egui::Stroke::new(2.0, colors.accent) } else { egui::Stroke::new(1.0, colors.line) };
    ui.painter().rect(rect, theme.card_corners(), fill, edge, egui::StrokeKind::Inside);
    let mut at = rect.min + vec2(space::L, space::L);
    for (galley, gap) in [(icon, space::S), (name_galley, space::XS), (about_galley, 0.0)] {
        let step = galley.size().y + gap;
        ui.painter().galley(at, galley, colors.text);
        at.y += step;
    }
    if response.has_focus() {
        focus_ring(ui, theme, Rect::from_min_max(rect.min, rect.max), false);
    }
    response.clicked()
}
