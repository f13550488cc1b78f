//! The origin: takes chunks in, keeps the newest in memory and the rest on disk, gives them out one by one or as LL-HLS.
//!
//! It never looks inside a chunk: segments are chunks one after the other, and their times come from the signed headers.

mod disk;
mod error;
mod hls;
mod ingest;
mod keep;
mod liveness;
mod order;
mod playlist;
mod read;
mod restore;
mod retention;
mod run;
mod segment;
mod track;
mod window;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use runnel_p2p::wire::{BroadcastId, ChannelId};
use tokio_util::sync::CancellationToken;

use crate::api::BroadcastState;
use crate::bus::{Bus, Fact};
use crate::clock::Clock;
use crate::config::{IngestSettings, RetentionSettings};
use crate::store::Store;
use crate::telemetry::Metrics;

pub(crate) use error::OriginError;
pub(crate) use hls::{HlsFile, Reload};
pub(crate) use ingest::Taken;
pub(crate) use window::Held;

use disk::Disk;
use liveness::Liveness;
use run::Run;

/// How long a request for what is about to come is held.
pub(crate) const HOLD: Duration = Duration::from_secs(10);

/// The origin of all broadcasts.
#[derive(Debug)]
pub(crate) struct Origin {
    ingest: IngestSettings,
    retention: RetentionSettings,
    store: Store,
    clock: Clock,
    bus: Bus,
    metrics: Arc<Metrics>,
    disk: Disk,
    runs: RwLock<Runs>,
    /// Releases everyone who waits when the server goes down.
    closing: CancellationToken,
}

#[derive(Debug, Default)]
struct Runs {
    by_broadcast: HashMap<BroadcastId, Arc<Run>>,
    by_epoch: HashMap<u64, Arc<Run>>,
}

/// What the origin is built from.
#[derive(Debug)]
pub(crate) struct OriginParts {
    /// Limits of publishing.
    pub ingest: IngestSettings,
    /// What is kept and how long.
    pub retention: RetentionSettings,
    /// Folder for chunks.
    pub folder: PathBuf,
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// Where accepted chunks are announced.
    pub bus: Bus,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Ends all waiting.
    pub closing: CancellationToken,
}

impl Origin {
    /// An origin without broadcasts; call [`Origin::restore`] next.
    pub(crate) fn new(parts: OriginParts) -> std::io::Result<Self> {
        Ok(Self {
            ingest: parts.ingest,
            retention: parts.retention,
            store: parts.store,
            clock: parts.clock,
            bus: parts.bus,
            metrics: parts.metrics,
            disk: Disk::start(parts.folder)?,
            runs: RwLock::default(),
            closing: parts.closing,
        })
    }

    /// Gets ready for a broadcast that was announced.
    pub(crate) fn open(&self, broadcast: BroadcastId, channel: ChannelId) -> Result<(), OriginError> {
        let mut runs = self.runs.write();
        let open = |run: &&Arc<Run>| run.with(|state| state.liveness.state().is_open());
        if runs.by_broadcast.values().filter(open).count() >= self.ingest.max_broadcasts {
            return Err(OriginError::TooManyBroadcasts { limit: self.ingest.max_broadcasts });
        }
        let liveness = Liveness::new(BroadcastState::Waiting, self.clock.now(), self.ingest.lost, self.ingest.grace);
        runs.by_broadcast.entry(broadcast).or_insert_with(|| Arc::new(Run::new(broadcast, channel, liveness)));
        Ok(())
    }

    /// Where a broadcast stands, if the origin has it.
    pub(crate) fn state(&self, broadcast: BroadcastId) -> Option<BroadcastState> {
        Some(self.run(broadcast).ok()?.with(|state| state.liveness.state()))
    }

    /// The epoch of a broadcast, if publishing has begun.
    pub(crate) fn epoch(&self, broadcast: BroadcastId) -> Option<u64> {
        self.run(broadcast).ok()?.with(|state| state.epoch)
    }

    /// The broadcast of an epoch.
    pub(crate) fn broadcast_of(&self, epoch: u64) -> Option<BroadcastId> {
        self.runs.read().by_epoch.get(&epoch).map(|run| run.broadcast)
    }

    /// Checks a fence, for what belongs to a publishing session without being media.
    pub(crate) fn check_fence(&self, broadcast: BroadcastId, fence: u64) -> Result<(), OriginError> {
        self.run(broadcast)?.with(|state| {
            state.check_open()?;
            state.check_fence(fence)
        })
    }

    /// Ends a broadcast in good order; tells whether it was open.
    pub(crate) fn end(&self, broadcast: BroadcastId) -> bool {
        self.close(broadcast, BroadcastState::Ended)
    }

    /// Makes everything of a broadcast unreachable at once.
    pub(crate) fn take_down(&self, broadcast: BroadcastId) {
        self.close(broadcast, BroadcastState::TakenDown);
    }

    /// Deletes everything of a broadcast from disk.
    pub(crate) async fn delete(&self, broadcast: BroadcastId) {
        if let Some(epoch) = self.epoch(broadcast) {
            self.disk.remove(epoch).await;
        }
    }

    /// Lets time pass: silence changes states, missing chunks are given up, old runs are forgotten.
    pub(crate) fn tick(&self) -> Vec<(BroadcastId, BroadcastState)> {
        let now = self.clock.now();
        let all: Vec<Arc<Run>> = self.runs.read().by_broadcast.values().cloned().collect();
        let mut changes = Vec::new();
        let mut memory = 0;
        for run in all {
            let (changed, old) = run.with(|state| {
                let changed = state.liveness.tick(now);
                if changed && !state.liveness.state().is_open() {
                    state.closed_at = Some(now);
                    state.tracks.values_mut().for_each(track::Track::end);
                }
                if state.liveness.state().is_open() {
                    let mut publish = self.publisher(run.broadcast);
                    for track in state.tracks.values_mut() {
                        track.advance(now, None, &self.disk, &mut publish);
                    }
                }
                memory += state.tracks.values().map(|track| track.window().bytes()).sum::<usize>();
                let old =
                    state.closed_at.is_some_and(|closed| now.saturating_duration_since(closed) >= self.retention.ended);
                (changed.then(|| state.liveness.state()), old)
            });
            if let Some(state) = changed {
                run.wake();
                self.bus.publish(Fact::State { broadcast: run.broadcast, state });
                changes.push((run.broadcast, state));
            }
            if old {
                self.forget(&run);
            }
        }
        self.metrics.window_bytes.set(memory as u64);
        changes
    }

    /// Waits until everything taken so far is on disk.
    pub(crate) async fn flush(&self) {
        self.disk.flush().await;
    }

    fn close(&self, broadcast: BroadcastId, to: BroadcastState) -> bool {
        let Ok(run) = self.run(broadcast) else { return false };
        let now = self.clock.now();
        let changed = run.with(|state| {
            let changed = state.liveness.close(to);
            if changed {
                state.closed_at.get_or_insert(now);
                for track in state.tracks.values_mut() {
                    if to == BroadcastState::TakenDown { track.wipe() } else { track.end() }
                }
                if to == BroadcastState::TakenDown {
                    state.manifests.clear();
                    state.inits.clear();
                }
            }
            changed
        });
        if changed {
            run.wake();
            self.bus.publish(Fact::State { broadcast, state: to });
        }
        changed
    }

    fn forget(&self, run: &Run) {
        let mut runs = self.runs.write();
        runs.by_broadcast.remove(&run.broadcast);
        if let Some(epoch) = run.with(|state| state.epoch) {
            runs.by_epoch.remove(&epoch);
        }
    }

    fn run(&self, broadcast: BroadcastId) -> Result<Arc<Run>, OriginError> {
        self.runs.read().by_broadcast.get(&broadcast).cloned().ok_or(OriginError::UnknownBroadcast)
    }

    fn run_of_epoch(&self, epoch: u64) -> Result<Arc<Run>, OriginError> {
        self.runs.read().by_epoch.get(&epoch).cloned().ok_or(OriginError::UnknownEpoch { epoch })
    }

    fn memory(&self) -> (Duration, usize) {
        (self.ingest.window, self.ingest.window_bytes)
    }

    fn publisher(&self, broadcast: BroadcastId) -> impl FnMut(&Arc<Held>) + '_ {
        move |held| self.bus.publish(Fact::Chunk { broadcast, held: Arc::clone(held) })
    }
}
