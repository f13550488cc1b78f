//! The thread that takes sound from the source, prepares and encodes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::shared::{Growth, Message, Shared, count, tell};
use super::types::{PublishEvent, PublishProblem};
use crate::capture::queue;
use crate::encode::opus::OpusEncoder;
use crate::frame::AudioFrame;
use crate::preprocess::AudioProcessor;

/// Sound comes every 10 ms; longer waits are only for looking whether the end has come.
const TICK: Duration = Duration::from_millis(20);

pub(crate) struct SoundThread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) blocks: queue::Receiver<AudioFrame>,
    pub(crate) processor: AudioProcessor,
    pub(crate) encoder: OpusEncoder,
    pub(crate) out: SyncSender<Message>,
}

impl SoundThread {
    pub(crate) fn run(mut self) {
        let mut put_out = Growth::default();
        let mut gaps = Growth::default();
        let mut failing = false;
        while !self.shared.is_ending() {
            if let Some(blocks) = self.shared.new_audio.lock().take() {
                self.blocks = blocks;
                put_out = Growth::default();
            }
            let mut block = match self.blocks.recv_timeout(TICK) {
                Ok(Some(block)) => block,
                Ok(None) => continue,
                Err(queue::Closed) if self.shared.new_audio.lock().is_some() => continue,
                Err(queue::Closed) => return,
            };
            self.processor.set_gain_db(*self.shared.gain_db.lock());
            self.processor.set_muted(self.shared.muted.load(Ordering::Relaxed));
            self.processor.set_denoise(self.shared.denoise.load(Ordering::Relaxed));
            self.processor.process(&mut block);
            *self.shared.level.lock() = self.processor.level();
            let lost = put_out.since(self.blocks.dropped());
            if !self.shared.ready.load(Ordering::Acquire) {
                continue;
            }
            count(&self.shared.counters.dropped_sound, lost + gaps.since(self.encoder.gaps()));
            // Noise suppression holds a moment back when it is switched on.
            if block.samples.is_empty() {
                continue;
            }
            if let Err(error) = self.encoder.push(&block) {
                count(&self.shared.counters.dropped_sound, 1);
                if !std::mem::replace(&mut failing, true) {
                    let problem = PublishProblem::Sound { reason: error.to_string() };
                    tell(&self.out, PublishEvent::Problem(problem));
                }
            }
            while let Some(packet) = self.encoder.poll() {
                if self.out.send(Message::Frame(packet, self.shared.clock.now())).is_err() {
                    return;
                }
            }
        }
    }
}
