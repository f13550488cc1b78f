//! When to decode and when to show what came: a pure machine in virtual time.
//!
//! Chunks come in any order, late, twice or never. [`Playout`] holds them until the target delay after their capture,
//! hands them to the decoder in order, and starts, stops, hurries or moves the clock that pictures and sound follow.
//! That clock is the sound card ([`AudioQueue`]), or the paced null output where there is none; pictures are released
//! against it ([`FrameQueue`]).
//!
//! The machine never plays backwards: sequences are released in rising order only, each at most once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::format::{Timestamp, WallClock};

mod audio;
mod buffer;
mod machine;
mod pace;
mod plan;
mod rate;
mod stats;
mod steps;
mod stretch;
#[cfg(test)]
mod tests;
mod timeline;
mod video;

pub use audio::{AudioQueue, ClockReading};
pub use stats::{Quantiles, Spread};
pub use video::{Due, FrameQueue};

use buffer::ChunkBuffer;
use rate::RateController;
use stats::StallMeter;
use timeline::{Micros, Timeline};

/// One chunk as the machine sees it; its bytes pass through untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The init segment it needs.
    pub init: u32,
    /// Its number; numbers only rise, also from one epoch to the next.
    pub sequence: u64,
    /// Media time of its first frame.
    pub start: Timestamp,
    /// How long it plays.
    pub duration: Duration,
    /// Publisher's wall clock when its first frame was captured.
    pub captured: WallClock,
    /// Whether decoding can start with it.
    pub keyframe: bool,
    /// Whether the decoder must start anew with it.
    pub discontinuity: bool,
    /// The fragment.
    pub data: Bytes,
}

/// How the machine plays.
#[derive(Clone, Debug)]
pub struct PlayoutConfig {
    /// From capture to the screen.
    pub target_delay: Duration,
    /// Bound of the compressed buffer.
    pub buffer_bytes: usize,
    /// What the publisher's wall clock shows at the instant given to [`Playout::new`].
    pub wall: WallClock,
}

/// What happens to the machine.
#[derive(Clone, Debug)]
pub enum Input {
    /// A chunk came.
    Chunk(Chunk),
    /// An init segment is known from now on.
    Init(u32),
    /// A chunk will never come.
    Missing(u64),
    /// The publisher is known to have captured until then.
    LiveEdge(WallClock),
    /// The broadcast is over after this chunk, or after what has come.
    End(Option<u64>),
    /// Where the clock is.
    Clock(ClockReading),
    /// A released chunk could not be decoded.
    DecodeFailed,
    /// The viewer pauses or goes on.
    Paused(bool),
    /// The viewer wants to be at the live edge again.
    JumpToLive,
    /// The viewer wants another delay.
    TargetDelay(Duration),
    /// A better measurement of the publisher's wall clock, at the instant given to [`Playout::new`].
    Wall(WallClock),
    /// Time passed.
    Timeout,
}

/// What the driver must do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Start the clock anew: `position` is shown and heard at `at`; what is queued is void.
    Start {
        /// Names this run of the clock.
        generation: u32,
        /// Media time shown first.
        position: Timestamp,
        /// When.
        at: Instant,
    },
    /// Stop the clock where it is.
    Hold,
    /// Let the clock go on.
    Go,
    /// Play at this speed.
    Rate(f64),
    /// Decode this chunk now.
    Release(Release),
    /// Tell the viewer.
    Event(Event),
}

/// A chunk on its way to the decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The chunk.
    pub chunk: Chunk,
    /// Whether the decoder must forget what came before.
    pub reset: bool,
    /// Whether its pictures can be decoded; its sound always can.
    pub video: bool,
}

/// What a viewer may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The picture stopped for lack of data.
    Stalled,
    /// It moves again.
    Resumed {
        /// How long it stood still.
        after: Duration,
    },
    /// Media was left out to be nearer to the live edge.
    Jumped {
        /// How much.
        skipped: Duration,
    },
    /// Everything was played.
    Ended,
}

/// What a player is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayState {
    /// Nothing to show yet.
    #[default]
    Waiting,
    /// The picture moves.
    Playing,
    /// It stands still for lack of data.
    Stalled,
    /// It stands still because the viewer wants it to.
    Paused,
    /// The broadcast is over.
    Ended,
}

/// What the machine counted and where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlayoutStats {
    /// Chunks that came.
    pub received: u64,
    /// Chunks that came after their turn.
    pub late: u64,
    /// Chunks that came twice.
    pub duplicate: u64,
    /// Chunks that were skipped because they did not come.
    pub missing: u64,
    /// Chunks given up for the byte bound or because nothing could be made of them.
    pub dropped: u64,
    /// Jumps towards the live edge.
    pub jumps: u64,
    /// How often the picture stopped after it first moved.
    pub stalls: u64,
    /// For how long altogether.
    pub stalled: Duration,
    /// From capture to the screen, now.
    pub delay_ms: f64,
    /// How much of it is above the target.
    pub behind_ms: f64,
    /// Media held without a hole ahead of the clock.
    pub ahead_ms: f64,
    /// Compressed bytes held.
    pub bytes: usize,
    /// The playing rate.
    pub rate: f64,
    /// Whether the delay follows the target (not after a pause).
    pub live: bool,
    /// What the player is doing.
    pub state: PlayState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitReason {
    /// Nothing was played yet, media time broke, or the viewer jumped.
    Start,
    /// A stall lasted too long to go on where it began.
    Stall,
    /// Hurrying would take too long.
    Jump,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// The clock stands; a place to start is sought.
    Waiting {
        reason: WaitReason,
        fallback_since: Option<Micros>,
        gap: Micros,
    },
    /// The clock runs, or is set to.
    Playing,
    /// The clock ran out of media.
    Stalled {
        since: Micros,
    },
    Ended,
}

/// The state machine of a viewer; see the module.
#[derive(Debug)]
pub struct Playout {
    timeline: Timeline,
    buffer: ChunkBuffer,
    outputs: VecDeque<Output>,
    timeout: Option<Instant>,
    mode: Mode,
    paused: bool,
    /// The delay asked for, and the one held: they differ after a pause.
    target: Micros,
    held_target: Micros,
    live: bool,
    /// The chunk to release next, and where the released media ends.
    next: u64,
    released_end: Timestamp,
    /// Capture time minus media time of what is playing, by the publisher's wall clock.
    capture_offset: Micros,
    init: Option<u32>,
    needs_keyframe: bool,
    force_reset: bool,
    /// Media times between which no picture can be decoded.
    freeze: Option<(Timestamp, Option<Timestamp>)>,
    generation: u32,
    reading: Option<ClockReading>,
    /// When the running clock starts and with what, until it reports.
    scheduled: Option<(Micros, Timestamp)>,
    started: bool,
    rate: f64,
    controller: RateController,
    rate_due: Micros,
    /// Smallest media ahead of the clock in this second and the one before.
    ahead_low: [Micros; 2],
    ahead_turn: Micros,
    /// Media that must be there to go on after a stall; grows with stalls.
    cushion: Micros,
    last_jump: Option<Micros>,
    last_of_broadcast: Option<Option<u64>>,
    live_edge: Option<WallClock>,
    meter: StallMeter,
    stats: PlayoutStats,
}
