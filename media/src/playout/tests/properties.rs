//! What must hold for every order of arrival, every loss and whatever a publisher says.

use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::viewer::{CHUNK_MS, Viewer, WALL};
use super::with_gap;

fn any_chunk() -> impl Strategy<Value = Chunk> {
    let time = prop_oneof![0..20_000_000_i64, any::<i64>()];
    let sequence = prop_oneof![0..100_u64, any::<u64>()];
    let micros = prop_oneof![Just(100_000_u64), any::<u64>()];
    let flags = (any::<bool>(), any::<bool>(), 0..3_u32, 0..5000_usize);
    (sequence, time.clone(), time, micros, flags).prop_map(|(sequence, start, captured, micros, flags)| Chunk {
        init: flags.2,
        sequence,
        start: Timestamp::from_micros(start),
        duration: Duration::from_micros(micros),
        captured: WallClock::from_micros(WALL.saturating_add(captured)),
        keyframe: flags.0,
        discontinuity: flags.1,
        data: Bytes::from(vec![0; flags.3]),
    })
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => any_chunk().prop_map(Input::Chunk),
        1 => any::<u64>().prop_map(Input::Missing),
        1 => (0..3_u32).prop_map(Input::Init),
        1 => any::<i64>().prop_map(|micros| Input::LiveEdge(WallClock::from_micros(micros))),
        1 => any::<bool>().prop_map(Input::Paused),
        1 => Just(Input::JumpToLive),
        1 => (0..100_000_u64).prop_map(|ms| Input::TargetDelay(Duration::from_millis(ms))),
        1 => Just(Input::DecodeFailed),
        1 => any::<Option<u64>>().prop_map(Input::End),
        1 => any::<i64>().prop_map(|micros| Input::Wall(WallClock::from_micros(micros))),
    ]
}

fn never_backwards(viewer: &Viewer) {
    for pair in viewer.released.windows(2) {
        assert!(pair[0].chunk.sequence < pair[1].chunk.sequence);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_and_loss_is_survived(
        seed in any::<u64>(),
        loss in 0..30_u64,
        jitter in 1..1500_u64,
        announced in any::<bool>(),
        target in 200..2500_u64,
        gap in prop_oneof![Just(0_u64), 0..3000_u64],
    ) {
        let random = move |n: u64| (n ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33;
        let lossy = move |n: u64| (n >= 150 || random(n) % 100 >= loss).then(|| if n < 150 { random(n + 1000) % jitter } else { 100 });
        let mut viewer = Viewer::new(target, 1 << 17).arrivals(0..400, lossy);
        if announced {
            for sequence in (0..150).filter(|n| lossy(*n).is_none()) {
                viewer.plan.push(((sequence + 1) * CHUNK_MS + 200, Input::Missing(sequence)));
            }
        }
        for (when, input) in &mut viewer.plan {
            if let Input::Chunk(chunk) = input {
                let planned = (chunk.sequence + 1) * CHUNK_MS;
                let (at, shifted) = with_gap(gap, chunk.sequence);
                *when = *when - planned + at - 300;
                *chunk = shifted;
            }
        }
        viewer.run(39_000 + gap);
        never_backwards(&viewer);
        prop_assert!(viewer.most_bytes <= 1 << 17);
        prop_assert!(viewer.timeouts < 40 * 100, "{} wakeups in 40 s", viewer.timeouts);
        prop_assert!(viewer.rates.iter().all(|rate| (0.95..=1.05).contains(rate)));
        // Twenty seconds after the network got well the picture moves and is not far behind.
        prop_assert_eq!(viewer.stats().state, PlayState::Playing);
        let delay = viewer.delay_at(38_900 + gap);
        prop_assert!(delay < target as f64 + 1300.0, "{} instead of {}", delay, target);
        prop_assert!(delay > target as f64 - 200.0, "{} instead of {}", delay, target);
        let tail: Vec<u64> = viewer.sequences().into_iter().filter(|sequence| (300..340).contains(sequence)).collect();
        prop_assert_eq!(tail, (300..340).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_a_publisher_says_breaks_the_player(inputs in prop::collection::vec((0..400_u64, any_input()), 1..120)) {
        let mut viewer = Viewer::new(1000, 20_000);
        let mut at = 0;
        for (pause, input) in inputs {
            at += pause;
            viewer.plan.push((at, input));
        }
        viewer.run(at + 500);
        never_backwards(&viewer);
        prop_assert!(viewer.most_bytes <= 20_000);
    }
}
