//! Deciding when an encoder that was too slow may be asked for more again: pure.
//!
//! Going up costs viewers a restart of the picture and, where it fails, seconds of losses; so it takes a long calm, room
//! to spare, and ever more patience after each try that failed.

use std::time::Duration;

use crate::format::Timestamp;

/// So long nothing must have been lost before the first try.
const CALM: Duration = Duration::from_secs(20);
/// Whoever goes down again so soon after going up tried too early.
const TRIAL: Duration = Duration::from_secs(60);
/// However often it failed, it is tried again after this.
const LONGEST: Duration = Duration::from_secs(600);
/// So much of its time the encoder may be busy with, on the step above.
const BUSY: f64 = 0.7;

/// What is known of the encoder at a moment; totals since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Pictures that were lost in front of it.
    pub(crate) lost: u64,
    /// Time it was at work; nothing for encoders that work on their own threads.
    pub(crate) busy: Duration,
}

/// Watches a calm last.
#[derive(Debug)]
pub(crate) struct Climb {
    wait: Duration,
    /// When the calm began, and what was known then.
    calm: Option<(Timestamp, Look)>,
    went_up: Option<Timestamp>,
}

impl Default for Climb {
    fn default() -> Self {
        Self { wait: CALM, calm: None, went_up: None }
    }
}

impl Climb {
    /// Whether to go up now, to a step that is `more` times the work.
    pub(crate) fn handle(&mut self, now: Timestamp, look: Look, more: f64) -> bool {
        let Some((since, before)) = self.calm.filter(|(_, before)| before.lost == look.lost) else {
            self.calm = Some((now, look));
            return false;
        };
        let calm = now.saturating_since(since);
        if calm < self.wait {
            return false;
        }
        // Whatever comes of it, the next look needs a calm of its own.
        self.calm = Some((now, look));
        let busy = look.busy.saturating_sub(before.busy).as_secs_f64() / calm.as_secs_f64();
        if busy * more > BUSY {
            return false;
        }
        self.went_up = Some(now);
        true
    }

    /// It went down a step.
    pub(crate) fn went_down(&mut self, now: Timestamp) {
        let too_early = self.went_up.take().is_some_and(|at| now.saturating_since(at) < TRIAL);
        self.wait = if too_early { (self.wait * 2).min(LONGEST) } else { CALM };
        self.calm = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks four times a second from `from` on, until it goes up or `seconds` are over; when it went up.
    fn run(climb: &mut Climb, from: u64, seconds: u64, look: impl Fn(u64) -> Look, more: f64) -> Option<u64> {
        (from * 4..(from + seconds) * 4).find_map(|quarter| {
            let now = Timestamp::from_micros(i64::try_from(quarter).expect("small") * 250_000);
            climb.handle(now, look(quarter * 250), more).then_some(quarter / 4)
        })
    }

    fn calm(busy: f64) -> impl Fn(u64) -> Look {
        move |millis| Look { lost: 7, busy: Duration::from_millis(millis).mul_f64(busy) }
    }

    #[test]
    fn a_long_calm_with_room_to_spare_goes_up() {
        assert_eq!(run(&mut Climb::default(), 0, 100, calm(0.3), 1.8), Some(20));
        assert_eq!(run(&mut Climb::default(), 0, 100, calm(0.5), 1.8), None, "it would be busy for 0.9 of its time");
    }

    #[test]
    fn a_single_loss_begins_the_calm_anew() {
        let lossy = |millis: u64| Look { lost: millis / 15_000, busy: Duration::ZERO };
        assert_eq!(run(&mut Climb::default(), 0, 300, lossy, 1.5), None);
        let once = |millis: u64| Look { lost: u64::from(millis >= 15_000), busy: Duration::ZERO };
        assert_eq!(run(&mut Climb::default(), 0, 300, once, 1.5), Some(35));
    }

    #[test]
    fn each_try_that_fails_takes_twice_the_patience() {
        let mut climb = Climb::default();
        let (mut at, mut waits) = (0, Vec::new());
        for _ in 0..7 {
            let up = run(&mut climb, at, 1_000, calm(0.1), 1.5).expect("it tries again");
            waits.push(up - at);
            at = up + 5;
            climb.went_down(Timestamp::from_micros(i64::try_from(at).expect("small") * 1_000_000));
        }
        assert_eq!(waits, [20, 40, 80, 160, 320, 600, 600]);
        // One that held for minutes was no mistake.
        let up = run(&mut climb, at, 1_000, calm(0.1), 1.5).expect("it tries again");
        climb.went_down(Timestamp::from_micros(i64::try_from(up + 300).expect("small") * 1_000_000));
        assert_eq!(run(&mut climb, up + 300, 1_000, calm(0.1), 1.5), Some(up + 320));
    }
}
