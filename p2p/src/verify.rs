//! Decides what of the swarm's bytes is genuine, before anything is stored, forwarded or played.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::wire::{
    BroadcastId, ChannelId, ChunkError, ChunkHeader, Epoch, Manifest, PublicKey, Rendition, RenditionId, Revocation,
    Revoked, Sequence, SignedChunk, SignedHeader,
};

/// How many headers are remembered to notice a second, different one for the same chunk.
const REMEMBERED: usize = 1024;
/// How far ahead of the newest known chunk a header may be; a signed header can only be this wrong by the publisher's fault.
const MAX_AHEAD: u64 = 100_000;
/// How many broadcast keys of an epoch are remembered: far more comebacks than a store holds chunks of.
const MAX_KEYS: usize = 16;

/// Holds the manifest of one rendition's swarm and checks headers, pieces and chunks against it.
#[derive(Debug)]
pub struct Verifier {
    manifest: Arc<Manifest>,
    rendition: RenditionId,
    /// Headers that were found good, by sequence.
    accepted: BTreeMap<Sequence, (SignedHeader, Arc<ChunkHeader>)>,
    /// The broadcast keys of this epoch, by the manifest version from which each signs: a publisher that comes back within
    /// an epoch signs with a fresh one, while chunks of before are still passed on.
    keys: BTreeMap<u32, PublicKey>,
    /// The lowest sequence that is still looked at: what fell out of `accepted` is not judged a second time.
    floor: Sequence,
    revoked: bool,
}

/// What a new manifest changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It is the one that was there.
    Same,
    /// The same epoch in a newer version.
    NewVersion,
    /// A new epoch: all chunks of the old one are stale.
    NewEpoch,
}

/// Says why a manifest, header or piece is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The header's bytes, values or signature are wrong.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// It belongs to another broadcast.
    #[error("it belongs to broadcast {got}, this is {expected}")]
    OtherBroadcast {
        /// Its broadcast.
        got: BroadcastId,
        /// Ours.
        expected: BroadcastId,
    },
    /// The manifest belongs to another channel.
    #[error("the manifest is for channel {got}, this is {expected}")]
    OtherChannel {
        /// Its channel.
        got: ChannelId,
        /// Ours.
        expected: ChannelId,
    },
    /// It belongs to another rendition.
    #[error("it belongs to rendition {got}, this is {expected}")]
    OtherRendition {
        /// Its rendition.
        got: RenditionId,
        /// Ours.
        expected: RenditionId,
    },
    /// The manifest has no such rendition.
    #[error("the manifest has no rendition {rendition}")]
    NoRendition {
        /// The one looked for.
        rendition: RenditionId,
    },
    /// It is of an earlier epoch: a replay, or a straggler.
    #[error("epoch {got} is over, this is epoch {current}")]
    StaleEpoch {
        /// Its epoch.
        got: Epoch,
        /// Ours.
        current: Epoch,
    },
    /// It is of an epoch whose manifest is not here yet.
    #[error("epoch {got} is not known yet, this is epoch {current}")]
    UnknownEpoch {
        /// Its epoch.
        got: Epoch,
        /// Ours.
        current: Epoch,
    },
    /// It names a manifest version that is not here yet.
    #[error("manifest version {got} of epoch {epoch} is not known yet, the newest is {current}")]
    UnknownVersion {
        /// The epoch of both.
        epoch: Epoch,
        /// Its version.
        got: u32,
        /// Ours.
        current: u32,
    },
    /// The manifest is older than ours.
    #[error("manifest version {got} of epoch {epoch} is older than version {current}")]
    StaleVersion {
        /// The epoch of both.
        epoch: Epoch,
        /// Its version.
        got: u32,
        /// Ours.
        current: u32,
    },
    /// Two manifests share epoch and version and differ.
    #[error("two different manifests are version {version} of epoch {epoch}")]
    ConflictingManifest {
        /// The epoch of both.
        epoch: Epoch,
        /// The version of both.
        version: u32,
    },
    /// The chunk is too old to be judged, or was replayed.
    #[error("chunk {got} is older than {oldest}, the oldest that is looked at")]
    StaleSequence {
        /// Its number.
        got: Sequence,
        /// The oldest that counts.
        oldest: Sequence,
    },
    /// The chunk is impossibly far ahead.
    #[error("chunk {got} is more than {MAX_AHEAD} ahead of {newest}")]
    FarAhead {
        /// Its number.
        got: Sequence,
        /// The newest known.
        newest: Sequence,
    },
    /// A different header for this chunk was accepted before.
    #[error("a different header for chunk {sequence} was accepted before")]
    Conflict {
        /// The chunk's number.
        sequence: Sequence,
    },
    /// There is no such piece in the chunk.
    #[error("chunk {sequence} has no piece {piece}, only {count}")]
    NoPiece {
        /// The chunk's number.
        sequence: Sequence,
        /// The piece asked about.
        piece: u16,
        /// How many it has.
        count: u16,
    },
    /// The piece is not what the header says.
    #[error("piece {piece} of chunk {sequence} does not match its header")]
    WrongPiece {
        /// The chunk's number.
        sequence: Sequence,
        /// The piece.
        piece: u16,
    },
    /// The broadcast was taken down, or its key revoked.
    #[error("the broadcast was revoked")]
    Revoked,
}

impl VerifyError {
    /// Tells whether only a hostile or broken sender can be the cause: drop it. The rest happens among honest ones.
    pub fn is_hostile(&self) -> bool {
        match self {
            Self::Chunk(_)
            | Self::OtherBroadcast { .. }
            | Self::OtherRendition { .. }
            | Self::OtherChannel { .. }
            | Self::NoPiece { .. }
            | Self::WrongPiece { .. } => true,
            // The publisher itself signed both; who passes one on cannot know of the other.
            Self::Conflict { .. } | Self::ConflictingManifest { .. } | Self::FarAhead { .. } => false,
            Self::NoRendition { .. }
            | Self::StaleEpoch { .. }
            | Self::UnknownEpoch { .. }
            | Self::UnknownVersion { .. }
            | Self::StaleVersion { .. }
            | Self::StaleSequence { .. }
            | Self::Revoked => false,
        }
    }
}

impl Verifier {
    /// Starts from a manifest whose signature was checked, for one of its renditions.
    pub fn new(manifest: Manifest, rendition: RenditionId) -> Result<Self, VerifyError> {
        if manifest.rendition(rendition).is_none() {
            return Err(VerifyError::NoRendition { rendition });
        }
        Ok(Self {
            keys: BTreeMap::from([(manifest.version, manifest.broadcast_key)]),
            manifest: Arc::new(manifest),
            rendition,
            accepted: BTreeMap::new(),
            floor: Sequence(0),
            revoked: false,
        })
    }

    /// The manifest in force.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The rendition whose chunks are checked, as the manifest describes it.
    pub fn rendition(&self) -> &Rendition {
        // A manifest without it is never taken in.
        self.manifest.rendition(self.rendition).expect("the manifest in force has this rendition")
    }

    /// Takes in a manifest whose signature was checked.
    pub fn update(&mut self, manifest: Manifest) -> Result<Update, VerifyError> {
        if self.revoked {
            return Err(VerifyError::Revoked);
        }
        let current = &self.manifest;
        if manifest.channel != current.channel {
            return Err(VerifyError::OtherChannel { got: manifest.channel, expected: current.channel });
        }
        if manifest.broadcast != current.broadcast {
            return Err(VerifyError::OtherBroadcast { got: manifest.broadcast, expected: current.broadcast });
        }
        if manifest.rendition(self.rendition).is_none() {
            return Err(VerifyError::NoRendition { rendition: self.rendition });
        }
        let (got, is) = ((manifest.epoch, manifest.version), (current.epoch, current.version));
        if got.0 < is.0 {
            return Err(VerifyError::StaleEpoch { got: got.0, current: is.0 });
        }
        let update = if got.0 > is.0 {
            self.accepted.clear();
            self.keys.clear();
            self.floor = Sequence(0);
            Update::NewEpoch
        } else if got.1 < is.1 {
            return Err(VerifyError::StaleVersion { epoch: is.0, got: got.1, current: is.1 });
        } else if got.1 == is.1 {
            return if manifest == **current {
                Ok(Update::Same)
            } else {
                Err(VerifyError::ConflictingManifest { epoch: is.0, version: is.1 })
            };
        } else {
            Update::NewVersion
        };
        if self.keys.last_key_value().is_none_or(|(_, key)| *key != manifest.broadcast_key) {
            self.keys.insert(manifest.version, manifest.broadcast_key);
            if self.keys.len() > MAX_KEYS {
                self.keys.pop_first();
            }
        }
        self.manifest = Arc::new(manifest);
        Ok(update)
    }

    /// The key that signs headers under this manifest version.
    fn key(&self, version: u32) -> Result<PublicKey, VerifyError> {
        let (epoch, current) = (self.manifest.epoch, self.manifest.version);
        if version > current {
            return Err(VerifyError::UnknownVersion { epoch, got: version, current });
        }
        let known = self.keys.range(..=version).next_back();
        known.map(|(_, key)| *key).ok_or(VerifyError::StaleVersion { epoch, got: version, current })
    }

    /// Checks a header: signature, broadcast, epoch, rendition, age, and that no other one was accepted for its chunk.
    pub fn check_header(&mut self, signed: &SignedHeader) -> Result<Arc<ChunkHeader>, VerifyError> {
        if self.revoked {
            return Err(VerifyError::Revoked);
        }
        // What is not signed yet is only trusted to name the chunk; a header seen before costs no signature check.
        let claimed = signed.peek()?;
        let expected = &self.manifest;
        if claimed.broadcast != expected.broadcast {
            return Err(VerifyError::OtherBroadcast { got: claimed.broadcast, expected: expected.broadcast });
        }
        if claimed.epoch != expected.epoch {
            let (got, current) = (claimed.epoch, expected.epoch);
            return Err(match got < current {
                true => VerifyError::StaleEpoch { got, current },
                false => VerifyError::UnknownEpoch { got, current },
            });
        }
        if claimed.rendition != self.rendition {
            return Err(VerifyError::OtherRendition { got: claimed.rendition, expected: self.rendition });
        }
        let sequence = claimed.sequence;
        if let Some((known, header)) = self.accepted.get(&sequence)
            && known == signed
        {
            return Ok(header.clone());
        }
        let header = signed.verify(&self.key(claimed.manifest_version)?)?;
        if self.accepted.contains_key(&sequence) {
            return Err(VerifyError::Conflict { sequence });
        }
        if sequence < self.floor {
            return Err(VerifyError::StaleSequence { got: sequence, oldest: self.floor });
        }
        if let Some((&newest, _)) = self.accepted.last_key_value()
            && sequence.0 - newest.0.min(sequence.0) > MAX_AHEAD
        {
            return Err(VerifyError::FarAhead { got: sequence, newest });
        }
        let header = Arc::new(header);
        self.accepted.insert(sequence, (signed.clone(), header.clone()));
        while self.accepted.len() > REMEMBERED
            && let Some((oldest, _)) = self.accepted.pop_first()
        {
            self.floor = oldest.next();
        }
        Ok(header)
    }

    /// Checks a piece against a header that was found good.
    pub fn check_piece(&self, header: &ChunkHeader, piece: u16, bytes: &[u8]) -> Result<(), VerifyError> {
        if self.revoked {
            return Err(VerifyError::Revoked);
        }
        let sequence = header.sequence;
        let (Some(size), Some(hash)) = (header.piece_size(piece), header.pieces.get(usize::from(piece))) else {
            return Err(VerifyError::NoPiece { sequence, piece, count: header.piece_count() });
        };
        // Public data: no need to compare in constant time.
        if bytes.len() != size || blake3::hash(bytes).as_bytes() != hash {
            return Err(VerifyError::WrongPiece { sequence, piece });
        }
        Ok(())
    }

    /// Checks a whole chunk: its header and all of its pieces.
    pub fn check_chunk(&mut self, chunk: &SignedChunk) -> Result<Arc<ChunkHeader>, VerifyError> {
        let header = self.check_header(&chunk.signed)?;
        for piece in 0..header.piece_count() {
            let bytes = chunk.piece(piece).unwrap_or_default();
            self.check_piece(&header, piece, &bytes)?;
        }
        Ok(header)
    }

    /// Takes in a revocation whose signature was checked; tells whether it ends this broadcast.
    pub fn revoke(&mut self, revocation: &Revocation) -> bool {
        self.revoked |= match &revocation.revoked {
            Revoked::Broadcast(broadcast) => *broadcast == self.manifest.broadcast,
            Revoked::Key { key, .. } => *key == self.manifest.broadcast_key,
            Revoked::Peer(_) => false,
        };
        self.revoked
    }

    /// Ends this broadcast because the channel key that signed its manifest was revoked.
    pub fn revoke_manifest(&mut self, signer: &PublicKey, revocation: &Revocation) -> bool {
        if let Revoked::Key { channel, key } = &revocation.revoked {
            self.revoked |= *channel == self.manifest.channel && key == signer;
        }
        self.revoked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::chunk::tests::example as chunk;
    use crate::wire::manifest::tests::example as manifest;
    use crate::wire::{BroadcastKey, ChunkInfo, sign_chunk};

    fn verifier() -> Verifier {
        Verifier::new(manifest(), RenditionId(1)).unwrap()
    }

    fn signed(change: impl FnOnce(&mut ChunkInfo)) -> SignedChunk {
        let example = chunk(7, 20_000);
        let mut info = example.header.info;
        change(&mut info);
        sign_chunk(&BroadcastKey::from_bytes([3; 32]), info, example.payload).unwrap()
    }

    #[test]
    fn a_genuine_chunk_passes_and_passes_again() {
        let mut verifier = verifier();
        let chunk = chunk(7, 20_000);
        let header = verifier.check_chunk(&chunk).unwrap();
        assert_eq!(*header, chunk.header);
        assert!(Arc::ptr_eq(&header, &verifier.check_header(&chunk.signed).unwrap()));
    }

    #[test]
    fn what_is_out_of_place_is_named() {
        let mut verifier = verifier();
        let mut check = |change: fn(&mut ChunkInfo)| verifier.check_header(&signed(change).signed).unwrap_err();
        assert!(matches!(check(|info| info.epoch = Epoch(4)), VerifyError::StaleEpoch { .. }));
        assert!(matches!(check(|info| info.epoch = Epoch(6)), VerifyError::UnknownEpoch { .. }));
        assert!(matches!(check(|info| info.rendition = RenditionId(2)), VerifyError::OtherRendition { .. }));
        assert!(matches!(check(|info| info.broadcast = BroadcastId([9; 16])), VerifyError::OtherBroadcast { .. }));
    }

    #[test]
    fn a_comeback_within_an_epoch_signs_with_its_own_key() {
        let mut verifier = verifier();
        let first = verifier.manifest().version;
        let under = |key: u8, version: u32, sequence: u64| {
            let example = chunk(sequence, 100);
            let info = ChunkInfo { manifest_version: version, ..example.header.info };
            sign_chunk(&BroadcastKey::from_bytes([key; 32]), info, example.payload).unwrap().signed
        };
        // The comeback's chunk is here before its manifest: nobody's fault.
        let early = verifier.check_header(&under(4, first + 1, 20)).unwrap_err();
        assert!(matches!(early, VerifyError::UnknownVersion { .. }) && !early.is_hostile());
        let comeback = Manifest {
            version: first + 1,
            broadcast_key: BroadcastKey::from_bytes([4; 32]).public(),
            ..Manifest::clone(verifier.manifest())
        };
        assert_eq!(verifier.update(comeback), Ok(Update::NewVersion));
        assert!(verifier.check_header(&under(4, first + 1, 20)).is_ok());
        assert!(verifier.check_header(&under(3, first, 19)).is_ok(), "what was signed before stays good");
        assert!(
            verifier.check_header(&under(3, first + 1, 21)).unwrap_err().is_hostile(),
            "each key for its versions only"
        );
        assert!(verifier.check_header(&under(4, first, 22)).unwrap_err().is_hostile());
        let older = verifier.check_header(&under(3, first - 1, 18)).unwrap_err();
        assert!(matches!(older, VerifyError::StaleVersion { .. }) && !older.is_hostile());
    }

    #[test]
    fn a_forged_header_is_hostile() {
        let mut verifier = verifier();
        let example = chunk(7, 100);
        let forged = sign_chunk(&BroadcastKey::from_bytes([9; 32]), example.header.info, example.payload).unwrap();
        let error = verifier.check_header(&forged.signed).unwrap_err();
        assert!(matches!(error, VerifyError::Chunk(ChunkError::BadSignature { .. })));
        assert!(error.is_hostile());
    }

    #[test]
    fn a_second_header_for_a_chunk_is_refused_but_not_blamed_on_its_bearer() {
        let mut verifier = verifier();
        verifier.check_header(&chunk(7, 100).signed).unwrap();
        let error = verifier.check_header(&chunk(7, 101).signed).unwrap_err();
        assert_eq!(error, VerifyError::Conflict { sequence: Sequence(7) });
        assert!(!error.is_hostile());
    }

    #[test]
    fn a_wrong_piece_is_hostile() {
        let mut verifier = verifier();
        let chunk = chunk(7, 20_000);
        let header = verifier.check_header(&chunk.signed).unwrap();
        let mut bytes = chunk.piece(1).unwrap().to_vec();
        verifier.check_piece(&header, 1, &bytes).unwrap();
        assert!(verifier.check_piece(&header, 0, &bytes).unwrap_err().is_hostile(), "another piece's bytes");
        assert!(verifier.check_piece(&header, 3, &bytes).unwrap_err().is_hostile(), "no such piece");
        assert!(verifier.check_piece(&header, 1, &bytes[1..]).is_err());
        bytes[100] ^= 1;
        assert!(verifier.check_piece(&header, 1, &bytes).unwrap_err().is_hostile());
    }

    #[test]
    fn a_replay_of_what_was_forgotten_is_refused() {
        let mut verifier = verifier();
        for sequence in 0..REMEMBERED as u64 + 1 {
            verifier.check_header(&chunk(sequence, 10).signed).unwrap();
        }
        let error = verifier.check_header(&chunk(0, 10).signed).unwrap_err();
        assert_eq!(error, VerifyError::StaleSequence { got: Sequence(0), oldest: Sequence(1) });
        let far = verifier.check_header(&chunk(MAX_AHEAD * 2, 10).signed).unwrap_err();
        assert!(matches!(far, VerifyError::FarAhead { .. }));
    }

    #[test]
    fn manifests_only_move_forward() {
        let mut verifier = verifier();
        let with = |epoch, version| Manifest { epoch: Epoch(epoch), version, ..manifest() };
        assert_eq!(verifier.update(manifest()), Ok(Update::Same));
        assert_eq!(verifier.update(with(5, 4)), Ok(Update::NewVersion));
        assert!(matches!(verifier.update(with(5, 3)), Err(VerifyError::StaleVersion { .. })));
        assert!(matches!(verifier.update(with(4, 9)), Err(VerifyError::StaleEpoch { .. })));
        let conflicting = Manifest { created: 1, ..with(5, 4) };
        assert!(matches!(verifier.update(conflicting), Err(VerifyError::ConflictingManifest { .. })));
        verifier.check_header(&chunk(7, 10).signed).unwrap();
        assert_eq!(verifier.update(with(6, 1)), Ok(Update::NewEpoch));
        assert!(matches!(verifier.check_header(&chunk(7, 10).signed), Err(VerifyError::StaleEpoch { .. })));
    }

    #[test]
    fn nothing_of_a_revoked_broadcast_passes() {
        let mut verifier = verifier();
        let revocation = |revoked| Revocation { issued: 1, revoked, reason: String::new() };
        assert!(!verifier.revoke(&revocation(Revoked::Broadcast(BroadcastId([9; 16])))));
        assert!(!verifier.revoke(&revocation(Revoked::Peer(bytes::Bytes::from_static(b"x")))));
        verifier.check_chunk(&chunk(6, 10)).unwrap();
        assert!(verifier.revoke(&revocation(Revoked::Broadcast(manifest().broadcast))));
        assert_eq!(verifier.check_chunk(&chunk(6, 10)), Err(VerifyError::Revoked));
        assert_eq!(verifier.update(Manifest { epoch: Epoch(9), ..manifest() }), Err(VerifyError::Revoked));
    }
}
