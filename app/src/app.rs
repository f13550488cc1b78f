//! The window: drains events, shows the screens, hands on commands.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use egui::{Context, ViewportBuilder, ViewportCommand};
use runnel_media::format::WallClock;
use tokio::sync::mpsc;

use crate::command::Command;
use crate::state::{AppState, Event, Notice, Problem, SettingChange, SettingsView};
use crate::theme::install_fonts;
use crate::ui::{Clock, Page, Shell};
use crate::widget::Screen;

/// The window's id on the desktop; packages rely on it.
pub const APP_ID: &str = "dev.runnel.Runnel";
/// Events taken in one pass: a flood must not keep the window from drawing.
const MAX_EVENTS: usize = 256;
/// How long the window waits for the engine to end everything.
const CLOSING: Duration = Duration::from_secs(5);

/// The two ends that tie the window to the engine; both are bounded.
pub struct Link {
    /// What the person asks for.
    pub commands: mpsc::Sender<Command>,
    /// What happened; each followed by a request for a repaint.
    pub events: mpsc::Receiver<Event>,
}

/// The window and all it shows.
pub struct App {
    shell: Shell,
    state: AppState,
    link: Link,
    closing: Option<Instant>,
    confirmed: bool,
}

impl App {
    /// A window with settings in force from its first picture.
    pub fn new(cc: &eframe::CreationContext<'_>, settings: SettingsView, link: Link) -> Self {
        install_fonts(&cc.egui_ctx);
        let screen = Screen::new(cc.wgpu_render_state.as_ref().map(|state| state.target_format));
        let mut shell = Shell::new(&settings, screen, sys_locale::get_locale());
        shell.dress(&cc.egui_ctx, &settings);
        let mut state = AppState { settings, ..AppState::default() };
        (state.studio.source, state.studio.sound) = (state.settings.source.clone(), state.settings.sound.clone());
        Self { shell, state, link, closing: None, confirmed: false }
    }

    /// What is shown, to look at.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    fn drain(&mut self, ctx: &Context, now: Instant) {
        for _ in 0..MAX_EVENTS {
            match self.link.events.try_recv() {
                Ok(event) => {
                    match &event {
                        Event::WatchOpened(_) => self.shell.open(Page::Watch),
                        Event::PathWanted(wish) => self.shell.ask_for_path(*wish),
                        _ => {}
                    }
                    self.state.apply(now, event);
                }
                Err(_) => return,
            }
        }
        ctx.request_repaint();
    }

    fn run(&mut self, now: Instant, command: Command) {
        match &command {
            Command::DismissToast(id) => {
                self.state.toasts.dismiss(*id);
                return;
            }
            // In force at once; the engine saves it and answers only where it had to correct it.
            Command::Change(change) => {
                self.state.settings.change(change.clone());
                let settings = &self.state.settings;
                match change {
                    SettingChange::Source(source) => self.state.studio.source = source.clone(),
                    SettingChange::Sound(_) => self.state.studio.sound = settings.sound.clone(),
                    _ => {}
                }
            }
            Command::SetGain(gain) => self.state.studio.gain_db = *gain,
            Command::MuteSound(muted) => self.state.studio.muted = *muted,
            Command::SetSource { source, sound } => {
                (self.state.studio.source, self.state.studio.sound) = (source.clone(), sound.clone());
                self.state.settings.remember(source, sound);
            }
            Command::Quit => {
                self.confirmed = true;
                self.closing.get_or_insert(now);
                self.shell.say_closing();
            }
            _ => {}
        }
        if let Err(error) = self.link.commands.try_send(command) {
            tracing::warn!(%error, "a command was not taken");
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                self.state.toasts.push(now, Notice::Problem(Problem::Busy));
            }
        }
    }

    /// Closing asks first while live, then lets the engine end everything.
    fn close(&mut self, ctx: &Context, now: Instant) {
        let requested = ctx.input(|input| input.viewport().close_requested());
        let over = self.closing.is_some_and(|since| now.saturating_duration_since(since) >= CLOSING);
        if self.closing.is_some() && (self.state.closing || over) {
            if !requested {
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            return;
        }
        if requested {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            if self.state.on_air() && !self.confirmed {
                self.shell.ask_before_closing();
                ctx.request_repaint();
            } else if self.closing.is_none() {
                self.run(now, Command::Quit);
            }
        }
        if self.closing.is_some() {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        let clock = read_clock();
        self.drain(ctx, clock.now);
        self.state.toasts.expire(clock.now);
        self.shell.dress(ctx, &self.state.settings);
        self.close(ctx, clock.now);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let clock = read_clock();
        for command in self.shell.show(ui, &self.state, clock) {
            self.run(clock.now, command);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

#[expect(clippy::disallowed_methods, reason = "the window is the driver that reads the clocks, once a pass")]
fn read_clock() -> Clock {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = WallClock::from_micros(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX));
    Clock { now: Instant::now(), wall }
}

/// Opens the window and stays until it is closed.
///
/// `connect` is called once, with what wakes the window: start the engine there; it must not wait for anything.
///
/// # Errors
/// Where there is no display or no GPU, not even a software one.
pub fn run(settings: SettingsView, connect: impl FnOnce(Context) -> Link + 'static) -> eframe::Result<()> {
    let viewport = ViewportBuilder::default()
        .with_title("Runnel")
        .with_app_id(APP_ID)
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([960.0, 600.0]);
    let options = eframe::NativeOptions { viewport, centered: true, ..Default::default() };
    let start = move |cc: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
        let link = connect(cc.egui_ctx.clone());
        Ok(Box::new(App::new(cc, settings, link)))
    };
    eframe::run_native(APP_ID, options, Box::new(start))
}
