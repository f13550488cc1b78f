//! The thread that asks the machine what to do, and decodes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::decoding::{Decoding, Failure};
use super::inbox::Message;
use super::shared::Shared;
use super::{WatchChunk, WatchEvent};
use crate::capture::output::{AudioOutput, OutputEvent, OutputState};
use crate::playout::{Chunk, Event, Input, Output, Release};

/// Pictures this late are given up, so that the decoder can be on time again.
const TOO_LATE: Duration = Duration::from_secs(1);
/// Released chunks remembered for the playhead.
const REMEMBERED: usize = 64;
/// How often the audio output is asked how it is.
const AUDIO_CHECK: Duration = Duration::from_secs(1);

/// The body of the decoding thread.
pub(super) struct Worker {
    shared: Arc<Shared>,
    decoding: Decoding,
    output: AudioOutput,
    audio_checked: Option<Instant>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, decoding: Decoding, output: AudioOutput) -> Self {
        Self { shared, decoding, output, audio_checked: None }
    }

    pub(super) fn run(mut self) {
        let mut until = None;
        while let Some(messages) = self.shared.inbox.wait(until) {
            for message in messages {
                self.take(message);
            }
            let now = self.shared.clock.now();
            self.check_audio(now);
            self.tick(now);
            let more = self.decode_one(now);
            until = if more { Some(now) } else { self.next_wake(now) };
        }
        // The output's thread may be pulling: it ends before anything it uses.
        drop(self.output);
    }

    fn next_wake(&self, now: Instant) -> Option<Instant> {
        let machine = self.shared.brain.lock().playout.poll_timeout();
        // Without a machine's timeout nothing plays, and the output can wait until something is said.
        machine.map(|at| at.max(now))
    }

    fn take(&mut self, message: Message) {
        let now = self.shared.clock.now();
        match message {
            Message::Init(id, data) => match self.decoding.init(id, &data) {
                Ok(true) => self.machine(now, Input::Init(id)),
                Ok(false) => {}
                Err(error) => {
                    self.shared.measures.lock().unusable += 1;
                    self.shared
                        .event(WatchEvent::DecodeError { sequence: 0, reason: format!("init segment {id}: {error}") });
                }
            },
            Message::Chunk(chunk) => {
                let at = self.shared.clock.since_start(now);
                self.shared.measures.lock().first_chunk.get_or_insert(at);
                self.machine(now, Input::Chunk(chunk.into()));
            }
            Message::Machine(input) => self.machine(now, input),
        }
    }

    /// Tells the machine where the clock is, and that time passed if it asked for that.
    fn tick(&mut self, now: Instant) {
        let reading = self.shared.sound.lock().reading(now);
        self.machine(now, Input::Clock(reading));
        let due = self.shared.brain.lock().playout.poll_timeout().is_some_and(|at| at <= now);
        if due {
            self.machine(now, Input::Timeout);
        }
    }

    fn machine(&mut self, now: Instant, input: Input) {
        self.shared.brain.lock().playout.handle(now, input);
        loop {
            let output = self.shared.brain.lock().playout.poll_output();
            let Some(output) = output else { return };
            self.act(now, output);
        }
    }

    fn act(&mut self, now: Instant, output: Output) {
        match output {
            Output::Start { generation, position, at } => {
                self.decoding.start(position);
                let mut pictures = self.shared.pictures.lock();
                // What was decoded and is thrown away was never due: it is not counted as skipped.
                pictures.queue.clear();
                pictures.clock_on = true;
                self.shared.sound.lock().start(generation, position, at);
                self.shared.pictures_changed.notify_all();
            }
            Output::Hold | Output::Go => {
                let on = output == Output::Go;
                let mut pictures = self.shared.pictures.lock();
                pictures.clock_on = on;
                self.shared.sound.lock().set_hold(!on);
                self.shared.pictures_changed.notify_all();
            }
            Output::Rate(rate) => self.shared.sound.lock().set_rate(rate),
            Output::Release(release) => self.release(now, &release),
            Output::Event(event) => self.shared.event(match event {
                Event::Stalled => WatchEvent::Stalled,
                Event::Resumed { after } => WatchEvent::Resumed { after },
                Event::Jumped { skipped } => WatchEvent::JumpedToLive { skipped },
                Event::Ended => WatchEvent::Ended,
            }),
        }
    }

    fn release(&mut self, now: Instant, release: &Release) {
        let end = release.chunk.start.saturating_add(release.chunk.duration.min(Duration::from_secs(10)));
        let result = self.decoding.release(release);
        let mut brain = self.shared.brain.lock();
        brain.released.push_back((release.chunk.sequence, release.chunk.start));
        if brain.released.len() > REMEMBERED {
            brain.released.pop_front();
        }
        drop(brain);
        let mut sound = self.shared.sound.lock();
        let failure = match result {
            Ok(frames) => {
                frames.into_iter().for_each(|frame| sound.push(frame));
                None
            }
            Err(failure) => Some(failure),
        };
        // The clock goes on through a damaged chunk in silence.
        sound.extend_to(end);
        drop(sound);
        if let Some(failure) = failure {
            self.failed(now, failure);
        }
    }

    /// Decodes at most one temporal unit; whether another could follow at once.
    fn decode_one(&mut self, now: Instant) -> bool {
        let position = self.shared.sound.lock().reading(now);
        if position.running
            && let Some((skipped, kept)) = self.decoding.catch_up(position.position, TOO_LATE)
        {
            self.shared.measures.lock().skipped += skipped;
            if !kept {
                self.machine(now, Input::DecodeFailed);
            }
        }
        if !self.decoding.has_pictures() || !(self.decoding.hurries() || self.shared.pictures.lock().queue.has_room()) {
            return false;
        }
        match self.decoding.next_picture() {
            Ok((frames, decoded)) => {
                let mut pictures = self.shared.pictures.lock();
                let mut unwanted = 0;
                for frame in frames {
                    unwanted += u64::from(!pictures.queue.push(frame));
                }
                self.shared.pictures_changed.notify_all();
                drop(pictures);
                let mut measures = self.shared.measures.lock();
                measures.decoded += decoded;
                measures.skipped += unwanted;
            }
            Err(failure) => self.failed(now, failure),
        }
        self.decoding.has_pictures()
    }

    fn failed(&mut self, now: Instant, failure: Failure) {
        let Failure { sequence, reason, lost, restarted } = failure;
        let mut measures = self.shared.measures.lock();
        measures.errors += 1;
        measures.restarts += u64::from(restarted);
        drop(measures);
        self.shared.event(WatchEvent::DecodeError { sequence, reason });
        if restarted {
            self.shared.event(WatchEvent::DecoderRestarted);
        }
        if lost {
            self.machine(now, Input::DecodeFailed);
        }
    }

    fn check_audio(&mut self, now: Instant) {
        if self.audio_checked.is_some_and(|at| now.saturating_duration_since(at) < AUDIO_CHECK) {
            return;
        }
        self.audio_checked = Some(now);
        while let Some(event) = self.output.try_event() {
            self.shared.event(match event {
                OutputEvent::Lost(problem) => WatchEvent::AudioLost { reason: problem.to_string() },
                OutputEvent::Recovered { .. } => WatchEvent::AudioRecovered,
            });
        }
        self.shared.measures.lock().audio = match self.output.state() {
            OutputState::Device { name, .. } => name,
            OutputState::Null { .. } => "null".to_owned(),
        };
    }
}

impl From<WatchChunk> for Chunk {
    fn from(chunk: WatchChunk) -> Self {
        Self {
            init: chunk.init,
            sequence: chunk.sequence,
            start: chunk.start,
            duration: chunk.duration,
            captured: chunk.captured,
            keyframe: chunk.keyframe,
            discontinuity: chunk.discontinuity,
            data: chunk.data,
        }
    }
}
