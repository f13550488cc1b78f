//! What a viewer sees and hears in virtual time.

use std::time::Duration;

use self::viewer::{CHUNK_MS, Viewer, WALL, chunk, chunk_of_second_epoch};
use super::*;

mod properties;
mod viewer;

#[test]
fn plays_everything_at_the_target_delay() {
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..200, |_| Some(300));
    viewer.run(20_000);
    assert_eq!(viewer.sequences()[..180], (0..180).collect::<Vec<_>>());
    for when in [1500, 5000, 10_000, 19_000] {
        assert!((viewer.delay_at(when) - 1000.0).abs() < 12.0, "{} at {when}", viewer.delay_at(when));
    }
    assert_eq!(viewer.events, []);
    let stats = viewer.stats();
    assert_eq!((stats.stalls, stats.late, stats.missing, stats.jumps, stats.state), (0, 0, 0, 0, PlayState::Playing));
    assert!(viewer.timeouts < 20 * 30, "{} wakeups in 20 s", viewer.timeouts);
    assert!(viewer.released[0].reset && viewer.released[1..].iter().all(|release| !release.reset && release.video));
}

#[test]
fn a_newcomer_starts_quickly_and_at_the_right_delay() {
    // The neighbours hand over the running GOP (chunks 40..53) at once, 5.5 s into the broadcast.
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(53..150, |_| Some(200));
    for sequence in 40..53 {
        viewer.plan.push((5500 + sequence - 40, Input::Chunk(chunk(sequence))));
    }
    viewer.run(9000);
    let (first, _) =
        viewer.clock.iter().find(|(now, position)| (*now as f64 - position) < 1500.0).copied().expect("runs");
    assert!((5500..5800).contains(&first), "the first picture came at {first}");
    assert!((viewer.delay_at(7000) - 1000.0).abs() < 15.0, "{}", viewer.delay_at(7000));
    assert_eq!((viewer.sequences()[0], viewer.stats().stalls), (40, 0));
    let (_, position) = viewer.starts[0];
    assert!(position > 4500, "pictures before {position} must not be shown");
}

#[test]
fn a_newcomer_does_not_take_the_first_piece_of_the_start_for_all_of_it() {
    // It joins at 1700: the newest chunk is pushed to it at once, the group of pictures is fetched in order meanwhile.
    let mut viewer = Viewer::new(1000, 1 << 20)
        .arrivals(16..60, |_| Some(20))
        .at(1705, Input::LiveEdge(WallClock::from_micros(WALL + 1_300_000)));
    for sequence in 0..16 {
        viewer = viewer.at(1710 + 12 * sequence, Input::Chunk(chunk(sequence)));
    }
    viewer.run(5000);
    assert_eq!(viewer.starts.len(), 1, "{:?}", viewer.starts);
    assert!((viewer.delay_at(2200) - 1000.0).abs() < 20.0, "{}", viewer.delay_at(2200));
}

#[test]
fn reordered_and_doubled_chunks_change_nothing() {
    let mut viewer = Viewer::new(1000, 1 << 20)
        .arrivals(0..100, |n| Some(100 + n * 7919 % 500))
        .arrivals((0..100).step_by(3), |n| Some(150 + n * 104_729 % 500));
    viewer.run(9500);
    assert_eq!(viewer.sequences()[..80], (0..80).collect::<Vec<_>>());
    let stats = viewer.stats();
    assert_eq!((stats.stalls, stats.missing), (0, 0));
    assert!(stats.duplicate + stats.late >= 25, "{stats:?}");
}

#[test]
fn a_late_chunk_is_waited_for_and_the_delay_recovers() {
    let mut viewer = Viewer::new(800, 1 << 20).arrivals(0..400, |n| Some(if n == 51 { 1000 } else { 300 }));
    viewer.run(30_000);
    let stats = viewer.stats();
    assert_eq!(viewer.sequences()[..100], (0..100).collect::<Vec<_>>(), "nothing was skipped");
    assert_eq!((stats.stalls, stats.missing), (1, 0));
    assert!((200..=400).contains(&stats.stalled.as_millis()), "{:?}", stats.stalled);
    assert!(matches!(viewer.events[..], [(_, Event::Stalled), (_, Event::Resumed { .. })]), "{:?}", viewer.events);
    assert!((viewer.delay_at(29_000) - 800.0).abs() < 40.0, "{}", viewer.delay_at(29_000));
    assert!(viewer.rates.iter().all(|rate| (0.95..=1.05).contains(rate)));
}

#[test]
fn a_chunk_known_to_be_lost_costs_no_stop_of_the_sound() {
    let lost = |n| (n != 55).then_some(300);
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..100, lost).at(6000, Input::Missing(55));
    viewer.run(9000);
    assert!(!viewer.sequences().contains(&55) && viewer.stats().missing == 1);
    // The clock ran through; the picture stood still until the keyframe of chunk 60.
    assert!((viewer.delay_at(8500) - 1000.0).abs() < 15.0, "{}", viewer.delay_at(8500));
    let without_picture: Vec<u64> =
        viewer.released.iter().filter(|release| !release.video).map(|release| release.chunk.sequence).collect();
    assert_eq!(without_picture, [56, 57, 58, 59]);
    let stats = viewer.stats();
    assert_eq!(stats.stalls, 1);
    assert!((400..=620).contains(&stats.stalled.as_millis()), "{:?}", stats.stalled);
    assert!(viewer.released.iter().any(|release| release.chunk.sequence == 60 && release.reset));
}

#[test]
fn a_hole_nobody_announced_is_given_up_in_time() {
    let mut viewer = Viewer::new(600, 1 << 20).arrivals(0..200, |n| (n != 41).then_some(200));
    viewer.run(19_000);
    assert_eq!(viewer.stats().missing, 1);
    assert!(viewer.stats().stalled < Duration::from_millis(2500), "{:?}", viewer.stats().stalled);
    assert!(viewer.sequences().contains(&180));
    assert!((viewer.delay_at(18_500) - 600.0).abs() < 50.0, "{}", viewer.delay_at(18_500));
}

#[test]
fn a_long_outage_ends_with_a_jump_to_the_live_edge() {
    let outage = |n| Some(if (50..120).contains(&n) { 12_000 - n * CHUNK_MS + 300 } else { 300 });
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..300, outage);
    viewer.run(25_000);
    let stats = viewer.stats();
    assert_eq!((stats.stalls, stats.jumps), (1, 1), "{:?}", viewer.events);
    assert!(viewer.events.iter().any(|(_, event)| matches!(event, Event::Jumped { .. })));
    assert!((viewer.delay_at(14_000) - 1000.0).abs() < 60.0, "{}", viewer.delay_at(14_000));
    assert!((5500..7500).contains(&stats.stalled.as_millis()), "{:?}", stats.stalled);
}

#[test]
fn media_that_always_comes_too_late_plays_with_what_delay_it_needs() {
    let mut viewer = Viewer::new(500, 1 << 20).arrivals(0..300, |n| Some(1500 + n % 3 * 20));
    viewer.run(30_000);
    let stats = viewer.stats();
    assert!(stats.stalls <= 4, "{:?}", viewer.events);
    assert!((1600.0..2300.0).contains(&viewer.delay_at(29_000)), "{}", viewer.delay_at(29_000));
    assert!(stats.behind_ms > 1000.0);
}

#[test]
fn a_pause_stays_behind_until_asked_back_to_live() {
    let mut viewer = Viewer::new(1000, 1 << 20)
        .arrivals(0..400, |_| Some(300))
        .at(5000, Input::Paused(true))
        .at(9000, Input::Paused(false))
        .at(20_000, Input::JumpToLive);
    viewer.run(8000);
    assert_eq!(viewer.stats().state, PlayState::Paused);
    viewer.run(19_000);
    assert!(!viewer.stats().live);
    assert!((viewer.delay_at(18_500) - 5000.0).abs() < 50.0, "{}", viewer.delay_at(18_500));
    viewer.run(25_000);
    assert!(viewer.stats().live);
    assert!((viewer.delay_at(20_600) - 1000.0).abs() < 40.0, "{}", viewer.delay_at(20_600));
    assert_eq!((viewer.stats().stalls, viewer.stats().jumps), (0, 1), "{:?}", viewer.events);
}

#[test]
fn a_pause_longer_than_the_buffer_goes_on_with_the_oldest_kept() {
    // 60 chunks fit; the pause lasts for 200.
    let mut viewer = Viewer::new(1000, 60 * 1256)
        .arrivals(0..500, |_| Some(300))
        .at(5000, Input::Paused(true))
        .at(25_000, Input::Paused(false));
    viewer.run(40_000);
    assert!(viewer.most_bytes <= 60 * 1256);
    let after = viewer.clock.iter().find(|(now, _)| *now > 25_020).copied().expect("it goes on");
    assert!(after.0 < 26_000, "it went on at {}", after.0);
    assert!(viewer.delay_at(39_000) < 8000.0 && !viewer.stats().live);
}

#[test]
fn another_target_delay_is_reached_by_rate_or_by_a_jump() {
    let slower = Input::TargetDelay(Duration::from_millis(1200));
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..400, |_| Some(300)).at(5000, slower);
    viewer.run(20_000);
    assert!((viewer.delay_at(19_000) - 1200.0).abs() < 30.0, "{}", viewer.delay_at(19_000));
    let faster = Input::TargetDelay(Duration::from_millis(1000));
    let mut viewer = Viewer::new(3000, 1 << 20).arrivals(0..400, |_| Some(300)).at(8000, faster);
    viewer.run(15_000);
    assert!((viewer.delay_at(14_000) - 1000.0).abs() < 60.0, "{}", viewer.delay_at(14_000));
    assert_eq!((viewer.stats().jumps, viewer.stats().stalls), (1, 0));
}

#[test]
fn a_new_epoch_starts_the_clock_anew() {
    let first = 1 << 40;
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..50, |_| Some(300)).at(8000, Input::Init(2));
    for sequence in first..first + 60 {
        let at = 9000 + (sequence - first + 1) * CHUNK_MS + 300;
        viewer.plan.push((at, Input::Chunk(chunk_of_second_epoch(sequence, first, 9000))));
    }
    viewer.run(14_500);
    assert_eq!(viewer.released.iter().filter(|release| release.reset).count(), 2);
    let (now, position) = *viewer.clock.last().expect("it runs");
    assert!((now as f64 - 9000.0 - position - 1000.0).abs() < 20.0, "{now} {position}");
    assert_eq!(viewer.stats().stalls, 1, "{:?}", viewer.events);
}

#[test]
fn a_new_size_within_an_epoch_does_not_stop_the_clock() {
    let mut viewer = Viewer::new(1000, 1 << 20).at(3000, Input::Init(2));
    for sequence in 0..100 {
        let mut chunk = chunk(sequence);
        if sequence >= 45 {
            chunk.init = 2;
            chunk.discontinuity = sequence == 45;
            chunk.keyframe = (sequence - 45).is_multiple_of(20);
        }
        viewer.plan.push(((sequence + 1) * CHUNK_MS + 300, Input::Chunk(chunk)));
    }
    viewer.run(9500);
    assert!((viewer.delay_at(9400) - 1000.0).abs() < 15.0);
    let resets: Vec<u64> =
        viewer.released.iter().filter(|release| release.reset).map(|release| release.chunk.sequence).collect();
    assert_eq!((resets, viewer.stats().stalls), (vec![0, 45], 0));
}

/// The same broadcast with `gap` ms in which nothing was captured before chunk 45.
fn with_gap(gap: u64, sequence: u64) -> (u64, Chunk) {
    let shift = if sequence >= 45 { gap } else { 0 };
    let mut chunk = chunk(sequence);
    chunk.start = chunk.start.saturating_add(Duration::from_millis(shift));
    chunk.captured = WallClock::from_micros(chunk.captured.as_micros() + shift as i64 * 1000);
    ((sequence + 1) * CHUNK_MS + shift + 300, chunk)
}

#[test]
fn a_gap_in_media_time_is_played_through_or_jumped() {
    for gap in [30, 150, 300, 700, 1900, 2500, 6000] {
        let mut viewer = Viewer::new(1000, 1 << 20);
        for sequence in 0..150 {
            let (at, chunk) = with_gap(gap, sequence);
            viewer.plan.push((at, Input::Chunk(chunk)));
        }
        viewer.run(15_000 + gap);
        assert_eq!(viewer.sequences()[..130], (0..130).collect::<Vec<_>>(), "gap of {gap}");
        let delay = viewer.delay_at(14_500 + gap);
        assert!((delay - 1000.0).abs() < 150.0, "{delay} after a gap of {gap}");
    }
}

#[test]
fn the_end_is_played_out_and_told() {
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..50, |_| Some(300)).at(5400, Input::End(Some(49)));
    viewer.run(8000);
    let [(when, Event::Ended)] = viewer.events[..] else { panic!("{:?}", viewer.events) };
    assert!((5900..6300).contains(&when), "{when}");
    assert_eq!((viewer.released.len(), viewer.stats().state), (50, PlayState::Ended));
}

#[test]
fn a_damaged_chunk_costs_the_picture_until_the_next_keyframe() {
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..100, |_| Some(300)).at(4500, Input::DecodeFailed);
    viewer.run(9000);
    assert!((viewer.delay_at(8900) - 1000.0).abs() < 15.0);
    let without: Vec<u64> =
        viewer.released.iter().filter(|release| !release.video).map(|release| release.chunk.sequence).collect();
    assert!(without.len() <= 4 && without.iter().all(|sequence| (36..40).contains(sequence)), "{without:?}");
    assert_eq!(viewer.stats().stalls, 1);
}

#[test]
fn a_publisher_with_a_wrong_clock_can_be_watched() {
    for offset in [-3_600_000_000_i64, -2_000_000, 2_000_000, 3_600_000_000] {
        let mut viewer = Viewer::new(1000, 1 << 20);
        for sequence in 0..200 {
            let mut chunk = chunk(sequence);
            chunk.captured = WallClock::from_micros(chunk.captured.as_micros() + offset);
            viewer.plan.push(((sequence + 1) * CHUNK_MS + 300, Input::Chunk(chunk)));
        }
        viewer.run(15_000);
        let (now, position) = *viewer.clock.last().expect("it runs");
        let real = now as f64 - position;
        assert!((500.0..1500.0).contains(&real), "with a clock off by {offset} the delay is {real}");
        assert!(viewer.stats().stalls <= 2 && viewer.stats().jumps <= 1, "{:?}", viewer.events);
    }
}

#[test]
fn an_idle_player_asks_for_no_wakeups() {
    let mut viewer = Viewer::new(1000, 1 << 20);
    viewer.run(1000);
    assert_eq!(viewer.playout.poll_timeout(), None);
    let mut viewer = Viewer::new(1000, 1 << 20).arrivals(0..20, |_| Some(300));
    viewer.run(10_000);
    assert_eq!((viewer.stats().state, viewer.playout.poll_timeout()), (PlayState::Stalled, None));
}
