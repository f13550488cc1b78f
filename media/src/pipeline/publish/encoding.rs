//! The thread that owns the video encoder: picks it, feeds it, replaces it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::climb::{Climb, Look};
use super::overload::Overload;
use super::shared::{Growth, Message, Paced, Shared, TICK, count, tell};
use super::types::{EndReason, PublishEvent, PublishProblem};
use crate::capture::queue;
use crate::encode::probe::{ProbeRequest, Rung, cached_or_run, step_down, step_up};
use crate::encode::{EncodeError, EncoderChoice, VideoEncoder, VideoEncoderConfig, names, rav1e};
use crate::format::{ColorSpace, Timestamp};
use crate::frame::EncodedFrame;

/// An encoder that fails again so soon is not opened a third time.
const FAILS_AGAIN: Duration = Duration::from_secs(30);
/// A step down the ladder is at least this deep.
const LEAST_STEP: f64 = 0.8;

pub(crate) struct EncodeThread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pictures: queue::Receiver<Paced>,
    pub(crate) out: SyncSender<Message>,
    pub(crate) choice: EncoderChoice,
    pub(crate) probe_cache: Option<PathBuf>,
    pub(crate) rung: Rung,
    /// What was asked for.
    pub(crate) top: Rung,
    pub(crate) climb: Climb,
    pub(crate) color: ColorSpace,
    pub(crate) keyframe_every: Duration,
    pub(crate) open: Opener,
}

/// How encoders are opened: by name, as [`crate::encode::open`] does.
pub(crate) type Opener = Box<dyn FnMut(&str, &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, EncodeError> + Send>;

/// An open encoder and what is inside it.
struct Open {
    encoder: Box<dyn VideoEncoder>,
    rung: Rung,
    keyframe_at: Option<Timestamp>,
    /// Pictures inside: their media time, and when they went in.
    inside: VecDeque<(Timestamp, Timestamp)>,
}

impl EncodeThread {
    pub(crate) fn run(mut self) {
        let opened = self.choose().and_then(|name| self.open(&name));
        match opened {
            Ok(open) => self.encode(open),
            Err(error) => self.shared.end(EndReason::Failed(error.to_string())),
        }
    }

    /// The encoder's name: the one asked for, or what the probe finds; steps down if nothing is fast enough.
    fn choose(&mut self) -> Result<String, EncodeError> {
        if let EncoderChoice::Named(name) = &self.choice
            && names().contains(&name.as_str())
        {
            self.tell_encoder(name, "asked for");
            return Ok(name.clone());
        }
        let Rung { size, fps, bitrate_kbps } = self.rung;
        let request = ProbeRequest::new(size, fps, bitrate_kbps, self.choice.clone());
        let now = self.shared.clock.wall_clock(self.shared.clock.now());
        let table = cached_or_run(self.probe_cache.as_deref(), now, &request)?;
        self.tell_encoder(&table.chosen, &table.reason);
        if !table.fast_enough {
            let reason = format!("{}: {}", table.chosen, table.reason);
            self.step_down(table.headroom(), reason);
        }
        let chosen = table.chosen.clone();
        *self.shared.probe.lock() = Some(table);
        Ok(chosen)
    }

    fn tell_encoder(&self, name: &str, reason: &str) {
        let event = PublishEvent::Encoder { name: name.to_owned(), reason: reason.to_owned() };
        tell(&self.out, event);
    }

    /// Asks for less work from now on, if there is less.
    fn step_down(&mut self, headroom: f64, reason: String) {
        let Some(rung) = step_down(self.rung, headroom.min(LEAST_STEP)) else { return };
        self.climb.went_down(self.shared.clock.now());
        self.change_rung(rung, reason);
    }

    /// Asks for more work again after a long calm, if there is more that was asked for.
    fn step_up(&mut self, name: &str, look: Look) -> bool {
        let Some(rung) = step_up(self.top, self.rung) else { return false };
        let more = rung.work() / self.rung.work();
        if !self.climb.handle(self.shared.clock.now(), look, more) {
            return false;
        }
        self.change_rung(rung, format!("{name} has time to spare again"));
        true
    }

    fn change_rung(&mut self, rung: Rung, reason: String) {
        self.rung = rung;
        *self.shared.new_rung.lock() = Some(rung);
        let Rung { size, fps, bitrate_kbps } = rung;
        tell(&self.out, PublishEvent::Ladder { size, fps, bitrate_kbps, reason });
    }

    fn open(&mut self, name: &str) -> Result<Open, EncodeError> {
        let config = VideoEncoderConfig {
            color: self.color,
            keyframe_interval: ((self.keyframe_every.as_secs_f64() * f64::from(self.rung.fps)).round() as u32).max(1),
            ..VideoEncoderConfig::new(self.rung.size, self.rung.fps, self.rung.bitrate_kbps)
        };
        let encoder = (self.open)(name, &config)?;
        let _ = self.out.send(Message::Fps(self.rung.fps));
        *self.shared.encoder.lock() = (name.to_owned(), self.rung);
        Ok(Open { encoder, rung: self.rung, keyframe_at: None, inside: VecDeque::new() })
    }

    fn encode(mut self, mut open: Open) {
        let mut overload = Overload::default();
        let mut dropped = Growth::default();
        let mut failed_at = None;
        let mut busy = Duration::ZERO;
        self.shared.ready.store(true, Ordering::Release);
        loop {
            let next = self.pictures.recv_timeout(TICK);
            count(&self.shared.counters.dropped_encode, dropped.since(self.pictures.dropped()));
            let since = self.shared.clock.now();
            let result = match next {
                Ok(Some(paced)) => self.picture(&mut open, paced),
                Ok(None) => self.drain(&mut open),
                Err(queue::Closed) => {
                    // What the encoder keeps is the end of the show.
                    let _ = open.encoder.flush().and_then(|()| self.drain(&mut open));
                    return;
                }
            };
            busy += self.shared.clock.now().saturating_since(since);
            if let Err(error) = result {
                match self.replace(&open, &error, &mut failed_at) {
                    Ok(other) => open = other,
                    Err(error) => return self.shared.end(EndReason::Failed(error.to_string())),
                }
                overload.reset();
            }
            let counters = &self.shared.counters;
            let encoded = counters.encoded.load(Ordering::Relaxed);
            let lost = counters.dropped_encode.load(Ordering::Relaxed);
            if let Some(part) = overload.handle(self.shared.clock.now(), encoded, lost) {
                let reason =
                    format!("{} keeps up with {:.0} % of the pictures only", open.encoder.name(), part * 100.0);
                self.step_down(part, reason);
            } else if self.step_up(open.encoder.name(), Look { lost, busy }) {
                overload.reset();
            }
        }
    }

    fn picture(&mut self, open: &mut Open, paced: Paced) -> Result<(), EncodeError> {
        self.shared.took("queue", paced.at);
        if (paced.rung.size, paced.rung.fps) != (open.rung.size, open.rung.fps) {
            open.encoder.flush()?;
            self.drain(open)?;
            self.rung = paced.rung;
            *open = self.open(open.encoder.name())?;
        }
        let bitrate = self.shared.new_bitrate.swap(0, Ordering::Relaxed);
        if bitrate > 0 && open.encoder.set_bitrate(bitrate).is_ok() {
            (self.rung.bitrate_kbps, self.top.bitrate_kbps) = (bitrate, bitrate);
            self.shared.encoder.lock().1.bitrate_kbps = bitrate;
        }
        let at = paced.frame.timestamp;
        // Encoders count pictures themselves, which costs them nothing; this is for when too many were lost.
        let latest = self.keyframe_every + self.keyframe_every / 4;
        let due = open.keyframe_at.is_none_or(|last| at.saturating_since(last) >= latest);
        let forced = self.shared.force_keyframe.swap(false, Ordering::Relaxed);
        if due || forced {
            open.keyframe_at = Some(at);
        }
        open.inside.push_back((at, self.shared.clock.now()));
        match open.encoder.push(&paced.frame, due || forced) {
            // A picture of the wrong shape is lost and nothing else.
            Err(EncodeError::Picture { .. }) => {
                open.inside.pop_back();
                count(&self.shared.counters.dropped_encoder, 1);
            }
            result => result?,
        }
        self.drain(open)
    }

    /// Hands on what is ready.
    fn drain(&self, open: &mut Open) -> Result<(), EncodeError> {
        while let Some(frame) = open.encoder.poll()? {
            if frame.keyframe {
                open.keyframe_at = open.keyframe_at.max(Some(frame.timestamp));
            }
            while let Some((at, since)) = open.inside.pop_front() {
                if at >= frame.timestamp {
                    self.shared.took("encode", since);
                    break;
                }
                count(&self.shared.counters.dropped_encoder, 1);
            }
            count(&self.shared.counters.encoded, 1);
            self.send(frame);
        }
        Ok(())
    }

    fn send(&self, frame: EncodedFrame) {
        if self.out.send(Message::Frame(frame, self.shared.clock.now())).is_err() {
            self.shared.end(EndReason::Failed("the packaging thread ended".to_owned()));
        }
    }

    /// Another encoder for one that failed: the same once more, then rav1e's fastest preset.
    fn replace(
        &mut self,
        old: &Open,
        error: &EncodeError,
        failed_at: &mut Option<Timestamp>,
    ) -> Result<Open, EncodeError> {
        let name = old.encoder.name().to_owned();
        count(&self.shared.counters.dropped_encoder, old.inside.len() as u64);
        tell(
            &self.out,
            PublishEvent::Problem(PublishProblem::Encoder { name: name.clone(), reason: error.to_string() }),
        );
        let now = self.shared.clock.now();
        let again = failed_at.replace(now).is_some_and(|last| now.saturating_since(last) < FAILS_AGAIN);
        let fallback = rav1e::Preset::Fast.name();
        if !again && let Ok(open) = self.open(&name) {
            return Ok(open);
        }
        if name == fallback {
            return Err(error.clone());
        }
        self.tell_encoder(fallback, &format!("{name} failed"));
        self.open(fallback)
    }
}
