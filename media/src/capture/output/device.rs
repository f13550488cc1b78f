//! A loudspeaker, through cpal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Data, FromSample, OutputCallbackInfo, Sample, SampleFormat};
use parking_lot::Mutex;

use crate::capture::output::OutputState;
use crate::capture::output::feeder::{Feeder, channel};
use crate::capture::sound::{self, Direction};
use crate::capture::{CaptureProblem, ProblemKind};

/// Longest delay that a device is believed to have.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// An open device.
pub(crate) struct OpenOutput {
    stream: cpal::Stream,
    name: String,
    rate: u32,
    channels: u16,
    state: Arc<State>,
}

struct State {
    problem: Mutex<Option<cpal::Error>>,
    asked: Mutex<Instant>,
}

impl OpenOutput {
    /// Opens the device of that name, or the default one.
    #[expect(clippy::disallowed_methods, reason = "a driver: it watches whether the device's callback lives")]
    pub(crate) fn open(name: Option<&str>, feeder: Arc<Mutex<Feeder>>) -> Result<Self, CaptureProblem> {
        let (device, name) = sound::find(Direction::Output, name)?;
        let problem = |error: cpal::Error| sound::problem(&name, &error, false);
        let supported = device.default_output_config().map_err(problem)?;
        let (format, config) = (supported.sample_format(), supported.config());
        if !feeder.lock().set_rate(config.sample_rate) {
            return Err(CaptureProblem::new(ProblemKind::Format, name, format!("{} Hz", config.sample_rate)));
        }
        let state = Arc::new(State { problem: Mutex::new(None), asked: Mutex::new(Instant::now()) });
        let callback = || Callback {
            feeder: feeder.clone(),
            rate: config.sample_rate,
            channels: usize::from(config.channels.max(1)),
            state: state.clone(),
        };
        let stream = sound::with_buffer_sizes(&supported, |config| build(&device, config, format, callback()))
            .map_err(|error| match error {
                Some(error) => problem(error),
                None => CaptureProblem::new(ProblemKind::Format, name.clone(), format!("sample format {format}")),
            })?;
        Ok(Self { stream, rate: config.sample_rate, channels: config.channels, name, state })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it plays.
    pub(crate) fn state(&self) -> OutputState {
        OutputState::Device { name: self.name.clone(), rate: self.rate, channels: self.channels }
    }

    /// Begins to play.
    #[expect(clippy::disallowed_methods, reason = "a driver: it watches whether the device's callback lives")]
    pub(crate) fn play(&self) -> Result<(), CaptureProblem> {
        *self.state.asked.lock() = Instant::now();
        self.stream.play().map_err(|error| sound::problem(&self.name, &error, false))
    }

    /// What is wrong with it, if anything; `silent` is how long it may ask for nothing.
    #[expect(clippy::disallowed_methods, reason = "a driver: it watches whether the device's callback lives")]
    pub(crate) fn problem(&self, silent: Duration) -> Option<CaptureProblem> {
        if let Some(error) = self.state.problem.lock().take() {
            return Some(sound::problem(&self.name, &error, true));
        }
        let asked = *self.state.asked.lock();
        let dead = Instant::now().saturating_duration_since(asked) > silent;
        dead.then(|| CaptureProblem::new(ProblemKind::Broken, self.name.clone(), "it stopped playing"))
    }
}

/// What the driver calls for each piece of sound.
struct Callback {
    feeder: Arc<Mutex<Feeder>>,
    rate: u32,
    channels: usize,
    state: Arc<State>,
}

impl Callback {
    #[expect(clippy::disallowed_methods, reason = "a driver's callback is where its clock meets ours")]
    fn call<T: Sample + FromSample<f32>>(&self, samples: &mut [T], info: &OutputCallbackInfo) {
        let now = Instant::now();
        *self.state.asked.lock() = now;
        let times = info.timestamp();
        let delay = times.playback.duration_since(times.callback).min(MAX_DELAY);
        let channels = self.channels;
        let frames = samples.len() / channels;
        self.feeder.lock().give(frames, self.rate, now, now + delay, |frame, left, right| {
            for (index, sample) in samples[frame * channels..(frame + 1) * channels].iter_mut().enumerate() {
                *sample = T::from_sample(channel(index, channels, left, right).clamp(-1.0, 1.0));
            }
        });
    }
}

/// The stream, or why not: nothing means a sample format that we do not speak.
fn build(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    format: SampleFormat,
    callback: Callback,
) -> Result<cpal::Stream, Option<cpal::Error>> {
    if matches!(format, SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32) {
        return Err(None);
    }
    let state = callback.state.clone();
    let data = move |data: &mut Data, info: &OutputCallbackInfo| {
        macro_rules! take {
            ($($format:ident => $sample:ty),*) => {
                match data.sample_format() {
                    $(SampleFormat::$format => if let Some(samples) = data.as_slice_mut::<$sample>() { callback.call(samples, info) },)*
                    _ => {}
                }
            };
        }
        take!(I8 => i8, I16 => i16, I24 => cpal::I24, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U24 => cpal::U24, U32 => u32, U64 => u64, F32 => f32, F64 => f64);
    };
    let on_error = move |error: cpal::Error| {
        if sound::is_harmless(&error) {
            tracing::debug!(%error, "sound output");
        } else {
            state.problem.lock().get_or_insert(error);
        }
    };
    device.build_output_stream_raw(config, format, data, on_error, Some(Duration::from_secs(3))).map_err(Some)
}
