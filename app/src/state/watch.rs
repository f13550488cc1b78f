//! What is being watched.

use std::time::{Duration, Instant};

use runnel_media::format::WallClock;

use super::{BroadcastId, ChannelId, Chat, CommunityId, Feed, History, Problem};

pub use crate::session::watch::Way;

/// Why a broadcast is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The broadcaster ended it.
    Ended,
    /// The broadcaster stopped sending; coming back continues it.
    Stopped,
    /// The community took it down.
    TakenDown,
}

/// How far watching has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchPhase {
    /// No picture yet.
    Opening {
        /// When it was asked for.
        since: Instant,
    },
    /// It plays.
    Playing,
    /// One paused it.
    Paused,
    /// Nothing to play: the last picture stays.
    Stalled {
        /// Since when.
        since: Instant,
    },
    /// It is over.
    Ended(EndReason),
    /// It cannot be watched.
    Failed(Problem),
}

impl WatchPhase {
    /// Whether nothing more will play.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::Failed(_))
    }
}

/// Where the bytes came from and went, since watching began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// From other viewers.
    pub from_peers: u64,
    /// From the broadcaster's machine.
    pub from_publisher: u64,
    /// From the server, by whatever way.
    pub from_server: u64,
    /// To other viewers.
    pub to_peers: u64,
    /// Other computers one exchanges with now, the broadcaster's and the server's among them.
    pub neighbours: u32,
    /// Other viewers among those.
    pub viewers: u32,
    /// Chunks that failed verification and were thrown away.
    pub rejected: u64,
}

impl Delivery {
    /// The share of received bytes that came from other viewers, 0 to 1; `None` before the first byte.
    pub fn peer_share(&self) -> Option<f64> {
        let total = self.from_peers.saturating_add(self.from_publisher).saturating_add(self.from_server);
        (total > 0).then(|| self.from_peers as f64 / total as f64)
    }
}

/// Measurements of what is being watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchTelemetry {
    /// How far the picture is behind its capture; `None` before the first frame.
    pub behind: Option<Duration>,
    /// Whether it is behind on purpose, so that the badge is grey and a click catches up.
    pub behind_on_purpose: bool,
    /// Media in the playout buffer.
    pub buffer: Duration,
    /// Where the bytes come from.
    pub delivery: Delivery,
    /// How others are reached.
    pub way: Way,
    /// Picture size in pixels.
    pub size: Option<(u32, u32)>,
    /// Frames a second, as encoded.
    pub fps: Option<f32>,
    /// Kilobits a second received.
    pub bitrate_kbps: Option<u32>,
    /// Codec string.
    pub codecs: String,
    /// Frames shown on time.
    pub frames_shown: u64,
    /// Frames decoded but too late to show.
    pub frames_skipped: u64,
    /// Times the picture stood still.
    pub stalls: u32,
    /// How much later the picture is than the sound; negative where it is earlier.
    pub av_offset_ms: Option<f32>,
    /// Whether sound has an output.
    pub sound_lost: bool,
}

/// A channel that is being watched.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchState {
    /// Where.
    pub community: CommunityId,
    /// Which channel.
    pub channel: ChannelId,
    /// Which show.
    pub broadcast: Option<BroadcastId>,
    /// The channel's name.
    pub name: String,
    /// The show's title.
    pub title: String,
    /// What it is about; empty if not told.
    pub category: String,
    /// People watching now.
    pub viewers: u64,
    /// When it began.
    pub started: WallClock,
    /// How far watching has come.
    pub phase: WatchPhase,
    /// Where the pictures come from, once there are any.
    pub picture: Option<Feed>,
    /// Measurements.
    pub telemetry: WatchTelemetry,
    /// Where the bytes of the last minute came from.
    pub history: History,
    /// The chat beside it.
    pub chat: Chat,
}

impl WatchState {
    /// A channel that was just asked for.
    pub fn opening(now: Instant, community: CommunityId, channel: ChannelId, name: String, title: String) -> Self {
        Self {
            community,
            channel,
            broadcast: None,
            name,
            title,
            category: String::new(),
            viewers: 0,
            started: WallClock::default(),
            phase: WatchPhase::Opening { since: now },
            picture: None,
            telemetry: WatchTelemetry::default(),
            history: History::default(),
            chat: Chat::default(),
        }
    }
}
