//! One broadcast as the origin sees it: fence, manifests, tracks, liveness.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use runnel_p2p::wire::{BroadcastId, ChannelId, Manifest, SignedManifest};
use tokio::sync::watch;

use super::OriginError;
use super::liveness::Liveness;
use super::segment::{PartRule, Segments};
use super::track::Track;
use crate::api::{BroadcastState, IngestSession};

/// Manifest versions kept; chunks may still be on their way under an older one.
const VERSIONS: usize = 8;
/// Init segments of one run, in all its renditions.
const INITS: usize = 256;
/// Chunk lengths an LL-HLS view can be made of.
const CHUNK_MILLIS: std::ops::RangeInclusive<u32> = 20..=500;

/// A broadcast that is open or was until lately.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) broadcast: BroadcastId,
    pub(super) channel: ChannelId,
    /// One ingest begins at a time.
    pub(super) beginning: tokio::sync::Mutex<()>,
    state: Mutex<RunState>,
    /// Grows when state, manifest or the first part of a track changed.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct RunState {
    pub(super) epoch: Option<u64>,
    pub(super) fence: u64,
    pub(super) liveness: Liveness,
    pub(super) closed_at: Option<Instant>,
    pub(super) manifests: BTreeMap<u32, (Arc<Manifest>, SignedManifest)>,
    pub(super) inits: HashMap<(u8, u32), Bytes>,
    pub(super) tracks: BTreeMap<u8, Track>,
}

impl Run {
    pub(super) fn new(broadcast: BroadcastId, channel: ChannelId, liveness: Liveness) -> Self {
        Self {
            broadcast,
            channel,
            beginning: tokio::sync::Mutex::new(()),
            state: Mutex::new(RunState {
                epoch: None,
                fence: 0,
                liveness,
                closed_at: None,
                manifests: BTreeMap::new(),
                inits: HashMap::new(),
                tracks: BTreeMap::new(),
            }),
            changed: watch::Sender::new(0),
        }
    }

    /// Looks at the state or changes it; never held across an await.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut RunState) -> T) -> T {
        look(&mut self.state.lock())
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl RunState {
    /// Refuses what comes after the end.
    pub(super) fn check_open(&self) -> Result<(), OriginError> {
        match self.liveness.state() {
            BroadcastState::TakenDown => Err(OriginError::TakenDown),
            BroadcastState::Ended => Err(OriginError::Ended),
            _ => Ok(()),
        }
    }

    /// Refuses everyone after a take-down.
    pub(super) fn check_readable(&self) -> Result<(), OriginError> {
        match self.liveness.state() {
            BroadcastState::TakenDown => Err(OriginError::TakenDown),
            _ => Ok(()),
        }
    }

    pub(super) fn check_fence(&self, fence: u64) -> Result<(), OriginError> {
        if fence == self.fence { Ok(()) } else { Err(OriginError::StaleFence { got: fence, current: self.fence }) }
    }

    pub(super) fn newest(&self) -> Option<&(Arc<Manifest>, SignedManifest)> {
        self.manifests.last_key_value().map(|(_, manifest)| manifest)
    }

    pub(super) fn session(&self, epoch: u64, grace: Duration) -> IngestSession {
        let mut next_init = BTreeMap::new();
        for (rendition, id) in self.inits.keys() {
            let next = next_init.entry(*rendition).or_insert(0);
            *next = (*next).max(id.saturating_add(1));
        }
        IngestSession {
            epoch,
            fence: self.fence,
            grace_seconds: u32::try_from(grace.as_secs()).unwrap_or(u32::MAX),
            cursor: self.tracks.iter().map(|(rendition, track)| (*rendition, track.next())).collect(),
            manifest_version: self.manifests.last_key_value().map_or(0, |(version, _)| *version),
            next_init,
        }
    }

    /// Takes a verified manifest in; tells whether it is new.
    pub(super) fn add_manifest(
        &mut self,
        manifest: Manifest,
        signed: SignedManifest,
        memory: (Duration, usize),
    ) -> Result<bool, OriginError> {
        let version = manifest.version;
        if let Some((_, known)) = self.manifests.get(&version) {
            return if *known == signed { Ok(false) } else { Err(OriginError::OtherManifest { version }) };
        }
        if let Some((newest, _)) = self.manifests.last_key_value().filter(|(newest, _)| version < **newest) {
            return Err(OriginError::OldManifest { version, newest: *newest });
        }
        let mut fresh = 0;
        for rendition in &manifest.renditions {
            if !CHUNK_MILLIS.contains(&rendition.chunk_millis) {
                return Err(OriginError::ChunkLength { millis: rendition.chunk_millis });
            }
            for init in &rendition.inits {
                match self.inits.get(&(rendition.id.0, init.id)) {
                    Some(known) if *known != init.data => {
                        return Err(OriginError::OtherInit { rendition: rendition.id.0, init: init.id });
                    }
                    Some(_) => {}
                    None => fresh += 1,
                }
            }
        }
        if self.inits.len() + fresh > INITS {
            return Err(OriginError::TooManyInits { limit: INITS });
        }
        let epoch = manifest.epoch.0;
        for rendition in &manifest.renditions {
            for init in &rendition.inits {
                self.inits.entry((rendition.id.0, init.id)).or_insert_with(|| init.data.clone());
            }
            let id = rendition.id.0;
            let rule = PartRule::new(rendition.chunk_millis);
            let track = self.tracks.entry(id).or_insert_with(|| Track::new(epoch, id, 0, Segments::new(rule), memory));
            track.set_rule(rendition.chunk_millis);
        }
        self.manifests.insert(version, (Arc::new(manifest), signed));
        while self.manifests.len() > VERSIONS {
            self.manifests.pop_first();
        }
        Ok(true)
    }
}
