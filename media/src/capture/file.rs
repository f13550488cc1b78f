//! A media file, played in real time through GStreamer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use parking_lot::Mutex;

use crate::capture::gate::VideoOut;
use crate::capture::gst::{self as common, MediaTime, Running, Told};
use crate::capture::pump::{self, RawSound};
use crate::capture::session::Session;
use crate::capture::{CaptureError, CaptureEvent, CaptureProblem, CaptureStats, ProblemKind, queue, still};
use crate::format::{CHANNELS, SAMPLE_RATE};

/// Time in which a file must begin to play.
const PREROLL: Duration = Duration::from_secs(10);
/// Longest piece of sound that may still be on its way when the file is over.
const LAST_SOUND: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// The newer element first; the older one reads some files that it stumbles over.
const DECODERS: [&str; 2] = ["uridecodebin3", "uridecodebin"];

const VIDEO_BIN: &str = "queue max-size-buffers=4 max-size-bytes=0 max-size-time=0 ! videoconvert ! deinterlace mode=auto ! videoflip video-direction=auto \
    ! videoscale ! video/x-raw,format=I420,pixel-aspect-ratio=1/1 ! appsink name=sink sync=true qos=true max-buffers=2 enable-last-sample=false";
const AUDIO_BIN: &str = "queue max-size-time=500000000 max-size-buffers=0 max-size-bytes=0 ! audioconvert ! audioresample \
    ! audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved ! appsink name=sink sync=true max-buffers=8 enable-last-sample=false";

/// Opens the file and starts the threads that play it.
pub(crate) fn start(session: &mut Session, path: &Path, repeat: bool, with_sound: bool) -> Result<(), CaptureError> {
    let unreadable = |reason: String| CaptureError::FileUnreadable { path: path.to_owned(), reason };
    let file =
        std::fs::File::open(path).and_then(|file| file.metadata()).map_err(|error| unreadable(error.to_string()))?;
    if !file.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    if file.len() == 0 {
        return Err(CaptureError::FileBroken { path: path.to_owned(), reason: "it is empty".to_owned() });
    }
    common::init().map_err(CaptureError::GStreamer)?;
    let absolute = std::path::absolute(path).map_err(|error| unreadable(error.to_string()))?;
    let uri = gst::glib::filename_to_uri(&absolute, None).map_err(|error| unreadable(error.to_string()))?;

    let (sound, sound_end) = if with_sound {
        pump::start(session, "runnel-file-sound").map(|(feed, end)| (Some(feed), Some(end)))?
    } else {
        (None, None)
    };
    let sinks = Sinks { video: session.video.clone(), sound, stats: session.stats.clone() };
    let mut failure = None;
    for decoder in DECODERS {
        match Player::open(decoder, &uri, sinks.clone()) {
            Ok(player) => {
                // From here on only the pipeline feeds the pump, so that the pump ends with it.
                drop(sinks);
                return run(session, player, path, repeat, sound_end);
            }
            Err(reason) => {
                tracing::debug!(decoder, reason, path = %path.display(), "file not opened");
                // What the first one says is the better explanation.
                failure.get_or_insert(reason);
            }
        }
    }
    Err(CaptureError::FileBroken { path: path.to_owned(), reason: failure.unwrap_or_default() })
}

fn run(
    session: &mut Session,
    player: Player,
    path: &Path,
    repeat: bool,
    sound_end: Option<queue::Receiver<()>>,
) -> Result<(), CaptureError> {
    if !player.has.video.load(Ordering::Acquire) {
        still::start(session)?;
    }
    let (stop, events, out) = (session.stop.clone(), session.events.clone(), session.video.clone());
    let name = path.display().to_string();
    session.spawn("runnel-file", move || {
        let mut player = player;
        let problem = match player.play() {
            Ok(()) => loop {
                if stop.is_set() {
                    return;
                }
                match common::listen(&player.bus, LOOK, &mut player.missing) {
                    Told::Failed(reason) => break Some(reason),
                    Told::Ended if repeat => {
                        if let Err(reason) = player.rewind() {
                            break Some(reason);
                        }
                    }
                    Told::Ended => break None,
                    Told::Nothing | Told::Ready => {}
                }
            },
            Err(reason) => Some(reason),
        };
        if let Some(reason) = problem {
            out.lose(CaptureProblem::new(ProblemKind::Broken, name, reason));
        }
        // The last samples first, then the word that it is over.
        drop(player);
        if let Some(end) = sound_end {
            let _closed = end.recv_timeout(LAST_SOUND);
        }
        events.tell(CaptureEvent::Ended);
        stop.set();
    })
}

/// Where decoded samples go.
#[derive(Clone)]
struct Sinks {
    video: VideoOut,
    sound: Option<queue::Sender<RawSound>>,
    stats: Arc<CaptureStats>,
}

/// What a file turned out to have.
#[derive(Default)]
struct Has {
    video: AtomicBool,
    audio: AtomicBool,
}

/// A pipeline that plays a file.
struct Player {
    running: Running,
    bus: gst::Bus,
    has: Arc<Has>,
    missing: Vec<String>,
}

impl Player {
    /// Opens a file and waits until its first samples are there.
    fn open(decoder: &str, uri: &str, sinks: Sinks) -> Result<Self, String> {
        let words = |error: gst::glib::BoolError| error.to_string();
        let pipeline = gst::Pipeline::new();
        let source = gst::ElementFactory::make(decoder).property("uri", uri).build().map_err(words)?;
        pipeline.add(&source).map_err(words)?;
        let has = Arc::new(Has::default());
        let refused = Arc::new(Mutex::new(None));
        {
            // The pipeline owns the element that owns this closure: it must not own the pipeline.
            let (pipeline, has, refused) = (pipeline.downgrade(), has.clone(), refused.clone());
            source.connect_pad_added(move |_, pad| {
                let Some(pipeline) = pipeline.upgrade() else { return };
                if let Err(reason) = attach(&pipeline, pad, &has, &sinks) {
                    refused.lock().get_or_insert(reason);
                }
            });
        }
        let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
        let mut player = Self { running: Running(pipeline), bus, has, missing: Vec::new() };
        // The error itself comes over the bus.
        let _fails_below = player.running.0.set_state(gst::State::Paused);
        player.wait_ready()?;
        let (video, audio) = (player.has.video.load(Ordering::Acquire), player.has.audio.load(Ordering::Acquire));
        match refused.lock().take() {
            Some(reason) => Err(reason),
            None if !video && !audio => Err("it holds neither pictures nor sound that can be played".to_owned()),
            None => Ok(player),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "waits for a decoder, which has a thread of its own")]
    fn wait_ready(&mut self) -> Result<(), String> {
        let end = Instant::now() + PREROLL;
        while Instant::now() < end {
            match common::listen(&self.bus, LOOK, &mut self.missing) {
                Told::Ready => return Ok(()),
                Told::Failed(reason) => return Err(reason),
                Told::Ended => return Err("it is over before anything was played".to_owned()),
                Told::Nothing => {}
            }
        }
        Err(format!("it did not begin to play within {} s", PREROLL.as_secs()))
    }

    fn play(&self) -> Result<(), String> {
        self.running.0.set_state(gst::State::Playing).map(|_| ()).map_err(|error| error.to_string())
    }

    fn rewind(&self) -> Result<(), String> {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT;
        self.running.0.seek_simple(flags, gst::ClockTime::ZERO).map_err(|_| "it cannot be rewound".to_owned())
    }
}

/// Connects a decoded stream: the first with pictures and the first with sound are used, all others thrown away.
fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, has: &Has, sinks: &Sinks) -> Result<(), String> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let kind = caps.structure(0).map(|structure| structure.name().to_string()).unwrap_or_default();
    let (description, is_video) = if kind.starts_with("video/") && !has.video.swap(true, Ordering::AcqRel) {
        (VIDEO_BIN, true)
    } else if kind.starts_with("audio/") && !has.audio.swap(true, Ordering::AcqRel) && sinks.sound.is_some() {
        (AUDIO_BIN, false)
    } else {
        return link(
            pipeline,
            pad,
            &gst::ElementFactory::make("fakesink")
                .property("async", false)
                .build()
                .map_err(|error| error.to_string())?,
        );
    };
    let bin = gst::parse::bin_from_description(description, true).map_err(|error| error.to_string())?;
    let sink = bin.by_name("sink").and_then(|sink| sink.downcast::<AppSink>().ok()).ok_or("no sink for samples")?;
    sink.set_callbacks(if is_video { video_callbacks(sinks) } else { audio_callbacks(sinks) });
    link(pipeline, pad, bin.upcast_ref())
}

fn link(pipeline: &gst::Pipeline, pad: &gst::Pad, element: &gst::Element) -> Result<(), String> {
    pipeline.add(element).map_err(|error| error.to_string())?;
    element.sync_state_with_parent().map_err(|error| error.to_string())?;
    let target = element.static_pad("sink").ok_or("a sink without a pad")?;
    pad.link(&target).map(|_| ()).map_err(|error| format!("a stream cannot be connected: {error}"))
}

fn video_callbacks(sinks: &Sinks) -> AppSinkCallbacks {
    let (out, stats) = (sinks.video.clone(), sinks.stats.clone());
    let mut time = MediaTime::new(out.clock());
    let callback = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let Some(timestamp) = time.of(sink, &sample) else { return Ok(gst::FlowSuccess::Ok) };
        match common::video_frame(&sample, timestamp, &out.clock()) {
            Ok(frame) => out.send(frame).map(|()| gst::FlowSuccess::Ok).map_err(|_| gst::FlowError::Eos),
            Err(error) => {
                stats.count_broken();
                tracing::debug!(%error, "picture left out");
                Ok(gst::FlowSuccess::Ok)
            }
        }
    };
    AppSinkCallbacks::builder().new_sample(callback).build()
}

fn audio_callbacks(sinks: &Sinks) -> AppSinkCallbacks {
    let (feed, mut time) = (sinks.sound.clone(), MediaTime::new(sinks.video.clock()));
    let callback = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let (Some(feed), Some(captured)) = (&feed, time.of(sink, &sample)) else { return Ok(gst::FlowSuccess::Ok) };
        let samples = common::audio_samples(&sample);
        let piece = RawSound { captured, rate: SAMPLE_RATE, channels: CHANNELS as u16, samples, drifts: false };
        feed.send(piece).map(|()| gst::FlowSuccess::Ok).map_err(|_| gst::FlowError::Eos)
    };
    AppSinkCallbacks::builder().new_sample(callback).build()
}

#[cfg(test)]
mod tests {
    use super::*;
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
            sound
                .windows(2)
                .all(|pair| pair[1].timestamp == pair[0].timestamp.saturating_add(Duration::from_millis(10)))
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
        let gap = frames
            .windows(2)
            .map(|pair| pair[1].timestamp.saturating_since(pair[0].timestamp))
            .max()
            .unwrap_or_default();
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
        let capture =
            open(&SourceSpec::File { path: cut, repeat: false }, &AudioSpec::Default, config()).expect("opens");
        let (frames, _, events) = drain(&capture, usize::MAX);
        assert!(!frames.is_empty() && events.contains(&CaptureEvent::Ended), "{events:?}");
    }

    #[test]
    fn dropping_a_capture_ends_its_threads() {
        let folder = tempfile::tempdir().expect("a folder");
        let capture =
            open(&SourceSpec::File { path: clip(folder.path()), repeat: true }, &AudioSpec::Default, config())
                .expect("opens");
        let Capture { video, audio, handle, .. } = capture;
        handle.stop();
        while let Ok(Some(frame)) = video.recv_timeout(Duration::from_millis(1)) {
            assert!(frame.timestamp > Timestamp::ZERO);
        }
        while audio.try_recv().is_some() {}
        assert!(video.recv_timeout(Duration::ZERO).is_err() && audio.recv_timeout(Duration::ZERO).is_err());
    }
}
