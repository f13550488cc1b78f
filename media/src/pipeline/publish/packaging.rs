//! The thread that cuts chunks and tells the outside.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::shared::{Message, Shared, count};
use super::thumbnail;
use super::types::{PublishEvent, PublishProblem};
use crate::format::Timestamp;
use crate::frame::{EncodedFrame, TrackKind};
use crate::package::{PackageOutput, Packager};

/// Where events go.
pub type Sink = Box<dyn FnMut(PublishEvent) + Send>;

pub(crate) struct PackageThread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) messages: Receiver<Message>,
    pub(crate) packager: Packager,
    pub(crate) sink: Sink,
    /// Pictures that are not in a chunk yet: their media time, and when they were ready.
    pub(crate) waiting: VecDeque<(Timestamp, Timestamp)>,
    pub(crate) complaining: bool,
}

impl PackageThread {
    /// Runs until every other thread has hung up.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            match message {
                Message::Frame(frame, ready) => self.frame(frame, ready),
                Message::Fps(fps) => self.packager.set_fps(fps),
                Message::Event(event) => (self.sink)(event),
                Message::Thumbnail(picture) => {
                    if let Some(jpeg) = thumbnail::jpeg(&picture) {
                        (self.sink)(PublishEvent::Thumbnail(jpeg));
                    }
                }
            }
        }
        if let Err(error) = self.packager.flush() {
            self.complain(error.to_string());
        }
        self.give_out();
        (self.sink)(PublishEvent::Ended { reason: self.shared.end_reason() });
    }

    fn frame(&mut self, frame: EncodedFrame, ready: Timestamp) {
        if frame.kind == TrackKind::Video {
            self.waiting.push_back((frame.timestamp, ready));
        }
        match self.packager.push(frame) {
            Ok(()) => self.complaining = false,
            Err(error) => {
                count(&self.shared.counters.dropped_package, 1);
                self.complain(error.to_string());
            }
        }
        self.give_out();
    }

    /// Tells a problem once until something goes well again.
    fn complain(&mut self, reason: String) {
        if !std::mem::replace(&mut self.complaining, true) {
            (self.sink)(PublishEvent::Problem(PublishProblem::Package { reason }));
        }
    }

    fn give_out(&mut self) {
        while let Some(output) = self.packager.poll() {
            match output {
                PackageOutput::Init(init) => (self.sink)(PublishEvent::Init(init)),
                PackageOutput::Chunk(chunk) => {
                    let end = chunk.start.saturating_add(chunk.duration);
                    while let Some((at, ready)) = self.waiting.front().copied().filter(|(at, _)| *at < end) {
                        self.waiting.pop_front();
                        self.shared.took("package", ready);
                        self.shared.took("total", at);
                    }
                    self.shared.counters.bytes.fetch_add(chunk.data.len() as u64, Ordering::Relaxed);
                    (self.sink)(PublishEvent::Chunk(chunk));
                }
            }
        }
    }
}
