//! The screens: they read the state and give commands, and keep only what is theirs (what is open, what is typed).

use std::time::Instant;

use egui::{CentralPanel, Context, Frame, Panel, ThemePreference, Ui};
use runnel_media::format::WallClock;

use crate::command::Command;
use crate::i18n::{Locale, Words};
use crate::state::{
    AppState, CommunityId, FileWish, Language, SettingsView, SoundChoice, SourceChoice, TextScale, ThemeChoice,
};
use crate::theme::{Theme, dress};
use crate::widget::{Screen, Stills};

use self::dialog::Dialog;

mod chat;
mod devices;
mod dialog;
mod home;
mod keys;
mod problem;
mod rail;
mod settings;
mod studio;
mod toasts;
mod watch;
mod welcome;

/// Below this width side panels fold away.
const NARROW: f32 = 1200.0;

/// The two clocks, read once a pass.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Now.
    pub now: Instant,
    /// What the clock on the wall says.
    pub wall: WallClock,
}

/// A page of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Page {
    /// What is live.
    #[default]
    Home,
    /// The channel one watches.
    Watch,
    /// One's own broadcast.
    Studio,
    /// Settings.
    Settings,
}

/// Where a screen wants the window to go next.
enum Go {
    Page(Page),
    Dialog(Dialog),
    /// A setting, by the Fluent key of its name.
    Setting(&'static str),
    /// Nowhere: puts a text on the clipboard.
    Copy(String),
}

/// What a screen works with during one pass.
struct Cx<'a> {
    state: &'a AppState,
    words: &'a Words,
    theme: &'a Theme,
    clock: Clock,
    screen: Screen,
    stills: &'a mut Stills,
    out: &'a mut Vec<Command>,
    go: &'a mut Vec<Go>,
}

impl Cx<'_> {
    fn text(&self, key: &str) -> String {
        self.words.text(key)
    }

    fn send(&mut self, command: Command) {
        self.out.push(command);
    }

    fn go(&mut self, go: Go) {
        self.go.push(go);
    }
}

/// The window's contents and what they remember from pass to pass.
pub struct Shell {
    page: Page,
    rail_wide: bool,
    fullscreen: bool,
    home: home::HomeView,
    watch: watch::WatchView,
    studio: studio::StudioView,
    settings: settings::SettingsPage,
    welcome: welcome::WelcomeView,
    dialog: Option<Dialog>,
    closing: bool,
    words: Words,
    stills: Stills,
    screen: Screen,
    system_locale: Option<String>,
    preview: bool,
    looked: bool,
    dressed: Option<(TextScale, bool, ThemeChoice)>,
}

impl Shell {
    /// A window that opens on the page its owner mostly uses.
    pub fn new(settings: &SettingsView, screen: Screen, system_locale: Option<String>) -> Self {
        let page = if settings.role == crate::state::Role::Stream { Page::Studio } else { Page::Home };
        let locale = Locale::choose(settings.language, system_locale.as_deref());
        Self {
            page,
            rail_wide: false,
            fullscreen: false,
            home: Default::default(),
            watch: Default::default(),
            studio: Default::default(),
            settings: Default::default(),
            welcome: Default::default(),
            dialog: None,
            closing: false,
            words: Words::new(locale),
            stills: Stills::default(),
            screen,
            system_locale,
            preview: false,
            looked: false,
            dressed: None,
        }
    }

    /// The page that is shown.
    pub fn page(&self) -> Page {
        self.page
    }

    /// Goes to a page.
    pub fn open(&mut self, page: Page) {
        self.page = page;
    }

    /// Puts language, theme and text size in force; call it before a pass.
    pub fn dress(&mut self, ctx: &Context, settings: &SettingsView) {
        let locale = self.locale(settings.language);
        if locale != self.words.locale() {
            self.words = Words::new(locale);
        }
        let wanted = (settings.text_scale, settings.reduced_motion, settings.theme);
        if self.dressed != Some(wanted) {
            dress(ctx, settings.text_scale.factor(), settings.reduced_motion);
            ctx.set_theme(match settings.theme {
                ThemeChoice::System => ThemePreference::System,
                ThemeChoice::Dark => ThemePreference::Dark,
                ThemeChoice::Light => ThemePreference::Light,
            });
            self.dressed = Some(wanted);
        }
    }

    fn locale(&self, language: Language) -> Locale {
        Locale::choose(language, self.system_locale.as_deref())
    }

    /// Asks whether to end the broadcast, since the window is to be closed.
    pub fn ask_before_closing(&mut self) {
        self.dialog = Some(Dialog::CloseWhileLive);
    }

    /// Asks for a file's path, since the system has no dialog for that.
    pub fn ask_for_path(&mut self, wish: FileWish) {
        self.dialog = Some(Dialog::Path { wish, path: String::new() });
    }

    /// A file that is dropped on the window: the path that is being asked for, or what is broadcast.
    fn dropped(&mut self, ctx: &Context, state: &AppState, out: &mut Vec<Command>) {
        let Some(file) = ctx.input(|input| input.raw.dropped_files.first().map(|file| file.path().to_owned())) else {
            return;
        };
        match &mut self.dialog {
            Some(Dialog::Path { path, .. }) => *path = file.display().to_string(),
            None if self.page == Page::Studio && state.settings.welcomed => {
                out.push(Command::SetSource { source: SourceChoice::File(file), sound: SoundChoice::Source });
            }
            _ => {}
        }
    }

    /// Says that everything is being ended, and takes no more orders.
    pub fn say_closing(&mut self) {
        self.closing = true;
    }

    /// Draws everything; gives what the person asked for.
    pub fn show(&mut self, ui: &mut Ui, state: &AppState, clock: Clock) -> Vec<Command> {
        let theme = Theme::new(ui.visuals().dark_mode, state.settings.text_scale.factor());
        let (mut out, mut go) = (Vec::new(), Vec::new());
        self.dropped(ui.ctx(), state, &mut out);
        self.stills.begin_pass();
        let mut cx = Cx {
            state,
            words: &self.words,
            theme: &theme,
            clock,
            screen: self.screen,
            stills: &mut self.stills,
            out: &mut out,
            go: &mut go,
        };
        ui.painter().rect_filled(ui.max_rect(), 0.0, theme.colors.ground);
        let before = self.page;
        if state.settings.welcomed {
            let pressed = keys::pressed(ui.ctx(), self.page, self.dialog.is_some());
            for key in pressed {
                act(
                    &mut cx,
                    key,
                    &mut self.page,
                    &mut self.fullscreen,
                    &mut self.watch,
                    &mut self.home,
                    &mut self.settings,
                );
            }
            let fullscreen = self.fullscreen && self.page == Page::Watch;
            if !fullscreen {
                let width = theme.rail_width(self.rail_wide);
                let frame = Frame::new().fill(theme.colors.surface);
                Panel::left("rail").exact_size(width).resizable(false).show_separator_line(false).frame(frame).show(
                    ui,
                    |ui| {
                        rail::show(ui, &mut cx, self.page, &mut self.rail_wide);
                    },
                );
            }
            CentralPanel::default().frame(Frame::new()).show(ui, |ui| match self.page {
                Page::Home => home::show(ui, &mut cx, &mut self.home),
                Page::Watch => watch::show(ui, &mut cx, &mut self.watch, &mut self.fullscreen),
                Page::Studio => studio::show(ui, &mut cx, &mut self.studio),
                Page::Settings => settings::show(ui, &mut cx, &mut self.settings),
            });
        } else {
            CentralPanel::default().frame(Frame::new()).show(ui, |ui| welcome::show(ui, &mut cx, &mut self.welcome));
        }
        if self.closing {
            dialog::closing(ui.ctx(), &cx);
        } else if let Some(dialog) = &mut self.dialog
            && dialog::show(ui.ctx(), &mut cx, dialog) == dialog::Outcome::Done
        {
            self.dialog = None;
        }
        let lift = match self.page {
            Page::Watch => self.watch.foot(),
            Page::Studio => self.studio.foot(),
            Page::Home | Page::Settings => 0.0,
        };
        let left = if self.fullscreen { 0.0 } else { theme.rail_width(self.rail_wide) };
        toasts::show(ui.ctx(), &mut cx, egui::vec2(left, lift));
        for go in go {
            match go {
                Go::Page(page) => self.page = page,
                Go::Dialog(dialog) => self.dialog = Some(dialog),
                Go::Copy(text) => ui.ctx().copy_text(text),
                Go::Setting(key) => {
                    self.page = Page::Settings;
                    self.settings.find(self.words.text(key));
                }
            }
        }
        self.turned_page(ui.ctx(), state, before, &mut out);
        out
    }

    fn turned_page(&mut self, ctx: &Context, state: &AppState, before: Page, out: &mut Vec<Command>) {
        if out.iter().any(|command| matches!(command, Command::Watch { .. })) {
            self.page = Page::Watch;
        }
        if self.page != Page::Watch && self.fullscreen {
            self.fullscreen = false;
        }
        self.watch.set_fullscreen(ctx, self.fullscreen);
        self.devices(state, out);
        if self.page != before {
            ctx.memory_mut(|memory| memory.stop_text_input());
            ctx.request_repaint();
        }
    }
}

/// Devices are looked for and opened only where they are seen.
impl Shell {
    fn devices(&mut self, state: &AppState, out: &mut Vec<Command>) {
        let page = state.settings.welcomed.then_some(self.page);
        if page != Some(Page::Settings) {
            self.settings.rest();
        }
        let (seen, named) = match page {
            Some(Page::Studio) => (true, true),
            Some(Page::Settings) => (self.settings.wants_preview(), true),
            Some(Page::Home | Page::Watch) => (false, false),
            None => (self.welcome.at_devices(), self.welcome.at_devices()),
        };
        if std::mem::replace(&mut self.preview, seen) != seen {
            out.push(if seen { Command::OpenPreview } else { Command::ClosePreview });
        }
        if named && !state.devices.known && !std::mem::replace(&mut self.looked, true) {
            out.push(Command::FindDevices);
        }
    }
}

fn act(
    cx: &mut Cx<'_>,
    key: keys::Shortcut,
    page: &mut Page,
    fullscreen: &mut bool,
    watch: &mut watch::WatchView,
    home: &mut home::HomeView,
    settings: &mut settings::SettingsPage,
) {
    use keys::Shortcut;
    match key {
        Shortcut::Go(to) => *page = to,
        Shortcut::Help => cx.go(Go::Dialog(Dialog::Keys)),
        Shortcut::Search if *page == Page::Settings => settings.focus_search(),
        Shortcut::Search => {
            *page = Page::Home;
            home.focus_search();
        }
        Shortcut::GoLive => studio::go_live_or_ask(cx),
        Shortcut::Back if *fullscreen => *fullscreen = false,
        Shortcut::Back if *page == Page::Watch => *page = Page::Home,
        Shortcut::Back => {}
        Shortcut::Fullscreen => *fullscreen = !*fullscreen,
        other => watch::shortcut(cx, watch, other),
    }
}

/// The id of the community a screen works in, for commands.
fn current(cx: &Cx<'_>) -> Option<CommunityId> {
    cx.state.current.clone()
}
