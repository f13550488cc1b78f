//! Keeps a broadcast's books: which manifest version is in force, which init segments it holds, how chunks are numbered. Pure.

use bytes::Bytes;
use runnel_media::package::{InitSegment, MediaChunk};
use runnel_p2p::wire::{
    BroadcastId, BroadcastKey, ChannelId, ChannelKey, ChunkError, ChunkFlags, ChunkInfo, Epoch, Init, Manifest,
    ManifestError, PIECE, Rendition, RenditionId, Sequence, SignedChunk, SignedManifest, Track, TrackKind, sign_chunk,
};

/// The only rendition so far.
pub(crate) const RENDITION: RenditionId = RenditionId(0);

/// Most stripes: more parents than that help nobody.
const MOST_STRIPES: u32 = 8;

/// Init segments that a manifest keeps: viewers that are behind still need the one before.
const INITS_KEPT: usize = 4;

/// Share of a rendition's bitrate that sound takes, in kbit/s.
const SOUND_KBPS: u32 = 96;

/// Where a publishing run goes on, as the origin told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Whose broadcast.
    pub(super) channel: ChannelId,
    /// Which.
    pub(super) broadcast: BroadcastId,
    /// The run.
    pub(super) epoch: u64,
    /// First free sequence.
    pub(super) sequence: u64,
    /// First free init id.
    pub(super) init: u32,
    /// Newest manifest version that exists.
    pub(super) manifest_version: u32,
}

/// The books of one publishing run.
pub(super) struct Book {
    start: Start,
    channel_key: ChannelKey,
    broadcast_key: BroadcastKey,
    chunk_millis: u32,
    bitrate_kbps: u32,
    version: u32,
    inits: Vec<Init>,
    /// The packager's number of the first chunk of this run.
    first_chunk: Option<u64>,
    /// The packager's number of the first init segment of this run.
    first_init: Option<u32>,
    rendition: Option<Rendition>,
}

impl Book {
    /// Books that go on at `start`.
    pub(super) fn new(
        start: Start,
        channel_key: ChannelKey,
        broadcast_key: BroadcastKey,
        chunk_millis: u32,
        bitrate_kbps: u32,
    ) -> Self {
        let version = start.manifest_version;
        Self {
            start,
            channel_key,
            broadcast_key,
            chunk_millis,
            bitrate_kbps,
            version,
            inits: Vec::new(),
            first_chunk: None,
            first_init: None,
            rendition: None,
        }
    }

    /// The key that signs chunks.
    pub(super) fn broadcast_key(&self) -> &BroadcastKey {
        &self.broadcast_key
    }

    /// Whether the first init segment was entered: before that there is nothing to sign chunks under.
    pub(super) fn is_open(&self) -> bool {
        self.rendition.is_some()
    }

    /// Enters an init segment; the answer is the manifest that names it.
    ///
    /// # Errors
    /// When the init segment is beyond what a manifest may hold.
    pub(super) fn init(&mut self, init: &InitSegment, created_micros: u64) -> Result<SignedManifest, ManifestError> {
        let first = *self.first_init.get_or_insert(init.id);
        let id = self.start.init + init.id.saturating_sub(first);
        self.inits.push(Init { id, data: init.data.clone() });
        if self.inits.len() > INITS_KEPT {
            self.inits.remove(0);
        }
        self.version += 1;
        let bitrate_kbps = self.bitrate_kbps + SOUND_KBPS;
        let rendition = Rendition {
            id: RENDITION,
            width: init.size.width(),
            height: init.size.height(),
            fps: init.fps,
            bitrate_kbps,
            codecs: init.codecs.clone(),
            tracks: tracks(&init.codecs),
            inits: self.inits.clone(),
            chunk_millis: self.chunk_millis,
            stripes: stripes(bitrate_kbps, self.chunk_millis),
        };
        self.rendition = Some(rendition.clone());
        let manifest = Manifest {
            version: self.version,
            channel: self.start.channel,
            broadcast: self.start.broadcast,
            epoch: Epoch(self.start.epoch),
            broadcast_key: self.broadcast_key.public(),
            renditions: vec![rendition],
            created: created_micros,
        };
        manifest.sign(&self.channel_key)
    }

    /// Numbers and signs a chunk; `clock_change` is what its capture time lacks to be the server's, in microseconds; `last`
    /// says that none follows.
    ///
    /// # Errors
    /// When the chunk is beyond what the wire carries.
    pub(super) fn chunk(
        &mut self,
        chunk: &MediaChunk,
        clock_change: i64,
        last: bool,
    ) -> Result<SignedChunk, ChunkError> {
        let first = *self.first_chunk.get_or_insert(chunk.sequence);
        let fresh = chunk.sequence == first;
        let info = ChunkInfo {
            broadcast: self.start.broadcast,
            epoch: Epoch(self.start.epoch),
            rendition: RENDITION,
            sequence: Sequence(self.start.sequence + chunk.sequence.saturating_sub(first)),
            manifest_version: self.version,
            init: self.start.init + chunk.init.saturating_sub(self.first_init.unwrap_or(chunk.init)),
            start_micros: chunk.start.as_micros(),
            duration_micros: u32::try_from(chunk.duration.as_micros()).unwrap_or(u32::MAX),
            captured_micros: chunk.captured.as_micros().saturating_add(clock_change),
            flags: ChunkFlags {
                keyframe: chunk.keyframe,
                discontinuity: chunk.discontinuity || (fresh && self.start.sequence > 0),
                end: last,
            },
            key_id: None,
        };
        sign_chunk(&self.broadcast_key, info, Bytes::clone(&chunk.data))
    }
}

/// At most as many stripes as a mean chunk has pieces, so that none starves at a low bitrate.
fn stripes(bitrate_kbps: u32, chunk_millis: u32) -> u8 {
    let mean_bytes = u64::from(bitrate_kbps) * u64::from(chunk_millis) / 8;
    let pieces = mean_bytes / PIECE as u64;
    u8::try_from(pieces.clamp(1, u64::from(MOST_STRIPES))).unwrap_or(1)
}

fn tracks(codecs: &str) -> Vec<Track> {
    let track = |codec: &str| {
        let kind = if codec.eq_ignore_ascii_case("opus") || codec.starts_with("mp4a") {
            TrackKind::Audio
        } else {
            TrackKind::Video
        };
        Track { kind, codec: codec.to_owned(), language: String::new() }
    };
    codecs.split(',').map(str::trim).filter(|codec| !codec.is_empty()).map(track).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runnel_media::format::{Timestamp, WallClock};
    use std::time::Duration;

    fn book(start: Start) -> (Book, ChannelKey) {
        let key = ChannelKey::from_bytes([1; 32]);
        (Book::new(start, key.clone(), BroadcastKey::from_bytes([2; 32]), 100, 1000), key)
    }

    fn start(sequence: u64, init: u32, manifest_version: u32) -> Start {
        Start {
            channel: ChannelId([3; 16]),
            broadcast: BroadcastId([4; 16]),
            epoch: 9,
            sequence,
            init,
            manifest_version,
        }
    }

    fn init(id: u32) -> InitSegment {
        let size = "640x360".parse().unwrap();
        InitSegment { id, data: Bytes::from(vec![id as u8; 8]), codecs: "av01.0.04M.08,opus".to_owned(), size, fps: 30 }
    }

    fn chunk(sequence: u64, init: u32) -> MediaChunk {
        MediaChunk {
            init,
            sequence,
            start: Timestamp::from_micros(sequence as i64 * 100_000),
            duration: Duration::from_millis(100),
            captured: WallClock::from_micros(1_000_000),
            keyframe: sequence == 0,
            discontinuity: false,
            data: Bytes::from_static(b"moof"),
        }
    }

    #[test]
    fn a_first_run_counts_from_nothing() {
        let (mut book, key) = book(start(0, 0, 0));
        let manifest = book.init(&init(0), 5).unwrap().verify(&[key.public()]).unwrap();
        assert_eq!((manifest.version, manifest.epoch.0, manifest.renditions[0].stripes), (1, 9, 1));
        assert_eq!(manifest.renditions[0].tracks.len(), 2);
        let signed = book.chunk(&chunk(0, 0), 250, false).unwrap();
        assert_eq!((signed.header.sequence.0, signed.header.init, signed.header.flags.discontinuity), (0, 0, false));
        assert_eq!(signed.header.captured_micros, 1_000_250);
        assert!(signed.signed.verify(&manifest.broadcast_key).is_ok());
    }

    #[test]
    fn a_run_that_goes_on_continues_all_numbers() {
        let (mut book, key) = book(start(100, 3, 7));
        // The publisher's pipeline may itself be in the middle of its numbers when the run begins.
        let manifest = book.init(&init(2), 5).unwrap().verify(&[key.public()]).unwrap();
        assert_eq!((manifest.version, manifest.renditions[0].inits[0].id), (8, 3));
        let first = book.chunk(&chunk(40, 2), 0, false).unwrap().header;
        let second = book.chunk(&chunk(41, 2), 0, false).unwrap().header;
        assert_eq!((first.sequence.0, first.init, first.flags.discontinuity), (100, 3, true));
        assert_eq!((second.sequence.0, second.init, second.flags.discontinuity), (101, 3, false));
        // A gap in the pipeline stays a gap.
        assert_eq!(book.chunk(&chunk(44, 2), 0, false).unwrap().header.sequence.0, 104);
    }

    #[test]
    fn a_new_size_is_a_new_version_that_keeps_the_last_inits() {
        let (mut book, key) = book(start(0, 0, 0));
        for id in 0..7 {
            book.init(&init(id), 5).unwrap();
        }
        let manifest = book.init(&init(7), 5).unwrap().verify(&[key.public()]).unwrap();
        let ids: Vec<_> = manifest.renditions[0].inits.iter().map(|init| init.id).collect();
        assert_eq!((manifest.version, ids), (8, vec![4, 5, 6, 7]));
    }

    #[test]
    fn stripes_follow_the_size_of_chunks() {
        let cases = [(300, 100), (1096, 100), (2596, 100), (2596, 200), (50_000, 200)];
        assert_eq!(cases.map(|(kbps, millis)| stripes(kbps, millis)), [1, 1, 3, 7, 8]);
    }
}
