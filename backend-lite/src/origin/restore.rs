//! Going on after a restart where the last run left off.

use std::sync::Arc;

use bytes::Bytes;
use runnel_p2p::wire::{BroadcastId, ChannelId, SignedManifest, decode_chunk};

use super::Origin;
use super::disk::{self, SegmentFile};
use super::liveness::Liveness;
use super::run::Run;
use super::segment::{PartRule, Segments};
use super::track::Track;
use super::window::Held;
use crate::api::BroadcastState;
use crate::store::EpochRow;

/// So many of the last segments are read back: as much as a playlist lists.
const SEGMENTS: usize = 12;

impl Origin {
    /// Takes up a broadcast that was open when the server last ran.
    pub(crate) async fn restore(
        &self,
        broadcast: BroadcastId,
        channel: ChannelId,
        was: BroadcastState,
        epoch: Option<EpochRow>,
    ) -> BroadcastState {
        // Whether the publisher is still there shows when its next chunk comes.
        let state = if was == BroadcastState::Waiting { was } else { BroadcastState::Stopped };
        let liveness = Liveness::new(state, self.clock.now(), self.ingest.lost, self.ingest.grace);
        let run = Arc::new(Run::new(broadcast, channel, liveness));
        if let Some(row) = epoch {
            run.with(|state| {
                state.epoch = Some(row.epoch);
                state.fence = row.fence;
            });
            for bytes in row.manifests {
                self.restore_manifest(&run, bytes);
            }
            self.restore_tracks(&run, row.epoch).await;
            self.runs.write().by_epoch.insert(row.epoch, Arc::clone(&run));
        }
        self.runs.write().by_broadcast.insert(broadcast, run);
        state
    }

    fn restore_manifest(&self, run: &Run, bytes: Bytes) {
        // It was verified when it came; the key that signed it may have been revoked since.
        let result = SignedManifest::from_bytes(bytes).and_then(|signed| Ok((signed.peek()?, signed)));
        match result {
            Ok((manifest, signed)) => {
                if let Err(error) = run.with(|state| state.add_manifest(manifest, signed, self.memory())) {
                    tracing::warn!(broadcast = %run.broadcast, %error, "a stored manifest does not fit");
                }
            }
            Err(error) => tracing::warn!(broadcast = %run.broadcast, %error, "a stored manifest cannot be read"),
        }
    }

    async fn restore_tracks(&self, run: &Run, epoch: u64) {
        let root = self.disk.root().to_owned();
        for rendition in disk::renditions(&root, epoch) {
            let root = root.clone();
            let read = tokio::task::spawn_blocking(move || read_tail(&root, epoch, rendition)).await;
            let Ok((earlier, tail)) = read else { continue };
            let Some((first, _)) = tail.first() else { continue };
            let millis = run.with(|state| {
                let (manifest, _) = state.newest()?;
                manifest.renditions.iter().find(|described| described.id.0 == rendition).map(|found| found.chunk_millis)
            });
            let rule = PartRule::new(millis.unwrap_or(100));
            let segments = Segments::after_restart(rule, first.msn, first.discontinuities, first.discontinuity);
            let mut track = Track::new(epoch, rendition, 0, segments, self.memory());
            track.set_files(earlier);
            'files: for (file, chunks) in &tail {
                for (index, held) in chunks.iter().enumerate() {
                    if !track.restore(*file, held, index == 0) {
                        tracing::warn!(epoch, rendition, msn = file.msn, "stored segments do not fit together");
                        break 'files;
                    }
                }
            }
            track.show();
            run.with(|state| state.tracks.insert(rendition, track));
        }
    }
}

type Tail = Vec<(SegmentFile, Vec<Arc<Held>>)>;

/// The last segments with their chunks, from a keyframe on, and the files before them.
fn read_tail(root: &std::path::Path, epoch: u64, rendition: u8) -> (Vec<SegmentFile>, Tail) {
    let mut files = disk::files(root, epoch, rendition);
    let tail_files = files.split_off(files.len().saturating_sub(SEGMENTS));
    let mut tail: Tail = Vec::new();
    for file in tail_files {
        let Ok((chunks, good)) = disk::read(root, &file) else { break };
        // Whatever stands behind a torn chunk could not be read either.
        if let Err(error) = disk::cut(root, &file, good) {
            tracing::warn!(epoch, rendition, %error, "cannot mend a damaged segment");
        }
        let mut held = Vec::new();
        for encoded in chunks {
            let Ok(chunk) = decode_chunk(encoded.clone()) else { break };
            held.push(Arc::new(Held { encoded, chunk }));
        }
        if !held.is_empty() {
            tail.push((file, held));
        }
    }
    let decodable = |chunks: &[Arc<Held>]| chunks.first().is_some_and(|held| held.chunk.header.flags.keyframe);
    let from = tail.iter().position(|(_, chunks)| decodable(chunks)).unwrap_or(tail.len());
    files.extend(tail.drain(..from).map(|(file, _)| file));
    (files, tail)
}
