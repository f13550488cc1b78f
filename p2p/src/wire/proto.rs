//! The protobuf forms, and the check that makes decoding them safe.
//!
//! prost allocates an element for each repeated field it meets, so two bytes on the wire can become a hundred in memory.
//! [`decode`] therefore counts the fields before prost sees them, and no form here nests a repeated field in another.

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

/// Says why bytes are no well-formed value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedError {
    /// More bytes than the kind may have.
    #[error("{what} of {length} bytes is longer than the {limit} allowed")]
    TooLong {
        /// What was being read.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The most it may have.
        limit: usize,
    },
    /// More fields than the kind may have.
    #[error("{what} has more than the {limit} fields allowed")]
    TooManyFields {
        /// What was being read.
        what: &'static str,
        /// The most it may have.
        limit: usize,
    },
    /// The bytes end early or are no protobuf.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// What was being read.
        what: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A field holds what it must not.
    #[error("{what}: {field} is {value}, must be {legal}")]
    Illegal {
        /// What was being read.
        what: &'static str,
        /// The field's name.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        legal: String,
    },
}

impl MalformedError {
    pub(crate) fn illegal(what: &'static str, field: &'static str, value: impl ToString, legal: impl ToString) -> Self {
        Self::Illegal { what, field, value: value.to_string(), legal: legal.to_string() }
    }
}

/// Decodes a form of at most `length` bytes and `fields` fields.
pub(crate) fn decode<M: Message + Default>(
    what: &'static str,
    bytes: Bytes,
    length: usize,
    fields: usize,
) -> Result<M, MalformedError> {
    if bytes.len() > length {
        return Err(MalformedError::TooLong { what, length: bytes.len(), limit: length });
    }
    let damaged = |error: prost::DecodeError| MalformedError::Damaged { what, reason: error.to_string() };
    let mut rest = &bytes[..];
    let mut count = 0;
    while rest.has_remaining() {
        count += 1;
        if count > fields {
            return Err(MalformedError::TooManyFields { what, limit: fields });
        }
        let (tag, wire_type) = decode_key(&mut rest).map_err(damaged)?;
        if matches!(wire_type, WireType::StartGroup | WireType::EndGroup) {
            return Err(MalformedError::Damaged { what, reason: "it holds a group, which no form has".into() });
        }
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(damaged)?;
    }
    M::decode(bytes).map_err(damaged)
}

/// Takes bytes of one exact length.
pub(crate) fn array<const N: usize>(
    what: &'static str,
    field: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], MalformedError> {
    bytes.try_into().map_err(|_| {
        MalformedError::illegal(what, field, format_args!("{} bytes", bytes.len()), format_args!("{N} bytes"))
    })
}

/// Takes a number of a smaller type.
pub(crate) fn narrow<T: TryFrom<u64>>(
    what: &'static str,
    field: &'static str,
    value: impl Into<u64>,
    limit: u64,
) -> Result<T, MalformedError> {
    let value = value.into();
    let error = || MalformedError::illegal(what, field, value, format_args!("at most {limit}"));
    if value > limit {
        return Err(error());
    }
    T::try_from(value).map_err(|_| error())
}

/// Something signed: the payload's form is the purpose's own.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Signed {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) payload: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) signature: Bytes,
    /// Who signed, where the reader cannot know.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) key: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Manifest {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) channel: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) broadcast: Bytes,
    #[prost(uint64, tag = "4")]
    pub(crate) epoch: u64,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) broadcast_key: Bytes,
    #[prost(uint64, tag = "6")]
    pub(crate) created: u64,
    /// Each a [`Rendition`].
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub(crate) renditions: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Rendition {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) width: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) height: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) fps: u32,
    #[prost(uint32, tag = "5")]
    pub(crate) bitrate_kbps: u32,
    #[prost(string, tag = "6")]
    pub(crate) codecs: String,
    #[prost(uint32, tag = "7")]
    pub(crate) chunk_millis: u32,
    #[prost(uint32, tag = "8")]
    pub(crate) stripes: u32,
    #[prost(message, repeated, tag = "9")]
    pub(crate) tracks: Vec<Track>,
    #[prost(message, repeated, tag = "10")]
    pub(crate) inits: Vec<Init>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Track {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(string, tag = "2")]
    pub(crate) codec: String,
    #[prost(string, tag = "3")]
    pub(crate) language: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Init {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChunkHeader {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) broadcast: Bytes,
    #[prost(uint64, tag = "2")]
    pub(crate) epoch: u64,
    #[prost(uint32, tag = "3")]
    pub(crate) rendition: u32,
    #[prost(uint64, tag = "4")]
    pub(crate) sequence: u64,
    #[prost(uint32, tag = "5")]
    pub(crate) manifest_version: u32,
    #[prost(uint32, tag = "6")]
    pub(crate) init: u32,
    #[prost(sint64, tag = "7")]
    pub(crate) start_micros: i64,
    #[prost(uint32, tag = "8")]
    pub(crate) duration_micros: u32,
    #[prost(sint64, tag = "9")]
    pub(crate) captured_micros: i64,
    #[prost(uint32, tag = "10")]
    pub(crate) flags: u32,
    #[prost(uint32, optional, tag = "11")]
    pub(crate) key_id: Option<u32>,
    #[prost(uint32, tag = "12")]
    pub(crate) size: u32,
    /// The BLAKE3 hashes of the pieces, one after another.
    #[prost(bytes = "bytes", tag = "13")]
    pub(crate) pieces: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Revocation {
    #[prost(uint64, tag = "1")]
    pub(crate) issued: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) broadcast: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) channel: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) key: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) peer: Bytes,
    #[prost(string, tag = "6")]
    pub(crate) reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ticket {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) broadcast: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) peer: Bytes,
    #[prost(uint64, tag = "3")]
    pub(crate) expires: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoleProof {
    #[prost(uint32, tag = "1")]
    pub(crate) role: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) broadcast: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) peer: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Hello {
    #[prost(uint32, tag = "1")]
    pub(crate) oldest: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) newest: u32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) broadcast: Bytes,
    #[prost(uint64, tag = "4")]
    pub(crate) epoch: u64,
    #[prost(uint32, tag = "5")]
    pub(crate) rendition: u32,
    #[prost(uint32, tag = "6")]
    pub(crate) manifest_version: u32,
    #[prost(uint32, tag = "7")]
    pub(crate) role: u32,
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) proof: Bytes,
    #[prost(bytes = "bytes", tag = "9")]
    pub(crate) ticket: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Refuse {
    #[prost(uint32, tag = "1")]
    pub(crate) reason: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) oldest: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) newest: u32,
    #[prost(string, tag = "4")]
    pub(crate) text: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bye {
    #[prost(uint32, tag = "1")]
    pub(crate) reason: u32,
}

/// Something about one chunk: a header, a piece, a wish for either.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OfChunk {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) index: u32,
    /// A header, a piece's bytes or a piece set.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) data: Bytes,
    #[prost(uint32, tag = "4")]
    pub(crate) within_millis: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Have {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<HaveEntry>,
    /// The newest keyframe held, one more than its sequence; 0 is none.
    #[prost(uint64, tag = "2")]
    pub(crate) keyframe: u64,
    /// The newest chunk known of, one more than its sequence; 0 is none.
    #[prost(uint64, tag = "3")]
    pub(crate) newest: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HaveEntry {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    /// So many whole chunks from there.
    #[prost(uint32, tag = "2")]
    pub(crate) complete: u32,
    /// Or these pieces of that one.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) pieces: Bytes,
}

/// Something about stripes: a subscription, its end, its refusal.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OfStripes {
    #[prost(uint32, tag = "1")]
    pub(crate) modulus: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) stripes: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) from: u64,
    #[prost(bool, tag = "4")]
    pub(crate) without_headers: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ack {
    #[prost(uint64, tag = "1")]
    pub(crate) bytes: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(uint32, tag = "1")]
    pub(crate) modulus: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) depth: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) copies: Bytes,
    #[prost(uint32, tag = "4")]
    pub(crate) lag_millis: u32,
    #[prost(uint32, tag = "5")]
    pub(crate) queue_millis: u32,
    #[prost(uint32, tag = "6")]
    pub(crate) places: u32,
    #[prost(uint32, tag = "7")]
    pub(crate) places_free: u32,
    #[prost(uint64, tag = "8")]
    pub(crate) newest: u64,
    #[prost(bytes = "bytes", tag = "9")]
    pub(crate) lags: Bytes,
    #[prost(uint32, tag = "10")]
    pub(crate) interior: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_small_fields_is_refused_before_it_is_built() {
        // Thirty thousand empty tracks in 60 kB.
        let flood = Bytes::from([0x4a, 0].repeat(30_000));
        let error = decode::<Rendition>("a rendition", flood, 96 * 1024, 40).unwrap_err();
        assert_eq!(error, MalformedError::TooManyFields { what: "a rendition", limit: 40 });
    }

    #[test]
    fn groups_and_cut_fields_are_refused() {
        for bytes in [&[0x0b, 0x0c][..], &[0x0a, 5, 1], &[0xff; 11], &[0x08]] {
            assert!(matches!(
                decode::<Signed>("a value", Bytes::copy_from_slice(bytes), 100, 10),
                Err(MalformedError::Damaged { .. })
            ));
        }
    }
}
