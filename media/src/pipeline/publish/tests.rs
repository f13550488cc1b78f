//! The publisher on real sources and encoders.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::encoding::EncodeThread;
use super::shared::{Message, Paced};
use super::*;
use crate::decode::VideoDecoder;
use crate::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use crate::encode::{EncoderChoice, VideoEncoder};
use crate::format::{ColorSpace, Size};
use crate::frame::{EncodedFrame, TrackKind};
use crate::package::demux::{Tracks, parse_chunk, parse_init};
use crate::package::{InitSegment, MediaChunk, fixtures};
use crate::preprocess::AudioChain;
use crate::testing::Strip;

/// Nothing takes longer; a test that waits for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn size() -> Size {
    Size::new(320, 180).expect("legal")
}

fn config(seconds: Option<f64>) -> PublishConfig {
    PublishConfig {
        encoder: EncoderChoice::Named("rav1e:fast".into()),
        seconds,
        ..PublishConfig::new(SourceSpec::Test, AudioSpec::Default, size(), 30)
    }
}

fn start(config: PublishConfig) -> (Publisher, Receiver<PublishEvent>) {
    let (events, told) = sync_channel(4096);
    let publisher = Publisher::start(config, Box::new(move |event| drop(events.try_send(event)))).expect("it starts");
    (publisher, told)
}

/// Everything told until the end.
fn all(told: &Receiver<PublishEvent>) -> Vec<PublishEvent> {
    let mut events = Vec::new();
    while !matches!(events.last(), Some(PublishEvent::Ended { .. })) {
        events.push(told.recv_timeout(PATIENCE).expect("something is told"));
    }
    events
}

fn inits(events: &[PublishEvent]) -> Vec<&InitSegment> {
    events.iter().filter_map(|event| if let PublishEvent::Init(init) = event { Some(init) } else { None }).collect()
}

fn chunks(events: &[PublishEvent]) -> Vec<&MediaChunk> {
    events.iter().filter_map(|event| if let PublishEvent::Chunk(chunk) = event { Some(chunk) } else { None }).collect()
}

#[test]
fn the_test_source_arrives_as_chunks_with_every_strip_readable() {
    // The strip's cells need that size to survive the coarsest preset.
    let large = Size::new(640, 360).expect("legal");
    let (publisher, told) = start(PublishConfig { size: large, bitrate_kbps: 1000, ..config(Some(2.5)) });
    let preview = publisher.preview().expect("the first to ask");
    assert!(publisher.preview().is_none(), "taken");
    let events = all(&told);
    assert!(preview.try_recv().is_some());
    assert_eq!(events.last(), Some(&PublishEvent::Ended { reason: EndReason::Finished }));
    assert!(matches!(&events[0], PublishEvent::Encoder { name, .. } if name == "rav1e:fast"));
    let thumbnails = events.iter().filter(|event| matches!(event, PublishEvent::Thumbnail(_))).count();
    assert_eq!(thumbnails, 1, "one at once, the next after ten seconds");

    let [init] = inits(&events)[..] else { panic!("one init segment") };
    let tracks = parse_init(&init.data).expect("our own");
    let chunks = chunks(&events);
    let mut decoder = Dav1dDecoder::new(Dav1dConfig::default()).expect("dav1d is there");
    let (mut strips, mut sound) = (Vec::new(), Vec::new());
    for (number, chunk) in chunks.iter().enumerate() {
        assert_eq!((chunk.sequence, chunk.discontinuity), (number as u64, false));
        let parsed = parse_chunk(&tracks, &chunk.data).expect("our own");
        for frame in parsed.frames {
            if frame.kind == TrackKind::Audio {
                sound.push(frame.timestamp);
                continue;
            }
            decoder.push(&frame).expect("sound");
            let picture = decoder.poll().expect("sound").expect("without delay");
            let strip = Strip::read(&picture).expect("the strip survives");
            strips.push(strip.frame);
            // The strip is drawn when the picture is: its time is the one in `prft`, to the strip's precision.
            let apart = strip.captured.as_micros().abs_diff(picture.captured.as_micros());
            assert!(apart < 40_000, "picture {}: {apart} us", strip.frame);
        }
    }
    assert!(strips.len() >= 50, "{} pictures", strips.len());
    assert!(strips.windows(2).all(|pair| pair[0] <= pair[1]), "{strips:?}");
    let keyframes = chunks.iter().filter(|chunk| chunk.keyframe).count();
    assert!((1..=2).contains(&keyframes), "one each two seconds: {keyframes}");
    assert!(sound.len() >= 100 && sound.windows(2).all(|pair| pair[0] < pair[1]), "{} packets", sound.len());

    let stats = publisher.stats();
    assert_eq!(stats.frames_encoded as usize, strips.len());
    assert_eq!(stats.bytes_out as usize, chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>());
    for stage in ["capture", "preprocess", "queue", "encode", "package", "total"] {
        assert!(stats.stage_ms[stage].p95 >= stats.stage_ms[stage].p50, "{stage}");
    }
    assert!(publisher.is_finished());
    publisher.stop();
}

#[test]
fn stopping_gives_out_what_was_taken() {
    let (publisher, told) = start(config(None));
    let mut seen = 0;
    while seen < 3 {
        seen += usize::from(matches!(told.recv_timeout(PATIENCE).expect("told"), PublishEvent::Chunk(_)));
    }
    publisher.stop();
    let rest = all(&told);
    assert_eq!(rest.last(), Some(&PublishEvent::Ended { reason: EndReason::Stopped }));
    assert!(told.recv().is_err(), "nothing after the end");
    publisher.set_source(SourceSpec::None, AudioSpec::Silence).expect("no harm after the end");
}

#[test]
fn a_source_can_be_changed_and_one_that_is_not_there_changes_nothing() {
    let (publisher, told) = start(config(None));
    let nowhere = SourceSpec::File { path: "/nowhere/at/all.webm".into(), repeat: false };
    publisher.set_source(nowhere, AudioSpec::Default).expect("a thread");
    loop {
        match told.recv_timeout(PATIENCE).expect("told") {
            PublishEvent::Problem(PublishProblem::Source { source, .. }) => {
                assert_eq!(source, "file:/nowhere/at/all.webm");
                break;
            }
            PublishEvent::Ended { reason } => panic!("ended: {reason}"),
            _ => {}
        }
    }
    publisher.set_source(SourceSpec::None, AudioSpec::Silence).expect("a thread");
    let mut last = None;
    let mut after = 0;
    while after < 10 {
        if let PublishEvent::Chunk(chunk) = told.recv_timeout(PATIENCE).expect("told") {
            assert!(last.is_none_or(|last| chunk.start > last), "time goes on");
            last = Some(chunk.start);
            after += 1;
        }
    }
    publisher.stop();
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let sink = || -> Sink { Box::new(|_| {}) };
    let unknown = PublishConfig { encoder: EncoderChoice::Named("x264".into()), ..config(None) };
    let error = Publisher::start(unknown, sink()).err().expect("refused").to_string();
    assert!(error.starts_with("unknown encoder `x264`"), "{error}");
    let endless = PublishConfig { chunk: Duration::from_secs(60), ..config(None) };
    let error = Publisher::start(endless, sink()).err().expect("refused").to_string();
    assert_eq!(error, "invalid chunk length 60s (expected 20ms..=1s)");
}

/// An encoder that does as it is told.
struct Puppet {
    name: String,
    fails_after: usize,
    pushed: usize,
    keyframes: Arc<Mutex<Vec<(String, i64)>>>,
    ready: Vec<EncodedFrame>,
}

impl VideoEncoder for Puppet {
    fn name(&self) -> &str {
        &self.name
    }

    fn push(&mut self, frame: &VideoFrame, force_keyframe: bool) -> Result<(), EncodeError> {
        self.pushed += 1;
        if self.pushed > self.fails_after {
            return Err(EncodeError::Failed { name: self.name.clone(), reason: "told to".into() });
        }
        if force_keyframe {
            self.keyframes.lock().push((self.name.clone(), frame.timestamp.as_micros()));
        }
        let template = &fixtures::video(Size::new(64, 64).expect("legal"), 30, 1, 1)[0];
        let (timestamp, captured) = (frame.timestamp, frame.captured);
        self.ready.push(EncodedFrame { timestamp, captured, keyframe: force_keyframe, ..template.clone() });
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<EncodedFrame>, EncodeError> {
        Ok(self.ready.pop())
    }

    fn flush(&mut self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// Runs the encoder thread on `count` pictures 33 ms apart, one after another, with puppets that fail after so many.
fn with_puppets(count: u32, fails_after: usize) -> (Vec<Message>, Vec<(String, i64)>, Arc<Shared>) {
    let rung = Rung { size: size(), fps: 30, bitrate_kbps: 300 };
    let shared = Arc::new(Shared::new(CaptureClock::start(), rung, AudioChain::default()));
    let (out, messages) = sync_channel(4096);
    let (pictures_in, pictures) = queue::queue(3);
    let keyframes = Arc::new(Mutex::new(Vec::new()));
    let seen = keyframes.clone();
    let thread = EncodeThread {
        shared: shared.clone(),
        pictures,
        out,
        choice: EncoderChoice::Named("rav1e:quality".into()),
        probe_cache: None,
        rung,
        top: rung,
        climb: Climb::default(),
        color: ColorSpace::default(),
        keyframe_every: Duration::from_secs(2),
        open: Box::new(move |name, _| {
            let (name, keyframes) = (name.to_owned(), seen.clone());
            Ok(Box::new(Puppet { name, fails_after, pushed: 0, keyframes, ready: Vec::new() }))
        }),
    };
    let worker = std::thread::Builder::new().name("encode".into()).spawn(move || thread.run()).expect("a thread");
    let done =
        || shared.counters.encoded.load(Ordering::Relaxed) + shared.counters.dropped_encoder.load(Ordering::Relaxed);
    for index in 0..count {
        let frame = fixtures::picture(index, size(), 30);
        let at = shared.clock.now();
        if pictures_in.send(Paced { frame, rung, at }).is_err() {
            break;
        }
        while done() <= u64::from(index) && !shared.is_ending() {
            std::thread::yield_now();
        }
    }
    drop(pictures_in);
    worker.join().expect("it ends");
    let keyframes = keyframes.lock().clone();
    (messages.try_iter().collect(), keyframes, shared)
}

#[test]
fn a_keyframe_is_forced_where_the_encoder_makes_none_in_time() {
    let (_, keyframes, _) = with_puppets(160, usize::MAX);
    let times: Vec<_> = keyframes.into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 2_500_000, 5_000_000]);
}

#[test]
fn an_encoder_that_fails_is_opened_again_and_then_replaced() {
    let (messages, keyframes, shared) = with_puppets(50, 20);
    let told: Vec<_> = messages
        .into_iter()
        .filter_map(|message| match message {
            Message::Event(PublishEvent::Encoder { name, reason }) => Some(format!("{name}: {reason}")),
            Message::Event(PublishEvent::Problem(problem)) => Some(problem.to_string()),
            _ => None,
        })
        .collect();
    let expected = [
        "rav1e:quality: asked for",
        "encoder rav1e:quality: rav1e:quality failed: told to",
        "encoder rav1e:quality: rav1e:quality failed: told to",
        "rav1e:fast: rav1e:quality failed",
    ];
    assert_eq!(told, expected);
    let names: Vec<_> = keyframes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["rav1e:quality", "rav1e:quality", "rav1e:fast"], "each starts with a keyframe");
    assert_eq!(shared.counters.encoded.load(Ordering::Relaxed), 48);
    assert!(!shared.is_ending());
}

#[test]
fn when_even_the_last_encoder_fails_the_end_is_told() {
    let (_, _, shared) = with_puppets(100, 20);
    assert!(matches!(shared.end_reason(), EndReason::Failed(reason) if reason.contains("rav1e:fast failed: told to")));
}

fn tracks_of(init: &InitSegment) -> Tracks {
    parse_init(&init.data).expect("our own")
}

#[test]
fn too_much_work_goes_down_the_ladder_and_the_stream_goes_on() {
    let (publisher, told) = start(PublishConfig { bitrate_kbps: 400, ..config(None) });
    let mut chunks = 0;
    while chunks < 5 {
        chunks += usize::from(matches!(told.recv_timeout(PATIENCE).expect("told"), PublishEvent::Chunk(_)));
    }
    // What the encoder thread asks for when it falls behind.
    let rung = Rung { size: Size::new(160, 90).expect("legal"), fps: 15, bitrate_kbps: 150 };
    *publisher.shared.new_rung.lock() = Some(rung);
    let mut init = None;
    loop {
        match told.recv_timeout(PATIENCE).expect("told") {
            PublishEvent::Init(new) => init = Some(new),
            PublishEvent::Chunk(chunk) => {
                if let Some(init) = init.as_ref().filter(|init| init.id == 1) {
                    assert_eq!((init.size, init.fps), (rung.size, 15));
                    assert_eq!((chunk.init, chunk.keyframe, chunk.discontinuity), (1, true, true));
                    let parsed = parse_chunk(&tracks_of(init), &chunk.data).expect("our own");
                    assert_eq!(parsed.captured, Some(chunk.captured));
                    break;
                }
            }
            PublishEvent::Ended { reason } => panic!("ended: {reason}"),
            _ => {}
        }
    }
    assert_eq!((publisher.stats().size, publisher.stats().fps), (Some(rung.size), 15));
    publisher.set_bitrate(120);
    publisher.force_keyframe();
    loop {
        let event = told.recv_timeout(PATIENCE).expect("told");
        if matches!(&event, PublishEvent::Chunk(chunk) if chunk.keyframe && !chunk.discontinuity) {
            break;
        }
    }
    assert_eq!(publisher.stats().bitrate_kbps, 120);
    publisher.stop();
}
