//! The thread that takes pictures from the source, prepares them and puts them in front of the encoder.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use super::shared::{Growth, Message, Paced, Shared, TICK, VideoSource, count, tell};
use super::types::{EndReason, PublishEvent, PublishProblem};
use crate::capture::{CaptureEvent, queue};
use crate::encode::probe::Rung;
use crate::format::Timestamp;
use crate::frame::{TrackKind, VideoFrame};
use crate::preprocess::Preprocessor;
use crate::slot;

/// From one thumbnail to the next.
const THUMBNAIL_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct VideoThread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: VideoSource,
    pub(crate) preprocessor: Preprocessor,
    pub(crate) rung: Rung,
    pub(crate) encoder: queue::Sender<Paced>,
    pub(crate) out: SyncSender<Message>,
    pub(crate) seconds: Option<f64>,
    pub(crate) lost: Lost,
    pub(crate) thumbnail: Option<Timestamp>,
    pub(crate) put_out: Growth,
    pub(crate) thinned: Growth,
}

impl VideoThread {
    pub(crate) fn run(mut self) {
        while !self.shared.is_ending() {
            self.renew();
            while let Some(event) = self.source.events.try_recv() {
                self.event(event);
            }
            match self.source.video.recv_timeout(TICK) {
                Ok(Some(frame)) => self.picture(frame),
                Ok(None) => {}
                // A new source may be on its way already.
                Err(slot::Closed) if self.shared.new_video.lock().is_some() => continue,
                Err(slot::Closed) => self.shared.end(EndReason::SourceEnded),
            }
            let now = self.shared.clock.now();
            while let Some(frame) = self.preprocessor.repeat(now) {
                if self.shared.ready.load(Ordering::Acquire) {
                    count(&self.shared.counters.repeated, 1);
                }
                self.forward(frame);
            }
            let dropped = self.put_out.since(self.source.video.dropped());
            if self.shared.ready.load(Ordering::Acquire) {
                count(&self.shared.counters.dropped_capture, dropped);
            }
            count(&self.shared.counters.thinned, self.thinned.since(self.preprocessor.dropped()));
        }
    }

    /// Takes over another source or another size.
    fn renew(&mut self) {
        if let Some(source) = self.shared.new_video.lock().take() {
            self.source = source;
            self.put_out = Growth::default();
            self.lost.all_solved(&self.out);
        }
        if let Some(rung) = self.shared.new_rung.lock().take() {
            let mut chain = self.preprocessor.chain().clone();
            (chain.size, chain.fps) = (rung.size, rung.fps);
            self.preprocessor.set_chain(chain);
            self.rung = rung;
        }
    }

    fn event(&mut self, event: CaptureEvent) {
        match event {
            CaptureEvent::Lost { what, problem } => {
                self.lost.lost(what, PublishProblem::Capture { what, problem }, &self.out);
            }
            CaptureEvent::Recovered { what } => self.lost.solved(what, &self.out),
            // What is left in the slot is still shown: the slot closes when it is empty.
            CaptureEvent::Ended => {}
        }
    }

    fn picture(&mut self, frame: VideoFrame) {
        let taken = self.shared.clock.now();
        if self.shared.ready.load(Ordering::Acquire) {
            count(&self.shared.counters.captured, 1);
            self.shared.timings.lock().add("capture", taken.saturating_since(frame.timestamp));
        }
        let frame = self.preprocessor.process(frame);
        self.shared.took("preprocess", taken);
        if let Some(frame) = frame {
            self.forward(frame);
        }
    }

    fn forward(&mut self, frame: VideoFrame) {
        let gone = self.shared.preview.lock().as_ref().is_some_and(|preview| preview.send(frame.clone()).is_err());
        if gone {
            *self.shared.preview.lock() = None;
        }
        if self.thumbnail.is_none_or(|last| frame.timestamp.saturating_since(last) >= THUMBNAIL_EVERY) {
            // A thumbnail is not worth waiting for.
            match self.out.try_send(Message::Thumbnail(frame.clone())) {
                Ok(()) => self.thumbnail = Some(frame.timestamp),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
        if !self.shared.ready.load(Ordering::Acquire) {
            return;
        }
        let first = match self.shared.first.load(Ordering::Relaxed) {
            i64::MIN => frame.timestamp,
            first => Timestamp::from_micros(first),
        };
        self.shared.first.store(first.as_micros(), Ordering::Relaxed);
        if self.seconds.is_some_and(|seconds| frame.timestamp.saturating_since(first).as_secs_f64() >= seconds) {
            self.shared.end(EndReason::Finished);
            return;
        }
        let paced = Paced { frame, rung: self.rung, at: self.shared.clock.now() };
        if self.encoder.send(paced).is_err() {
            self.shared.end(EndReason::Failed("the encoder thread ended".to_owned()));
        }
    }
}

/// Which sources are lost, so that their recovery can be told.
#[derive(Debug, Default)]
pub(crate) struct Lost(Vec<(TrackKind, PublishProblem)>);

impl Lost {
    fn lost(&mut self, what: TrackKind, problem: PublishProblem, out: &SyncSender<Message>) {
        self.0.retain(|(kind, _)| *kind != what);
        self.0.push((what, problem.clone()));
        tell(out, PublishEvent::Problem(problem));
    }

    fn solved(&mut self, what: TrackKind, out: &SyncSender<Message>) {
        for (_, problem) in self.0.extract_if(.., |(kind, _)| *kind == what) {
            tell(out, PublishEvent::Solved(problem));
        }
    }

    fn all_solved(&mut self, out: &SyncSender<Message>) {
        for (_, problem) in self.0.drain(..) {
            tell(out, PublishEvent::Solved(problem));
        }
    }
}
