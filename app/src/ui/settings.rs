//! Settings: grouped, explained in a sentence each, in force at once, and undone with one click.

use egui::{Align, Id, Layout, ScrollArea, Ui, vec2};

use crate::command::Command;
use crate::state::SettingChange;
use crate::theme::{Type, Weight, space};
use crate::widget::{Button, Field, Kind, choice, icon, text, toggle};

use super::Cx;
use super::devices::Check;

mod broadcast;
mod community;
mod general;
mod sharing;
mod watching;

pub(super) use self::broadcast::picture_names;
pub(super) use self::sharing::caps;

/// What the settings page remembers from pass to pass.
#[derive(Default)]
pub(super) struct SettingsPage {
    query: String,
    focus: bool,
    undo: Option<Undo>,
    check: Check,
}

/// The last change and how to take it back.
struct Undo {
    key: &'static str,
    change: SettingChange,
}

impl SettingsPage {
    /// Whether the preview of the devices is looked at.
    pub(super) fn wants_preview(&self) -> bool {
        self.check.is_wanted()
    }

    /// The page is not shown.
    pub(super) fn rest(&mut self) {
        self.check.rest();
    }

    /// Puts the keyboard into the search.
    pub(super) fn focus_search(&mut self) {
        self.focus = true;
    }

    /// Shows only what a search finds.
    pub(super) fn find(&mut self, query: String) {
        self.query = query;
    }
}

/// The Fluent keys of a setting's name and of the sentence about it.
type Keys = (&'static str, &'static str);

/// What is offered with its words, and what is chosen, where it was chosen elsewhere, before it.
fn offer<T: Copy + PartialEq>(offered: &[T], now: T, words: impl Fn(T) -> String) -> Vec<(T, String)> {
    let elsewhere = (!offered.contains(&now)).then_some(now);
    elsewhere.into_iter().chain(offered.iter().copied()).map(|value| (value, words(value))).collect()
}

/// Draws the rows of one group.
type Draw = fn(&mut Ui, &mut Rows<'_, '_, '_>);

/// What a group draws its rows with: it leaves out what the search does not find.
struct Rows<'p, 'a, 'b> {
    cx: &'p mut Cx<'a>,
    query: &'b str,
    undo: &'b mut Option<Undo>,
    check: &'b mut Check,
    group: &'static str,
    shown: usize,
}

impl Rows<'_, '_, '_> {
    fn found(&self, key: &str, about: &str) -> bool {
        let words = [self.cx.text(key), self.cx.text(about), self.cx.text(self.group)];
        self.query.is_empty() || words.iter().any(|words| words.to_lowercase().contains(self.query))
    }

    /// One setting: its name and a sentence at the left, its control at the right.
    fn row(&mut self, ui: &mut Ui, key: &'static str, about: &'static str, control: impl FnOnce(&mut Ui, &mut Self)) {
        if !self.begin(ui, key, about) {
            return;
        }
        let theme = self.cx.theme;
        let control_width = (300.0 * theme.growth()).min(ui.available_width() * 0.5);
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                ui.set_width(ui.available_width() - control_width - space::L);
                self.words(ui, key, about);
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| control(ui, self));
        });
    }

    /// A setting that is on or off.
    fn switch(&mut self, ui: &mut Ui, (key, about): Keys, on: bool, change: fn(bool) -> SettingChange) {
        self.row(ui, key, about, |ui, rows| {
            if toggle::show(ui, rows.cx.theme, on, &rows.cx.text(key)).changed() {
                rows.change(key, change(!on));
            }
        });
    }

    /// One of a few, side by side.
    fn few<T: Copy + PartialEq>(
        &mut self,
        ui: &mut Ui,
        (key, about): Keys,
        now: T,
        all: impl FnOnce(&Cx<'_>) -> Vec<(T, String)>,
        change: impl FnOnce(T) -> SettingChange,
    ) {
        self.row(ui, key, about, |ui, rows| {
            let (all, label) = (all(rows.cx), rows.cx.text(key));
            if let Some(picked) = choice::segments(ui, rows.cx.theme, &label, now, &all) {
                rows.change(key, change(picked));
            }
        });
    }

    /// One of many, in a list that opens; what is chosen is among them, also where it was chosen elsewhere.
    fn many<T: Clone + PartialEq>(
        &mut self,
        ui: &mut Ui,
        (key, about): Keys,
        (now, width): (&T, f32),
        all: impl FnOnce(&Cx<'_>) -> Vec<(T, String)>,
        change: impl FnOnce(T) -> SettingChange,
    ) {
        self.row(ui, key, about, |ui, rows| {
            let (all, label) = (all(rows.cx), rows.cx.text(key));
            if let Some(picked) = choice::select(ui, rows.cx.theme, &label, width, now, &all) {
                rows.change(key, change(picked));
            }
        });
    }

    /// Something that takes the whole width, below its name and a sentence.
    fn whole(&mut self, ui: &mut Ui, key: &'static str, about: &'static str, body: impl FnOnce(&mut Ui, &mut Self)) {
        if self.begin(ui, key, about) {
            ui.vertical(|ui| self.words(ui, key, about));
            body(ui, self);
        }
    }

    fn words(&self, ui: &mut Ui, key: &str, about: &str) {
        let theme = self.cx.theme;
        ui.spacing_mut().item_spacing.y = 2.0;
        text::body(ui, theme, &self.cx.text(key));
        let about = text::rich(theme, self.cx.text(about), Type::Small, Weight::Regular, theme.colors.quiet);
        ui.add(egui::Label::new(about).wrap());
    }

    /// Whether a setting is to be shown; draws what comes before it.
    fn begin(&mut self, ui: &mut Ui, key: &str, about: &str) -> bool {
        if !self.found(key, about) {
            return false;
        }
        if self.shown == 0 {
            ui.add_space(space::L);
            text::title(ui, self.cx.theme, &self.cx.text(self.group));
        } else {
            let line = egui::Stroke::new(1.0, self.cx.theme.colors.line);
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), egui::Sense::hover());
            ui.painter().hline(rect.x_range(), rect.center().y, line);
        }
        self.shown += 1;
        true
    }

    /// Puts a new value in force and remembers the old one.
    fn change(&mut self, key: &'static str, change: SettingChange) {
        let back = self.cx.state.settings.clone().change(change.clone());
        // A slider makes many changes: undo goes back to before the first of them.
        let same = self.undo.as_ref().is_some_and(|undo| undo.key == key);
        if !same {
            *self.undo = Some(Undo { key, change: back });
        }
        self.cx.send(Command::Change(change));
    }
}

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, page: &mut SettingsPage) {
    let side = ((ui.available_width() - cx.theme.page_width()) / 2.0).max(space::XL);
    ScrollArea::vertical().auto_shrink(false).id_salt("settings").show(ui, |ui| {
        let page_width = ui.available_width() - 2.0 * side;
        ui.horizontal_top(|ui| {
            ui.add_space(side - ui.spacing().item_spacing.x);
            ui.vertical(|ui| {
                ui.set_width(page_width);
                ui.spacing_mut().item_spacing.y = space::M;
                ui.add_space(space::L);
                contents(ui, cx, page);
                ui.add_space(space::XXL);
            });
        });
    });
}

fn contents(ui: &mut Ui, cx: &mut Cx<'_>, page: &mut SettingsPage) {
    head(ui, cx, page);
    let query = page.query.trim().to_lowercase();
    let mut found = 0;
    let groups: [(&'static str, Draw); 6] = [
        ("group-general", general::show),
        ("group-community", community::show),
        ("group-sharing", sharing::show),
        ("group-watching", watching::show),
        ("group-broadcast", broadcast::show),
        ("group-keys", broadcast::keys),
    ];
    for (group, draw) in groups {
        let mut rows = Rows { cx, query: &query, undo: &mut page.undo, check: &mut page.check, group, shown: 0 };
        draw(ui, &mut rows);
        found += rows.shown;
    }
    if found == 0 {
        ui.add_space(space::XL);
        text::quiet(ui, cx.theme, &cx.words.fill("settings-none-found", "query", page.query.trim()));
    }
}

fn head(ui: &mut Ui, cx: &mut Cx<'_>, page: &mut SettingsPage) {
    ui.horizontal(|ui| {
        let theme = cx.theme;
        let title = text::rich(theme, cx.text("settings-title"), Type::Display, Weight::Strong, theme.colors.text);
        let response = ui.label(title);
        text::heading(ui, &response);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if !page.query.is_empty() && Button::icon(icon::X, &cx.text("home-show-all")).show(ui, theme).clicked() {
                page.query.clear();
            }
            let label = cx.text("settings-search");
            let field =
                Field::new(&label).icon(icon::MAGNIFYING_GLASS).hint(label.clone()).id(Id::unique("settings search"));
            let field = field.width(260.0 * theme.growth()).show(ui, theme, &mut page.query);
            if std::mem::take(&mut page.focus) {
                field.request_focus();
            }
        });
    });
    let Some(undo) = &page.undo else { return };
    let words = cx.words.fill("settings-undo", "setting", &cx.text(undo.key));
    let mut undone = false;
    ui.horizontal(|ui| {
        text::line(ui, cx.theme, &words, Type::Small, Weight::Regular, cx.theme.colors.quiet);
        let label = cx.text("undo");
        undone =
            Button::new(&label).kind(Kind::Quiet).with_icon(icon::ARROW_COUNTER_CLOCKWISE).show(ui, cx.theme).clicked();
    });
    if undone && let Some(undo) = page.undo.take() {
        cx.send(Command::Change(undo.change));
    }
}
