//! Going live: from the publisher's pipeline to the origin and the swarm.

mod audience;
mod book;
mod delivery;
mod outbox;
mod run;
mod show;
mod sitting;
mod swarm;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_lite::api::{BroadcastId, ChannelId, ClientError, Visibility};
use parking_lot::Mutex;
use runnel_media::format::Size;
use runnel_media::frame::VideoFrame;
use runnel_media::pipeline::publish::{PublishConfig, PublishError, PublishStats, Publisher};
use runnel_media::slot;
use runnel_p2p::node::{NodeError, NodeStats};
use runnel_p2p::wire::{ChannelKey, ManifestError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use audience::Audience;
pub(crate) use book::RENDITION;

use super::recording::{Recording, RecordingError};
use crate::report::EncoderReport;

/// How a broadcast is made.
#[derive(Clone)]
pub struct BroadcastConfig {
    /// Address of the server.
    pub server: String,
    /// Token of an account that may publish on the channel.
    pub token: String,
    /// Name or id of the channel; made if it is a name that does not exist yet.
    pub channel: String,
    /// What others read about it.
    pub about: About,
    /// The channel's key on this machine.
    pub key: ChannelKey,
    /// Where pictures and sound come from and how they are encoded.
    pub publish: PublishConfig,
    /// Whether viewers are served by us too, and how.
    pub swarm: SwarmConfig,
    /// Write what is published to this file too.
    pub record: Option<PathBuf>,
}

/// Length of a chunk for a delay: short ones where every tenth of a second counts.
pub fn chunk_duration(target_delay: Duration) -> Duration {
    Duration::from_millis(if target_delay <= Duration::from_millis(1200) { 100 } else { 200 })
}

/// What others read about a broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Title; the channel's name where it is empty.
    pub title: String,
    /// Category.
    pub category: String,
    /// Language tag.
    pub language: String,
    /// Who may find it.
    pub visibility: Visibility,
}

/// How the swarm is taken part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwarmConfig {
    /// Whether at all.
    pub enabled: bool,
    /// Most upload in kbit/s; `None` as much as there is.
    pub upload_cap_kbps: Option<u32>,
    /// Serve viewers on the local network only.
    pub near_only: bool,
    /// Listen on this machine only.
    pub loopback: bool,
}

/// How far a broadcast has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The server is asked; tried again for as long as it does not answer.
    Connecting {
        /// Why it has not worked yet, in words; empty at first.
        problem: String,
    },
    /// The encoder is chosen and the source opened.
    Starting,
    /// On air.
    Live {
        /// Since when.
        since: Instant,
    },
    /// On air, but the server does not answer: chunks wait.
    Reconnecting {
        /// Since when it does not answer.
        since: Instant,
        /// Play time that waits.
        buffered: Duration,
    },
    /// The rest is sent.
    Ending,
    /// Over.
    Ended(EndReason),
}

/// Why a broadcast is over.
#[derive(Clone, Debug, PartialEq)]
pub enum EndReason {
    /// It was asked to end.
    Asked,
    /// The source ended or the time was up.
    Finished,
    /// The same channel went live elsewhere.
    TakenOver,
    /// A moderator took it down.
    TakenDown,
    /// It could not go on.
    Failed(Arc<BroadcastError>),
}

/// Why a broadcast could not go on.
#[derive(Debug, thiserror::Error)]
pub enum BroadcastError {
    /// The server said no.
    #[error(transparent)]
    Server(#[from] ClientError),
    /// Pictures and sound could not be made.
    #[error(transparent)]
    Media(#[from] PublishError),
    /// The pipeline could not go on.
    #[error("{0}")]
    Pipeline(String),
    /// The manifest could not be made.
    #[error("the broadcast's description could not be made: {0}")]
    Manifest(#[from] ManifestError),
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] crate::keys::KeyError),
    /// The swarm could not be joined.
    #[error("the swarm could not be joined: {0}")]
    Swarm(#[from] NodeError),
    /// The recording could not be started.
    #[error("the recording could not be started: {0}")]
    Recording(#[from] RecordingError),
    /// A thread or task ended by a fault of ours.
    #[error("the broadcast's {0} ended unexpectedly")]
    Died(&'static str),
}

impl PartialEq for BroadcastError {
    /// By their words: what they hold cannot be compared, and words are what people see.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// What is known about a broadcast at a moment.
#[derive(Clone, Debug)]
pub struct BroadcastStatus {
    /// How far it has come.
    pub phase: Phase,
    /// Its id, once the server gave one.
    pub broadcast: Option<BroadcastId>,
    /// Its channel's id, once known.
    pub channel: Option<ChannelId>,
    /// The encoder, once chosen.
    pub encoder: Option<EncoderReport>,
    /// Size, frames and kbit/s a second, as they are now after steps down the ladder.
    pub picture: Option<(Size, u32, u32)>,
    /// Why size or rate were lowered, in words.
    pub ladder: Option<String>,
    /// Problems that last, in words, by name.
    pub problems: Vec<MediaProblem>,
    /// People watching.
    pub viewers: u32,
    /// What the community says of those who watch, once it did.
    pub audience: Option<Audience>,
    /// When the first chunk was published, in microseconds since 1970.
    pub first_chunk_micros: Option<i64>,
    /// The latest chunks and when they were signed, in microseconds since 1970.
    pub signed: VecDeque<(u64, i64)>,
    /// Play time that waits for the server.
    pub buffered: Duration,
    /// Chunks that waited too long and never reached the server.
    pub upload_dropped: u64,
    /// The pipeline's figures.
    pub media: PublishStats,
    /// The node's figures.
    pub node: Option<NodeStats>,
}

/// A problem of the pipeline, as it says it.
pub type MediaProblem = runnel_media::pipeline::publish::PublishProblem;

impl Default for BroadcastStatus {
    fn default() -> Self {
        Self {
            phase: Phase::Connecting { problem: String::new() },
            broadcast: None,
            channel: None,
            encoder: None,
            picture: None,
            ladder: None,
            problems: Vec::new(),
            viewers: 0,
            audience: None,
            first_chunk_micros: None,
            signed: VecDeque::new(),
            buffered: Duration::ZERO,
            upload_dropped: 0,
            media: PublishStats::default(),
            node: None,
        }
    }
}

/// Asks of a running broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ask {
    Title(String),
    UploadCap(Option<u32>),
}

/// A broadcast that runs; dropping it ends it without waiting.
pub struct Broadcast {
    stop: CancellationToken,
    status: watch::Receiver<BroadcastStatus>,
    asks: mpsc::Sender<Ask>,
    publisher: SharedPublisher,
    task: JoinHandle<()>,
}

/// The pipeline, once it runs; taken out when it is stopped.
type SharedPublisher = Arc<Mutex<Option<Arc<Publisher>>>>;

impl Broadcast {
    /// Starts on the current tokio runtime; failures are told by [`Broadcast::status`].
    pub fn start(config: BroadcastConfig) -> Self {
        let stop = CancellationToken::new();
        let (tell, status) = watch::channel(BroadcastStatus::default());
        let (asks, asked) = mpsc::channel(16);
        let publisher = SharedPublisher::default();
        let task = tokio::spawn(run::run(config, tell, asked, stop.clone(), publisher.clone()));
        Self { stop, status, asks, publisher, task }
    }

    /// What is known now, and a way to wait for more.
    pub fn status(&self) -> watch::Receiver<BroadcastStatus> {
        self.status.clone()
    }

    /// Gives the show another title.
    pub fn set_title(&self, title: String) {
        // Sixteen titles that the server has not taken yet are enough.
        let _ = self.asks.try_send(Ask::Title(title));
    }

    /// Puts another cap on what viewers are sent in force.
    pub fn set_upload_cap(&self, kbps: Option<u32>) {
        let _ = self.asks.try_send(Ask::UploadCap(kbps));
    }

    /// Does something with the pipeline if it runs; must not wait inside.
    pub fn with_publisher<T>(&self, act: impl FnOnce(&Publisher) -> T) -> Option<T> {
        let publisher = self.publisher.lock().clone();
        publisher.map(|publisher| act(&publisher))
    }

    /// The pictures as they go to the encoder; once.
    pub fn preview(&self) -> Option<slot::Receiver<VideoFrame>> {
        self.with_publisher(|publisher| publisher.preview())?
    }

    /// Asks it to end in good order; [`Broadcast::ended`] waits for that.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.status.borrow().phase, Phase::Ended(_)) || self.task.is_finished()
    }

    /// Waits until it is over, and gives its last status.
    pub async fn ended(mut self) -> BroadcastStatus {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the broadcast's task failed");
        }
        let mut last = self.status.borrow().clone();
        if !matches!(last.phase, Phase::Ended(_)) {
            last.phase = Phase::Ended(EndReason::Failed(Arc::new(BroadcastError::Died("task"))));
        }
        last
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
