//! What the engine reports.

use std::collections::BTreeSet;

use backend_lite::api::SharingDefault;
use runnel_media::format::WallClock;

use super::{
    BroadcastId, ChannelId, ChatEvent, CommunityId, Connection, DeviceChoice, Devices, Feed, FileWish, Health, Level,
    LiveItem, Notice, Person, Picture, Problem, SettingsView, SharingNow, SoundChoice, SourceChoice, StudioPhase,
    StudioTelemetry, WatchPhase, WatchState, WatchTelemetry,
};

/// One thing that happened outside the UI.
///
/// Events come through a bounded channel, each followed by a request for a repaint.
#[derive(Clone, Debug)]
pub enum Event {
    /// A community is known; the first one becomes the current one.
    CommunityJoined {
        /// Its id.
        id: CommunityId,
        /// Its name.
        name: String,
        /// Its address.
        address: String,
        /// Whether it runs inside this app.
        embedded: bool,
        /// How far its host lets viewers share.
        sharing: SharingDefault,
    },
    /// A community was left.
    CommunityLeft(CommunityId),
    /// Another community's home page is to be shown.
    CommunitySelected(CommunityId),
    /// A community began or stopped answering.
    Connection {
        /// Which.
        community: CommunityId,
        /// How it is now.
        connection: Connection,
    },
    /// One signed in, or out (`None`).
    SignedIn {
        /// Where.
        community: CommunityId,
        /// As whom.
        person: Option<Person>,
    },
    /// The channels followed in a community.
    Following {
        /// Where.
        community: CommunityId,
        /// All of them.
        channels: BTreeSet<ChannelId>,
    },
    /// The live list was asked for.
    LiveLoading {
        /// Whose.
        community: CommunityId,
        /// What is searched for; empty for all.
        query: String,
    },
    /// The live list came.
    LiveList {
        /// Whose.
        community: CommunityId,
        /// What was searched for; empty for all.
        query: String,
        /// The cards; stills that are missing are kept from before.
        items: Vec<LiveItem>,
    },
    /// The live list did not come.
    LiveFailed {
        /// Whose.
        community: CommunityId,
        /// Why.
        problem: Problem,
    },
    /// A still came, decoded by the engine.
    Thumbnail {
        /// Whose.
        community: CommunityId,
        /// Of which show.
        broadcast: BroadcastId,
        /// The still.
        picture: Picture,
    },
    /// A channel is being opened to watch; replaces what was watched before.
    WatchOpened(Box<WatchState>),
    /// Where the pictures of the watched channel come from.
    WatchPicture(Feed),
    /// The watched channel plays, stalls, ends.
    WatchPhase(WatchPhase),
    /// What the community tells about the watched show.
    WatchInfo {
        /// Its title.
        title: String,
        /// People watching now.
        viewers: u64,
        /// When it began.
        started: WallClock,
    },
    /// Measurements of the watched channel, at most a few a second.
    WatchTelemetry(WatchTelemetry),
    /// What is shared with other viewers at the moment.
    SharingNow(SharingNow),
    /// Nothing is watched any more.
    WatchClosed,
    /// Something in a chat; reaches the watched channel and one's own.
    Chat {
        /// Where.
        community: CommunityId,
        /// In which channel.
        channel: ChannelId,
        /// What.
        event: ChatEvent,
    },
    /// The devices of this machine, after a look.
    Devices(Devices),
    /// The windows that can be shown now, by id and title.
    Windows(Vec<DeviceChoice>),
    /// What is wrong with the chosen source or sound, before going live; `None` when it works.
    StudioDevice(Option<Problem>),
    /// Where the studio's preview comes from; `None` while there is no source.
    StudioPreview(Option<Feed>),
    /// The sound's level, at most 20 a second.
    StudioLevel(Level),
    /// The broadcast starts, is on air, ends.
    StudioPhase(StudioPhase),
    /// How one's broadcast does, in one verdict.
    StudioHealth(Health),
    /// Measurements of one's broadcast, at most a few a second.
    StudioTelemetry(StudioTelemetry),
    /// The channel one goes live on.
    StudioChannel {
        /// Where.
        community: CommunityId,
        /// Which.
        channel: ChannelId,
    },
    /// The source and sound in use changed, for instance because a device went away.
    StudioSource {
        /// Pictures.
        source: SourceChoice,
        /// Sound.
        sound: SoundChoice,
    },
    /// A file is wanted and this system has no dialog for it: the window asks for its path.
    PathWanted(FileWish),
    /// The settings in force, at start and after each change.
    Settings(Box<SettingsView>),
    /// Something worth a message at the foot of the window.
    Notice(Notice),
    /// All is ended and saved: the window may close.
    Closed,
}
