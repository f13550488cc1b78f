//! Notices neighbours that hold a connection without using it: they read nothing, or begin a frame and never end it. Pure.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::behaviour::{
    lane::{LANES, Lane},
    link::Reading,
};

/// How long a neighbour may read nothing of what waits for it.
const NOT_READING: Duration = Duration::from_secs(4);

/// How long a frame may take from its first byte to its last.
const FRAME: Duration = Duration::from_secs(5);

/// Why a neighbour was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Cut {
    #[error("it read nothing for {} s while data waited", NOT_READING.as_secs())]
    NotReading,
    #[error("a frame on lane {lane:?} took more than {} s", FRAME.as_secs())]
    EndlessFrame {
        /// Where it began.
        lane: Lane,
    },
}

/// Watches the meters of one connection.
#[derive(Debug)]
pub(crate) struct Watchdog {
    written: u64,
    progressed: Instant,
    partial: [Option<(u64, Instant)>; LANES],
}

impl Watchdog {
    pub(crate) fn new(now: Instant) -> Self {
        Self { written: 0, progressed: now, partial: [None; LANES] }
    }

    /// Looks at the meters; to be called about once a second.
    pub(crate) fn check(&mut self, now: Instant, reading: &Reading) -> Option<Cut> {
        if reading.queued == 0 || reading.written != self.written {
            self.written = reading.written;
            self.progressed = now;
        } else if now.duration_since(self.progressed) >= NOT_READING {
            return Some(Cut::NotReading);
        }
        for lane in Lane::all() {
            let i = lane.index();
            let since = &mut self.partial[i];
            match since {
                Some((frames, at)) if reading.partial[i] && *frames == reading.frames[i] => {
                    if now.duration_since(*at) >= FRAME {
                        return Some(Cut::EndlessFrame { lane });
                    }
                }
                _ => *since = reading.partial[i].then_some((reading.frames[i], now)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn start() -> (Watchdog, Instant) {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let now = Instant::now();
        (Watchdog::new(now), now)
    }

    #[test]
    fn who_reads_nothing_is_cut_and_who_reads_slowly_is_not() {
        let (mut dog, now) = start();
        for n in 0..30 {
            let slow = Reading { queued: 9, written: n / 3, ..Reading::default() };
            assert_eq!(dog.check(now + second(n), &slow), None);
        }
        let stuck = Reading { queued: 9, written: 10, ..Reading::default() };
        assert_eq!(dog.check(now + second(30), &stuck), None);
        assert_eq!(dog.check(now + second(33), &stuck), None);
        assert_eq!(dog.check(now + second(34), &stuck), Some(Cut::NotReading));
    }

    #[test]
    fn an_idle_connection_is_not_cut() {
        let (mut dog, now) = start();
        for n in 0..100 {
            assert_eq!(dog.check(now + second(n), &Reading::default()), None);
        }
    }

    #[test]
    fn a_frame_that_never_ends_is_cut_and_many_frames_in_a_row_are_not() {
        let (mut dog, now) = start();
        let lane = Lane::Media(1);
        let mut reading = Reading::default();
        reading.partial[lane.index()] = true;
        for n in 0..20 {
            reading.frames[lane.index()] = n;
            assert_eq!(dog.check(now + second(n), &reading), None);
        }
        assert_eq!(dog.check(now + second(23), &reading), None);
        assert_eq!(dog.check(now + second(24), &reading), Some(Cut::EndlessFrame { lane }));
    }
}
