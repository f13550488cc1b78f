//! Taking manifests and chunks in.

use std::sync::Arc;

use bytes::Bytes;
use runnel_p2p::wire::{BroadcastId, PIECE, PublicKey, SignedChunk, SignedManifest, decode_chunk};

use super::disk::{self, DiskError};
use super::segment::PartRule;
use super::track::Offered;
use super::window::Held;
use super::{Origin, OriginError};
use crate::api::{BroadcastState, ChunkReceipt, IngestSession};
use crate::bus::Fact;

/// How a chunk was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// New, and stored.
    Stored(ChunkReceipt),
    /// It was here already.
    Same(ChunkReceipt),
    /// It goes out live but could not be stored, and why.
    LiveOnly(String),
}

impl Origin {
    /// Begins, resumes or takes over the publishing of a broadcast.
    pub(crate) async fn begin(&self, broadcast: BroadcastId) -> Result<IngestSession, OriginError> {
        let run = self.run(broadcast)?;
        let _one = run.beginning.lock().await;
        let known = run.with(|state| {
            state.check_open()?;
            Ok::<_, OriginError>(state.epoch)
        })?;
        let epoch = match known {
            Some(epoch) => epoch,
            None => {
                // Milliseconds since 1970 never repeat, even if the database is lost.
                let wish = u64::try_from(self.clock.unix_micros() / 1000).unwrap_or(1);
                self.store.add_epoch(broadcast, wish, self.clock.unix_seconds()).await?
            }
        };
        let fence = self.store.raise_fence(epoch).await?;
        self.runs.write().by_epoch.insert(epoch, Arc::clone(&run));
        let now = self.clock.now();
        let session = run.with(|state| {
            state.check_open()?;
            state.epoch = Some(epoch);
            state.fence = fence;
            state.liveness.heard(now);
            Ok::<_, OriginError>(state.session(epoch, self.ingest.grace))
        })?;
        run.wake();
        Ok(session)
    }

    /// Takes a manifest signed by one of the channel's keys.
    pub(crate) async fn put_manifest(
        &self,
        broadcast: BroadcastId,
        fence: u64,
        bytes: Bytes,
        channel_keys: &[PublicKey],
    ) -> Result<(), OriginError> {
        let run = self.run(broadcast)?;
        let signed = SignedManifest::from_bytes(bytes)?;
        let manifest = signed.verify(channel_keys)?;
        if manifest.broadcast != broadcast {
            return Err(OriginError::Misplaced { what: "broadcast" });
        }
        if manifest.channel != run.channel {
            return Err(OriginError::Misplaced { what: "channel" });
        }
        let (version, now) = (manifest.version, self.clock.now());
        let epoch = run.with(|state| {
            state.check_open()?;
            state.check_fence(fence)?;
            let epoch = state.epoch.filter(|epoch| *epoch == manifest.epoch.0);
            let epoch = epoch.ok_or(OriginError::Misplaced { what: "epoch" })?;
            state.add_manifest(manifest, signed.clone(), self.memory())?;
            state.liveness.heard(now);
            Ok::<_, OriginError>(epoch)
        })?;
        // It is in force now; after a restart it must still be known, so the publisher hears if it was not kept.
        self.store.add_manifest(epoch, version, signed.bytes()).await?;
        run.wake();
        self.bus.publish(Fact::Manifest { broadcast, manifest: signed, channel_keys: channel_keys.to_vec() });
        Ok(())
    }

    /// Takes a chunk; nothing of it is kept or passed on before its signature and hashes are checked.
    ///
    /// The second value says that the broadcast came to life with it.
    pub(crate) async fn put_chunk(
        &self,
        epoch: u64,
        rendition: u8,
        sequence: u64,
        fence: u64,
        body: Bytes,
    ) -> Result<(Taken, Option<BroadcastState>), OriginError> {
        let run = self.run_of_epoch(epoch)?;
        if body.len() > self.ingest.max_chunk_bytes {
            return Err(OriginError::TooLarge { bytes: body.len(), limit: self.ingest.max_chunk_bytes });
        }
        run.with(|state| {
            state.check_open()?;
            state.check_fence(fence)
        })?;
        let chunk = decode_chunk(body.clone())?;
        let header = &chunk.header;
        if (header.broadcast, header.epoch.0, header.rendition.0, header.sequence.0)
            != (run.broadcast, epoch, rendition, sequence)
        {
            return Err(OriginError::Misaddressed {
                inside: format!("{}/{}/{} of {}", header.epoch, header.rendition, header.sequence, header.broadcast),
                address: format!("{epoch}/{rendition}/{sequence} of {}", run.broadcast),
            });
        }
        let manifest = run.with(|state| {
            let version = header.manifest_version;
            state
                .manifests
                .get(&version)
                .map(|(manifest, _)| Arc::clone(manifest))
                .ok_or(OriginError::UnknownManifest { version })
        })?;
        let described = manifest.rendition(header.rendition).ok_or(OriginError::UnknownRendition { rendition })?;
        let most = PartRule::new(described.chunk_millis).target;
        if header.duration_micros == 0 || u64::from(header.duration_micros) > most {
            return Err(OriginError::Duration { micros: header.duration_micros, most });
        }
        verify(&chunk, &manifest.broadcast_key)?;
        let (init, held) = (header.init, Arc::new(Held { encoded: body, chunk }));
        let now = self.clock.now();
        let mut revived = None;
        let (offered, next) = run.with(|state| {
            // Time has passed since the first look.
            state.check_open()?;
            state.check_fence(fence)?;
            if !state.inits.contains_key(&(rendition, init)) {
                return Err(OriginError::UnknownInit { init });
            }
            let track = state.tracks.get_mut(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
            let mut publish = self.publisher(run.broadcast);
            let first = !track.playlist().borrow().has_media();
            let offered = track.offer(now, Arc::clone(&held), &self.disk, &mut publish);
            let next = track.next();
            let begun = first && track.playlist().borrow().has_media();
            if matches!(offered, Offered::New { .. }) && state.liveness.chunk(now) {
                revived = Some(state.liveness.state());
            } else {
                state.liveness.heard(now);
            }
            if begun {
                run.wake();
            }
            Ok((offered, next))
        })?;
        if let Some(state) = revived {
            run.wake();
            self.bus.publish(Fact::State { broadcast: run.broadcast, state });
        }
        let receipt = ChunkReceipt { next };
        let taken = match offered {
            Offered::Same => Taken::Same(receipt),
            Offered::Different => return Err(OriginError::OtherChunk { sequence }),
            Offered::Passed => self
                .compare_with_disk(&run, rendition, &held)
                .await?
                .then_some(Taken::Same(receipt))
                .ok_or(OriginError::Gone { what: format!("chunk {sequence}") })?,
            Offered::New { stored } => {
                self.metrics.chunks_in.add(1);
                self.metrics.bytes_in.add(held.encoded.len() as u64);
                match stored {
                    None => Taken::Stored(receipt),
                    Some(stored) => match stored.await {
                        Ok(Ok(())) => Taken::Stored(receipt),
                        Ok(Err(error)) => self.live_only(&error),
                        Err(_) => self.live_only(&DiskError::Slow),
                    },
                }
            }
        };
        Ok((taken, revived))
    }

    fn live_only(&self, error: &DiskError) -> Taken {
        self.metrics.chunks_not_stored.add(1);
        Taken::LiveOnly(error.to_string())
    }

    /// Whether the very chunk that comes again is on disk; another one there is a conflict.
    async fn compare_with_disk(&self, run: &super::Run, rendition: u8, held: &Held) -> Result<bool, OriginError> {
        let sequence = held.chunk.header.sequence.0;
        let file = run.with(|state| state.tracks.get(&rendition)?.file_of(sequence));
        let Some(file) = file else { return Ok(false) };
        let root = self.disk.root().to_owned();
        let read = tokio::task::spawn_blocking(move || disk::read(&root, &file)).await;
        let Ok(Ok((chunks, _))) = read else { return Ok(false) };
        let known = chunks.into_iter().filter_map(|bytes| decode_chunk(bytes).ok());
        match known.into_iter().find(|chunk| chunk.header.sequence.0 == sequence) {
            Some(known) if known.signed == held.chunk.signed => Ok(true),
            Some(_) => Err(OriginError::OtherChunk { sequence }),
            None => Ok(false),
        }
    }
}

/// Checks the header's signature and each piece's hash.
fn verify(chunk: &SignedChunk, key: &PublicKey) -> Result<(), OriginError> {
    let header = chunk.signed.verify(key)?;
    for (piece, (bytes, hash)) in chunk.payload.chunks(PIECE).zip(&header.pieces).enumerate() {
        if blake3::hash(bytes) != *hash {
            return Err(OriginError::BadPiece { piece });
        }
    }
    Ok(())
}
