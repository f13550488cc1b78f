//! How far another machine's clock is from ours, from questions and answers. The choice is pure.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backend_lite::api::Client;

use crate::settings::Day;

/// One question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Our clock when the question left, in microseconds since 1970.
    pub asked: i64,
    /// The other clock when it answered.
    pub answered: i64,
    /// How long question and answer travelled together.
    pub round_trip: Duration,
}

/// Their clock minus ours, in microseconds, from the exchange that travelled the shortest.
///
/// The error is at most half that round trip.
pub fn offset(exchanges: &[Exchange]) -> Option<i64> {
    let best = exchanges.iter().min_by_key(|exchange| exchange.round_trip)?;
    let half = i64::try_from(best.round_trip.as_micros() / 2).unwrap_or(i64::MAX);
    Some(best.answered.saturating_sub(best.asked.saturating_add(half)))
}

/// How often the server is asked: the first question also pays for the connection.
const QUESTIONS: usize = 4;

/// The server's clock minus ours, in microseconds; 0 where the server does not answer.
pub async fn server_offset(client: &Client) -> i64 {
    let mut exchanges = Vec::new();
    for _ in 0..QUESTIONS {
        let (asked, started) = (unix_micros(), now());
        match client.time().await {
            Ok(time) => exchanges.push(Exchange { asked, answered: time.unix_micros, round_trip: now() - started }),
            Err(error) => tracing::debug!(%error, "the server's clock could not be read"),
        }
    }
    offset(&exchanges).unwrap_or(0)
}

/// Our wall clock, in microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a session is a driver: it measures clocks against each other")]
pub fn unix_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// How far the wall clock has come away from the monotonic one since a moment: a machine slept, or its clock was set. Pure.
#[derive(Clone, Copy, Debug)]
pub struct Drift {
    start: (Instant, i64),
    last: (Instant, i64),
}

/// So far two clocks do not come apart between two looks by themselves, in microseconds.
const JUMP: i64 = 2_000_000;
/// Nobody looks so rarely while the machine is awake. On some systems the monotonic clock goes on in sleep.
const SLEPT: Duration = Duration::from_secs(10);

impl Drift {
    /// Since now.
    pub fn begin(now: Instant, unix_micros: i64) -> Self {
        Self { start: (now, unix_micros), last: (now, unix_micros) }
    }

    /// By how many microseconds the wall clock went further than the monotonic one since the beginning.
    pub fn micros(&self, now: Instant, unix_micros: i64) -> i64 {
        apart(self.start, (now, unix_micros))
    }

    /// Whether the machine slept or its clock was set since this was asked last.
    pub fn jumped(&mut self, now: Instant, unix_micros: i64) -> bool {
        let last = std::mem::replace(&mut self.last, (now, unix_micros));
        apart(last, (now, unix_micros)).saturating_abs() > JUMP || now.saturating_duration_since(last.0) > SLEPT
    }
}

fn apart(from: (Instant, i64), to: (Instant, i64)) -> i64 {
    let passed = i64::try_from(to.0.saturating_duration_since(from.0).as_micros()).unwrap_or(i64::MAX);
    to.1.saturating_sub(from.1).saturating_sub(passed)
}

/// The local day and hour; `None` where the system does not know its place.
pub fn local() -> Option<(Day, u8)> {
    let now = jiff::Timestamp::from_microsecond(unix_micros()).ok()?;
    let local = now.to_zoned(jiff::tz::TimeZone::try_system().ok()?);
    let part = |number: i8| u8::try_from(number).ok();
    let day = Day { year: u16::try_from(local.year()).ok()?, month: part(local.month())?, day: part(local.day())? };
    Some((day, part(local.hour())?))
}

/// Now.
#[expect(clippy::disallowed_methods, reason = "a session is a driver: it hands the time to its machines")]
pub fn now() -> Instant {
    Instant::now()
}

/// Sleeps until then; for ever where there is no such moment.
pub async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_answer_is_the_best() {
        let exchange = |asked, answered, ms| Exchange { asked, answered, round_trip: Duration::from_millis(ms) };
        let exchanges =
            [exchange(0, 900_000, 1000), exchange(2_000_000, 2_105_000, 10), exchange(3_000_000, 3_300_000, 90)];
        assert_eq!(offset(&exchanges), Some(100_000));
        assert_eq!(offset(&[]), None);
    }

    #[test]
    fn a_sleep_and_a_clock_that_was_set_are_noticed_once() {
        let start = now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut drift = Drift::begin(start, 0);
        assert!(!drift.jumped(at(100), 100_000));
        // Slow drift is no jump, however far it goes.
        assert!((1..1_000).all(|n| !drift.jumped(at(100 + n * 100), 100_000 + n as i64 * 101_000)));
        let mut drift = Drift::begin(start, 0);
        // An hour of sleep, in which one clock stood still.
        assert!(drift.jumped(at(200), 3_600_200_000) && !drift.jumped(at(300), 3_600_300_000));
        assert_eq!(drift.micros(at(300), 3_600_300_000), 3_600_000_000);
        // The clock is set back by a minute.
        assert!(drift.jumped(at(400), 3_540_400_000) && !drift.jumped(at(500), 3_540_500_000));
        // A sleep in which both clocks went on.
        assert!(drift.jumped(at(20_500), 3_560_500_000));
    }

    #[test]
    fn absurd_answers_do_not_overflow() {
        let exchange = Exchange { asked: i64::MAX, answered: i64::MIN, round_trip: Duration::MAX };
        assert_eq!(offset(&[exchange]), Some(i64::MIN));
    }
}
