//! The sound that is about to be heard, and the clock that follows from it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::stretch::{BLOCK, Stretch};
use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp};
use crate::frame::AudioFrame;

/// Where the clock is, as seen at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockReading {
    /// The run of the clock this belongs to.
    pub generation: u32,
    /// Media time heard at `at`; before the first picture while the clock is only scheduled.
    pub position: Timestamp,
    /// When.
    pub at: Instant,
    /// Whether it moves.
    pub running: bool,
    /// Whether it stands for lack of media.
    pub starved: bool,
    /// Media time per time while it moves.
    pub rate: f64,
}

/// Decoded sound waiting to be pulled by an output, with silence where there is none.
///
/// The output that pulls is the master clock: media time passes as fast as samples leave here.
#[derive(Debug)]
pub struct AudioQueue {
    generation: u32,
    blocks: VecDeque<AudioFrame>,
    /// Frames already read of the first block.
    offset: usize,
    /// Media time of the next frame read, in microseconds.
    cursor: f64,
    /// Silence may be played up to here.
    limit: f64,
    start_at: Option<Instant>,
    origin: Timestamp,
    hold: bool,
    rate: f64,
    stretch: Stretch,
    /// Output made and not yet pulled.
    ready: VecDeque<f32>,
    volume: f32,
    gain: f32,
    state: State,
    last: Option<Timestamp>,
}

/// What the last pull did.
#[derive(Clone, Copy, Debug)]
struct State {
    position: f64,
    at: Option<Instant>,
    /// How far the pulled samples reach.
    until: f64,
    starved: bool,
}

const FRAME_MICROS: f64 = 1e6 / SAMPLE_RATE as f64;
/// Blocks may be this far from where the one before ended without being moved.
const TOLERANCE: f64 = 5000.0;
/// Between two pulls the clock is trusted to go on this long.
const EXTRAPOLATE: f64 = 40_000.0;
/// An output that starts later than asked leaves out this much at most.
const LARGEST_CUT: Duration = Duration::from_millis(300);
/// More decoded sound than this is never held.
const MOST_BLOCKS: usize = 1024;

impl AudioQueue {
    /// An empty queue whose clock was never started.
    pub fn new(volume: f32) -> Self {
        let mut queue = Self {
            generation: 0,
            blocks: VecDeque::new(),
            offset: 0,
            cursor: 0.0,
            limit: 0.0,
            start_at: None,
            origin: Timestamp::ZERO,
            hold: true,
            rate: 1.0,
            stretch: Stretch::new(),
            ready: VecDeque::with_capacity(BLOCK * CHANNELS * 2),
            volume: 0.0,
            gain: 0.0,
            state: State { position: 0.0, at: None, until: 0.0, starved: false },
            last: None,
        };
        queue.set_volume(volume);
        queue
    }

    /// Starts the clock anew: `position` is heard at `at`.
    pub fn start(&mut self, generation: u32, position: Timestamp, at: Instant) {
        self.generation = generation;
        self.blocks.clear();
        self.offset = 0;
        self.ready.clear();
        self.stretch.reset();
        self.origin = position;
        self.cursor = position.as_micros() as f64;
        self.limit = self.cursor;
        self.start_at = Some(at);
        self.hold = false;
        self.last = None;
        self.state = State { position: self.cursor, at: None, until: self.cursor, starved: false };
    }

    /// Stops the clock, or lets it go on.
    pub fn set_hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// Plays faster or slower.
    pub fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.stretch.set_rate(rate);
    }

    /// Loudness: 0 is silent, 1 as it came.
    pub fn set_volume(&mut self, volume: f32) {
        self.volume = if volume.is_finite() { volume.clamp(0.0, 4.0) } else { 0.0 };
    }

    /// Adds decoded sound; what lies before the clock is dropped.
    pub fn push(&mut self, frame: AudioFrame) {
        let end = frame.timestamp.as_micros() as f64 + frame.duration().as_micros() as f64;
        if end > self.cursor && self.blocks.len() < MOST_BLOCKS {
            self.blocks.push_back(frame);
        }
    }

    /// Lets the clock go on up to `end`, in silence where there is no sound.
    pub fn extend_to(&mut self, end: Timestamp) {
        self.limit = self.limit.max(end.as_micros() as f64);
    }

    /// Fills `out` (zeroed, interleaved stereo) with what is heard from `plays_at` on, at the volume.
    pub fn pull(&mut self, out: &mut [f32], plays_at: Instant) {
        self.pull_flat(out, plays_at);
        self.shape(out);
    }

    /// As [`AudioQueue::pull`], but at full volume: call [`AudioQueue::shape`] afterwards.
    pub fn pull_flat(&mut self, out: &mut [f32], plays_at: Instant) {
        // A held clock plays one block more, which `shape` fades out.
        if self.hold && self.gain == 0.0 {
            self.stand(false);
            return;
        }
        let frames = out.len() / CHANNELS;
        let mut filled = 0;
        if let Some(at) = self.start_at {
            let lead = at.saturating_duration_since(plays_at).as_secs_f64() * f64::from(SAMPLE_RATE);
            if lead >= frames as f64 {
                return;
            }
            filled = lead as usize;
            self.start_at = None;
            let late = plays_at.saturating_duration_since(at);
            if late <= LARGEST_CUT {
                self.cut((late.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize);
            }
        }
        let position = self.heard();
        let at = plays_at + Duration::from_secs_f64(filled as f64 / f64::from(SAMPLE_RATE));
        let first = filled;
        while filled < frames {
            if self.ready.is_empty() && !self.make() {
                break;
            }
            let count = (frames - filled).min(self.ready.len() / CHANNELS);
            for (sample, ready) in out[filled * CHANNELS..].iter_mut().zip(self.ready.drain(..count * CHANNELS)) {
                *sample = ready;
            }
            filled += count;
        }
        if filled < frames {
            self.stand(true);
        } else if filled > first {
            let until = self.heard();
            self.state = State { position, at: Some(at), until, starved: false };
        }
    }

    /// Applies volume, muting of a held clock, and no clicks.
    pub fn shape(&mut self, out: &mut [f32]) {
        let wanted = if self.hold || self.state.starved { 0.0 } else { self.volume };
        let frames = (out.len() / CHANNELS).max(1);
        let step = (wanted - self.gain) / frames as f32;
        for frame in out.chunks_mut(CHANNELS) {
            self.gain += step;
            for sample in frame {
                *sample = (*sample * self.gain).clamp(-1.0, 1.0);
            }
        }
        self.gain = wanted;
    }

    fn stand(&mut self, starved: bool) {
        let position = self.heard();
        let starved = starved || (self.state.starved && self.hold);
        self.state = State { position, at: None, until: position, starved };
    }

    /// Media time of the next sample to leave, in microseconds.
    fn heard(&self) -> f64 {
        let waiting = self.ready.len() / CHANNELS;
        self.cursor - self.stretch.pending() as f64 * FRAME_MICROS - waiting as f64 * FRAME_MICROS * self.rate
    }

    /// Makes the next output block; `false` for lack of media.
    fn make(&mut self) -> bool {
        let wanted = self.stretch.wanted();
        if wanted > 0 {
            let mut input = std::mem::take(self.stretch.input());
            self.read(&mut input, wanted);
            *self.stretch.input() = input;
        }
        let Some(block) = self.stretch.produce() else { return false };
        self.ready.extend(block);
        true
    }

    /// Leaves out frames at the start.
    fn cut(&mut self, frames: usize) {
        let mut unheard = Vec::with_capacity(frames * CHANNELS);
        self.read(&mut unheard, frames);
    }

    /// Appends up to `wanted` frames from the cursor on, silence included.
    fn read(&mut self, into: &mut Vec<f32>, mut wanted: usize) {
        while wanted > 0 {
            let Some(block) = self.blocks.front() else {
                self.read_silence(into, &mut wanted, self.limit);
                return;
            };
            let start = block.timestamp.as_micros() as f64 + self.offset as f64 * FRAME_MICROS;
            if start - self.cursor > TOLERANCE {
                // A block from the far future must not carry the clock past what was released.
                let before = wanted;
                self.read_silence(into, &mut wanted, start.min(self.limit));
                if wanted == before {
                    return;
                }
                continue;
            }
            let frames = block.samples.len() / CHANNELS;
            if self.cursor - start > TOLERANCE {
                // Overlap: what was heard already is left out.
                self.offset += (((self.cursor - start) / FRAME_MICROS) as usize).max(1);
            } else {
                self.cursor = self.cursor.max(start);
            }
            let count = frames.saturating_sub(self.offset).min(wanted);
            into.extend_from_slice(&block.samples[self.offset.min(frames) * CHANNELS..][..count * CHANNELS]);
            self.offset += count;
            wanted -= count;
            self.cursor += count as f64 * FRAME_MICROS;
            if self.offset >= frames {
                self.blocks.pop_front();
                self.offset = 0;
            }
        }
    }

    fn read_silence(&mut self, into: &mut Vec<f32>, wanted: &mut usize, until: f64) {
        let room = ((until - self.cursor) / FRAME_MICROS).max(0.0) as usize;
        let count = room.min(*wanted);
        into.resize(into.len() + count * CHANNELS, 0.0);
        self.cursor += count as f64 * FRAME_MICROS;
        *wanted -= count;
        if room == count {
            // Less than one frame is left: do not stand on it for ever.
            self.cursor = self.cursor.max(until);
        }
    }

    /// Where the clock is at `now`; it never goes back within one run.
    pub fn reading(&mut self, now: Instant) -> ClockReading {
        let since = |at: Instant| {
            let after = now.saturating_duration_since(at).as_secs_f64();
            let before = at.saturating_duration_since(now).as_secs_f64();
            (after - before) * 1e6
        };
        let (position, running) = match (self.start_at, self.state.at) {
            (Some(at), _) => (self.origin.as_micros() as f64 + since(at).min(0.0), !self.hold),
            (None, Some(at)) => {
                let run = self.state.position + since(at) * self.rate;
                (run.min(self.state.until + EXTRAPOLATE), !self.hold)
            }
            (None, None) => (self.state.position, false),
        };
        let mut position = Timestamp::from_micros(position as i64);
        position = self.last.map_or(position, |last| last.max(position));
        self.last = Some(position);
        ClockReading {
            generation: self.generation,
            position,
            at: now,
            running,
            starved: self.state.starved,
            rate: self.rate,
        }
    }

    /// Decoded sound held, in time.
    pub fn held(&self) -> Duration {
        self.blocks.iter().map(AudioFrame::duration).sum()
    }
}

#[cfg(test)]
mod tests;
