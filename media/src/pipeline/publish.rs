//! A source to chunks, on threads of their own.
//!
//! `runnel-video` takes pictures from the source, prepares them and puts each in a queue of three in front of the encoder
//! (the oldest gives way); `runnel-encode` owns the encoder; `runnel-sound` prepares and encodes sound; `runnel-package` cuts chunks and
//! calls the sink. A lost source gives a still or silence, a failed encoder is replaced, a slow one gets less to do:
//! the broadcast goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::capture::{self, AudioSpec, Capture, CaptureClock, CaptureConfig, SourceSpec, queue};
use crate::encode::opus::OpusEncoder;
use crate::encode::probe::{ProbeTable, Rung};
use crate::encode::{EncodeError, VideoEncoderConfig};
use crate::frame::VideoFrame;
use crate::package::{Packager, PackagerConfig};
use crate::preprocess::level::Level;
use crate::preprocess::{AudioProcessor, Preprocessor};
use crate::slot;

mod climb;
mod encoding;
mod overload;
mod packaging;
mod shared;
mod sound;
mod thumbnail;
mod timings;
mod types;
mod video;

pub use packaging::Sink;
pub use types::{EndReason, PublishConfig, PublishError, PublishEvent, PublishProblem, PublishStats, StageTimes};

use climb::Climb;
use encoding::EncodeThread;
use packaging::PackageThread;
use shared::{Growth, MESSAGES, Message, PICTURES, Shared, VideoSource, tell};
use sound::SoundThread;
use video::{Lost, VideoThread};

/// A running publisher; dropping it stops it.
pub struct Publisher {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    preview: Mutex<Option<slot::Receiver<VideoFrame>>>,
    /// For telling what happens to a change of source; gone at the end, as the packaging thread waits for that.
    out: Arc<Mutex<Option<SyncSender<Message>>>>,
    capture: CaptureConfig,
}

impl Publisher {
    /// Starts publishing; `sink` is called for every event, on one thread, and should not block for long.
    ///
    /// Choosing an encoder may take four seconds on a thread of its own; pictures flow to the preview meanwhile.
    ///
    /// # Errors
    /// [`PublishError`] for what cannot work at all. Devices that are missing are told by events instead.
    pub fn start(config: PublishConfig, sink: Sink) -> Result<Self, PublishError> {
        check(&config)?;
        let clock = CaptureClock::start_shifted(config.clock_offset_micros);
        let rung = Rung { size: config.size, fps: config.fps, bitrate_kbps: config.bitrate_kbps };
        let grants = config.grants.clone();
        let capture_config = CaptureConfig { size: config.size, fps: config.fps, clock, grants };
        let capture = capture::open(&config.source, &config.audio, capture_config.clone())?;
        let shared = Shared::new(clock, rung, config.audio_chain);
        let shared = Arc::new(shared);
        let (out, messages) = sync_channel(MESSAGES);
        let (pictures_in, pictures) = queue::queue(PICTURES);
        let (preview_in, preview) = slot::slot();
        *shared.preview.lock() = Some(preview_in);
        *shared.handle.lock() = Some(capture.handle);

        let mut chain = config.chain.clone();
        (chain.size, chain.fps) = (config.size, config.fps);
        let color = chain.color;
        let video = VideoThread {
            shared: shared.clone(),
            source: VideoSource { video: capture.video, events: capture.events },
            preprocessor: Preprocessor::new(chain),
            rung,
            encoder: pictures_in,
            out: out.clone(),
            seconds: config.seconds,
            lost: Lost::default(),
            thumbnail: None,
            put_out: Growth::default(),
            thinned: Growth::default(),
        };
        let encode = EncodeThread {
            shared: shared.clone(),
            pictures,
            out: out.clone(),
            choice: config.encoder.clone(),
            probe_cache: config.probe_cache.clone(),
            rung,
            top: rung,
            climb: Climb::default(),
            color,
            keyframe_every: config.keyframe_every,
            open: Box::new(crate::encode::open),
        };
        let sound = SoundThread {
            shared: shared.clone(),
            blocks: capture.audio,
            processor: AudioProcessor::new(config.audio_chain),
            encoder: OpusEncoder::new(config.audio_kbps)?,
            out: out.clone(),
        };
        let package = PackageThread {
            shared: shared.clone(),
            messages,
            packager: Packager::new(PackagerConfig {
                chunk: config.chunk,
                fps: config.fps,
                first_init: config.first_init,
                first_sequence: config.first_sequence,
            }),
            sink,
            waiting: VecDeque::new(),
            complaining: false,
        };
        let publisher = Self {
            shared,
            threads: Mutex::default(),
            preview: Mutex::new(Some(preview)),
            out: Arc::new(Mutex::new(Some(out))),
            capture: capture_config,
        };
        publisher.spawn("runnel-package", move || package.run())?;
        publisher.spawn("runnel-encode", move || encode.run())?;
        publisher.spawn("runnel-sound", move || sound.run())?;
        let out = publisher.out.clone();
        publisher.spawn("runnel-video", move || {
            video.run();
            *out.lock() = None;
        })?;
        Ok(publisher)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// The pictures as they go to the encoder, newest only; can be taken once.
    pub fn preview(&self) -> Option<slot::Receiver<VideoFrame>> {
        self.preview.lock().take()
    }

    /// What has happened so far.
    pub fn stats(&self) -> PublishStats {
        let counters = &self.shared.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let stages = [
            ("capture", &counters.dropped_capture),
            ("encode", &counters.dropped_encode),
            ("encoder", &counters.dropped_encoder),
            ("package", &counters.dropped_package),
            ("sound", &counters.dropped_sound),
        ];
        let (encoder, rung) = self.shared.encoder.lock().clone();
        let dropped: BTreeMap<String, u64> =
            stages.into_iter().map(|(stage, counter)| (stage.to_owned(), read(counter))).collect();
        PublishStats {
            frames_captured: read(&counters.captured),
            frames_repeated: read(&counters.repeated),
            frames_thinned: read(&counters.thinned),
            frames_encoded: read(&counters.encoded),
            dropped,
            bytes_out: read(&counters.bytes),
            stage_ms: self.shared.timings.lock().summary(),
            audio_level: *self.shared.level.lock(),
            encoder,
            size: Some(rung.size),
            fps: rung.fps,
            bitrate_kbps: rung.bitrate_kbps,
        }
    }

    /// How loud the sound is now.
    pub fn level(&self) -> Level {
        *self.shared.level.lock()
    }

    /// What the encoder probe found, if one ran.
    pub fn probe(&self) -> Option<ProbeTable> {
        self.shared.probe.lock().clone()
    }

    /// The clock that this broadcast is timed by.
    pub fn clock(&self) -> CaptureClock {
        self.shared.clock
    }

    /// Another rate for the pictures, in kbit/s; impossible ones are ignored.
    pub fn set_bitrate(&self, kbps: u32) {
        self.shared.new_bitrate.store(kbps, Ordering::Relaxed);
    }

    /// Makes the next picture a keyframe.
    pub fn force_keyframe(&self) {
        self.shared.force_keyframe.store(true, Ordering::Relaxed);
    }

    /// Loudness of the sound, in dB.
    pub fn set_gain(&self, gain_db: f32) {
        *self.shared.gain_db.lock() = gain_db;
    }

    /// Silences the sound or lets it be heard again.
    pub fn set_muted(&self, muted: bool) {
        self.shared.muted.store(muted, Ordering::Relaxed);
    }

    /// Takes noise out of the sound or lets it be, without a click; heard from the next block on.
    pub fn set_denoise(&self, denoise: bool) {
        self.shared.denoise.store(denoise, Ordering::Relaxed);
    }

    /// Changes to another source; the old one goes on until the new one is open.
    ///
    /// A source that cannot be used is told as a [`PublishProblem::Source`].
    ///
    /// # Errors
    /// [`PublishError::Thread`] if the system gives no thread to open it on.
    pub fn set_source(&self, source: SourceSpec, audio: AudioSpec) -> Result<(), PublishError> {
        let Some(out) = self.out.lock().clone() else { return Ok(()) };
        let (shared, config) = (self.shared.clone(), self.capture.clone());
        let open = move || match capture::open(&source, &audio, config) {
            Ok(Capture { video, audio, events, handle }) => {
                *shared.new_video.lock() = Some(VideoSource { video, events });
                *shared.new_audio.lock() = Some(audio);
                let old = shared.handle.lock().replace(handle);
                // Stops the old source's threads, which may take a moment; not under the lock.
                drop(old);
            }
            Err(error) => {
                let problem = PublishProblem::Source { source: source.to_string(), reason: error.to_string() };
                tell(&out, PublishEvent::Problem(problem));
            }
        };
        self.threads.lock().retain(|thread| !thread.is_finished());
        Ok(self.spawn("runnel-switch", open)?)
    }

    /// Whether it has ended or is about to.
    pub fn is_finished(&self) -> bool {
        self.shared.is_ending()
    }

    /// Stops: what the encoder holds still comes out, then [`PublishEvent::Ended`]; waits for all threads.
    ///
    /// Called from the sink it does not wait, as it would wait for itself.
    pub fn stop(&self) {
        self.shared.end(EndReason::Stopped);
        *self.out.lock() = None;
        let threads = std::mem::take(&mut *self.threads.lock());
        let own = std::thread::current().id();
        if threads.iter().any(|thread| thread.thread().id() == own) {
            return;
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a publishing thread panicked");
            }
        }
        let handle = self.shared.handle.lock().take();
        drop(handle);
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check(config: &PublishConfig) -> Result<(), PublishError> {
    if !(Duration::from_millis(20)..=Duration::from_secs(1)).contains(&config.chunk) {
        return Err(PublishError::Chunk(config.chunk));
    }
    VideoEncoderConfig::new(config.size, config.fps, config.bitrate_kbps).check()?;
    let parsed: Result<crate::encode::EncoderChoice, EncodeError> = config.encoder.to_string().parse();
    parsed?;
    Ok(())
}

#[cfg(test)]
mod tests;
