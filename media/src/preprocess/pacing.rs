//! From whatever rate a source has to a steady one.

use std::time::Duration;

use crate::format::Timestamp;

/// A picture may be this part of a period early before it counts as too many.
const EARLY: f64 = 0.5;
/// A picture may be this part of a period late before the slot it missed counts as lost.
///
/// More than a half, so that a source whose pictures fall just between two slots is not dropped and repeated in turn.
const LATE: f64 = 0.75;

/// Puts pictures on a steady grid of times, leaving out what is too much.
///
/// The grid is anchored at the first picture. Encoders are promised a rate; jittery capture times would make
/// their rate control and the lengths of chunks jitter too.
#[derive(Clone, Debug)]
pub struct FramePacer {
    fps: u32,
    anchor: Option<Timestamp>,
    /// Slots since the anchor of the last picture.
    slot: i64,
    dropped: u64,
}

impl FramePacer {
    /// A pacer to `fps` frames a second.
    pub fn new(fps: u32) -> Self {
        Self { fps: fps.max(1), anchor: None, slot: 0, dropped: 0 }
    }

    /// Changes the rate from the last picture on.
    pub fn set_fps(&mut self, fps: u32) {
        let last = self.anchor.map(|anchor| self.time(anchor, self.slot));
        (self.fps, self.anchor, self.slot) = (fps.max(1), last, 0);
    }

    /// The time of the slot that a picture captured at `timestamp` fills, or nothing where it is one too many.
    pub fn push(&mut self, timestamp: Timestamp) -> Option<Timestamp> {
        let Some(anchor) = self.anchor else {
            self.anchor = Some(timestamp);
            return Some(timestamp);
        };
        let apart = self.periods_since(anchor, timestamp);
        if apart < EARLY {
            self.dropped += 1;
            return None;
        }
        self.slot += if apart < 1.0 + LATE { 1 } else { apart.round() as i64 };
        Some(self.time(anchor, self.slot))
    }

    /// The time of the next slot, if at `now` it is so late that no picture will fill it any more.
    pub fn repeat(&mut self, now: Timestamp) -> Option<Timestamp> {
        let anchor = self.anchor?;
        if self.periods_since(anchor, now) < 1.0 + LATE {
            return None;
        }
        self.slot += 1;
        Some(self.time(anchor, self.slot))
    }

    /// Time from one slot to the next.
    pub fn period(&self) -> Duration {
        Duration::from_secs(1) / self.fps
    }

    /// Pictures left out.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn time(&self, anchor: Timestamp, slot: i64) -> Timestamp {
        let micros = i128::from(slot) * 1_000_000 / i128::from(self.fps);
        Timestamp::from_micros(anchor.as_micros().saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)))
    }

    fn periods_since(&self, anchor: Timestamp, at: Timestamp) -> f64 {
        let apart = at.as_micros().saturating_sub(self.time(anchor, self.slot).as_micros());
        apart as f64 * f64::from(self.fps) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a source of the given times in seconds; gives the slots in units of the period.
    fn run(fps: u32, times: impl Iterator<Item = f64>) -> (Vec<i64>, u64) {
        let mut pacer = FramePacer::new(fps);
        let slots = times.filter_map(|time| pacer.push(Timestamp::from_micros((time * 1e6) as i64)));
        let slots = slots.map(|slot| (slot.as_micros() as f64 * f64::from(fps) / 1e6).round() as i64).collect();
        (slots, pacer.dropped())
    }

    fn steady(fps: f64, count: u32) -> impl Iterator<Item = f64> {
        (0..count).map(move |n| f64::from(n) / fps)
    }

    /// Repeatable jitter within -1..1.
    fn jitter(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_761) >> 16) / 32_768.0 - 1.0
    }

    #[test]
    fn an_equal_rate_passes_untouched() {
        let (slots, dropped) = run(30, steady(30.0, 900));
        assert_eq!(slots, (0..900).collect::<Vec<i64>>());
        assert_eq!(dropped, 0);
    }

    #[test]
    fn jitter_up_to_a_third_of_a_period_changes_nothing() {
        for offset in [0.0, 0.25, 0.49] {
            let times = (0..900)
                .map(|n| (f64::from(n) + if n == 0 { 0.0 } else { offset * 0.4 + 0.3 * jitter(n) }) / 30.0 + 1.0);
            let mut pacer = FramePacer::new(30);
            let slots: Vec<_> =
                times.filter_map(|time| pacer.push(Timestamp::from_micros((time * 1e6) as i64))).collect();
            assert_eq!((slots.len(), pacer.dropped()), (900, 0), "offset {offset}");
            let apart = slots.windows(2).map(|pair| pair[1].saturating_since(pair[0]).as_micros());
            assert!(apart.clone().all(|apart| (33_333..=33_334).contains(&apart)), "offset {offset}");
        }
    }

    #[test]
    fn a_faster_source_is_thinned_evenly() {
        let (slots, dropped) = run(30, steady(60.0, 600));
        assert!((299..=301).contains(&slots.len()) && (299..=301).contains(&dropped), "{} {dropped}", slots.len());
        let (slots, _) = run(25, steady(30.0, 300));
        assert_eq!(slots, (0..slots.len() as i64).collect::<Vec<i64>>());
        assert!((249..=251).contains(&slots.len()), "{}", slots.len());
        let (slots, _) = run(24, steady(144.0, 1440));
        assert!((239..=241).contains(&slots.len()), "{}", slots.len());
    }

    #[test]
    fn a_slightly_fast_camera_loses_one_picture_now_and_then() {
        let (slots, dropped) = run(30, (0..9030).map(|n| (f64::from(n) + 0.1 * jitter(n)) / 30.1));
        assert!((25..=35).contains(&dropped), "{dropped}");
        assert_eq!(slots, (0..slots.len() as i64).collect::<Vec<i64>>(), "no slot is skipped");
    }

    #[test]
    fn a_slower_source_leaves_slots_which_are_repeated() {
        let mut pacer = FramePacer::new(30);
        let mut slots = Vec::new();
        // A source at 10 frames a second, looked at every 5 ms.
        for millis in (0..3000).step_by(5) {
            let now = Timestamp::from_micros(millis * 1000);
            slots.extend(std::iter::from_fn(|| pacer.repeat(now)));
            if millis % 100 == 0 {
                slots.extend(pacer.push(now));
            }
        }
        assert!((86..=90).contains(&slots.len()), "{}", slots.len());
        assert!(slots.windows(2).all(|pair| pair[1] > pair[0]));
        assert!(
            slots.windows(2).all(|pair| pair[1].saturating_since(pair[0]) < Duration::from_millis(34)),
            "no slot is left empty"
        );
    }

    #[test]
    fn a_gap_is_jumped_and_times_never_go_back() {
        let mut pacer = FramePacer::new(30);
        let at = |millis: i64| Timestamp::from_micros(millis * 1000);
        assert_eq!(pacer.push(at(0)), Some(at(0)));
        assert_eq!(pacer.push(at(-500)), None);
        let later = pacer.push(at(10_000)).expect("passes");
        assert!(later.as_micros().abs_diff(10_000_000) < 17_000);
        assert_eq!(pacer.push(at(9_000)), None);
        pacer.set_fps(60);
        assert_eq!(pacer.push(at(10_017)).map(|slot| slot.saturating_since(later).as_micros()), Some(16_666));
    }
}
