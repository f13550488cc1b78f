//! The whole way in one process and in real time: test source, encoder, chunks, decoder, presentation.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use runnel_media::capture::output::AudioOutputSpec;
use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;
use runnel_media::frame::VideoFrame;
use runnel_media::pipeline::publish::{PublishConfig, PublishEvent, Publisher};
use runnel_media::pipeline::watch::{WatchConfig, WatchEvent, WatchStats, Watcher};
use runnel_media::slot::Closed;
use runnel_media::testing::{Strip, TestPicture, psnr};

const FPS: u32 = 30;
const SECONDS: f64 = 5.0;
const DELAY: Duration = Duration::from_millis(800);
/// A busy machine may be slow, but not for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Compares pictures with what the source drew: the strip tells which one it was.
fn compare(frame: &VideoFrame, source: &mut TestPicture) -> Option<f64> {
    let strip = Strip::read(frame)?;
    psnr(frame, &source.draw(strip.frame, frame.timestamp, strip.captured))
}

/// Publishes the test source and watches it: what was measured, and the PSNR of the pictures looked at.
fn run(size: Size, bitrate_kbps: u32) -> (WatchStats, Vec<f64>, Vec<WatchEvent>) {
    let (sender, events) = sync_channel(1000);
    let config =
        WatchConfig { target_delay: DELAY, audio_output: AudioOutputSpec::Null, strip: true, ..WatchConfig::default() };
    let on_event = move |event| sender.try_send(event).expect("a test sees few events");
    let watcher = Arc::new(Watcher::start(config, Box::new(on_event)).expect("a viewer starts"));
    let frames = watcher.frames();

    let publish = PublishConfig {
        encoder: EncoderChoice::Named("rav1e:fast".to_owned()),
        bitrate_kbps,
        seconds: Some(SECONDS),
        ..PublishConfig::new(SourceSpec::Test, AudioSpec::Default, size, FPS)
    };
    let to = watcher.clone();
    let sink = move |event| match event {
        PublishEvent::Init(init) => to.push_init(init.id, init.data),
        PublishEvent::Chunk(chunk) => {
            to.live_edge(chunk.captured);
            to.push_chunk(chunk.into());
        }
        PublishEvent::Ended { .. } => to.ended(None),
        _ => {}
    };
    let publisher = Publisher::start(publish, Box::new(sink)).expect("the test source is always there");

    let looking = std::thread::Builder::new().name("test-looking".to_owned()).spawn(move || {
        let (mut source, mut found) = (TestPicture::new(size, FPS), Vec::new());
        loop {
            match frames.recv_timeout(Duration::from_millis(200)) {
                // Drawing the picture again costs more than showing it: some of them will do.
                Ok(Some(frame)) if found.len() < 40 => found.extend(compare(&frame, &mut source)),
                Ok(_) => {}
                Err(Closed) => return found,
            }
        }
    });
    let mut seen = Vec::new();
    while let Ok(event) = events.recv_timeout(PATIENCE) {
        let last = event == WatchEvent::Ended;
        seen.push(event);
        if last {
            break;
        }
    }
    publisher.stop();
    watcher.stop();
    let stats = watcher.stats();
    // The sink held the viewer; with both gone the slot of pictures closes.
    drop((publisher, watcher));
    let found = looking.expect("a thread starts").join().expect("looking does not panic");
    (stats, found, seen)
}

#[test]
fn the_test_source_arrives_in_time_and_looks_like_itself() {
    let size = Size::new(640, 360).expect("legal");
    let (stats, found, seen) = run(size, 1000);
    println!("{stats:#?}");
    assert_eq!(seen.last(), Some(&WatchEvent::Ended), "{seen:?}");
    assert!(seen.iter().any(|event| matches!(event, WatchEvent::FirstFrame { .. })), "{seen:?}");
    assert_eq!((stats.decode_errors, stats.chunks_dropped, stats.chunks_missing), (0, 0, 0), "{stats:?}");

    // Only sanity: a machine that builds something else at the same time must pass too.
    let pictures = f64::from(FPS) * SECONDS;
    assert!(stats.frames_decoded as f64 >= pictures * 0.5, "{stats:?}");
    assert!(stats.frames_shown as f64 >= pictures * 0.3, "{stats:?}");
    assert!((500.0..5000.0).contains(&stats.latency_ms.p50), "{:?}", stats.latency_ms);
    assert!(stats.av_offset_ms.count >= 2 && stats.av_offset_ms.p50.abs() < 500.0, "{:?}", stats.av_offset_ms);
    assert_eq!(stats.size, Some(size));

    let mean = found.iter().sum::<f64>() / found.len() as f64;
    println!("PSNR of {} pictures: {mean:.1} dB on average", found.len());
    assert!(found.len() >= 10 && mean > 25.0, "{mean} dB over {} pictures", found.len());
}
