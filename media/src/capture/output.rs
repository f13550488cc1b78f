//! Playing sound: a device through cpal, or a paced thread where there is none.
//!
//! Who plays pulls: a callback is asked for the next samples and told when they will be heard. That callback is the master
//! clock of a viewer, so it never rests: while there is no device (or it was lost), a thread asks at the same pace and
//! throws the samples away, and the device is tried again.

pub(crate) mod device;
pub(crate) mod feeder;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::capture::stop::{Backoff, Stop};
use crate::capture::{CaptureProblem, queue};
use crate::format::CHANNELS;
use device::OpenOutput;
use feeder::Feeder;

/// Frames that a pull asks for at most: 10 ms.
pub const PULL_FRAMES: usize = 480;

/// Where sound goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum AudioOutputSpec {
    /// The system's default device.
    #[default]
    Default,
    /// The device with this id or name.
    Named(String),
    /// Nowhere, at the right pace.
    Null,
}

impl From<String> for AudioOutputSpec {
    fn from(text: String) -> Self {
        match text.as_str() {
            "" | "default" => Self::Default,
            "null" => Self::Null,
            _ => Self::Named(text),
        }
    }
}

impl From<AudioOutputSpec> for String {
    fn from(spec: AudioOutputSpec) -> Self {
        spec.to_string()
    }
}

impl FromStr for AudioOutputSpec {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for AudioOutputSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Null => "null",
            Self::Named(name) => name,
        })
    }
}

/// When the samples of a pull are asked for and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputTiming {
    /// Now.
    pub now: Instant,
    /// When the first of these samples reaches the ear.
    pub plays_at: Instant,
}

/// Gives the next samples: stereo, 48 kHz, interleaved, at most [`PULL_FRAMES`] frames, filled with silence beforehand.
pub type Pull = Box<dyn FnMut(&mut [f32], OutputTiming) + Send>;

/// What an output is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputState {
    /// It plays through a device.
    Device {
        /// Its name.
        name: String,
        /// Its samples a second; ours are resampled to it.
        rate: u32,
        /// Its channels.
        channels: u16,
    },
    /// It keeps the pace without a device.
    Null {
        /// Why, unless it was asked for.
        problem: Option<CaptureProblem>,
    },
}

/// Something happened to the output's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputEvent {
    /// It does not work (any more); sound is not heard, but the pace is kept.
    Lost(CaptureProblem),
    /// It plays (again).
    Recovered {
        /// Its name.
        name: String,
    },
}

/// Why there is no output at all.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The system gives no more threads.
    #[error("cannot start the thread for sound: {0}")]
    Thread(std::io::Error),
}

/// Plays sound until it is dropped.
pub struct AudioOutput {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    state: Arc<Mutex<OutputState>>,
    events: queue::Receiver<OutputEvent>,
}

impl AudioOutput {
    /// Begins to pull at once; a device is opened in the background.
    ///
    /// # Errors
    /// [`OutputError`] if no thread can be started. A device that does not work is an [`OutputEvent`] instead.
    pub fn open(spec: AudioOutputSpec, pull: Pull) -> Result<Self, OutputError> {
        let stop = Stop::default();
        let state = Arc::new(Mutex::new(OutputState::Null { problem: None }));
        let (sender, events) = queue::queue(16);
        let driver = Driver {
            spec,
            feeder: Arc::new(Mutex::new(Feeder::new(pull))),
            stop: stop.clone(),
            state: state.clone(),
            events: sender,
        };
        let builder = std::thread::Builder::new().name("runnel-audio-output".into());
        let thread = builder.spawn(move || driver.run()).map_err(OutputError::Thread)?;
        Ok(Self { stop, thread: Some(thread), state, events })
    }

    /// What the output is doing.
    pub fn state(&self) -> OutputState {
        self.state.lock().clone()
    }

    /// What happened since this was last asked, oldest first.
    pub fn try_event(&self) -> Option<OutputEvent> {
        self.events.try_recv()
    }
}

impl Drop for AudioOutput {
    fn drop(&mut self) {
        self.stop.set();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the sound output's thread panicked");
        }
    }
}

/// The output's thread: keeps a device open, or the pace without one.
struct Driver {
    spec: AudioOutputSpec,
    feeder: Arc<Mutex<Feeder>>,
    stop: Stop,
    state: Arc<Mutex<OutputState>>,
    events: queue::Sender<OutputEvent>,
}

/// Most machines without a loudspeaker stay so; one that is plugged in is heard within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// A device that played for so long is tried again with short waits.
const STEADY: Duration = Duration::from_secs(10);
/// A device that asks for nothing for so long is dead.
const SILENT: Duration = Duration::from_secs(2);

impl Driver {
    fn run(self) {
        let name = match &self.spec {
            AudioOutputSpec::Null => {
                self.keep_pace(&mut Pace::new(), None);
                return;
            }
            AudioOutputSpec::Default => None,
            AudioOutputSpec::Named(name) => Some(name.clone()),
        };
        let mut backoff = Backoff::up_to(LONGEST_WAIT);
        // One pace through all attempts: it must neither stumble nor run fast because a device is looked for.
        let mut pace = Pace::new();
        while !self.stop.is_set() {
            // Opening may take seconds; the pace is kept meanwhile.
            let opened = self.open_in_background(name.clone(), &mut pace);
            let problem = match opened {
                Ok(output) => {
                    let problem = self.play(&output);
                    if pace.restart() > STEADY {
                        backoff.reset();
                    }
                    problem
                }
                Err(problem) => Some(problem),
            };
            let Some(problem) = problem else { return };
            self.lose(problem);
            self.keep_pace(&mut pace, Some(backoff.next()));
        }
    }

    fn open_in_background(&self, name: Option<String>, pace: &mut Pace) -> Result<OpenOutput, CaptureProblem> {
        let (sender, opened) = queue::queue(1);
        let feeder = self.feeder.clone();
        let open = move || {
            let _nobody_waits = sender.send(OpenOutput::open(name.as_deref(), feeder));
        };
        let thread = std::thread::Builder::new().name("runnel-audio-open".into()).spawn(open);
        if let Err(error) = thread {
            return Err(CaptureProblem::from_words("the loudspeaker", error, false));
        }
        loop {
            if self.stop.is_set() {
                return Err(CaptureProblem::from_words("the loudspeaker", "stopped", false));
            }
            match opened.try_recv() {
                Some(result) => return result,
                None => pace.step(&self.feeder, &self.stop),
            }
        }
    }

    /// Plays until the device fails, giving why, or until it is time to stop.
    fn play(&self, output: &OpenOutput) -> Option<CaptureProblem> {
        if let Err(problem) = output.play() {
            return Some(problem);
        }
        let recovered = matches!(&*self.state.lock(), OutputState::Null { problem: Some(_) });
        *self.state.lock() = output.state();
        if recovered {
            self.tell(OutputEvent::Recovered { name: output.name().to_owned() });
        }
        while !self.stop.wait(LOOK) {
            if let Some(problem) = output.problem(SILENT) {
                return Some(problem);
            }
        }
        None
    }

    fn lose(&self, problem: CaptureProblem) {
        let mut state = self.state.lock();
        let known = matches!(&*state, OutputState::Null { problem: Some(known) } if known.kind == problem.kind);
        *state = OutputState::Null { problem: Some(problem.clone()) };
        drop(state);
        if !known && !self.stop.is_set() {
            tracing::warn!(%problem, "sound output lost");
            self.tell(OutputEvent::Lost(problem));
        }
    }

    fn tell(&self, event: OutputEvent) {
        let _nobody_listens = self.events.send(event);
    }

    /// Pulls without a device for `duration`, or until it is time to stop.
    fn keep_pace(&self, pace: &mut Pace, duration: Option<Duration>) {
        let end = duration.map(|duration| pace.next() + duration);
        while !self.stop.is_set() && end.is_none_or(|end| pace.next() < end) {
            pace.step(&self.feeder, &self.stop);
        }
    }
}

/// The pace of a device that is not there.
struct Pace {
    start: Instant,
    pulls: u32,
}

impl Pace {
    const PERIOD: Duration = Duration::from_millis(10);
    /// Pulls that are this late are made up for no more.
    const LATE: Duration = Duration::from_millis(500);

    #[expect(clippy::disallowed_methods, reason = "this thread is the clock of a machine without a sound card")]
    fn new() -> Self {
        Self { start: Instant::now(), pulls: 0 }
    }

    /// Begins anew; says for how long nothing was due.
    fn restart(&mut self) -> Duration {
        let since = self.next();
        *self = Self::new();
        self.start.saturating_duration_since(since)
    }

    fn next(&self) -> Instant {
        self.start + Self::PERIOD * self.pulls
    }

    #[expect(clippy::disallowed_methods, reason = "this thread is the clock of a machine without a sound card")]
    fn step(&mut self, feeder: &Mutex<Feeder>, stop: &Stop) {
        let due = self.next();
        if stop.wait_until(due) {
            return;
        }
        let now = Instant::now();
        if now.saturating_duration_since(due) > Self::LATE {
            *self = Self::new();
        }
        let mut nowhere = [0.0; PULL_FRAMES * CHANNELS];
        // The time asked for, not the time of waking, so that the pace does not shiver with the scheduler.
        feeder.lock().pull(&mut nowhere, OutputTiming { now, plays_at: self.next().max(due) });
        self.pulls += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_survive_a_round_trip() {
        for text in ["default", "null", "hw:0,0"] {
            let spec: AudioOutputSpec = text.parse().expect("any text");
            assert_eq!(spec.to_string(), text);
            let json = serde_json::to_string(&spec).expect("a string");
            assert_eq!(serde_json::from_str::<AudioOutputSpec>(&json).expect("the same"), spec);
        }
    }

    fn record(spec: AudioOutputSpec) -> (AudioOutput, queue::Receiver<(usize, OutputTiming)>) {
        let (sender, pulls) = queue::queue(1000);
        let pull = Box::new(move |samples: &mut [f32], timing: OutputTiming| {
            assert!(samples.iter().all(|sample| *sample == 0.0), "must be silence beforehand");
            samples.fill(0.5);
            let _gone = sender.send((samples.len(), timing));
        });
        (AudioOutput::open(spec, pull).expect("a thread"), pulls)
    }

    #[test]
    fn null_keeps_the_pace_and_stops() {
        let (output, pulls) = record(AudioOutputSpec::Null);
        let take = || pulls.recv_timeout(Duration::from_secs(10)).ok().flatten().expect("goes on");
        let first = take();
        let later: Vec<_> = std::iter::repeat_with(take).take(30).collect();
        for (index, (samples, timing)) in later.iter().enumerate() {
            assert_eq!(*samples, PULL_FRAMES * CHANNELS);
            let apart = timing.plays_at - first.1.plays_at;
            assert_eq!(apart, Duration::from_millis(10) * (index as u32 + 1));
            assert!(timing.now + Duration::from_millis(1) >= timing.plays_at);
        }
        assert_eq!(output.state(), OutputState::Null { problem: None });
        drop(output);
        while pulls.try_recv().is_some() {}
        assert_eq!(pulls.recv_timeout(Duration::ZERO), Err(queue::Closed), "the callback is gone with its thread");
    }

    #[test]
    fn without_the_device_it_keeps_the_pace_and_says_why() {
        let (output, pulls) = record(AudioOutputSpec::Named("no such device".into()));
        let lost = std::iter::repeat_with(|| {
            let _pull = pulls.recv_timeout(Duration::from_secs(10)).ok().flatten().expect("goes on");
            output.try_event()
        });
        let event = lost.take(1000).flatten().next();
        assert!(matches!(&event, Some(OutputEvent::Lost(problem)) if problem.device == "no such device"), "{event:?}");
        assert!(matches!(output.state(), OutputState::Null { problem: Some(_) }));
        for _ in 0..20 {
            pulls.recv_timeout(Duration::from_secs(10)).expect("goes on").expect("in time");
        }
    }
}
