//! Executes what the screens ask for, and reports what happens.
//!
//! The engine lives on its own thread and tokio runtime: nothing of a stream depends on the window being drawn.
//! `Core` is the only one who changes anything; tasks that wait for servers, devices and dialogs send it `News`.

mod chat;
mod communities;
mod files;
mod outlet;
mod preferences;
mod problem;
mod reports;
mod sharing;
mod studio;
mod viewing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::Link;
use crate::cli::gui::Open;
use crate::command::Command;
use crate::keys::Keys;
use crate::paths::Paths;
use crate::session::clock;
use crate::settings::{Loaded, Settings, SettingsFile};
use crate::state::{CommunityId, Event, Notice, Problem};

use communities::Communities;
use outlet::Outlet;
use preferences::Unsaved;
use studio::Studio;
use viewing::Viewing;

/// Commands and events that may wait on either side.
const QUEUE: usize = 256;
/// How often telemetry is reported.
const TICK: Duration = Duration::from_millis(250);
/// How often the level of one's sound is reported while its meter is seen.
const METER: Duration = Duration::from_millis(50);
/// How long ending everything may take before the window closes all the same.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// What tasks tell the core.
enum News {
    /// About a community.
    Community(communities::News),
    /// About the studio.
    Studio(studio::News),
    /// About a file that a person names.
    File(files::Answer),
    /// An event that is passed on as it is.
    Pass(Event),
}

/// How tasks reach the core.
type Tell = mpsc::Sender<News>;

/// Starts the engine.
pub struct Engine(());

impl Engine {
    /// Starts it on a thread of its own, and gives the window its ends of the channels; what was wrong with the settings is
    /// told there.
    pub fn start(paths: Paths, settings: Loaded<Settings>, open: Option<Open>, context: egui::Context) -> Link {
        let (commands, asked) = mpsc::channel(QUEUE);
        let (tell, events) = mpsc::channel(QUEUE);
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || context.request_repaint());
        let outlet = Outlet::new(tell, wake.clone());
        let started = std::thread::Builder::new().name("runnel-engine".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("runnel-engine")
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    let mut core = Core::new(paths, settings.file, outlet, wake);
                    problem::settings(&settings.problems).into_iter().for_each(|problem| core.problem(problem));
                    runtime.block_on(core.run(asked, open));
                    runtime.shutdown_timeout(Duration::from_secs(1));
                }
                Err(error) => tracing::error!(%error, "the engine's threads could not be started"),
            }
        });
        if let Err(error) = started {
            // The window then shows that nothing answers, which is the truth.
            tracing::error!(%error, "the engine could not be started");
        }
        Link { commands, events }
    }
}

/// Everything the engine knows.
struct Core {
    paths: Paths,
    settings: SettingsFile<Settings>,
    unsaved: Unsaved,
    outlet: Outlet,
    tell: Tell,
    news: mpsc::Receiver<News>,
    communities: Communities,
    viewing: Viewing,
    studio: Studio,
    keeper: sharing::Keeper,
    wake: Arc<dyn Fn() + Send + Sync>,
    keys: Option<Arc<Keys>>,
    /// What the path that is asked for in the window is wanted for.
    wish: Option<files::Wish>,
    rooms: chat::Rooms,
}

impl Core {
    fn new(paths: Paths, settings: SettingsFile<Settings>, outlet: Outlet, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (tell, news) = mpsc::channel(QUEUE);
        Self {
            communities: Communities::default(),
            viewing: Viewing::default(),
            studio: Studio::new(settings.get()),
            keeper: sharing::Keeper::new(&paths),
            paths,
            settings,
            unsaved: Unsaved::default(),
            outlet,
            tell,
            news,
            wake,
            keys: None,
            wish: None,
            rooms: chat::Rooms::new(),
        }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, open: Option<Open>) {
        self.begin(open);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut meter = tokio::time::interval(METER);
        meter.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let signalled = crate::cli::child::interrupted();
        tokio::pin!(signalled);
        let mut told_to_end = false;
        loop {
            tokio::select! {
                () = &mut signalled => {
                    told_to_end = true;
                    break;
                }
                command = commands.recv() => match command {
                    None | Some(Command::Quit) => break,
                    Some(command) => self.execute(command).await,
                },
                Some(news) = self.news.recv() => self.take(news).await,
                _ = tick.tick() => self.tick().await,
                _ = meter.tick(), if self.studio.is_metered() => self.tell_level(),
                () = clock::sleep_until(self.unsaved.due()) => self.write_settings(),
            }
            self.outlet.flush();
        }
        if tokio::time::timeout(LAST_WORDS, self.end()).await.is_err() {
            tracing::warn!("not everything could be ended in time");
        }
        self.outlet.emit(Event::Closed);
        self.outlet.flush();
        if told_to_end {
            // The window closes on that word, unless nobody draws it.
            tokio::time::sleep(LAST_WORDS).await;
            std::process::exit(0);
        }
    }

    fn begin(&mut self, open: Option<Open>) {
        self.outlet.emit(Event::Settings(Box::new(self.settings.get().view())));
        self.keeper.begin();
        self.begin_communities(open);
        self.find_devices();
    }

    async fn end(&mut self) {
        self.write_settings();
        self.keeper.write();
        self.viewing.close().await;
        self.studio.close().await;
        self.communities.close().await;
    }

    async fn take(&mut self, news: News) {
        match news {
            News::Community(news) => self.take_community(news).await,
            News::Studio(news) => self.take_studio(news).await,
            News::File(answer) => self.take_file(answer),
            News::Pass(event) => self.outlet.emit(event),
        }
    }

    async fn tick(&mut self) {
        self.tick_communities();
        self.tick_viewing().await;
        self.tick_studio().await;
        self.tick_sharing(false);
    }

    async fn execute(&mut self, command: Command) {
        match command {
            Command::JoinCommunity { address } => self.join_community(address, None),
            Command::LeaveCommunity(id) => self.leave_community(&id),
            Command::SelectCommunity(id) => self.select_community(id),
            Command::Reconnect(id) => self.reconnect(&id),
            Command::SignIn { community, name, password } => self.sign_in(&community, name, password, false),
            Command::SignUp { community, name, password } => self.sign_in(&community, name, password, true),
            Command::SignOut(id) => self.sign_out(&id),
            Command::FetchLive { community, query } => self.fetch_live(&community, Some(query)),
            Command::Follow { community, channel, on } => self.follow(&community, channel, on),
            Command::Watch { community, channel } => self.watch(community, channel).await,
            Command::StopWatching => {
                self.viewing.close().await;
                self.leave_rooms();
                self.outlet.emit(Event::WatchClosed);
            }
            Command::SetPaused(paused) => self.viewing.set_paused(paused),
            Command::JumpToLive => self.viewing.jump_to_live(),
            Command::SendChat { community, channel, text } => self.send_chat(&community, &channel, text),
            Command::DeleteMessage { community, message } => self.delete_message(&community, &message),
            Command::FindDevices => self.find_devices(),
            Command::FindWindows => self.find_windows(),
            Command::OpenPreview => self.open_preview(),
            Command::ClosePreview => self.close_preview(),
            Command::SetSource { source, sound } => self.set_source(source, sound),
            Command::ChooseFile => self.want_file(files::Wish::Source),
            Command::TakePath(path) => self.take_path(path),
            Command::SetGain(decibels) => self.set_gain(decibels),
            Command::MuteSound(muted) => self.studio.set_muted(muted),
            Command::GoLive { community, title } => self.go_live(community, title),
            Command::SetTitle(title) => self.studio.set_title(title),
            Command::EndBroadcast => self.end_broadcast(),
            Command::Change(change) => self.change(change),
            Command::ExportKeys { passphrase } => self.want_export(passphrase),
            Command::ImportKeys { passphrase } => self.want_file(files::Wish::ImportKeys(passphrase)),
            Command::UnlockKeys { passphrase } => self.unlock_keys(passphrase),
            Command::RevokeKey => self.revoke_key(),
            // The app does it itself; and quitting ends the loop.
            Command::DismissToast(_) | Command::Quit => {}
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.outlet.emit(Event::Notice(Notice::Problem(problem)));
    }

    /// The community that is shown, or the first.
    fn current(&self) -> Option<CommunityId> {
        let wanted = CommunityId(self.settings.get().communities.current.clone());
        if self.communities.contains(&wanted) { Some(wanted) } else { self.communities.first() }
    }
}
