//! Watching: from the swarm and the origin to the player.

pub mod bare;
mod counted;
mod feed;
mod find;
mod origin;
pub mod player;
mod presence;
mod questions;
mod run;
mod swarm;
mod timeline;
mod viewing;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use backend_lite::api::{BroadcastInfo, ClientError};
use runnel_media::pipeline::watch as pipeline;
use runnel_media::pipeline::watch::{OnEvent, WatchEvent, WatchStats, Watcher};
use runnel_p2p::node::{NodeError, NodeStats};
use runnel_p2p::wire::ManifestError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use way::Way;

use self::bare::BarePlayer;
use self::player::Player;
use super::recording::{Recording, RecordingError};
use crate::settings::P2pMode;

/// What is watched, and how.
#[derive(Clone)]
pub struct WatchConfig {
    /// Address of the server.
    pub server: String,
    /// Token, where one is signed in.
    pub token: Option<String>,
    /// Name or id of the channel.
    pub channel: String,
    /// Whether pieces are exchanged with other viewers.
    pub mode: P2pMode,
    /// Most upload in kbit/s; `None` as much as there is.
    pub upload_cap_kbps: Option<u32>,
    /// Exchange with the local network only.
    pub near_only: bool,
    /// Exchange on this machine only.
    pub loopback: bool,
    /// The player's part.
    pub player: pipeline::WatchConfig,
    /// Write what is watched to this file.
    pub record: Option<PathBuf>,
    /// Wait for a channel that is not live, and for the next show after one has ended.
    pub wait: bool,
}

/// How far watching has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The server is asked; tried again for as long as it does not answer.
    Connecting {
        /// Why it has not worked yet, in words; empty at first.
        problem: String,
    },
    /// The channel is not live.
    Waiting,
    /// The first picture is on its way.
    Opening,
    /// It plays.
    Playing,
    /// Nothing to play: the picture stands still.
    Stalled {
        /// Since when.
        since: Instant,
    },
    /// The broadcaster stopped sending; coming back goes on by itself.
    Away,
    /// Over.
    Ended(EndReason),
}

/// Why watching is over.
#[derive(Clone, Debug, PartialEq)]
pub enum EndReason {
    /// It was asked to end.
    Asked,
    /// The broadcaster ended the show.
    Ended,
    /// A moderator took the show down.
    TakenDown,
    /// It could not go on.
    Failed(Arc<WatchError>),
}

/// Why a channel cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The server said no.
    #[error(transparent)]
    Server(#[from] ClientError),
    /// Nothing is on.
    #[error("{0} is not live now")]
    NotLive(String),
    /// The description of the broadcast is not signed by the channel.
    #[error("the broadcast is not signed by its channel: {0}")]
    Manifest(#[from] ManifestError),
    /// The description holds nothing that can be watched.
    #[error("the broadcast has nothing that can be watched")]
    Empty,
    /// The swarm could not be joined.
    #[error("the swarm could not be joined: {0}")]
    Swarm(#[from] NodeError),
    /// The player could not be started.
    #[error(transparent)]
    Player(#[from] pipeline::WatchError),
    /// The recording could not be started.
    #[error("the recording could not be started: {0}")]
    Recording(#[from] RecordingError),
    /// A task ended by a fault of ours.
    #[error("watching ended unexpectedly")]
    Died,
}

impl PartialEq for WatchError {
    /// By their words: what they hold cannot be compared, and words are what people see.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// Where bytes came from and went, since watching began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// From other viewers.
    pub from_peers: u64,
    /// From the broadcaster's node.
    pub from_publisher: u64,
    /// From the server, by HTTP or libp2p.
    pub from_origin: u64,
    /// To other viewers.
    pub to_peers: u64,
    /// Chunks, headers and pieces that were not what was signed.
    pub rejected: u64,
    /// Neighbours now.
    pub neighbours: usize,
    /// Other viewers among them.
    pub viewers: usize,
}

impl Delivery {
    /// Share of the bytes that came from other viewers; `None` before the first.
    pub fn peer_share(&self) -> Option<f64> {
        let all = self.from_peers + self.from_publisher + self.from_origin;
        (all > 0).then(|| self.from_peers as f64 / all as f64)
    }

    /// Both together; the neighbours are the second's.
    #[must_use]
    fn plus(self, other: Self) -> Self {
        Self {
            from_peers: self.from_peers + other.from_peers,
            from_publisher: self.from_publisher + other.from_publisher,
            from_origin: self.from_origin + other.from_origin,
            to_peers: self.to_peers + other.to_peers,
            rejected: self.rejected + other.rejected,
            neighbours: other.neighbours,
            viewers: other.viewers,
        }
    }
}

/// What is known at a moment.
#[derive(Clone, Debug)]
pub struct WatchStatus {
    /// How far it has come.
    pub phase: Phase,
    /// The show, once known.
    pub broadcast: Option<BroadcastInfo>,
    /// People watching.
    pub viewers: u32,
    /// Codecs of what is watched.
    pub codecs: String,
    /// When the first frame was shown, in microseconds since 1970.
    pub first_frame_micros: Option<i64>,
    /// Whether the sound has no output.
    pub sound_lost: bool,
    /// The player's figures.
    pub player: WatchStats,
    /// Where the bytes came from.
    pub delivery: Delivery,
    /// What our node counted in the broadcast that is watched, where there is one.
    pub node: Option<Arc<NodeStats>>,
    /// How others are reached.
    pub way: Way,
}

impl Default for WatchStatus {
    fn default() -> Self {
        Self {
            phase: Phase::Connecting { problem: String::new() },
            broadcast: None,
            viewers: 0,
            codecs: String::new(),
            first_frame_micros: None,
            sound_lost: false,
            player: WatchStats::default(),
            delivery: Delivery::default(),
            node: None,
            way: Way::default(),
        }
    }
}

/// Asks of what is being watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    UploadCap(Option<u32>),
    /// Whether and how far pieces are exchanged.
    Sharing {
        mode: P2pMode,
        near_only: bool,
    },
}

/// Something that is being watched, with the player that shows it; dropping it ends it without waiting.
pub struct Watch<P: Player = Watcher> {
    stop: CancellationToken,
    status: watch::Receiver<WatchStatus>,
    asks: mpsc::Sender<Ask>,
    player: Arc<P>,
    task: JoinHandle<()>,
}

/// Player events that may wait.
const EVENTS: usize = 256;

impl Watch {
    /// Starts on the current tokio runtime; what goes wrong later is told by [`Watch::status`].
    ///
    /// # Errors
    /// When the player or the recording cannot be started.
    pub fn start(config: WatchConfig) -> Result<Self, WatchError> {
        let (on_event, events) = event_queue();
        let player = Watcher::start(config.player.clone(), on_event)?;
        let recording = config.record.clone().map(Recording::start).transpose()?;
        Ok(Self::with(config, player, recording, events))
    }
}

impl Watch<BarePlayer> {
    /// Watches without decoding; otherwise as [`Watch::start`]. Nothing is recorded.
    pub fn start_bare(config: WatchConfig) -> Self {
        let (on_event, events) = event_queue();
        let player = BarePlayer::start(config.player.target_delay, on_event);
        Self::with(config, player, None, events)
    }
}

/// What a player says goes in at one end and is read at the other.
fn event_queue() -> (OnEvent, mpsc::Receiver<WatchEvent>) {
    let (heard, events) = mpsc::channel(EVENTS);
    let on_event = Box::new(move |event| {
        if heard.try_send(event).is_err() {
            tracing::debug!("a word of the player was lost");
        }
    });
    (on_event, events)
}

impl<P: Player> Watch<P> {
    fn with(config: WatchConfig, player: P, recording: Option<Recording>, events: mpsc::Receiver<WatchEvent>) -> Self {
        let player = Arc::new(player);
        let stop = CancellationToken::new();
        let (tell, status) = watch::channel(WatchStatus::default());
        let (asks, asked) = mpsc::channel(16);
        let task = tokio::spawn(run::run(config, player.clone(), recording, events, asked, tell, stop.clone()));
        Self { stop, status, asks, player, task }
    }

    /// What is known now, and a way to wait for more.
    pub fn status(&self) -> watch::Receiver<WatchStatus> {
        self.status.clone()
    }

    /// The player: its pictures, volume, pause, or what it measured.
    pub fn player(&self) -> &Arc<P> {
        &self.player
    }

    /// Puts another upload cap in force.
    pub fn set_upload_cap(&self, kbps: Option<u32>) {
        // A slider may give more values than matter; the last is saved in the settings too.
        let _ = self.asks.try_send(Ask::UploadCap(kbps));
    }

    /// Exchanges with others from now on, or with the local network only, or not at all; what plays goes on.
    pub fn set_sharing(&self, mode: P2pMode, near_only: bool) {
        // Sixteen asks that were not heard yet are enough.
        let _ = self.asks.try_send(Ask::Sharing { mode, near_only });
    }

    /// Asks it to end; [`Watch::ended`] waits for that.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.status.borrow().phase, Phase::Ended(_)) || self.task.is_finished()
    }

    /// Waits until it is over, and gives its last status.
    pub async fn ended(mut self) -> WatchStatus {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the task of watching failed");
        }
        let mut last = self.status.borrow().clone();
        if !matches!(last.phase, Phase::Ended(_)) {
            last.phase = Phase::Ended(EndReason::Failed(Arc::new(WatchError::Died)));
        }
        last
    }
}

impl<P: Player> Drop for Watch<P> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
