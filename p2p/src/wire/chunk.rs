//! Chunk headers, signed by the broadcast key, and whole chunks.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::id::{BroadcastId, Epoch, PublicKey, RenditionId, Sequence};
use super::key::{BroadcastKey, Context};
use super::proto::{self, MalformedError, narrow};
use super::{MAX_CHUNK, MAX_HEADER, MAX_PIECES, PIECE, signed};

const WHAT: &str = "a chunk header";
/// Starts a whole chunk in its form for HTTP.
const MAGIC: &[u8; 4] = b"RNLc";

/// What a chunk is, and the BLAKE3 hash of each of its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkHeader {
    /// What the publisher says of it.
    pub info: ChunkInfo,
    /// Length of the payload in bytes.
    pub size: u32,
    /// Hash of each piece; they cover what travels, so ciphertext where there is a key.
    pub pieces: Vec<[u8; 32]>,
}

impl std::ops::Deref for ChunkHeader {
    type Target = ChunkInfo;

    fn deref(&self) -> &ChunkInfo {
        &self.info
    }
}

/// What a publisher says of a chunk when it signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkInfo {
    /// Which broadcast it belongs to.
    pub broadcast: BroadcastId,
    /// Which publishing run it belongs to.
    pub epoch: Epoch,
    /// Which rendition it belongs to.
    pub rendition: RenditionId,
    /// Its number, one more each.
    pub sequence: Sequence,
    /// The manifest version that describes it.
    pub manifest_version: u32,
    /// The init segment it needs.
    pub init: u32,
    /// Media time of its start.
    pub start_micros: i64,
    /// How long it plays.
    pub duration_micros: u32,
    /// Wall clock of its first frame's capture, in microseconds since the Unix epoch.
    pub captured_micros: i64,
    /// What is special about it.
    pub flags: ChunkFlags,
    /// The key it is encrypted with, where there is one.
    pub key_id: Option<u32>,
}

/// What is special about a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChunkFlags {
    /// A decoder can start here.
    pub keyframe: bool,
    /// Times or format break off before it.
    pub discontinuity: bool,
    /// It is the last of its epoch.
    pub end: bool,
}

impl ChunkFlags {
    fn bits(self) -> u32 {
        u32::from(self.keyframe) | u32::from(self.discontinuity) << 1 | u32::from(self.end) << 2
    }

    /// Bits that a later version may define are let through: the signature still covers them.
    fn from_bits(bits: u32) -> Self {
        Self { keyframe: bits & 1 != 0, discontinuity: bits & 2 != 0, end: bits & 4 != 0 }
    }
}

/// Says why a chunk or its header is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Its bytes or values are wrong.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// The signature does not fit.
    #[error("the header's signature is not by the broadcast key {key}")]
    BadSignature {
        /// The key that should have signed.
        key: PublicKey,
    },
    /// The form for HTTP is cut or is something else.
    #[error("a whole chunk is {got}, must be {expected}")]
    BadForm {
        /// What is there.
        got: String,
        /// What should be.
        expected: String,
    },
}

impl ChunkHeader {
    /// How many pieces the chunk has.
    pub fn piece_count(&self) -> u16 {
        self.pieces.len() as u16
    }

    /// Length of one piece, `None` where there is no such piece.
    pub fn piece_size(&self, piece: u16) -> Option<usize> {
        self.piece_range(piece).map(|range| range.len())
    }

    /// Where a piece lies in the payload, `None` where there is no such piece.
    pub fn piece_range(&self, piece: u16) -> Option<std::ops::Range<usize>> {
        let start = usize::from(piece) * PIECE;
        (usize::from(piece) < self.pieces.len()).then(|| start..(start + PIECE).min(self.size as usize))
    }

    fn to_proto(&self) -> proto::ChunkHeader {
        proto::ChunkHeader {
            broadcast: Bytes::copy_from_slice(&self.broadcast.0),
            epoch: self.epoch.0,
            rendition: self.rendition.0.into(),
            sequence: self.sequence.0,
            manifest_version: self.manifest_version,
            init: self.init,
            start_micros: self.start_micros,
            duration_micros: self.duration_micros,
            captured_micros: self.captured_micros,
            flags: self.flags.bits(),
            key_id: self.key_id,
            size: self.size,
            pieces: self.pieces.concat().into(),
        }
    }

    fn from_payload(payload: Bytes) -> Result<Self, MalformedError> {
        let form: proto::ChunkHeader = proto::decode(WHAT, payload, MAX_HEADER, 24)?;
        let size: usize = narrow(WHAT, "size", form.size, MAX_CHUNK as u64)?;
        let count = size.div_ceil(PIECE);
        if form.pieces.len() != 32 * count {
            let got = format!("{} bytes of hashes for a chunk of {size} bytes", form.pieces.len());
            return Err(MalformedError::illegal(WHAT, "pieces", got, format!("{} bytes", 32 * count)));
        }
        if size == 0 {
            return Err(MalformedError::illegal(WHAT, "size", 0, format!("1 to {MAX_CHUNK}")));
        }
        let (hashes, _) = form.pieces.as_chunks::<32>();
        let info = ChunkInfo {
            broadcast: BroadcastId(proto::array(WHAT, "broadcast", &form.broadcast)?),
            epoch: Epoch(form.epoch),
            rendition: RenditionId(narrow(WHAT, "rendition", form.rendition, u8::MAX.into())?),
            // One below the end of the numbers, so that the next one always exists.
            sequence: Sequence(narrow(WHAT, "sequence", form.sequence, u64::MAX >> 1)?),
            manifest_version: form.manifest_version,
            init: form.init,
            start_micros: form.start_micros,
            duration_micros: narrow(WHAT, "duration_micros", form.duration_micros, 10_000_000)?,
            captured_micros: form.captured_micros,
            flags: ChunkFlags::from_bits(form.flags),
            key_id: form.key_id,
        };
        Ok(Self { info, size: form.size, pieces: hashes.to_vec() })
    }
}

/// A chunk header as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeader {
    bytes: Bytes,
}

impl SignedHeader {
    /// Takes bytes from outside; only their number is checked, [`SignedHeader::verify`] does the rest.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ChunkError> {
        if bytes.len() > MAX_HEADER {
            return Err(MalformedError::TooLong { what: WHAT, length: bytes.len(), limit: MAX_HEADER }.into());
        }
        Ok(Self { bytes })
    }

    /// The bytes as they travel.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the header if the broadcast key signed it.
    pub fn verify(&self, key: &PublicKey) -> Result<ChunkHeader, ChunkError> {
        let opened = signed::open(WHAT, &self.bytes, MAX_HEADER)?;
        if !opened.is_signed_by(key, Context::Chunk) {
            return Err(ChunkError::BadSignature { key: *key });
        }
        Ok(ChunkHeader::from_payload(opened.payload)?)
    }

    /// Reads the header without checking who signed it: only for finding the key to check it with.
    pub fn peek(&self) -> Result<ChunkHeader, ChunkError> {
        Ok(ChunkHeader::from_payload(signed::open(WHAT, &self.bytes, MAX_HEADER)?.payload)?)
    }
}

/// A whole chunk with its header, which is of this very signed form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedChunk {
    /// The header, read.
    pub header: ChunkHeader,
    /// The header as it travels.
    pub signed: SignedHeader,
    /// The bytes of all pieces.
    pub payload: Bytes,
}

impl SignedChunk {
    /// The bytes of one piece, without copying.
    pub fn piece(&self, piece: u16) -> Option<Bytes> {
        let range = self.header.piece_range(piece)?;
        (range.end <= self.payload.len()).then(|| self.payload.slice(range))
    }
}

/// Hashes the payload's pieces and signs the header over them.
pub fn sign_chunk(key: &BroadcastKey, info: ChunkInfo, payload: Bytes) -> Result<SignedChunk, ChunkError> {
    if payload.is_empty() || payload.len() > MAX_CHUNK {
        let legal = format!("1 to {MAX_CHUNK} bytes");
        return Err(MalformedError::illegal(WHAT, "the payload's length", payload.len(), legal).into());
    }
    let pieces = payload.chunks(PIECE).map(|piece| *blake3::hash(piece).as_bytes()).collect();
    let header = ChunkHeader { info, size: payload.len() as u32, pieces };
    let bytes = signed::seal(key.signing_key(), Context::Chunk, header.to_proto().encode_to_vec().into(), false);
    Ok(SignedChunk { header, signed: SignedHeader { bytes }, payload })
}

/// Writes a whole chunk as HTTP carries it: a mark, the header's length, the header, the payload.
pub fn encode_chunk(chunk: &SignedChunk) -> Bytes {
    let header = chunk.signed.bytes();
    let mut bytes = BytesMut::with_capacity(MAGIC.len() + 4 + header.len() + chunk.payload.len());
    bytes.put_slice(MAGIC);
    bytes.put_u32(header.len() as u32);
    bytes.put_slice(header);
    bytes.put_slice(&chunk.payload);
    bytes.freeze()
}

/// Reads a whole chunk; its form is checked here, its signature and hashes by [`crate::verify::Verifier::check_chunk`].
pub fn decode_chunk(bytes: Bytes) -> Result<SignedChunk, ChunkError> {
    let bad = |got: String, expected: String| ChunkError::BadForm { got, expected };
    let Some((start, rest)) = bytes.split_at_checked(MAGIC.len() + 4) else {
        return Err(bad(format!("{} bytes", bytes.len()), "at least 8".into()));
    };
    let Some(length) = start.strip_prefix(MAGIC).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes)
    else {
        return Err(bad(format!("started by {:?}", &start[..MAGIC.len()]), format!("started by {MAGIC:?}")));
    };
    let length = length as usize;
    if length > MAX_HEADER || length > rest.len() {
        let most = MAX_HEADER.min(rest.len());
        return Err(bad(format!("one with a header of {length} bytes"), format!("one with at most {most}")));
    }
    let at = start.len();
    let signed = SignedHeader::from_bytes(bytes.slice(at..at + length))?;
    let payload = bytes.slice(at + length..);
    let header = signed.peek()?;
    if payload.len() != header.size as usize {
        return Err(bad(
            format!("one of {} bytes", payload.len()),
            format!("one of {} as its header says", header.size),
        ));
    }
    Ok(SignedChunk { header, signed, payload })
}

/// Most pieces that a header can name fit into its limit.
const _: () = assert!(32 * MAX_PIECES < MAX_HEADER);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A chunk of that number and length.
    pub(crate) fn example(sequence: u64, size: usize) -> SignedChunk {
        let info = ChunkInfo {
            broadcast: BroadcastId([2; 16]),
            epoch: Epoch(5),
            rendition: RenditionId(1),
            sequence: Sequence(sequence),
            manifest_version: 3,
            init: 1,
            start_micros: sequence as i64 * 100_000,
            duration_micros: 100_000,
            captured_micros: 1_790_000_000_000_000 + sequence as i64 * 100_000,
            flags: ChunkFlags { keyframe: sequence.is_multiple_of(20), discontinuity: false, end: false },
            key_id: None,
        };
        let payload: Vec<u8> =
            (0..size).map(|index| (index as u64 * 7 + index as u64 / 256 + sequence) as u8).collect();
        sign_chunk(&BroadcastKey::from_bytes([3; 32]), info, payload.into()).unwrap()
    }

    #[test]
    fn a_chunk_survives_http() {
        for size in [1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 17, MAX_CHUNK] {
            let chunk = example(7, size);
            assert_eq!(decode_chunk(encode_chunk(&chunk)).unwrap(), chunk);
            assert_eq!(chunk.header.pieces.len(), size.div_ceil(PIECE));
            let key = BroadcastKey::from_bytes([3; 32]).public();
            assert_eq!(chunk.signed.verify(&key).unwrap(), chunk.header);
            let pieces: Vec<u8> =
                (0..chunk.header.piece_count()).flat_map(|piece| chunk.piece(piece).unwrap()).collect();
            assert_eq!(pieces, chunk.payload);
        }
    }

    #[test]
    fn damaged_forms_are_refused() {
        let good = encode_chunk(&example(7, 20_000));
        for cut in [0, 3, 7, 8, 100, 300, good.len() - 1] {
            assert!(decode_chunk(good.slice(..cut)).is_err(), "cut at {cut}");
        }
        let mut long = good.to_vec();
        long.push(0);
        assert!(decode_chunk(long.into()).is_err());
        let mut huge = good.to_vec();
        huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(decode_chunk(huge.into()).unwrap_err().to_string().contains("at most"));
    }

    #[test]
    fn a_header_by_another_key_is_refused() {
        let chunk = example(7, 100);
        let other = BroadcastKey::from_bytes([4; 32]).public();
        assert_eq!(chunk.signed.verify(&other), Err(ChunkError::BadSignature { key: other }));
    }

    #[test]
    fn empty_and_oversized_payloads_cannot_be_signed() {
        let key = BroadcastKey::from_bytes([3; 32]);
        let info = example(7, 1).header.info;
        assert!(sign_chunk(&key, info, Bytes::new()).is_err());
        assert!(sign_chunk(&key, info, vec![0; MAX_CHUNK + 1].into()).is_err());
    }
}
