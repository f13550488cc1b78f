//! The clock and the samples of the queue that an output pulls.

use super::*;
use crate::format::WallClock;

fn block(start_ms: i64, millis: usize, value: f32) -> AudioFrame {
    AudioFrame {
        timestamp: Timestamp::from_micros(start_ms * 1000),
        captured: WallClock::default(),
        samples: vec![value; 48 * millis * CHANNELS],
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the start of virtual time")]
fn started(at_ms: u64) -> (AudioQueue, Instant) {
    let now = Instant::now();
    let mut queue = AudioQueue::new(1.0);
    queue.start(1, Timestamp::from_micros(1_000_000), now + Duration::from_millis(at_ms));
    (queue, now)
}

fn pull(queue: &mut AudioQueue, at: Instant) -> Vec<f32> {
    let mut out = vec![0.0; 480 * CHANNELS];
    queue.pull(&mut out, at);
    out
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_clock_starts_on_time_and_follows_the_samples() {
    let (mut queue, now) = started(25);
    queue.push(block(1000, 200, 0.5));
    queue.extend_to(Timestamp::from_micros(1_200_000));
    assert_eq!(queue.reading(now).position, Timestamp::from_micros(975_000));
    for n in 0..10 {
        let out = pull(&mut queue, now + ms(n * 10));
        let quiet = out.iter().all(|sample| sample.abs() < 1e-6);
        assert_eq!(quiet, n < 2, "block {n}");
    }
    let reading = queue.reading(now + ms(95));
    assert!(reading.running && !reading.starved);
    assert!((reading.position.as_micros() - 1_070_000).abs() < 1000, "{reading:?}");
}

#[test]
fn gaps_are_silence_and_the_end_is_starvation() {
    let (mut queue, now) = started(0);
    queue.push(block(1000, 20, 0.5));
    queue.push(block(1060, 20, 0.5));
    queue.extend_to(Timestamp::from_micros(1_100_000));
    let heard: Vec<bool> =
        (0..12).map(|n| pull(&mut queue, now + ms(n * 10)).iter().any(|sample| sample.abs() > 0.2)).collect();
    assert!(heard[0] && heard[1] && !heard[4] && heard[6] && heard[7] && !heard[9], "{heard:?}");
    let reading = queue.reading(now + ms(120));
    assert!(reading.starved && !reading.running, "{reading:?}");
    assert!((reading.position.as_micros() - 1_100_000).abs() <= 6000, "{reading:?}");
    queue.extend_to(Timestamp::from_micros(1_200_000));
    pull(&mut queue, now + ms(130));
    assert!(queue.reading(now + ms(131)).running);
}

#[test]
fn a_held_clock_stands_and_goes_on_without_a_click() {
    let (mut queue, now) = started(0);
    queue.push(block(1000, 500, 0.5));
    queue.extend_to(Timestamp::from_micros(1_500_000));
    for n in 0..5 {
        pull(&mut queue, now + ms(n * 10));
    }
    queue.set_hold(true);
    let faded = pull(&mut queue, now + ms(50));
    assert!(faded[0] > 0.4 && faded[faded.len() - 1].abs() < 1e-3, "{} {}", faded[0], faded[faded.len() - 1]);
    pull(&mut queue, now + ms(60));
    let before = queue.reading(now + ms(70));
    assert_eq!(queue.reading(now + ms(900)).position, before.position);
    queue.set_hold(false);
    let out = pull(&mut queue, now + ms(1000));
    assert!(out[0].abs() < 0.01 && out[out.len() - 1] > 0.4);
    assert!(queue.reading(now + ms(1005)).position > before.position);
}

#[test]
fn a_late_output_leaves_out_what_it_missed() {
    let (mut queue, now) = started(10);
    queue.push(block(1000, 500, 0.5));
    queue.extend_to(Timestamp::from_micros(1_500_000));
    pull(&mut queue, now + ms(110));
    let reading = queue.reading(now + ms(110));
    assert!((reading.position.as_micros() - 1_100_000).abs() < 2000, "{reading:?}");
}

#[test]
fn overlapping_and_old_sound_is_left_out() {
    let (mut queue, now) = started(0);
    queue.push(block(900, 100, 0.9));
    queue.push(block(1000, 100, 0.1));
    queue.push(block(1050, 100, 0.1));
    queue.extend_to(Timestamp::from_micros(1_150_000));
    assert!(pull(&mut queue, now).iter().all(|sample| *sample < 0.2));
    let mut pulls = 1;
    while !queue.reading(now).starved {
        pull(&mut queue, now + ms(pulls * 10));
        pulls += 1;
    }
    assert!((14..=17).contains(&pulls), "{pulls}");
}
