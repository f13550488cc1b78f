//! A viewer in virtual time: chunks arrive by a plan, an output pulls 10 ms blocks, everything that happens is kept.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::format::CHANNELS;
use crate::frame::AudioFrame;

const CHUNK_MS: u64 = 100;
/// Wall clock of the publisher when media time was 0; the viewer's anchor is the same moment.
const WALL: i64 = 1_700_000_000_000_000;

fn chunk(sequence: u64) -> Chunk {
    let start = (sequence * CHUNK_MS * 1000) as i64;
    Chunk {
        init: 1,
        sequence,
        start: Timestamp::from_micros(start),
        duration: Duration::from_millis(CHUNK_MS),
        captured: WallClock::from_micros(WALL + start),
        keyframe: sequence.is_multiple_of(20),
        discontinuity: sequence == 0,
        data: Bytes::from_static(&[0; 1000]),
    }
}

/// A chunk of media captured at `after` ms whose media time starts at zero again.
fn chunk_of_second_epoch(sequence: u64, first: u64, after: u64) -> Chunk {
    let start = (sequence - first) * CHUNK_MS;
    Chunk {
        init: 2,
        sequence,
        start: Timestamp::from_micros((start * 1000) as i64),
        captured: WallClock::from_micros(WALL + ((after + start) * 1000) as i64),
        keyframe: (sequence - first).is_multiple_of(20),
        discontinuity: sequence == first,
        ..chunk(0)
    }
}

struct Viewer {
    start: Instant,
    now: u64,
    playout: Playout,
    audio: AudioQueue,
    /// What happens when, in ms.
    plan: Vec<(u64, Input)>,
    released: Vec<Release>,
    events: Vec<(u64, Event)>,
    starts: Vec<(u64, i64)>,
    rates: Vec<f64>,
    /// The clock every 10 ms, as (now, media time) in ms, while it runs.
    clock: Vec<(u64, f64)>,
    most_bytes: usize,
    timeouts: u64,
}

impl Viewer {
    fn new(target_ms: u64, buffer_bytes: usize) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the start of virtual time")]
        let start = Instant::now() + Duration::from_secs(3600);
        let target_delay = Duration::from_millis(target_ms);
        let config = PlayoutConfig { target_delay, buffer_bytes, wall: WallClock::from_micros(WALL) };
        let mut viewer = Self {
            start,
            now: 0,
            playout: Playout::new(&config, start),
            audio: AudioQueue::new(1.0),
            plan: Vec::new(),
            released: Vec::new(),
            events: Vec::new(),
            starts: Vec::new(),
            rates: Vec::new(),
            clock: Vec::new(),
            most_bytes: 0,
            timeouts: 0,
        };
        viewer.input(Input::Init(1));
        viewer
    }

    /// Chunks of `sequences` arrive `transit` ms after they are complete.
    fn arrivals(mut self, sequences: impl IntoIterator<Item = u64>, transit: impl Fn(u64) -> Option<u64>) -> Self {
        for sequence in sequences {
            if let Some(transit) = transit(sequence) {
                self.plan.push(((sequence + 1) * CHUNK_MS + transit, Input::Chunk(chunk(sequence))));
            }
        }
        self
    }

    fn at(mut self, when: u64, input: Input) -> Self {
        self.plan.push((when, input));
        self
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn input(&mut self, input: Input) {
        let now = self.instant();
        let reading = self.audio.reading(now);
        self.playout.handle(now, Input::Clock(reading));
        self.drain();
        self.playout.handle(now, input);
        self.drain();
        self.most_bytes = self.most_bytes.max(self.playout.stats(now).bytes);
    }

    fn drain(&mut self) {
        while let Some(output) = self.playout.poll_output() {
            match output {
                Output::Start { generation, position, at } => {
                    self.audio.start(generation, position, at);
                    self.starts.push((self.now, position.as_micros() / 1000));
                }
                Output::Hold => self.audio.set_hold(true),
                Output::Go => self.audio.set_hold(false),
                Output::Rate(rate) => {
                    self.rates.push(rate);
                    self.audio.set_rate(rate);
                }
                Output::Event(event) => self.events.push((self.now, event)),
                Output::Release(release) => {
                    let chunk = &release.chunk;
                    let frames = (chunk.duration.min(Duration::from_secs(1)).as_micros() * 48 / 1000) as usize;
                    let samples = vec![0.25; frames * CHANNELS];
                    self.audio.push(AudioFrame { timestamp: chunk.start, captured: chunk.captured, samples });
                    self.audio.extend_to(chunk.start.saturating_add(chunk.duration.min(Duration::from_secs(10))));
                    self.released.push(release);
                }
            }
        }
    }

    fn run(&mut self, until: u64) {
        self.plan.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
        let mut out = vec![0.0; 480 * CHANNELS];
        while self.now < until {
            while self.plan.last().is_some_and(|(when, _)| *when <= self.now) {
                let (_, input) = self.plan.pop().expect("it was there");
                self.input(input);
            }
            let now = self.instant();
            if self.now.is_multiple_of(10) {
                self.audio.pull(&mut out, now);
                let reading = self.audio.reading(now);
                if reading.running {
                    self.clock.push((self.now, reading.position.as_micros() as f64 / 1000.0));
                }
            }
            if self.playout.poll_timeout().is_some_and(|at| at <= now) {
                self.timeouts += 1;
                self.input(Input::Timeout);
            }
            self.now += 1;
        }
    }

    fn delay_at(&self, when: u64) -> f64 {
        let (now, position) = *self.clock.iter().rev().find(|(now, _)| *now <= when).expect("the clock ran");
        now as f64 - position
    }

    fn sequences(&self) -> Vec<u64> {
        self.released.iter().map(|release| release.chunk.sequence).collect()
    }

    fn stats(&self) -> PlayoutStats {
        self.playout.stats(self.instant())
    }
}

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
