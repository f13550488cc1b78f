//! Which rendition to watch: a pure choice from what was measured, slow to rise and quick to fall.

use std::time::{Duration, Instant};

use crate::format::Size;

/// One encoding that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// Its number in the manifest.
    pub id: u8,
    /// Picture size.
    pub size: Size,
    /// Pictures a second.
    pub fps: u32,
    /// Video and sound together.
    pub bitrate_kbps: u32,
}

/// What was measured lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signals {
    /// What could be received, if anything is known about it.
    pub throughput_kbps: Option<f64>,
    /// Media held ahead of the picture.
    pub buffer: Duration,
    /// The delay that is played at: the buffer cannot be longer.
    pub target_delay: Duration,
    /// Share of pictures that came out of the decoder too late, 0 to 1.
    pub dropped_ratio: f64,
    /// Whether the picture stands still for lack of data.
    pub stalled: bool,
    /// Pixels the picture is drawn on; `None` for a hidden or headless viewer.
    pub viewport: Option<(u32, u32)>,
    /// A bound set by the viewer or the system (metered network, battery).
    pub ceiling_kbps: Option<u32>,
}

/// Why a rendition was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the first choice.
    Start,
    /// Nothing better is possible, and nothing worse is needed.
    Keep,
    /// The network carries more.
    MoreThroughput,
    /// The network carries less.
    LessThroughput,
    /// The buffer runs dry.
    LowBuffer,
    /// The decoder is too slow.
    SlowDecoder,
    /// The window shows no more pixels than that.
    Viewport,
    /// Someone set a bound.
    Ceiling,
}

/// What to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The rendition's number.
    pub id: u8,
    /// Why.
    pub reason: Reason,
}

/// How eager the choice is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptConfig {
    /// Throughput must be this many times a rendition's bitrate to rise to it.
    pub headroom_up: f64,
    /// Below this many times the bitrate one falls.
    pub headroom_stay: f64,
    /// Rising waits until it was possible for so long.
    pub patience: Duration,
    /// Falling twice is at least so far apart, unless the picture stands still.
    pub settle: Duration,
    /// After falling, rising to the same rendition waits for so long; doubled each time it fails.
    pub penalty: Duration,
}

impl Default for AdaptConfig {
    fn default() -> Self {
        Self {
            headroom_up: 1.5,
            headroom_stay: 1.1,
            patience: Duration::from_secs(6),
            settle: Duration::from_secs(2),
            penalty: Duration::from_secs(20),
        }
    }
}

/// More pictures than this too late, and the decoder is too slow.
const DROPPED_TOO_MANY: f64 = 0.1;
/// A buffer of less than this share of the target delay is running dry.
const LOW_BUFFER: f64 = 0.1;
/// Rising needs a buffer of this share.
const GOOD_BUFFER: f64 = 0.25;
/// A rendition may have this many times the pixels that are drawn.
const USEFUL_PIXELS: f64 = 1.6;
/// Penalties grow no further.
const LONGEST_PENALTY: Duration = Duration::from_secs(320);

/// Chooses renditions; see the module.
#[derive(Clone, Debug)]
pub struct Adapter {
    config: AdaptConfig,
    /// From the lowest bitrate to the highest.
    ladder: Vec<Rendition>,
    current: usize,
    started: bool,
    better_since: Option<(usize, Instant)>,
    changed: Option<Instant>,
    /// For each rung: not before, and how long it was told to wait.
    barred: Vec<Option<(Instant, Duration)>>,
}

impl Adapter {
    /// A choice among renditions; `None` where there are none.
    pub fn new(mut renditions: Vec<Rendition>, config: AdaptConfig) -> Option<Self> {
        if renditions.is_empty() {
            return None;
        }
        renditions.sort_by_key(|rendition| (rendition.bitrate_kbps, rendition.size.pixels()));
        let barred = vec![None; renditions.len()];
        Some(Self { config, ladder: renditions, current: 0, started: false, better_since: None, changed: None, barred })
    }

    /// What is watched now.
    pub fn current(&self) -> Rendition {
        self.ladder[self.current]
    }

    /// Decides anew; call it about once a second.
    pub fn evaluate(&mut self, signals: &Signals, now: Instant) -> Choice {
        let (bound, bound_reason) = self.bound(signals);
        if !self.started {
            self.started = true;
            self.current = self.affordable(signals, self.config.headroom_up).min(bound);
            return self.choice(Reason::Start);
        }
        if self.current > bound {
            // Nothing was wrong with the rung: no penalty.
            return self.change(bound, bound_reason, now);
        }
        if let Some(reason) = self.trouble(signals) {
            self.better_since = None;
            let settled = self.changed.is_none_or(|at| now.saturating_duration_since(at) >= self.config.settle);
            if self.current == 0 || !settled {
                return self.choice(Reason::Keep);
            }
            self.bar(self.current, now);
            let lower = match reason {
                Reason::LessThroughput => self.affordable(signals, self.config.headroom_stay).min(self.current - 1),
                _ => self.current - 1,
            };
            return self.change(lower, reason, now);
        }
        self.consider_rising(signals, bound, now)
    }

    /// The highest rung that makes sense, and what bounds it.
    fn bound(&self, signals: &Signals) -> (usize, Reason) {
        let top = self.ladder.len() - 1;
        let by_ceiling = signals
            .ceiling_kbps
            .map_or(top, |most| self.ladder.iter().rposition(|rendition| rendition.bitrate_kbps <= most).unwrap_or(0));
        let by_viewport = signals.viewport.map_or(top, |(width, height)| {
            let drawn = f64::from(width) * f64::from(height);
            let useful = |rendition: &Rendition| rendition.size.pixels() as f64 <= drawn * USEFUL_PIXELS;
            // The first that fills the window is worth having, what lies above is not.
            let fills = self.ladder.iter().position(|rendition| rendition.size.pixels() as f64 >= drawn);
            let most = self.ladder.iter().rposition(useful).unwrap_or(0);
            fills.map_or(top, |fills| fills.max(most))
        });
        if by_ceiling < by_viewport { (by_ceiling, Reason::Ceiling) } else { (by_viewport, Reason::Viewport) }
    }

    fn affordable(&self, signals: &Signals, headroom: f64) -> usize {
        let Some(throughput) = signals.throughput_kbps else { return 0 };
        let fits = |rendition: &Rendition| f64::from(rendition.bitrate_kbps) * headroom <= throughput;
        self.ladder.iter().rposition(fits).unwrap_or(0)
    }

    fn trouble(&self, signals: &Signals) -> Option<Reason> {
        let needed = f64::from(self.current().bitrate_kbps) * self.config.headroom_stay;
        if signals.throughput_kbps.is_some_and(|throughput| throughput < needed) {
            Some(Reason::LessThroughput)
        } else if signals.stalled || signals.buffer < signals.target_delay.mul_f64(LOW_BUFFER) {
            Some(Reason::LowBuffer)
        } else if signals.dropped_ratio > DROPPED_TOO_MANY {
            Some(Reason::SlowDecoder)
        } else {
            None
        }
    }

    fn consider_rising(&mut self, signals: &Signals, bound: usize, now: Instant) -> Choice {
        let affordable = self.affordable(signals, self.config.headroom_up).min(bound);
        // One rung at a time: a wrong guess is then small.
        let next = self.current + 1;
        let allowed = self.barred.get(next).is_some_and(|bar| bar.is_none_or(|(until, _)| now >= until));
        let healthy = signals.buffer >= signals.target_delay.mul_f64(GOOD_BUFFER)
            && signals.dropped_ratio < DROPPED_TOO_MANY / 2.0;
        if affordable < next || !allowed || !healthy {
            self.better_since = None;
            return self.choice(Reason::Keep);
        }
        let since = match self.better_since {
            Some((rung, since)) if rung == next => since,
            _ => now,
        };
        self.better_since = Some((next, since));
        if now.saturating_duration_since(since) < self.config.patience {
            return self.choice(Reason::Keep);
        }
        self.change(next, Reason::MoreThroughput, now)
    }

    fn bar(&mut self, rung: usize, now: Instant) {
        let wait = self.barred[rung].map_or(self.config.penalty, |(_, last)| (last * 2).min(LONGEST_PENALTY));
        self.barred[rung] = Some((now + wait, wait));
    }

    fn change(&mut self, rung: usize, reason: Reason, now: Instant) -> Choice {
        self.current = rung;
        self.changed = Some(now);
        self.better_since = None;
        self.choice(reason)
    }

    fn choice(&self, reason: Reason) -> Choice {
        Choice { id: self.current().id, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Vec<Rendition> {
        let rung = |id, width, height, bitrate_kbps| {
            let size = Size::new(width, height).expect("legal");
            Rendition { id, size, fps: 30, bitrate_kbps }
        };
        vec![rung(0, 1280, 720, 2500), rung(1, 640, 360, 800), rung(2, 1920, 1080, 5000)]
    }

    fn signals(throughput_kbps: f64) -> Signals {
        Signals {
            throughput_kbps: Some(throughput_kbps),
            buffer: Duration::from_millis(500),
            target_delay: Duration::from_secs(1),
            dropped_ratio: 0.0,
            stalled: false,
            viewport: None,
            ceiling_kbps: None,
        }
    }

    /// Plays seconds of signals: the choices at each.
    fn check(plan: &[(u64, Signals)]) -> Vec<(u64, Choice)> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the start of virtual time")]
        let start = Instant::now();
        let mut adapter = Adapter::new(ladder(), AdaptConfig::default()).expect("there are renditions");
        let (mut second, mut changes) = (0, Vec::new());
        for (seconds, signals) in plan {
            for _ in 0..*seconds {
                let choice = adapter.evaluate(signals, start + Duration::from_secs(second));
                if choice.reason != Reason::Keep {
                    changes.push((second, choice));
                }
                second += 1;
            }
        }
        changes
    }

    fn choice(id: u8, reason: Reason) -> Choice {
        Choice { id, reason }
    }

    #[test]
    fn starts_with_what_is_affordable_and_rises_after_a_while() {
        assert!(Adapter::new(Vec::new(), AdaptConfig::default()).is_none());
        let unknown = Signals { throughput_kbps: None, ..signals(0.0) };
        assert_eq!(check(&[(30, unknown)]), [(0, choice(1, Reason::Start))]);
        let changes = check(&[(10, signals(2000.0)), (30, signals(20_000.0))]);
        assert_eq!(
            changes,
            [
                (0, choice(1, Reason::Start)),
                (16, choice(0, Reason::MoreThroughput)),
                (23, choice(2, Reason::MoreThroughput))
            ]
        );
    }

    #[test]
    fn falls_at_once_and_does_not_bounce() {
        let changes = check(&[(5, signals(9000.0)), (5, signals(1000.0)), (40, signals(9000.0))]);
        assert_eq!(changes[..2], [(0, choice(2, Reason::Start)), (5, choice(1, Reason::LessThroughput))]);
        // The rung it fell from is barred for 20 s; the one between was never tried.
        assert_eq!(changes[2..], [(16, choice(0, Reason::MoreThroughput)), (31, choice(2, Reason::MoreThroughput))]);
    }

    #[test]
    fn between_the_two_thresholds_nothing_changes() {
        let changes = check(&[(5, signals(3800.0)), (60, signals(3000.0))]);
        assert_eq!(changes, [(0, choice(0, Reason::Start))]);
    }

    #[test]
    fn a_dry_buffer_and_a_slow_decoder_lower_it() {
        let stalled = Signals { stalled: true, ..signals(9000.0) };
        assert_eq!(check(&[(3, signals(9000.0)), (1, stalled)])[1], (3, choice(0, Reason::LowBuffer)));
        let slow = Signals { dropped_ratio: 0.3, ..signals(9000.0) };
        let changes = check(&[(3, signals(9000.0)), (10, slow)]);
        assert_eq!(changes[1..], [(3, choice(0, Reason::SlowDecoder)), (5, choice(1, Reason::SlowDecoder))]);
    }

    #[test]
    fn small_windows_and_bounds_are_respected() {
        let small = Signals { viewport: Some((500, 280)), ..signals(20_000.0) };
        assert_eq!(check(&[(20, small)]), [(0, choice(1, Reason::Start))]);
        let middle = Signals { viewport: Some((1000, 560)), ..signals(20_000.0) };
        assert_eq!(check(&[(20, middle)]), [(0, choice(0, Reason::Start))]);
        let metered = Signals { ceiling_kbps: Some(1000), ..signals(20_000.0) };
        let changes = check(&[(3, signals(20_000.0)), (3, metered)]);
        assert_eq!(changes, [(0, choice(2, Reason::Start)), (3, choice(1, Reason::Ceiling))]);
    }
}
