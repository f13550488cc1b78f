//! Home: what is live.

use std::time::{Duration, Instant};

use egui::{Align, Id, Layout, Margin, ScrollArea, Ui, vec2};

use crate::command::Command;
use crate::state::{Community, Connection, ListPhase, LiveItem};
use crate::theme::{self, Type, Weight, space};
use crate::widget::{Button, Field, Kind, choice, icon, text};

use super::dialog::Dialog;
use super::{Cx, Go, Page};

mod card;

pub(super) use self::card::{Card, grid};

/// How long after the last letter a search starts.
const PAUSE: Duration = Duration::from_millis(300);

/// What Home remembers from pass to pass.
#[derive(Default)]
pub(super) struct HomeView {
    query: String,
    changed: Option<Instant>,
    focus: bool,
}

impl HomeView {
    /// Puts the keyboard into the search.
    pub(super) fn focus_search(&mut self) {
        self.focus = true;
    }
}

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut HomeView) {
    let state = cx.state;
    let Some(community) = state.community() else {
        welcome(ui, cx);
        return;
    };
    egui::Frame::new().inner_margin(Margin { left: 24, right: 0, top: 16, bottom: 0 }).show(ui, |ui| {
        let width = ui.available_width() - space::XL;
        ui.allocate_ui(vec2(width, cx.theme.control_height()), |ui| top(ui, cx, view, community));
        ui.add_space(space::L);
        let area = ScrollArea::vertical().auto_shrink(false).id_salt("home");
        area.show(ui, |ui| {
            // The bar floats over this margin, not over cards.
            ui.set_width(width);
            contents(ui, cx, view, community);
            ui.add_space(space::XL);
        });
    });
}

fn top(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut HomeView, community: &Community) {
    ui.horizontal(|ui| {
        let label = cx.text("home-search");
        let width = (ui.available_width() * 0.5).clamp(200.0, 420.0);
        let hint = cx.words.fill("home-search-shortcut", "keys", "Ctrl+K");
        let field =
            Field::new(&label).icon(icon::MAGNIFYING_GLASS).hint(hint).id(Id::unique("home search")).width(width);
        let field = field.show(ui, cx.theme, &mut view.query);
        if std::mem::take(&mut view.focus) {
            field.request_focus();
        }
        if field.changed() {
            view.changed = Some(cx.clock.now);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Button::icon(icon::PLUS, &cx.text("home-connect")).show(ui, cx.theme).clicked() {
                cx.go(Go::Dialog(Dialog::Connect { address: String::new() }));
            }
            if Button::icon(icon::ARROW_CLOCKWISE, &cx.text("home-refresh")).show(ui, cx.theme).clicked() {
                fetch(cx, view.query.trim().to_owned());
            }
            if cx.state.communities.len() > 1 {
                let all: Vec<_> = cx.state.communities.iter().map(|(id, it)| (id.clone(), it.name.clone())).collect();
                let current = cx.state.current.clone().unwrap_or_else(|| all[0].0.clone());
                if let Some(picked) = choice::select(ui, cx.theme, &cx.text("home-communities"), 180.0, &current, &all)
                {
                    cx.send(Command::SelectCommunity(picked));
                }
            } else {
                let width = ui.available_width();
                ui.allocate_ui(vec2(width, cx.theme.control_height()), |ui| {
                    text::line(ui, cx.theme, &community.name, Type::Body, Weight::Regular, cx.theme.colors.quiet);
                });
            }
        });
    });
    search(ui, cx, view);
}

/// Starts a search a moment after the last letter.
fn search(ui: &Ui, cx: &mut Cx<'_>, view: &mut HomeView) {
    let Some(changed) = view.changed else { return };
    let waited = cx.clock.now.saturating_duration_since(changed);
    if waited >= PAUSE {
        view.changed = None;
        fetch(cx, view.query.trim().to_owned());
    } else {
        ui.ctx().request_repaint_after(PAUSE - waited);
    }
}

fn fetch(cx: &mut Cx<'_>, query: String) {
    if let Some(community) = super::current(cx) {
        cx.send(Command::FetchLive { community, query });
    }
}

fn contents(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut HomeView, community: &Community) {
    let offline =
        matches!(community.connection, Connection::Offline(_)) || matches!(community.live.phase, ListPhase::Failed(_));
    let items = &community.live.items;
    if offline {
        offline_banner(ui, cx, community);
    }
    if items.is_empty() {
        match &community.live.phase {
            _ if offline => {}
            ListPhase::Loading { since } => skeleton(ui, cx, *since),
            _ if !community.live.query.is_empty() => nothing_found(ui, cx, view, &community.live.query),
            _ => empty(ui, cx),
        }
        return;
    }
    let following: Vec<&LiveItem> = community.followed_live().collect();
    if !following.is_empty() && community.live.query.is_empty() {
        text::title(ui, cx.theme, &cx.text("home-following"));
        ui.add_space(space::S);
        grid(ui, cx, &following, Card { greyed: offline, one_row: true });
        ui.add_space(space::XL);
    }
    let title = if offline { "home-last-seen" } else { "home-title" };
    if offline {
        text::quiet(ui, cx.theme, &cx.text(title));
    } else {
        text::title(ui, cx.theme, &cx.text(title));
    }
    ui.add_space(space::S);
    let all: Vec<&LiveItem> = items.iter().collect();
    grid(ui, cx, &all, Card { greyed: offline, one_row: false });
}

fn skeleton(ui: &mut Ui, cx: &mut Cx<'_>, since: Instant) {
    let waited = cx.clock.now.saturating_duration_since(since);
    if let Some(rest) = theme::skeleton_after().checked_sub(waited).filter(|rest| !rest.is_zero()) {
        ui.ctx().request_repaint_after(rest);
        return;
    }
    text::title(ui, cx.theme, &cx.text("home-title"));
    ui.add_space(space::S);
    card::skeleton(ui, cx);
}

/// A page with one sentence in its middle and something to do.
pub(super) fn middle(ui: &mut Ui, cx: &Cx<'_>, glyph: &str, words: (&str, &str), buttons: impl FnOnce(&mut Ui)) {
    let height = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space((height * 0.5 - 120.0).max(space::XL));
        let theme = cx.theme;
        ui.label(egui::RichText::new(glyph).font(theme.icon(40.0, false)).color(theme.colors.accent));
        ui.add_space(space::S);
        ui.add(egui::Label::new(text::rich(theme, words.0, Type::Display, Weight::Strong, theme.colors.text)).wrap());
        ui.add_space(space::XS);
        ui.scope(|ui| {
            ui.set_max_width(460.0 * theme.growth());
            ui.add(
                egui::Label::new(text::rich(theme, words.1, Type::Lead, Weight::Regular, theme.colors.quiet)).wrap(),
            );
        });
        ui.add_space(space::L);
        buttons(ui);
    });
}

/// Puts buttons side by side in the middle.
pub(super) fn centered_row(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui)) {
    // The row's width is known after the first pass.
    let id = Id::unique(id).with(ui.scope_id());
    let width: f32 = ui.data(|data| data.get_temp(id)).unwrap_or(0.0);
    let left = ((ui.available_width() - width) / 2.0).max(0.0);
    let row = ui.horizontal(|ui| {
        ui.add_space(left - ui.spacing().item_spacing.x);
        ui.scope(|ui| add(ui)).response.rect.width()
    });
    if (row.inner - width).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, row.inner));
        ui.ctx().request_discard("the row's width was not known");
    }
}

fn welcome(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (title, about) = (cx.text("home-welcome"), cx.text("home-welcome-text"));
    let (connect, go_live) = (cx.text("home-connect"), cx.text("home-go-live"));
    let mut pressed = None;
    middle(ui, cx, icon::BROADCAST, (&title, &about), |ui| {
        centered_row(ui, "welcome", |ui| {
            if Button::new(&connect).kind(Kind::Primary).tall().show(ui, cx.theme).clicked() {
                pressed = Some(Go::Dialog(Dialog::Connect { address: String::new() }));
            }
            if Button::new(&go_live).tall().show(ui, cx.theme).clicked() {
                pressed = Some(Go::Page(Page::Studio));
            }
        });
    });
    pressed.into_iter().for_each(|go| cx.go(go));
}

fn empty(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (title, about) = (cx.text("home-empty"), cx.text("home-empty-text"));
    let (go_live, connect) = (cx.text("home-go-live"), cx.text("home-connect"));
    let mut pressed = None;
    middle(ui, cx, icon::TELEVISION_SIMPLE, (&title, &about), |ui| {
        centered_row(ui, "empty", |ui| {
            if Button::new(&go_live).kind(Kind::Primary).with_icon(icon::BROADCAST).tall().show(ui, cx.theme).clicked()
            {
                pressed = Some(Go::Page(Page::Studio));
            }
            if Button::new(&connect).tall().show(ui, cx.theme).clicked() {
                pressed = Some(Go::Dialog(Dialog::Connect { address: String::new() }));
            }
        });
    });
    pressed.into_iter().for_each(|go| cx.go(go));
}

fn nothing_found(ui: &mut Ui, cx: &mut Cx<'_>, view: &mut HomeView, query: &str) {
    let (title, about) = (cx.words.fill("home-nothing-found", "query", query), cx.text("home-nothing-found-text"));
    let all = cx.text("home-show-all");
    let mut clear = false;
    middle(ui, cx, icon::MAGNIFYING_GLASS, (&title, &about), |ui| {
        centered_row(ui, "nothing found", |ui| clear = Button::new(&all).tall().show(ui, cx.theme).clicked());
    });
    if clear {
        view.query.clear();
        fetch(cx, String::new());
    }
}

fn offline_banner(ui: &mut Ui, cx: &mut Cx<'_>, community: &Community) {
    let colors = cx.theme.colors;
    let frame = egui::Frame::new()
        .fill(colors.surface)
        .stroke(egui::Stroke::new(1.0, colors.warn))
        .corner_radius(cx.theme.card_corners())
        .inner_margin(Margin::same(16));
    frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            let retry = cx.text("retry");
            let room = ui.available_width() - 140.0 * cx.theme.growth();
            ui.vertical(|ui| {
                ui.set_width(room);
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.horizontal(|ui| {
                    ui.label(egui::RichText::new(icon::WIFI_SLASH).font(cx.theme.icon(20.0, false)).color(colors.warn));
                    text::strong(ui, cx.theme, &cx.words.fill("home-offline", "name", &community.name));
                });
                text::quiet(ui, cx.theme, &cx.text("home-offline-text"));
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if Button::new(&retry).kind(Kind::Primary).show(ui, cx.theme).clicked()
                    && let Some(community) = super::current(cx)
                {
                    cx.send(Command::Reconnect(community));
                }
            });
        });
    });
    ui.add_space(space::L);
}
