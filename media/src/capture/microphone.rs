//! Microphones and every other sound input, through cpal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Data, FromSample, InputCallbackInfo, Sample, SampleFormat, StreamConfig};
use parking_lot::Mutex;

use crate::capture::clock::CaptureClock;
use crate::capture::gate::AudioOut;
use crate::capture::pump::{self, RawSound};
use crate::capture::session::Session;
use crate::capture::sound::{self, Direction};
use crate::capture::stop::{Backoff, Stop};
use crate::capture::{CaptureError, CaptureProblem, ProblemKind, queue};
use crate::format::Timestamp;

/// How a device is found, each time anew: it may have been plugged in since.
pub(crate) type Finder = Box<dyn Fn() -> Result<(cpal::Device, String), CaptureProblem> + Send>;

/// Longest that a driver is believed to have held sound back before it called us.
const MAX_HELD: Duration = Duration::from_secs(1);
/// A stream that gives nothing for so long is dead, whatever its driver says.
const SILENT: Duration = Duration::from_secs(3);
/// A microphone that is plugged in again is seen within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// Starts capturing a microphone.
pub(crate) fn start(session: &mut Session, name: Option<String>) -> Result<(), CaptureError> {
    start_input(session, "runnel-microphone", Box::new(move || sound::find(Direction::Input, name.as_deref())))
}

/// Starts the thread that keeps an input open, and the pump that it feeds.
pub(crate) fn start_input(session: &mut Session, thread: &str, finder: Finder) -> Result<(), CaptureError> {
    let (feed, _end) = pump::start(session, &format!("{thread}-pump"))?;
    let (out, stop) = (session.audio.clone(), session.stop.clone());
    session.spawn(thread, move || keep_open(&finder, &feed, &out, &stop))
}

/// Opens the device, again and again, until it is time to stop.
fn keep_open(finder: &Finder, feed: &queue::Sender<RawSound>, out: &AudioOut, stop: &Stop) {
    let mut backoff = Backoff::up_to(LONGEST_WAIT);
    while !stop.is_set() {
        let problem = match finder().and_then(|(device, name)| Input::open(&device, &name, feed.clone(), out.clone())) {
            Ok(input) => {
                let opened = out.clock().now();
                let problem = input.watch(out, stop);
                if out.clock().now().saturating_since(opened) > SILENT + SILENT {
                    backoff.reset();
                }
                problem
            }
            Err(problem) => Some(problem),
        };
        let Some(problem) = problem else { return };
        out.lose(problem);
        stop.wait(backoff.next());
    }
}

/// An open input.
struct Input {
    _stream: cpal::Stream,
    name: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    problem: Mutex<Option<cpal::Error>>,
    heard: Mutex<Option<Timestamp>>,
}

impl Input {
    fn open(
        device: &cpal::Device,
        name: &str,
        feed: queue::Sender<RawSound>,
        out: AudioOut,
    ) -> Result<Self, CaptureProblem> {
        let problem = |error: cpal::Error| sound::problem(name, &error, false);
        // An output device that gives back what it plays (WASAPI, Core Audio) has only an output format.
        let config = device
            .default_input_config()
            .or_else(|error| device.default_output_config().map_err(|_| error))
            .map_err(problem)?;
        let format = config.sample_format();
        let state = Arc::new(State::default());
        let callback = |config| Callback {
            feed: feed.clone(),
            out: out.clone(),
            config,
            clock: out.clock(),
            state: state.clone(),
        };
        let on_error = || {
            let state = state.clone();
            move |error: cpal::Error| {
                if sound::is_harmless(&error) {
                    tracing::debug!(%error, "sound input");
                } else {
                    state.problem.lock().get_or_insert(error);
                }
            }
        };
        let stream = sound::with_buffer_sizes(&config, |config| build(device, format, callback(config), on_error()));
        let stream = stream.map_err(|error| match error {
            Build::Format => CaptureProblem::new(ProblemKind::Format, name, format!("sample format {format}")),
            Build::Cpal(error) => problem(error),
        })?;
        stream.play().map_err(problem)?;
        Ok(Self { _stream: stream, name: name.to_owned(), state })
    }

    /// Waits until the stream fails, giving why, or until it is time to stop.
    fn watch(&self, out: &AudioOut, stop: &Stop) -> Option<CaptureProblem> {
        let mut last = out.clock().now();
        while !stop.wait(LOOK) {
            if let Some(error) = self.state.problem.lock().take() {
                return Some(sound::problem(&self.name, &error, true));
            }
            let now = out.clock().now();
            last = self.state.heard.lock().unwrap_or(last);
            if now.saturating_since(last) > SILENT {
                return Some(CaptureProblem::new(ProblemKind::Broken, self.name.clone(), "it gives no sound"));
            }
        }
        None
    }
}

/// What the driver calls with each piece of sound.
struct Callback {
    feed: queue::Sender<RawSound>,
    out: AudioOut,
    config: StreamConfig,
    clock: CaptureClock,
    state: Arc<State>,
}

impl Callback {
    #[expect(clippy::disallowed_methods, reason = "a driver's callback is where its clock meets ours")]
    fn call<T: Sample>(&self, samples: &[T], info: &InputCallbackInfo)
    where
        f32: FromSample<T>,
    {
        let now = self.clock.timestamp(Instant::now());
        let times = info.timestamp();
        let length = Duration::from_secs_f64(
            samples.len() as f64 / f64::from(self.config.channels.max(1)) / f64::from(self.config.sample_rate.max(1)),
        );
        let captured = capture_time(now, times.callback.duration_since(times.capture), length);
        *self.state.heard.lock() = Some(now);
        self.out.works();
        let samples = samples.iter().map(|sample| sample.to_sample::<f32>()).collect();
        let piece =
            RawSound { captured, rate: self.config.sample_rate, channels: self.config.channels, samples, drifts: true };
        let _ends = self.feed.send(piece);
    }
}

/// When the first sample of a piece was captured, as the driver says, within reason: a piece cannot have been captured
/// faster than it lasts.
fn capture_time(now: Timestamp, held: Duration, length: Duration) -> Timestamp {
    now.saturating_sub(held.max(length).min(MAX_HELD))
}

enum Build {
    Format,
    Cpal(cpal::Error),
}

fn build(
    device: &cpal::Device,
    format: SampleFormat,
    callback: Callback,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<cpal::Stream, Build> {
    let config = callback.config;
    let data = move |data: &Data, info: &InputCallbackInfo| {
        macro_rules! give {
            ($($format:ident => $sample:ty),*) => {
                match data.sample_format() {
                    $(SampleFormat::$format => if let Some(samples) = data.as_slice::<$sample>() { callback.call(samples, info) },)*
                    _ => {}
                }
            };
        }
        give!(I8 => i8, I16 => i16, I24 => cpal::I24, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U24 => cpal::U24, U32 => u32, U64 => u64, F32 => f32, F64 => f64);
    };
    if matches!(format, SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32) {
        return Err(Build::Format);
    }
    device.build_input_stream_raw(config, format, data, on_error, Some(Duration::from_secs(3))).map_err(Build::Cpal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::CaptureEvent;
    use crate::capture::gate::Events;
    use crate::frame::TrackKind;

    #[test]
    fn capture_times_are_within_reason() {
        let now = Timestamp::from_micros(10_000_000);
        let millis = Duration::from_millis;
        let back = |held, length| 10_000 - capture_time(now, held, length).as_micros() / 1000;
        assert_eq!(back(millis(0), millis(20)), 20);
        assert_eq!(back(millis(35), millis(20)), 35);
        assert_eq!(back(Duration::MAX, millis(20)), 1000);
    }

    #[test]
    fn a_missing_microphone_is_told_once_and_tried_again() {
        let clock = CaptureClock::start();
        let (audio, _sound) = queue::queue(4);
        let (events, told) = queue::queue(8);
        let out = AudioOut::new(audio, Events::new(events), clock);
        let (feed, _input) = queue::queue(4);
        let stop = Stop::default();
        let tries = Arc::new(Mutex::new(0));
        let (counter, flag) = (tries.clone(), stop.clone());
        let finder: Finder = Box::new(move || {
            *counter.lock() += 1;
            if *counter.lock() == 3 {
                flag.set();
            }
            Err(CaptureProblem::new(ProblemKind::Missing, "mic", "none"))
        });
        keep_open(&finder, &feed, &out, &stop);
        assert_eq!(*tries.lock(), 3);
        assert!(
            matches!(told.try_recv(), Some(CaptureEvent::Lost { what: TrackKind::Audio, problem }) if problem.kind == ProblemKind::Missing)
        );
        assert_eq!(told.try_recv(), None);
    }
}
