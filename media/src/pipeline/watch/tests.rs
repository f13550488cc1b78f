//! A watcher on its threads, fed by hand.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::capture::CaptureClock;
use crate::encode::opus::OpusEncoder;
use crate::encode::rav1e::Preset;
use crate::encode::{VideoEncoderConfig, open};
use crate::format::{ColorSpace, Size};
use crate::frame::AudioFrame;
use crate::package::{InitSegment, PackageOutput, Packager, PackagerConfig};
use crate::playout::Release;
use crate::testing::{TestPicture, TestSound};

const FPS: u32 = 30;
const SECONDS: u32 = 4;
const CHUNK: Duration = Duration::from_millis(100);

/// The test source, encoded; its media time starts at `epoch`, which lies in the future of when it was made.
struct Recording {
    epoch: Instant,
    init: InitSegment,
    chunks: Vec<MediaChunk>,
}

/// Encodes the test source beforehand, so that a busy machine delays no capture.
fn record(from_now: Duration) -> Recording {
    let now = CaptureClock::start();
    let first = Timestamp::ZERO.saturating_add(from_now);
    let clock = CaptureClock::new(now.instant(first), now.wall_clock(first));
    let size = Size::new(320, 180).expect("legal");
    let config = VideoEncoderConfig {
        size,
        fps: FPS,
        bitrate_kbps: 600,
        keyframe_interval: FPS,
        threads: 2,
        color: ColorSpace::default(),
    };
    let mut video = open(Preset::Fast.name(), &config).expect("rav1e is always there");
    let mut sound = OpusEncoder::new(64).expect("so is Opus");
    let mut packager = Packager::new(PackagerConfig { chunk: CHUNK, fps: FPS, first_init: 1, first_sequence: 0 });
    let mut picture = TestPicture::new(size, FPS);
    for n in 0..FPS * SECONDS {
        let at = Timestamp::from_micros(i64::from(n) * 1_000_000 / i64::from(FPS));
        video.push(&picture.draw(n, at, clock.wall_clock(at)), n == 0).expect("it takes pictures");
    }
    video.flush().expect("it ends");
    let mut pictures = Vec::new();
    while let Some(frame) = video.poll().expect("it encodes") {
        pictures.push(frame);
    }
    for block in 0..u64::from(SECONDS) * 100 {
        let at = Timestamp::from_micros(block as i64 * 10_000);
        let frame = AudioFrame { timestamp: at, captured: clock.wall_clock(at), samples: TestSound::samples(block) };
        sound.push(&frame).expect("it takes sound");
    }
    let mut frames = pictures;
    frames.extend(std::iter::from_fn(|| sound.poll()));
    frames.sort_by_key(|frame| frame.timestamp);
    let (mut init, mut chunks) = (None, Vec::new());
    for frame in frames {
        packager.push(frame).expect("it packs");
    }
    packager.flush().expect("it ends");
    while let Some(output) = packager.poll() {
        match output {
            PackageOutput::Init(segment) => init = Some(segment),
            PackageOutput::Chunk(chunk) => chunks.push(chunk),
        }
    }
    Recording { epoch: clock.instant(Timestamp::ZERO), init: init.expect("there is an init segment"), chunks }
}

/// Time to encode the recording; more than enough on two busy cores.
fn lead() -> Duration {
    static MEASURED: OnceLock<Duration> = OnceLock::new();
    *MEASURED.get_or_init(|| {
        let before = CaptureClock::start();
        record(Duration::ZERO);
        Duration::from_micros(before.now().as_micros() as u64) * 2 + Duration::from_secs(1)
    })
}

fn watcher(config: WatchConfig) -> (Watcher, Receiver<WatchEvent>) {
    let (sender, receiver) = sync_channel(1000);
    let on_event = move |event| {
        // A full channel only means that the test has seen enough.
        let _ = sender.try_send(event);
    };
    let config = WatchConfig { audio_output: AudioOutputSpec::Null, ..config };
    (Watcher::start(config, Box::new(on_event)).expect("it starts"), receiver)
}

/// Pushes chunks when they would have come, collecting events until the end was played.
fn play(recording: &Recording, watcher: &Watcher, events: &Receiver<WatchEvent>) -> Vec<WatchEvent> {
    let mut seen = Vec::new();
    let mut collect = |wait: Duration, until: &dyn Fn(&WatchEvent) -> bool| {
        let clock = CaptureClock::start();
        let deadline = Timestamp::ZERO.saturating_add(wait);
        while let Ok(event) = events.recv_timeout(deadline.saturating_since(clock.now())) {
            let last = until(&event);
            seen.push(event);
            if last {
                break;
            }
        }
    };
    watcher.push_init(recording.init.id, recording.init.data.clone());
    for chunk in &recording.chunks {
        let media = chunk.start.saturating_add(chunk.duration).saturating_add(Duration::from_millis(50));
        let due = recording.epoch + media.saturating_since(Timestamp::ZERO);
        collect(due.saturating_duration_since(watcher.shared.clock.now()), &|_| false);
        watcher.push_chunk(chunk.clone().into());
    }
    watcher.ended(None);
    collect(Duration::from_secs(20), &|event| *event == WatchEvent::Ended);
    seen
}

#[test]
fn the_test_source_is_seen_and_heard_in_time() {
    let recording = record(lead());
    let delay = Duration::from_millis(400);
    let (watcher, events) = watcher(WatchConfig { target_delay: delay, strip: true, ..WatchConfig::default() });
    let frames = watcher.frames();
    let seen = play(&recording, &watcher, &events);
    assert_eq!(seen.last(), Some(&WatchEvent::Ended), "{seen:?}");
    assert!(seen.iter().any(|event| matches!(event, WatchEvent::FirstFrame { .. })));
    let stats = watcher.stats();
    watcher.stop();
    println!("{stats:#?}");
    let pictures = u64::from(FPS * SECONDS);
    assert_eq!((stats.frames_decoded, stats.decode_errors), (pictures, 0));
    assert!(stats.frames_shown + stats.frames_skipped >= pictures - 3, "{stats:?}");
    assert!(stats.frames_shown >= pictures / 2, "{stats:?}");
    assert!((350.0..2000.0).contains(&stats.latency_ms.p50), "{:?}", stats.latency_ms);
    assert!(stats.av_offset_ms.count >= 2 && stats.av_offset_ms.p50.abs() < 150.0, "{:?}", stats.av_offset_ms);
    assert_eq!(stats.size, Size::new(320, 180).ok());
    assert!(frames.try_recv().is_some() && frames.dropped() + 1 == stats.frames_shown);
}

#[test]
fn a_damaged_chunk_is_told_and_the_next_keyframe_goes_on() {
    let mut recording = record(lead());
    // In the second second, after its keyframe.
    let victim = recording.chunks.iter().position(|chunk| chunk.start.as_micros() >= 1_250_000).expect("it is there");
    let mut damaged = recording.chunks[victim].data.to_vec();
    let moof = damaged.windows(4).position(|name| name == b"moof").expect("a chunk has one");
    damaged.truncate(moof + 60);
    recording.chunks[victim].data = damaged.into();
    let (watcher, events) = watcher(WatchConfig { target_delay: Duration::from_millis(400), ..WatchConfig::default() });
    let seen = play(&recording, &watcher, &events);
    let sequence = recording.chunks[victim].sequence;
    let told = |event: &WatchEvent| matches!(event, WatchEvent::DecodeError { sequence: of, .. } if *of == sequence);
    assert!(seen.iter().any(told), "{seen:?}");
    assert_eq!(seen.last(), Some(&WatchEvent::Ended), "{seen:?}");
    let stats = watcher.stats();
    // Two whole seconds follow the next keyframe, and more than one came before.
    assert!(stats.frames_decoded >= u64::from(FPS) * 3, "{stats:?}");
    assert!(stats.frames_decoded < u64::from(FPS * SECONDS), "{stats:?}");
    assert!(watcher.screenshot().is_some());
}

#[test]
fn a_storm_of_errors_ends_with_a_new_decoder_that_works() {
    let recording = record(Duration::ZERO);
    let mut decoding = decoding::Decoding::new(1).expect("dav1d opens");
    assert_eq!(decoding.init(1, &recording.init.data).ok(), Some(true));
    let whole: WatchChunk = recording.chunks[0].clone().into();
    let mut bytes = whole.data.to_vec();
    let mdat = bytes.windows(4).position(|name| name == b"mdat").expect("a chunk has one") + 4;
    bytes[mdat..].fill(0xFF);
    let broken = WatchChunk { data: bytes.into(), ..whole.clone() };
    let release = |chunk: WatchChunk| Release { chunk: chunk.into(), reset: true, video: true };
    let mut restarts = 0;
    for _ in 0..8 {
        // A damaged packet of sound is silence, not a failure.
        assert!(decoding.release(&release(broken.clone())).is_ok());
        while decoding.has_pictures() {
            if let Err(failure) = decoding.next_picture() {
                assert!(failure.lost && !failure.reason.is_empty());
                restarts += u32::from(failure.restarted);
            }
        }
    }
    assert_eq!(restarts, 1);
    decoding.release(&release(whole)).expect("it is whole");
    let (pictures, decoded) = decoding.next_picture().expect("the new decoder works");
    assert_eq!((pictures.len(), decoded), (1, 1));
}

#[test]
fn a_target_delay_out_of_range_is_refused() {
    let config = WatchConfig { target_delay: Duration::from_millis(10), ..WatchConfig::default() };
    let error = Watcher::start(config, Box::new(|_| {})).err().expect("10 ms is too short");
    assert_eq!(error.to_string(), "target delay of 10 ms (expected 100..=60000 ms)");
}

#[test]
fn rubbish_is_reported_and_survived() {
    let (watcher, events) = watcher(WatchConfig::default());
    watcher.push_init(1, Bytes::from_static(b"rubbish"));
    let wait = Duration::from_secs(20);
    assert!(matches!(events.recv_timeout(wait), Ok(WatchEvent::DecodeError { .. })));
    assert_eq!((watcher.playhead(), watcher.wanted_from()), (None, None));
    watcher.ended(None);
    watcher.set_paused(true);
    watcher.set_paused(false);
    watcher.jump_to_live();
    watcher.set_volume(f32::NAN);
    watcher.set_clock_offset(i64::MIN);
    watcher.set_target_delay(Duration::MAX);
    watcher.live_edge(WallClock::from_micros(i64::MAX));
    watcher.stop();
    assert_eq!(watcher.stats().frames_shown, 0);
    watcher.stop();
}
