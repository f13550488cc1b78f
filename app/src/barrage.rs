//! Comments flying over the picture, each in a lane, from right to left.
//!
//! Pure: time is an argument, the width of a text is the caller's to measure, and what is drawn is read back.
//! Everything is bounded: what waits, what flies and how long; what was left out is counted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::lanes::Lanes;

mod lanes;

/// How long a comment takes from edge to edge at the usual speed.
pub const LIFE: Duration = Duration::from_secs(8);
/// Comments that wait for a lane at one time.
pub const MAX_WAITING: usize = 100;
/// Comments that fly at one time.
pub const MAX_FLYING: usize = 200;
/// How long a comment may wait: later it would answer something long gone.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest comment that flies, in characters; the chat has the whole of it.
const MAX_CHARS: usize = 100;
/// A longer break between two passes is one in which nothing was drawn: comments do not jump over it.
const MAX_STEP: Duration = Duration::from_millis(250);

/// Someone's words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    text: String,
    own: bool,
    times: u32,
    since: Duration,
}

/// A comment on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Flying {
    /// The words, with a count where several people said the same.
    pub text: String,
    /// Whether they are one's own.
    pub own: bool,
    /// Its lane, from the top.
    pub lane: usize,
    /// Its width, as measured.
    pub width: f32,
    start: Duration,
    /// How long it takes from edge to edge.
    life: Duration,
}

/// The comments over one picture.
#[derive(Debug)]
pub struct Barrage {
    lanes: Lanes,
    stage: f32,
    life: Duration,
    waiting: VecDeque<Waiting>,
    flying: Vec<Flying>,
    // Time on this stage: it stands still while the picture does.
    time: Duration,
    last: Option<Instant>,
    left_out: u64,
}

impl Default for Barrage {
    fn default() -> Self {
        Self {
            lanes: Lanes::default(),
            stage: 0.0,
            life: LIFE,
            waiting: VecDeque::new(),
            flying: Vec::new(),
            time: Duration::ZERO,
            last: None,
            left_out: 0,
        }
    }
}

impl Barrage {
    /// Sets the width of the picture and how many lanes fit over it.
    pub fn set_stage(&mut self, width: f32, lanes: usize) {
        self.stage = width.max(1.0);
        self.lanes.resize(lanes);
    }

    /// Sets how fast comments fly from now on, relative to [`LIFE`]; those on their way keep their pace.
    pub fn set_speed(&mut self, speed: f32) {
        self.life = LIFE.div_f32(speed.clamp(0.1, 10.0));
    }

    /// A comment came.
    pub fn push(&mut self, text: &str, own: bool) {
        let text: String = text.trim().chars().take(MAX_CHARS).collect();
        if text.is_empty() {
            return;
        }
        if let Some(same) = self.waiting.iter_mut().find(|waiting| waiting.text == text) {
            same.times = same.times.saturating_add(1);
            same.own |= own;
            return;
        }
        if self.waiting.len() >= MAX_WAITING {
            // One's own words come first: people look for them.
            let other = self.waiting.iter().position(|waiting| !waiting.own).unwrap_or(0);
            self.waiting.remove(other);
            self.left_out += 1;
        }
        self.waiting.push_back(Waiting { text, own, times: 1, since: self.time });
    }

    /// Moves on to `now`, unless the picture stands still.
    pub fn advance(&mut self, now: Instant, running: bool) {
        let step = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last)).min(MAX_STEP);
        self.last = Some(now);
        if running {
            self.time += step;
        }
        let time = self.time;
        self.flying.retain(|comment| time < comment.start + comment.life);
        let before = self.waiting.len();
        self.waiting.retain(|waiting| time <= waiting.since + PATIENCE);
        self.left_out += (before - self.waiting.len()) as u64;
    }

    /// Lets waiting comments in where a lane is free for them.
    pub fn admit(&mut self, mut measure: impl FnMut(&str) -> f32) {
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        // Own words first, then in the order they came.
        let (own, others): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|waiting| waiting.own);
        for waiting in own.into_iter().chain(others) {
            if self.flying.len() >= MAX_FLYING || self.lanes.is_empty() {
                kept.push_back(waiting);
                continue;
            }
            let text =
                if waiting.times > 1 { format!("{} ×{}", waiting.text, waiting.times) } else { waiting.text.clone() };
            let width = measure(&text).max(1.0);
            let lane = match self.lanes.admit(self.time, self.life, self.stage, width) {
                None if waiting.own => self.lanes.force(self.time, self.life, self.stage, width),
                lane => lane,
            };
            match lane {
                Some(lane) => {
                    let (start, life) = (self.time, self.life);
                    self.flying.push(Flying { text, own: waiting.own, lane, width, start, life });
                }
                None => kept.push_back(waiting),
            }
        }
        self.waiting = kept;
    }

    /// Takes everything away, as after a jump.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.flying.clear();
        self.lanes.clear();
    }

    /// The comments on their way and where the left edge of each is, from the picture's left edge.
    pub fn flying(&self) -> impl Iterator<Item = (f32, &Flying)> {
        self.flying.iter().map(|comment| {
            let share = self.time.saturating_sub(comment.start).as_secs_f32() / comment.life.as_secs_f32();
            (self.stage - (self.stage + comment.width) * share, comment)
        })
    }

    /// Whether anything moves or waits, so that another pass is worth its while.
    pub fn is_busy(&self) -> bool {
        !self.flying.is_empty() || !self.waiting.is_empty()
    }

    /// Comments that never flew, for lack of room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests;
