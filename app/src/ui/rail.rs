//! The rail at the left: where one can go, and whether there is a connection.

use egui::{Align, Color32, CornerRadius, Layout, Margin, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::state::Connection;
use crate::theme::{Type, Weight, space};
use crate::widget::{icon, text};

use super::dialog::Dialog;
use super::{Cx, Go, Page};

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, page: Page, wide: &mut bool) {
    let line = ui.max_rect();
    ui.painter().vline(line.right() - 0.5, line.y_range(), egui::Stroke::new(1.0, cx.theme.colors.line));
    egui::Frame::new().inner_margin(Margin::same(space::S as i8)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        let toggle = if *wide { "nav-narrow" } else { "nav-wide" };
        let name = if *wide { "Runnel" } else { "" };
        if entry(ui, cx, icon::BROADCAST, &cx.text(toggle), name, Look::Mark).clicked() {
            *wide = !*wide;
        }
        ui.add_space(space::M);
        go(ui, cx, page, Page::Home, icon::HOUSE, "nav-home", "Ctrl+1", *wide);
        if cx.state.watch.is_some() {
            go(ui, cx, page, Page::Watch, icon::TELEVISION_SIMPLE, "nav-watch", "", *wide);
        }
        go(ui, cx, page, Page::Studio, icon::VIDEO_CAMERA, "nav-studio", "Ctrl+2", *wide);
        ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
            connection(ui, cx, *wide);
            go(ui, cx, page, Page::Settings, icon::GEAR_SIX, "nav-settings", "Ctrl+3", *wide);
            let keys = cx.text("keys-open");
            if entry(ui, cx, icon::QUESTION, &format!("{keys} (?)"), if *wide { &keys } else { "" }, Look::Plain)
                .clicked()
            {
                cx.go(Go::Dialog(Dialog::Keys));
            }
        });
    });
}

#[expect(clippy::too_many_arguments, reason = "one call a line reads as the table it is")]
fn go(ui: &mut Ui, cx: &mut Cx<'_>, page: Page, to: Page, icon: &str, key: &str, shortcut: &str, wide: bool) {
    let name = cx.text(key);
    let look = if page == to { Look::Here } else { Look::Plain };
    let response = entry(ui, cx, icon, &name, if wide { &name } else { "" }, look);
    let on_air = to == Page::Studio && cx.state.on_air();
    if on_air {
        // A red dot, and the page itself says it in words.
        ui.painter().circle_filled(response.rect.left_top() + vec2(30.0, 10.0), 4.0, cx.theme.colors.live);
    }
    let response = if wide && shortcut.is_empty() {
        response
    } else if shortcut.is_empty() {
        response.on_hover_text(&name)
    } else {
        response.on_hover_text(format!("{name} ({shortcut})"))
    };
    if response.clicked() {
        cx.go(Go::Page(to));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Mark,
    Plain,
    Here,
}

fn entry(ui: &mut Ui, cx: &Cx<'_>, icon: &str, label: &str, name: &str, look: Look) -> Response {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::click());
    response.widget_info(|| match look {
        Look::Mark => WidgetInfo::labeled(Role::Button, true, label),
        _ => WidgetInfo::selected(Role::Button, true, look == Look::Here, label),
    });
    let front = match look {
        Look::Mark => colors.accent,
        Look::Here => colors.text,
        Look::Plain if response.hovered() => colors.text,
        Look::Plain => colors.quiet,
    };
    let fill = if look == Look::Here || response.hovered() { colors.raised } else { Color32::TRANSPARENT };
    ui.painter().rect_filled(rect, theme.control_corners(), fill);
    if look == Look::Here {
        let bar = Rect::from_min_max(rect.left_top() + vec2(0.0, 10.0), pos2(rect.left() + 3.0, rect.bottom() - 10.0));
        ui.painter().rect_filled(bar, CornerRadius::same(2), colors.accent);
    }
    let font = egui::FontId { size: 20.0, ..theme.icon(20.0, look != Look::Plain) };
    ui.painter().text(pos2(rect.left() + 20.0, rect.center().y), egui::Align2::CENTER_CENTER, icon, font, front);
    if !name.is_empty() {
        let weight = if look == Look::Plain { Weight::Regular } else { Weight::Strong };
        let color = if look == Look::Mark { colors.text } else { front };
        let galley = text::layout(ui, theme, name, (Type::Body, weight), color, rect.width() - 48.0, 1);
        ui.painter().galley(pos2(rect.left() + 44.0, rect.center().y - galley.size().y / 2.0).round(), galley, color);
    }
    if response.has_focus() {
        let ring = egui::Stroke::new(2.0, colors.accent);
        ui.painter().rect_stroke(rect, theme.control_corners(), ring, egui::StrokeKind::Inside);
    }
    if look == Look::Mark { response.on_hover_text(label) } else { response }
}

/// How the current community can be reached, and who one is there.
fn connection(ui: &mut Ui, cx: &mut Cx<'_>, wide: bool) {
    let colors = cx.theme.colors;
    let (words, short, color, glyph) = match cx.state.community() {
        None => (cx.text("connection-none"), cx.text("connection-none"), colors.faint, icon::PLUGS),
        Some(community) => {
            let name = &community.name;
            let (key, color, glyph) = match community.connection {
                Connection::Online => ("connection-online", colors.good, icon::USER_CIRCLE),
                Connection::Connecting => ("connection-connecting", colors.warn, icon::USER_CIRCLE),
                Connection::Offline(_) => ("connection-offline", colors.live, icon::WIFI_SLASH),
            };
            let who = match &community.person {
                Some(person) if !person.guest => person.name.clone(),
                _ => cx.text("account-guest"),
            };
            (cx.words.fill(key, "name", name), who, color, glyph)
        }
    };
    let response = entry(ui, cx, glyph, &words, if wide { &short } else { "" }, Look::Plain);
    // The glyph tells the worst state, the dot the rest; the tooltip says it.
    ui.painter().circle_filled(response.rect.left_bottom() + vec2(29.0, -11.0), 4.0, color);
    ui.painter().circle_stroke(
        response.rect.left_bottom() + vec2(29.0, -11.0),
        5.0,
        egui::Stroke::new(2.0, colors.surface),
    );
    if response.on_hover_text(&words).clicked() {
        if cx.state.current.is_none() {
            cx.go(Go::Dialog(Dialog::Connect { address: String::new() }));
        } else {
            cx.go(Go::Setting("setting-communities"));
        }
    }
}
