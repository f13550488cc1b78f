//! Giving manifests and single chunks out.

use std::sync::Arc;

use bytes::Bytes;
use runnel_p2p::wire::{BroadcastId, RenditionId, SignedManifest, decode_chunk};

use super::run::Run;
use super::{HOLD, Origin, OriginError, disk};
use crate::api::ChunkRange;

/// A chunk this little ahead of the newest is worth waiting for.
const NEAR: u64 = 8;

impl Origin {
    /// The newest manifest of a broadcast; waits for the first one.
    pub(crate) async fn manifest(&self, broadcast: BroadcastId) -> Result<SignedManifest, OriginError> {
        let run = self.run(broadcast)?;
        let mut changes = run.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let found = run.with(|state| {
                    state.check_readable()?;
                    let found = state.newest().map(|(_, signed)| signed.clone());
                    if found.is_none() {
                        state.check_open()?;
                    }
                    Ok::<_, OriginError>(found)
                })?;
                match found {
                    Some(manifest) => return Ok(manifest),
                    None => changes.changed().await.map_err(|_| OriginError::Ended)?,
                }
            }
        };
        self.hold(wait).await
    }

    /// The mean rate of a rendition, once a manifest tells it.
    pub(crate) fn bitrate_kbps(&self, broadcast: BroadcastId, rendition: u8) -> Option<u32> {
        let run = self.run(broadcast).ok()?;
        run.with(|state| Some(state.newest()?.0.rendition(RenditionId(rendition))?.bitrate_kbps))
    }

    /// The newest manifest, if there is one by now.
    pub(crate) fn manifest_now(&self, broadcast: BroadcastId) -> Option<SignedManifest> {
        self.run(broadcast).ok()?.with(|state| state.newest().map(|(_, signed)| signed.clone()))
    }

    /// What of a rendition can be had.
    pub(crate) fn chunk_range(&self, epoch: u64, rendition: u8) -> Result<ChunkRange, OriginError> {
        self.run_of_epoch(epoch)?.with(|state| {
            state.check_readable()?;
            let track = state.tracks.get(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
            Ok(ChunkRange { first: track.first(), keyframe: track.window().last_keyframe(), next: track.next() })
        })
    }

    /// A whole chunk; waits for one that is about to come.
    pub(crate) async fn chunk(&self, epoch: u64, rendition: u8, sequence: u64) -> Result<Bytes, OriginError> {
        let run = self.run_of_epoch(epoch)?;
        let mut chunks = run.with(|state| {
            state.check_readable()?;
            let track = state.tracks.get(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
            Ok::<_, OriginError>(track.chunks())
        })?;
        let wait = async {
            loop {
                let next = *chunks.borrow_and_update();
                if let Some(bytes) = self.chunk_now(&run, rendition, sequence).await? {
                    return Ok(bytes);
                }
                if sequence < next {
                    return Err(OriginError::Gone { what: format!("chunk {sequence}") });
                }
                if sequence > next.saturating_add(NEAR) {
                    return Err(OriginError::Missing { what: format!("chunk {sequence}: the next is {next}") });
                }
                run.with(|state| state.check_open())?;
                chunks.changed().await.map_err(|_| OriginError::Ended)?;
            }
        };
        self.hold(wait).await
    }

    async fn chunk_now(&self, run: &Arc<Run>, rendition: u8, sequence: u64) -> Result<Option<Bytes>, OriginError> {
        let (held, file) = run.with(|state| {
            state.check_readable()?;
            let track = state.tracks.get(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
            let held = track.window().get(sequence).map(|held| held.encoded.clone());
            let passed = held.is_none() && sequence < track.next();
            Ok::<_, OriginError>((held, passed.then(|| track.file_of(sequence)).flatten()))
        })?;
        let Some(file) = file else { return Ok(held) };
        let root = self.disk.root().to_owned();
        let read = tokio::task::spawn_blocking(move || disk::read(&root, &file)).await;
        // A file that retention just deleted is like one that never was.
        let Ok(Ok((chunks, _))) = read else { return Ok(None) };
        let found = chunks
            .into_iter()
            .find(|bytes| decode_chunk(bytes.clone()).is_ok_and(|chunk| chunk.header.sequence.0 == sequence));
        Ok(found)
    }

    /// Lets a request wait, but not longer than [`HOLD`] and not while the server goes down.
    pub(super) async fn hold<T>(&self, wait: impl Future<Output = Result<T, OriginError>>) -> Result<T, OriginError> {
        self.metrics.waiting.add(1);
        let result = tokio::select! {
            biased;
            result = wait => result,
            () = self.closing.cancelled() => Err(OriginError::Closing),
            () = tokio::time::sleep(HOLD) => Err(OriginError::NotYet),
        };
        self.metrics.waiting.sub(1);
        result
    }
}
