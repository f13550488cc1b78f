//! A live channel as a card, and cards in a grid.

use std::time::Duration;

use egui::{Color32, CornerRadius, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::command::Command;
use crate::i18n::Value;
use crate::state::LiveItem;
use crate::theme::{Type, Weight, space};
use crate::ui::Cx;
use crate::widget::{badge, icon, skeleton as bones, text};

const GAP: f32 = space::L;

/// How cards are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ui) struct Card {
    /// Greyed: what was last seen, not what is.
    pub(in crate::ui) greyed: bool,
    /// As many as fit in one row.
    pub(in crate::ui) one_row: bool,
}

/// Number of columns and width of each.
fn columns(width: f32, least: f32) -> (usize, f32) {
    let count = (((width + GAP) / (least + GAP)).floor() as usize).max(1);
    (count, (width - GAP * (count as f32 - 1.0)) / count as f32)
}

/// Height of a card in the strip: its picture at 16:9 is about as wide as a word or two.
fn strip_height(cx: &Cx<'_>) -> f32 {
    (64.0 * cx.theme.growth()).round()
}

fn height(cx: &Cx<'_>, width: f32) -> f32 {
    let words = 3.0 * cx.theme.line(Type::Body) + cx.theme.line(Type::Small);
    (width * 9.0 / 16.0 + words + 2.0 * space::M + 2.0 * space::XS).round()
}

/// Cards in rows of equal width; a press watches.
pub(in crate::ui) fn grid(ui: &mut Ui, cx: &mut Cx<'_>, items: &[&LiveItem], look: Card) {
    let (count, width) = columns(ui.available_width(), cx.theme.card_width());
    let height = if look.one_row { strip_height(cx) } else { height(cx, width) };
    let shown = if look.one_row { items.len().min(count) } else { items.len() };
    for row in items[..shown].chunks(count) {
        let (place, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        // Cards out of sight are neither laid out nor told to screen readers as if they were at hand.
        if !ui.is_rect_visible(place) {
            ui.add_space(GAP - ui.spacing().item_spacing.y);
            continue;
        }
        for (index, item) in row.iter().enumerate() {
            let left = place.left() + index as f32 * (width + GAP);
            let rect = Rect::from_min_size(pos2(left, place.top()), vec2(width, height));
            if card(ui, cx, item, rect, look).clicked()
                && let Some(community) = crate::ui::current(cx)
            {
                cx.send(Command::Watch { community, channel: item.channel.clone() });
            }
        }
        ui.add_space(GAP - ui.spacing().item_spacing.y);
    }
}

/// The shape of a grid to come.
pub(super) fn skeleton(ui: &mut Ui, cx: &Cx<'_>) {
    let (count, width) = columns(ui.available_width(), cx.theme.card_width());
    let height = height(cx, width);
    for _ in 0..2 {
        let (place, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        for index in 0..count {
            let at = pos2(place.left() + index as f32 * (width + GAP), place.top());
            let picture = Rect::from_min_size(at, vec2(width, width * 9.0 / 16.0));
            bones::block(ui, cx.theme, picture, cx.theme.card_corners());
            for (line, share) in [(0, 0.8), (1, 0.45)] {
                let top = picture.bottom() + space::M + line as f32 * (cx.theme.size(Type::Body) + space::S);
                let bar = Rect::from_min_size(pos2(at.x, top), vec2(width * share, cx.theme.size(Type::Body)));
                bones::block(ui, cx.theme, bar, cx.theme.control_corners());
            }
        }
        ui.add_space(GAP - ui.spacing().item_spacing.y);
    }
}

fn card(ui: &mut Ui, cx: &mut Cx<'_>, item: &LiveItem, rect: Rect, look: Card) -> Response {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    let id = ui.scope_id().with(("card", &item.broadcast.0, look.one_row));
    let response = ui.interact(rect, id, Sense::click());
    let untitled = cx.text("card-untitled");
    let title = if item.title.trim().is_empty() { &untitled } else { &item.title };
    let viewers = cx.words.count("viewers", item.viewers);
    let label = cx.words.with(
        "card-label",
        &[("title", Value::Text(title)), ("name", Value::Text(&item.name)), ("viewers", Value::Text(&viewers))],
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, &label));

    let hovered = response.hovered() || response.has_focus();
    let fill = if hovered { colors.raised } else { colors.surface };
    ui.painter().rect_filled(rect, theme.card_corners(), fill);
    if look.one_row {
        strip(ui, cx, item, rect, title);
    } else {
        let picture = Rect::from_min_size(rect.min, vec2(rect.width(), (rect.width() * 9.0 / 16.0).round()));
        still(ui, cx, item, picture, look);
        // Greyed, and still to be read: the next lesser token of each.
        let (first, second) = if look.greyed { (colors.quiet, colors.faint) } else { (colors.text, colors.quiet) };
        let lines = [
            (title, Type::Body, Weight::Strong, first, 2),
            (&item.name, Type::Body, Weight::Regular, second, 1),
            (&item.category, Type::Small, Weight::Regular, colors.faint, 1),
        ];
        words(ui, cx, pos2(rect.left() + space::M, picture.bottom() + space::M), rect.width() - 2.0 * space::M, lines);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(
            rect,
            theme.card_corners(),
            egui::Stroke::new(2.0, colors.accent),
            egui::StrokeKind::Inside,
        );
    }
    response
}

/// Lines of text, one under the other.
fn words<const N: usize>(
    ui: &Ui,
    cx: &Cx<'_>,
    mut at: egui::Pos2,
    width: f32,
    lines: [(&String, Type, Weight, Color32, usize); N],
) {
    for (words, of, weight, color, rows) in lines {
        if words.is_empty() {
            continue;
        }
        let galley = text::layout(ui, cx.theme, words, (of, weight), color, width, rows);
        let height = galley.size().y;
        ui.painter().galley(at.round(), galley, color);
        at.y += height + space::XS;
    }
}

/// A followed channel: a small still, title and name beside it.
fn strip(ui: &Ui, cx: &mut Cx<'_>, item: &LiveItem, rect: Rect, title: &String) {
    let colors = cx.theme.colors;
    let picture =
        Rect::from_min_size(rect.min, vec2((rect.height() * 16.0 / 9.0).min(rect.width() * 0.45), rect.height()));
    let round = cx.theme.card_corners().nw;
    let corners = CornerRadius { nw: round, sw: round, ne: 0, se: 0 };
    picture_or_mark(ui, cx, item, picture, corners, Color32::WHITE);
    ui.painter().circle_filled(picture.left_top() + vec2(space::M, space::M), 5.0, cx.theme.picture.live);
    let lines = [
        (title, Type::Body, Weight::Strong, colors.text, 1),
        (&item.name, Type::Small, Weight::Regular, colors.quiet, 1),
    ];
    let height = cx.theme.line(Type::Body) + cx.theme.line(Type::Small) + space::XS;
    let at = pos2(picture.right() + space::M, rect.center().y - height / 2.0);
    words(ui, cx, at, rect.right() - picture.right() - 2.0 * space::M, lines);
}

fn picture_or_mark(ui: &Ui, cx: &mut Cx<'_>, item: &LiveItem, picture: Rect, corners: CornerRadius, tint: Color32) {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    match &item.thumbnail {
        Some(still) => cx.stills.paint(ui.ctx(), ui.painter(), still, picture, corners, tint),
        None => {
            ui.painter().rect_filled(picture, corners, colors.raised);
            let points = (picture.height() * 0.3).clamp(20.0, 40.0);
            let font = egui::FontId { size: points, ..theme.icon(points, false) };
            ui.painter().text(
                picture.center(),
                egui::Align2::CENTER_CENTER,
                icon::TELEVISION_SIMPLE,
                font,
                colors.faint,
            );
        }
    }
}

fn still(ui: &Ui, cx: &mut Cx<'_>, item: &LiveItem, picture: Rect, look: Card) {
    let theme = cx.theme;
    let round = theme.card_corners().nw;
    let corners = CornerRadius { nw: round, ne: round, sw: 0, se: 0 };
    let tint = if look.greyed { Color32::WHITE.gamma_multiply(0.4) } else { Color32::WHITE };
    picture_or_mark(ui, cx, item, picture, corners, tint);
    if look.greyed {
        return;
    }
    let painter = ui.painter();
    badge::paint(
        ui,
        painter,
        theme,
        picture.min + vec2(space::S, space::S),
        &cx.text("card-live"),
        badge::Paint::live(theme),
    );
    let scrim = badge::Paint::scrim(theme);
    let viewers = format!("{} {}", icon::EYE, cx.words.numbers().short(item.viewers));
    let size = vec2(0.0, theme.line(Type::Small) + space::XS);
    badge::paint(ui, painter, theme, picture.left_bottom() + vec2(space::S, -space::S - size.y), &viewers, scrim);
    let on_air = cx.clock.wall.as_micros().saturating_sub(item.started.as_micros());
    if item.started.as_micros() > 0 && on_air >= 0 {
        let time = cx.words.numbers().clock(Duration::from_micros(on_air.unsigned_abs()));
        let galley = text::layout(ui, theme, &time, (Type::Small, Weight::Strong), scrim.front, 200.0, 1);
        let left = galley.size().x + 2.5 * space::S;
        badge::paint(ui, painter, theme, picture.right_bottom() + vec2(-left, -space::S - size.y), &time, scrim);
    }
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn cards_fill_the_row() {
        assert_eq!(columns(272.0, 272.0), (1, 272.0));
        assert_eq!(columns(100.0, 272.0), (1, 100.0));
        let (count, width) = columns(1176.0, 272.0);
        assert_eq!(count, 4);
        assert!((width * 4.0 + 16.0 * 3.0 - 1176.0).abs() < 0.01);
    }
}
