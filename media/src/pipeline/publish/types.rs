//! What a publisher is told and what it tells.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::capture::{AudioSpec, CaptureError, CaptureProblem, SourceSpec};
use crate::encode::EncoderChoice;
use crate::format::Size;
use crate::frame::TrackKind;
use crate::package::{InitSegment, MediaChunk};
use crate::preprocess::level::Level;
use crate::preprocess::{AudioChain, VideoChain};

/// What to publish and how.
#[derive(Clone, Debug)]
pub struct PublishConfig {
    /// Where pictures come from.
    pub source: SourceSpec,
    /// Where sound comes from.
    pub audio: AudioSpec,
    /// Which encoder.
    pub encoder: EncoderChoice,
    /// Picture size.
    pub size: Size,
    /// Pictures a second.
    pub fps: u32,
    /// Rate of the pictures in kbit/s.
    pub bitrate_kbps: u32,
    /// Rate of the sound in kbit/s.
    pub audio_kbps: u32,
    /// Media time of a chunk: 100 or 200 ms.
    pub chunk: Duration,
    /// Media time from one keyframe to the next.
    pub keyframe_every: Duration,
    /// What happens to pictures before they are encoded; its size and rate are replaced by those above.
    pub chain: VideoChain,
    /// What happens to sound before it is encoded.
    pub audio_chain: AudioChain,
    /// Where the encoder probe keeps what it found.
    pub probe_cache: Option<PathBuf>,
    /// What to add to this machine's wall clock to get the one that capture times are told in, in microseconds: a machine
    /// whose time is set wrong broadcasts at the right time all the same.
    pub clock_offset_micros: i64,
    /// Where a desktop's leave to capture its screen is kept; see [`CaptureConfig::grants`](crate::capture::CaptureConfig).
    pub grants: Option<Arc<Path>>,
    /// Ends by itself after so much media time.
    pub seconds: Option<f64>,
    /// Number of the first chunk.
    pub first_sequence: u64,
    /// Number of the first init segment.
    pub first_init: u32,
}

impl PublishConfig {
    /// This source with the probe's encoder, 100 ms chunks, a keyframe every two seconds,
    /// and a rate that suits the size.
    pub fn new(source: SourceSpec, audio: AudioSpec, size: Size, fps: u32) -> Self {
        // 1000 kbit/s for 640x360 at 30 pictures a second, 2500 (and a little) for 1280x720.
        let work = size.pixels() as f64 * f64::from(fps) / (640.0 * 360.0 * 30.0);
        Self {
            source,
            audio,
            encoder: EncoderChoice::Auto,
            size,
            fps,
            bitrate_kbps: ((1000.0 * work.powf(0.7)) as u32).clamp(150, 20_000),
            audio_kbps: 96,
            chunk: Duration::from_millis(100),
            keyframe_every: Duration::from_secs(2),
            chain: VideoChain::new(size, fps),
            audio_chain: AudioChain::default(),
            probe_cache: None,
            clock_offset_micros: 0,
            grants: None,
            seconds: None,
            first_sequence: 0,
            first_init: 0,
        }
    }
}

/// Why publishing did not start.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The source cannot be used at all.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A number of the configuration, or an encoder by this name, is impossible.
    #[error(transparent)]
    Encode(#[from] crate::encode::EncodeError),
    /// The chunk length is none we publish.
    #[error("invalid chunk length {0:?} (expected 20ms..=1s)")]
    Chunk(Duration),
    /// The system gave us no thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}

/// What went wrong while publishing; the broadcast goes on with what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishProblem {
    /// A source of pictures or sound is lost; a still or silence stands in.
    Capture {
        /// Pictures or sound.
        what: TrackKind,
        /// What happened to which device.
        problem: CaptureProblem,
    },
    /// Another source was asked for and cannot be used; the old one goes on.
    Source {
        /// The source asked for.
        source: String,
        /// Why not.
        reason: String,
    },
    /// An encoder failed and another one took over.
    Encoder {
        /// The one that failed.
        name: String,
        /// What it said.
        reason: String,
    },
    /// Sound could not be encoded.
    Sound {
        /// What the encoder said.
        reason: String,
    },
    /// Something encoded fits into no chunk.
    Package {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for PublishProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture { problem, .. } => problem.fmt(f),
            Self::Source { source, reason } => write!(f, "cannot change to {source}: {reason}"),
            Self::Encoder { name, reason } => write!(f, "encoder {name}: {reason}"),
            Self::Sound { reason } => write!(f, "sound: {reason}"),
            Self::Package { reason } => write!(f, "packaging: {reason}"),
        }
    }
}

/// Why publishing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// It was told to stop.
    Stopped,
    /// The time asked for is over.
    Finished,
    /// The file is over.
    SourceEnded,
    /// It cannot go on.
    Failed(String),
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Finished => f.write_str("the time asked for is over"),
            Self::SourceEnded => f.write_str("the source has ended"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}

/// What a publisher tells, in order, on one thread.
#[derive(Clone, Debug, PartialEq)]
pub enum PublishEvent {
    /// An encoder was taken.
    Encoder {
        /// Its name.
        name: String,
        /// Why this one.
        reason: String,
    },
    /// Comes before the first chunk that names it.
    Init(InitSegment),
    /// The next chunk.
    Chunk(MediaChunk),
    /// A small JPEG of the newest picture: at once, then every ten seconds.
    Thumbnail(Bytes),
    /// Something went wrong.
    Problem(PublishProblem),
    /// It is well again.
    Solved(PublishProblem),
    /// The machine is too slow, or fast enough again: size, pictures a second and rate are now these.
    Ladder {
        /// Picture size.
        size: Size,
        /// Pictures a second.
        fps: u32,
        /// Rate in kbit/s.
        bitrate_kbps: u32,
        /// Why.
        reason: String,
    },
    /// The last event.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// How long a stage takes, in ms, over the last few hundred pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Half of them are quicker.
    pub p50: f64,
    /// All but one in twenty are quicker.
    pub p95: f64,
}

/// What a publisher has done so far.
///
/// Stages: `capture` (from capture to being taken), `preprocess`, `queue` (waiting for the encoder), `encode`
/// (from going in to coming out), `package` (from encoded to given out in a chunk), `total`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PublishStats {
    /// Pictures taken from the source since an encoder is there.
    pub frames_captured: u64,
    /// Pictures shown twice because the source was late.
    pub frames_repeated: u64,
    /// Pictures left out because the source gives more than the wanted rate: no loss.
    pub frames_thinned: u64,
    /// Pictures encoded.
    pub frames_encoded: u64,
    /// Pictures and blocks of sound lost, by stage.
    pub dropped: BTreeMap<String, u64>,
    /// Bytes of all chunks.
    pub bytes_out: u64,
    /// How long each stage takes.
    pub stage_ms: BTreeMap<String, StageTimes>,
    /// How loud the sound is.
    pub audio_level: Level,
    /// The encoder in use.
    pub encoder: String,
    /// Picture size in use.
    pub size: Option<Size>,
    /// Pictures a second in use.
    pub fps: u32,
    /// Rate of the pictures in use, in kbit/s.
    pub bitrate_kbps: u32,
}
