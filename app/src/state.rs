//! What the screens show: plain data, changed by events and read by the UI.
//!
//! The engine reports [`Event`]s, [`AppState::apply`] folds them in, and screens only read.
//! Nothing here waits, allocates without bound or knows where the data came from.
//! All that a server told us is keyed by its community, since a person belongs to several.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use backend_lite::api::SharingDefault;
use runnel_media::format::WallClock;

pub use self::chat::{Chat, ChatEvent, ChatMessage, ChatPhase, MAX_MESSAGES};
pub use self::event::Event;
pub use self::history::{Flow, HISTORY_SECONDS, History};
pub use self::picture::{Feed, Picture};
pub use self::problem::Problem;
pub use self::settings::{Language, RenderSize, Role, SettingChange, SettingsView, TextScale, ThemeChoice};
pub use self::sharing::{
    DataCap, Limit, Metered, MeteredChoice, Reach, Ruling, Schedule, Sharing, SharingNow, UploadCap,
};
pub use self::studio::{
    BroadcastSummary, DeviceChoice, Devices, Encoder, FileWish, Health, Level, SoundChoice, SourceChoice, StudioPhase,
    StudioState, StudioTelemetry,
};
pub use self::toast::{MAX_TOASTS, Notice, Severity, Toast, Toasts};
pub use self::watch::{Delivery, EndReason, WatchPhase, WatchState, WatchTelemetry, Way};

mod chat;
mod event;
mod history;
mod picture;
mod problem;
mod settings;
mod sharing;
mod studio;
mod toast;
mod watch;

/// The id a community gives itself; everything it told us is kept under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct CommunityId(pub String);

/// A channel's lasting id, as its community writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ChannelId(pub String);

/// One show's id, as its community writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct BroadcastId(pub String);

/// How well a community can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The first answer has not come yet.
    Connecting,
    /// It answers.
    Online,
    /// It stopped answering, or never did; tried again by itself.
    Offline(Problem),
}

/// Who one is in a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name others see.
    pub name: String,
    /// Whether it is a guest without an account.
    pub guest: bool,
    /// The channel this person may go live on, if any.
    pub channel: Option<ChannelId>,
}

/// One card of the home page.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveItem {
    /// The show.
    pub broadcast: BroadcastId,
    /// Where it runs.
    pub channel: ChannelId,
    /// The channel's name.
    pub name: String,
    /// The show's title.
    pub title: String,
    /// What it is about, as the community calls it; empty if not told.
    pub category: String,
    /// Its language, as a BCP 47 tag; empty if not told.
    pub language: String,
    /// People watching now.
    pub viewers: u64,
    /// When it began.
    pub started: WallClock,
    /// Its newest still, once fetched.
    pub thumbnail: Option<Picture>,
}

/// How far the live list has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListPhase {
    /// Asked for; `since` decides when a skeleton is worth showing.
    Loading {
        /// When it was asked for.
        since: Instant,
    },
    /// Fresh.
    Ready,
    /// The last try failed; the items are what was last seen.
    Failed(Problem),
}

/// The live channels of one community.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveList {
    /// How far it has come.
    pub phase: ListPhase,
    /// What was searched for; empty for all.
    pub query: String,
    /// The cards, in the order the community ranks them.
    pub items: Vec<LiveItem>,
}

/// The most cards a list keeps: more would be scrolled by nobody and cost memory for pictures.
pub const MAX_LIVE_ITEMS: usize = 200;

/// One joined community.
#[derive(Clone, Debug, PartialEq)]
pub struct Community {
    /// Its name.
    pub name: String,
    /// Its address, as typed or found.
    pub address: String,
    /// Whether it runs inside this app.
    pub embedded: bool,
    /// How far its host lets viewers share.
    pub sharing: SharingDefault,
    /// How well it can be reached.
    pub connection: Connection,
    /// Who one is there; `None` until signed in.
    pub person: Option<Person>,
    /// Its live channels.
    pub live: LiveList,
    /// Channels followed there.
    pub following: BTreeSet<ChannelId>,
}

impl Community {
    /// A community that was just asked for.
    pub fn connecting(now: Instant, name: String, address: String, embedded: bool) -> Self {
        let live = LiveList { phase: ListPhase::Loading { since: now }, query: String::new(), items: Vec::new() };
        let (connection, following) = (Connection::Connecting, BTreeSet::new());
        let sharing = SharingDefault::default();
        Self { name, address, embedded, sharing, connection, person: None, live, following }
    }

    /// Followed channels that are live, in the list's order.
    pub fn followed_live(&self) -> impl Iterator<Item = &LiveItem> {
        self.live.items.iter().filter(|item| self.following.contains(&item.channel))
    }
}

/// Everything the screens show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppState {
    /// The community whose home page is shown.
    pub current: Option<CommunityId>,
    /// The joined communities.
    pub communities: BTreeMap<CommunityId, Community>,
    /// What is being watched.
    pub watch: Option<WatchState>,
    /// The studio.
    pub studio: StudioState,
    /// Settings as they are in force.
    pub settings: SettingsView,
    /// What is shared at the moment.
    pub sharing: SharingNow,
    /// Cameras, microphones and the like.
    pub devices: Devices,
    /// Messages at the foot of the window.
    pub toasts: Toasts,
    /// Whether the app waits for the engine to end everything before the window closes.
    pub closing: bool,
}

impl AppState {
    /// The community whose home page is shown.
    pub fn community(&self) -> Option<&Community> {
        self.communities.get(self.current.as_ref()?)
    }

    /// Whether a broadcast of ours is on air, starting or ending.
    pub fn on_air(&self) -> bool {
        self.studio.phase.on_air()
    }

    /// Folds one event in.
    pub fn apply(&mut self, now: Instant, event: Event) {
        match event {
            Event::CommunityJoined { id, name, address, embedded, sharing } => {
                let community = self
                    .communities
                    .entry(id.clone())
                    .or_insert_with(|| Community::connecting(now, name.clone(), address.clone(), embedded));
                (community.name, community.address, community.embedded) = (name, address, embedded);
                community.sharing = sharing;
                self.current.get_or_insert(id);
            }
            Event::CommunityLeft(id) => {
                self.communities.remove(&id);
                if self.current.as_ref() == Some(&id) {
                    self.current = self.communities.keys().next().cloned();
                }
                if self.watch.as_ref().is_some_and(|watch| watch.community == id) {
                    self.watch = None;
                }
            }
            Event::CommunitySelected(id) => {
                if self.communities.contains_key(&id) {
                    self.current = Some(id);
                }
            }
            Event::Connection { community, connection } => self.with(&community, |it| it.connection = connection),
            Event::SignedIn { community, person } => self.with(&community, |it| it.person = person),
            Event::Following { community, channels } => self.with(&community, |it| it.following = channels),
            Event::LiveLoading { community, query } => self.with(&community, |it| {
                it.live.phase = ListPhase::Loading { since: now };
                it.live.query = query;
            }),
            Event::LiveList { community, query, items } => self.with(&community, |it| it.live.replace(query, items)),
            Event::LiveFailed { community, problem } => {
                self.with(&community, |it| it.live.phase = ListPhase::Failed(problem));
            }
            Event::Thumbnail { community, broadcast, picture } => self.with(&community, |it| {
                if let Some(item) = it.live.items.iter_mut().find(|item| item.broadcast == broadcast) {
                    item.thumbnail = Some(picture);
                }
            }),
            Event::WatchOpened(mut watch) => {
                if self.studio.is_of(&watch.community, &watch.channel) {
                    // The chat is joined already: nobody will tell again that it is open.
                    watch.chat = self.studio.chat.clone();
                }
                self.watch = Some(*watch);
            }
            Event::WatchPicture(feed) => self.with_watch(|watch| watch.picture = Some(feed)),
            Event::WatchPhase(phase) => self.with_watch(|watch| watch.phase = phase),
            Event::WatchInfo { title, viewers, started } => self.with_watch(|watch| {
                (watch.title, watch.viewers, watch.started) = (title, viewers, started);
            }),
            Event::WatchTelemetry(telemetry) => self.with_watch(|watch| {
                watch.history.note(now, telemetry.delivery);
                watch.telemetry = telemetry;
            }),
            Event::SharingNow(sharing) => self.sharing = sharing,
            Event::WatchClosed => self.watch = None,
            Event::Chat { community, channel, event } => self.chat(&community, &channel, event),
            Event::Devices(devices) => self.devices = devices,
            Event::Windows(windows) => self.devices.windows = windows,
            Event::StudioDevice(problem) => self.studio.device = problem,
            Event::StudioPreview(feed) => self.studio.preview = feed,
            Event::StudioLevel(level) => self.studio.level = level,
            Event::StudioPhase(phase) => self.studio.phase = phase,
            Event::StudioHealth(health) => self.studio.health = health,
            Event::StudioTelemetry(telemetry) => self.studio.telemetry = telemetry,
            Event::StudioChannel { community, channel } => {
                if !self.studio.is_of(&community, &channel) {
                    let watched = self.watch.as_ref().filter(|it| it.community == community && it.channel == channel);
                    self.studio.chat = watched.map(|watch| watch.chat.clone()).unwrap_or_default();
                }
                (self.studio.community, self.studio.channel) = (Some(community), Some(channel));
            }
            Event::StudioSource { source, sound } => (self.studio.source, self.studio.sound) = (source, sound),
            Event::Settings(settings) => self.settings = *settings,
            Event::Notice(notice) => self.toasts.push(now, notice),
            Event::Closed => self.closing = true,
            // The window asks at once and keeps what is typed.
            Event::PathWanted(_) => {}
        }
    }

    fn with(&mut self, id: &CommunityId, change: impl FnOnce(&mut Community)) {
        // A report about a community that was left meanwhile is of no use to anyone.
        if let Some(community) = self.communities.get_mut(id) {
            change(community);
        }
    }

    fn with_watch(&mut self, change: impl FnOnce(&mut WatchState)) {
        if let Some(watch) = &mut self.watch {
            change(watch);
        }
    }

    fn chat(&mut self, community: &CommunityId, channel: &ChannelId, event: ChatEvent) {
        let studio = self.studio.is_of(community, channel);
        if let Some(watch) = self.watch.as_mut().filter(|it| it.community == *community && it.channel == *channel) {
            watch.chat.apply(event.clone());
        }
        if studio {
            self.studio.chat.apply(event);
        }
    }
}

impl LiveList {
    fn replace(&mut self, query: String, mut items: Vec<LiveItem>) {
        items.truncate(MAX_LIVE_ITEMS);
        for item in items.iter_mut().filter(|item| item.thumbnail.is_none()) {
            // Keep the still we have, or the card would blink on every refresh.
            let old = self.items.iter_mut().find(|old| old.broadcast == item.broadcast);
            item.thumbnail = old.and_then(|old| old.thumbnail.take());
        }
        (self.phase, self.query, self.items) = (ListPhase::Ready, query, items);
    }
}

#[cfg(test)]
mod tests;
