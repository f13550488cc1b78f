//! Clips that GStreamer itself writes, whole and broken ones.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::*;
use crate::capture::gst::Running;
use crate::capture::{AudioSpec, Capture, CaptureClock, CaptureConfig, SourceSpec, open};
use crate::format::{Matrix, Range, Size, Timestamp};
use crate::frame::{AudioFrame, VideoFrame};

/// Writes a clip with GStreamer itself; false where a plugin for it is not installed.
fn write(description: &str) -> bool {
    common::init().expect("GStreamer");
    let Ok(pipeline) = gst::parse::launch(description) else { return false };
    let pipeline = Running(pipeline.downcast().expect("a pipeline"));
    pipeline.0.set_state(gst::State::Playing).expect("plays");
    let bus = pipeline.0.bus().expect("a bus");
    loop {
        match common::listen(&bus, Duration::from_secs(30), &mut Vec::new()) {
            Told::Ended => return true,
            Told::Failed(reason) => panic!("{description}: {reason}"),
            Told::Nothing | Told::Ready => {}
        }
    }
}

fn clip(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("a clip?.mkv");
    let made = write(&format!(
        "matroskamux name=mux ! filesink location=\"{}\" \
         videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=320,height=240,framerate=20/1,colorimetry=bt601 ! jpegenc ! mux. \
         audiotestsrc num-buffers=44 samplesperbuffer=1000 freq=500 ! audio/x-raw,format=S16LE,rate=44100,channels=1 ! mux.",
        path.display()
    ));
    assert!(made, "base and good plugins are installed");
    path
}

fn config() -> CaptureConfig {
    CaptureConfig { size: Size::new(320, 240).expect("legal"), fps: 20, clock: CaptureClock::start(), grants: None }
}

/// Everything a capture gives until it ends, or until `enough` pictures came.
fn drain(capture: &Capture, enough: usize) -> (Vec<VideoFrame>, Vec<AudioFrame>, Vec<CaptureEvent>) {
    let (mut frames, mut sound, mut events) = (Vec::new(), Vec::new(), Vec::new());
    while frames.len() < enough {
        let picture = capture.video.recv_timeout(Duration::from_millis(20));
        if let Ok(Some(frame)) = &picture {
            frames.push(frame.clone());
        }
        sound.extend(std::iter::from_fn(|| capture.audio.try_recv()));
        events.extend(std::iter::from_fn(|| capture.events.try_recv()));
        if picture.is_err() {
            while let Ok(block) = capture.audio.recv_timeout(Duration::from_secs(5)) {
                sound.extend(block);
            }
            break;
        }
    }
    (frames, sound, events)
}

#[test]
fn a_clip_plays_in_real_time_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = SourceSpec::File { path: clip(folder.path()), repeat: false };
    let config = config();
    let capture = open(&spec, &AudioSpec::Default, config.clone()).expect("opens");
    let (frames, sound, events) = drain(&capture, usize::MAX);
    assert!((17..=20).contains(&frames.len()), "{}", frames.len());
    let lasted = frames[frames.len() - 1].timestamp.saturating_since(frames[0].timestamp);
    assert!((800..=1000).contains(&lasted.as_millis()), "{lasted:?}");
    assert!(frames.windows(2).all(|pair| pair[1].timestamp > pair[0].timestamp));
    let first = &frames[0];
    assert_eq!((first.size, first.depth), (config.size, 8));
    assert_eq!((first.color.matrix, first.color.range), (Matrix::Bt601, Range::Full), "JPEG's own");
    assert_eq!(first.captured, config.clock.wall_clock(first.timestamp));
    assert!(first.planes[0].data.len() >= 320 * 240);
    assert!((85..=110).contains(&sound.len()), "{} blocks", sound.len());
    assert!(
        sound.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp.saturating_add(Duration::from_millis(10)))
    );
    let loud = sound.iter().filter(|block| block.samples.iter().any(|sample| sample.abs() > 0.5)).count();
    assert!((90..=101).contains(&loud), "{loud} blocks with the tone");
    // Both begin together.
    let heard = sound.iter().find(|block| block.samples.iter().any(|sample| sample.abs() > 0.1)).expect("the tone");
    let apart = heard.timestamp.as_micros() - first.timestamp.as_micros();
    assert!(apart.abs() < 45_000, "{apart} us apart");
    assert_eq!(events, [CaptureEvent::Ended]);
}

#[test]
fn a_repeated_clip_goes_on_with_times_going_forward() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = SourceSpec::File { path: clip(folder.path()), repeat: true };
    let capture = open(&spec, &AudioSpec::Silence, config()).expect("opens");
    let (frames, sound, events) = drain(&capture, 50);
    assert_eq!(frames.len(), 50, "{events:?}");
    assert!(frames.windows(2).all(|pair| pair[1].timestamp > pair[0].timestamp));
    let gap =
        frames.windows(2).map(|pair| pair[1].timestamp.saturating_since(pair[0].timestamp)).max().unwrap_or_default();
    assert!(gap < Duration::from_millis(500), "{gap:?} between two rounds");
    assert!(sound.iter().all(|block| block.samples.iter().all(|sample| *sample == 0.0)));
    assert!(events.is_empty());
}

#[test]
fn sound_alone_gets_a_still() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tone.wav");
    assert!(write(&format!(
        "audiotestsrc num-buffers=30 samplesperbuffer=441 ! audio/x-raw,rate=44100,channels=2 ! wavenc ! filesink location=\"{}\"",
        path.display()
    )));
    let capture = open(&SourceSpec::File { path, repeat: false }, &AudioSpec::Default, config()).expect("opens");
    let (frames, sound, _) = drain(&capture, usize::MAX);
    assert!(frames.len() >= 3 && frames[0].size == config().size, "{}", frames.len());
    assert!((25..=45).contains(&sound.len()), "{}", sound.len());
}

#[test]
fn broken_files_say_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(clip(folder.path())).expect("written");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let cases = [
        (folder.path().join("absent.mp4"), "cannot read"),
        (folder.path().to_owned(), "it is not a file"),
        (write("empty.mp4", b""), "it is empty"),
        (write("text.mp4", b"This is no film but some words, and quite a lot of them, too."), "cannot play"),
        (
            write(
                "noise.mkv",
                &(0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>(),
            ),
            "cannot play",
        ),
        (write("header.mkv", &whole[..60]), "cannot play"),
    ];
    for (path, words) in cases {
        let spec = SourceSpec::File { path: path.clone(), repeat: false };
        let error = open(&spec, &AudioSpec::Default, config())
            .err()
            .unwrap_or_else(|| panic!("{} opened", path.display()))
            .to_string();
        assert!(error.contains(words) && error.contains(&path.display().to_string()), "{error}");
    }
    // A file that breaks off still ends.
    let cut = write("cut.mkv", &whole[..whole.len() * 2 / 3]);
    let capture = open(&SourceSpec::File { path: cut, repeat: false }, &AudioSpec::Default, config()).expect("opens");
    let (frames, _, events) = drain(&capture, usize::MAX);
    assert!(!frames.is_empty() && events.contains(&CaptureEvent::Ended), "{events:?}");
}

#[test]
fn dropping_a_capture_ends_its_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = open(&SourceSpec::File { path: clip(folder.path()), repeat: true }, &AudioSpec::Default, config())
        .expect("opens");
    let Capture { video, audio, handle, .. } = capture;
    handle.stop();
    while let Ok(Some(frame)) = video.recv_timeout(Duration::from_millis(1)) {
        assert!(frame.timestamp > Timestamp::ZERO);
    }
    while audio.try_recv().is_some() {}
    assert!(video.recv_timeout(Duration::ZERO).is_err() && audio.recv_timeout(Duration::ZERO).is_err());
}
