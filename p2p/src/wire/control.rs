//! What the mesh says to its neighbours: have-maps, stripes, wishes. No media in here.

use bytes::Bytes;
use prost::Message;

use super::id::Sequence;
use super::pieces::PieceSet;
use super::proto::{self, MalformedError, narrow};
use super::version::Version;
use super::{MAX_HAVE, MAX_PIECES, MAX_STRIPES};

/// A depth that says "no way to the source".
pub const NO_PATH: u8 = u8::MAX;

/// Unit of [`Status::lags`], in milliseconds.
pub const LAG_UNIT_MILLIS: u16 = 8;

/// A message of the mesh.
///
/// A set of stripes is a bit mask over `modulus` stripes: piece `index` of chunk `sequence` is in stripe
/// `(sequence + index) mod modulus`. The modulus travels along, so that neighbours need not agree on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// All that the sender has: replaces what it said before.
    Have {
        /// What it holds.
        entries: Vec<HaveEntry>,
        /// The newest chunk it holds from which decoding can start.
        keyframe: Option<Sequence>,
        /// The newest chunk it knows of.
        newest: Option<Sequence>,
    },
    /// What the sender has beyond what it said before.
    HaveDelta {
        /// What it holds now.
        entries: Vec<HaveEntry>,
    },
    /// Asks for a chunk's header.
    NeedHeader {
        /// Which chunk.
        sequence: Sequence,
    },
    /// Asks for pieces.
    Request {
        /// Of which chunk.
        sequence: Sequence,
        /// Which ones.
        pieces: PieceSet,
        /// How many milliseconds they are worth waiting for.
        within_millis: u16,
    },
    /// Takes a request back.
    Cancel {
        /// Of which chunk.
        sequence: Sequence,
        /// Which pieces are no longer wanted.
        pieces: PieceSet,
    },
    /// Asks to be pushed these stripes beside those already pushed.
    Subscribe {
        /// How many stripes there are.
        modulus: u8,
        /// Which ones.
        stripes: u32,
        /// From which chunk on.
        from: Sequence,
        /// Whether headers should come along.
        headers: bool,
    },
    /// Asks to be pushed these stripes no longer.
    Unsubscribe {
        /// How many stripes there are.
        modulus: u8,
        /// Which ones.
        stripes: u32,
        /// From which chunk on.
        from: Sequence,
    },
    /// A source tells which stripes it pushes on its own accord: exactly these, from that chunk on.
    Seed {
        /// How many stripes there are.
        modulus: u8,
        /// Which ones.
        stripes: u32,
        /// From which chunk on.
        from: Sequence,
    },
    /// Says that these stripes are not pushed (any longer): no place, or no way to the source.
    Reject {
        /// How many stripes there are.
        modulus: u8,
        /// Which ones.
        stripes: u32,
        /// From which chunk on.
        from: Sequence,
    },
    /// Says that these pieces will not come: get them elsewhere.
    Skipped {
        /// Of which chunk.
        sequence: Sequence,
        /// Which ones.
        pieces: PieceSet,
    },
    /// Tells how many bytes of pieces arrived on this connection so far.
    Ack {
        /// Since its start.
        bytes: u64,
    },
    /// Tells how well the sender is placed; since version 2.
    Status(Status),
}

/// Chunks or pieces that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaveEntry {
    /// Whole chunks, one after another.
    Complete {
        /// The first.
        first: Sequence,
        /// How many, at least 1.
        count: u32,
    },
    /// Some pieces of a chunk.
    Partial {
        /// Which chunk.
        sequence: Sequence,
        /// Which pieces.
        pieces: PieceSet,
    },
}

/// How well a node is placed in each stripe, and how busy it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Hops from the source for each stripe, [`NO_PATH`] where there is none; its length is the modulus.
    pub depth: Vec<u8>,
    /// A source's own: how many copies of each stripe it pushes; empty for viewers.
    pub copies: Vec<u8>,
    /// Estimated lag behind the source, on average over stripes.
    pub lag_millis: u16,
    /// The same for each stripe, in units of [`LAG_UNIT_MILLIS`]; empty where the sender does not tell.
    pub lags: Vec<u8>,
    /// The stripes in which it takes children, as a mask; 0 for any.
    pub interior: u32,
    /// How long a piece waits here before it is sent.
    pub queue_millis: u16,
    /// How many stripes it can push, over all children.
    pub places: u16,
    /// How many of those are free.
    pub places_free: u16,
    /// The newest chunk it knows of.
    pub newest: Option<Sequence>,
}

/// What each kind is called by on the wire; see [`super::message`] for the rest.
pub(crate) mod kind {
    pub(crate) const HAVE: u8 = 16;
    pub(crate) const HAVE_DELTA: u8 = 17;
    pub(crate) const NEED_HEADER: u8 = 18;
    pub(crate) const REQUEST: u8 = 19;
    pub(crate) const CANCEL: u8 = 20;
    pub(crate) const SUBSCRIBE: u8 = 21;
    pub(crate) const UNSUBSCRIBE: u8 = 22;
    pub(crate) const SEED: u8 = 23;
    pub(crate) const REJECT: u8 = 24;
    pub(crate) const SKIPPED: u8 = 25;
    pub(crate) const ACK: u8 = 26;
    pub(crate) const STATUS: u8 = 27;

    /// Longest control form in bytes: a have-map whose every entry is as long as can be.
    pub(crate) const MAX_CONTROL: usize = super::MAX_HAVE * (super::MAX_PIECES / 8 + 24) + 64;
}

impl Control {
    /// The first version that has this kind of message.
    pub fn since(&self) -> Version {
        match self {
            Self::Status(_) => Version::V2,
            _ => Version::V1,
        }
    }

    /// Length of its frame in bytes, without building it.
    pub fn frame_len(&self) -> usize {
        // Length prefix and kind, then the form.
        5 + match self {
            // The commonest by far; the others are cheap enough to build.
            Self::HaveDelta { entries } => entries
                .iter()
                .map(|entry| {
                    let form = match entry {
                        HaveEntry::Complete { first, count } => varint_field(first.0) + varint_field((*count).into()),
                        HaveEntry::Partial { sequence, pieces } => {
                            let length = pieces.encoded_len();
                            varint_field(sequence.0) + if length == 0 { 0 } else { 2 + length }
                        }
                    };
                    2 + form
                })
                .sum(),
            Self::Ack { bytes } => varint_field(*bytes),
            other => other.encode().1.len(),
        }
    }

    pub(crate) fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Have { entries, keyframe, newest } => (kind::HAVE, encode_have(entries, *keyframe, *newest)),
            Self::HaveDelta { entries } => (kind::HAVE_DELTA, encode_have(entries, None, None)),
            Self::NeedHeader { sequence } => (kind::NEED_HEADER, encode_of_chunk(*sequence, None, 0)),
            Self::Request { sequence, pieces, within_millis } => {
                (kind::REQUEST, encode_of_chunk(*sequence, Some(pieces), (*within_millis).into()))
            }
            Self::Cancel { sequence, pieces } => (kind::CANCEL, encode_of_chunk(*sequence, Some(pieces), 0)),
            Self::Skipped { sequence, pieces } => (kind::SKIPPED, encode_of_chunk(*sequence, Some(pieces), 0)),
            Self::Subscribe { modulus, stripes, from, headers } => {
                (kind::SUBSCRIBE, encode_of_stripes(*modulus, *stripes, *from, !headers))
            }
            Self::Unsubscribe { modulus, stripes, from } => {
                (kind::UNSUBSCRIBE, encode_of_stripes(*modulus, *stripes, *from, false))
            }
            Self::Seed { modulus, stripes, from } => (kind::SEED, encode_of_stripes(*modulus, *stripes, *from, false)),
            Self::Reject { modulus, stripes, from } => {
                (kind::REJECT, encode_of_stripes(*modulus, *stripes, *from, false))
            }
            Self::Ack { bytes } => (kind::ACK, proto::Ack { bytes: *bytes }.encode_to_vec()),
            Self::Status(status) => (kind::STATUS, status.to_proto().encode_to_vec()),
        }
    }

    /// Reads one of the control messages; `None` where the kind is none of theirs.
    pub(crate) fn decode(kind: u8, body: Bytes) -> Option<Result<Self, MalformedError>> {
        Some(match kind {
            kind::HAVE => decode_have(body).map(|(entries, keyframe, newest)| Self::Have { entries, keyframe, newest }),
            kind::HAVE_DELTA => decode_have(body).map(|(entries, ..)| Self::HaveDelta { entries }),
            kind::NEED_HEADER => {
                decode_of_chunk("a header's request", body).map(|(sequence, ..)| Self::NeedHeader { sequence })
            }
            kind::REQUEST => some_pieces("a request", body).and_then(|(sequence, pieces, within)| {
                let within_millis = narrow("a request", "within_millis", within, u16::MAX.into())?;
                Ok(Self::Request { sequence, pieces, within_millis })
            }),
            kind::CANCEL => {
                some_pieces("a cancel", body).map(|(sequence, pieces, _)| Self::Cancel { sequence, pieces })
            }
            kind::SKIPPED => {
                some_pieces("a skip", body).map(|(sequence, pieces, _)| Self::Skipped { sequence, pieces })
            }
            kind::SUBSCRIBE => decode_of_stripes("a subscription", body)
                .map(|(modulus, stripes, from, without)| Self::Subscribe { modulus, stripes, from, headers: !without }),
            kind::UNSUBSCRIBE => decode_of_stripes("an end of subscription", body)
                .map(|(modulus, stripes, from, _)| Self::Unsubscribe { modulus, stripes, from }),
            kind::SEED => decode_of_stripes("a seeding", body).map(|(modulus, stripes, from, _)| Self::Seed {
                modulus,
                stripes,
                from,
            }),
            kind::REJECT => decode_of_stripes("a rejection", body).map(|(modulus, stripes, from, _)| Self::Reject {
                modulus,
                stripes,
                from,
            }),
            kind::ACK => {
                proto::decode::<proto::Ack>("an acknowledgement", body, 32, 4).map(|ack| Self::Ack { bytes: ack.bytes })
            }
            kind::STATUS => Status::from_body(body).map(Self::Status),
            _ => return None,
        })
    }
}

/// Length of a protobuf field below tag 16 that holds this number; none where it is 0.
fn varint_field(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + (64 - value.leading_zeros() as usize).div_ceil(7) }
}

fn plus_one(sequence: Option<Sequence>) -> u64 {
    sequence.map_or(0, |sequence| sequence.0.saturating_add(1))
}

fn minus_one(number: u64) -> Option<Sequence> {
    number.checked_sub(1).map(Sequence)
}

/// Refuses numbers so high that the ones after them would not exist.
fn sequence(what: &'static str, number: u64) -> Result<Sequence, MalformedError> {
    Ok(Sequence(narrow(what, "sequence", number, u64::MAX >> 1)?))
}

fn encode_have(entries: &[HaveEntry], keyframe: Option<Sequence>, newest: Option<Sequence>) -> Vec<u8> {
    let entry = |entry: &HaveEntry| match entry {
        HaveEntry::Complete { first, count } => {
            proto::HaveEntry { sequence: first.0, complete: *count, pieces: Bytes::new() }
        }
        HaveEntry::Partial { sequence, pieces } => {
            proto::HaveEntry { sequence: sequence.0, complete: 0, pieces: pieces.to_bytes().into() }
        }
    };
    let entries = entries.iter().take(MAX_HAVE).map(entry).collect();
    proto::Have { entries, keyframe: plus_one(keyframe), newest: plus_one(newest) }.encode_to_vec()
}

type HaveParts = (Vec<HaveEntry>, Option<Sequence>, Option<Sequence>);

fn decode_have(body: Bytes) -> Result<HaveParts, MalformedError> {
    const WHAT: &str = "a have-map";
    let form: proto::Have = proto::decode(WHAT, body, kind::MAX_CONTROL, MAX_HAVE + 8)?;
    if form.entries.len() > MAX_HAVE {
        return Err(MalformedError::TooManyFields { what: WHAT, limit: MAX_HAVE });
    }
    let entry = |entry: proto::HaveEntry| {
        let sequence = sequence(WHAT, entry.sequence)?;
        if entry.complete > 0 {
            let count = narrow(WHAT, "the run's length", entry.complete, 100_000)?;
            return Ok(HaveEntry::Complete { first: sequence, count });
        }
        Ok(HaveEntry::Partial { sequence, pieces: piece_set(WHAT, &entry.pieces)? })
    };
    let entries = form.entries.into_iter().map(entry).collect::<Result<_, MalformedError>>()?;
    let keyframe = minus_one(form.keyframe).map(|number| sequence(WHAT, number.0)).transpose()?;
    let newest = minus_one(form.newest).map(|number| sequence(WHAT, number.0)).transpose()?;
    Ok((entries, keyframe, newest))
}

fn piece_set(what: &'static str, bytes: &[u8]) -> Result<PieceSet, MalformedError> {
    PieceSet::from_bytes(bytes).ok_or_else(|| {
        let value = format!("a set of {} bytes", bytes.len());
        MalformedError::illegal(what, "pieces", value, format!("at most {} bytes, the last not 0", MAX_PIECES / 8))
    })
}

fn encode_of_chunk(sequence: Sequence, pieces: Option<&PieceSet>, within_millis: u32) -> Vec<u8> {
    let data = pieces.map(|pieces| pieces.to_bytes().into()).unwrap_or_default();
    proto::OfChunk { sequence: sequence.0, index: 0, data, within_millis }.encode_to_vec()
}

fn decode_of_chunk(what: &'static str, body: Bytes) -> Result<(Sequence, PieceSet, u32), MalformedError> {
    let form: proto::OfChunk = proto::decode(what, body, MAX_PIECES / 8 + 64, 8)?;
    Ok((sequence(what, form.sequence)?, piece_set(what, &form.data)?, form.within_millis))
}

fn some_pieces(what: &'static str, body: Bytes) -> Result<(Sequence, PieceSet, u32), MalformedError> {
    let parts = decode_of_chunk(what, body)?;
    if parts.1.is_empty() {
        return Err(MalformedError::illegal(what, "pieces", "an empty set", "at least one piece"));
    }
    Ok(parts)
}

fn encode_of_stripes(modulus: u8, stripes: u32, from: Sequence, without_headers: bool) -> Vec<u8> {
    proto::OfStripes { modulus: modulus.into(), stripes, from: from.0, without_headers }.encode_to_vec()
}

fn decode_of_stripes(what: &'static str, body: Bytes) -> Result<(u8, u32, Sequence, bool), MalformedError> {
    let form: proto::OfStripes = proto::decode(what, body, 64, 8)?;
    let modulus: u8 = narrow(what, "modulus", form.modulus, MAX_STRIPES.into())?;
    if modulus == 0 || u64::from(form.stripes) >> modulus != 0 {
        let value = format!("stripes {:#x} of {modulus}", form.stripes);
        return Err(MalformedError::illegal(what, "stripes", value, format!("below 1 to {MAX_STRIPES} stripes")));
    }
    Ok((modulus, form.stripes, sequence(what, form.from)?, form.without_headers))
}

impl Status {
    fn to_proto(&self) -> proto::Status {
        proto::Status {
            modulus: self.depth.len() as u32,
            depth: Bytes::copy_from_slice(&self.depth),
            copies: Bytes::copy_from_slice(&self.copies),
            lag_millis: self.lag_millis.into(),
            queue_millis: self.queue_millis.into(),
            places: self.places.into(),
            places_free: self.places_free.into(),
            newest: plus_one(self.newest),
            lags: Bytes::copy_from_slice(&self.lags),
            interior: self.interior,
        }
    }

    fn from_body(body: Bytes) -> Result<Self, MalformedError> {
        const WHAT: &str = "a status";
        let form: proto::Status = proto::decode(WHAT, body, 256, 16)?;
        let modulus: usize = narrow(WHAT, "modulus", form.modulus, MAX_STRIPES.into())?;
        if form.depth.len() != modulus || modulus == 0 || !(form.copies.is_empty() || form.copies.len() == modulus) {
            let value = format!("{} depths and {} copies", form.depth.len(), form.copies.len());
            return Err(MalformedError::illegal(WHAT, "depth", value, format!("one for each of {modulus} stripes")));
        }
        if !(form.lags.is_empty() || form.lags.len() == modulus) {
            let value = form.lags.len().to_string();
            return Err(MalformedError::illegal(
                WHAT,
                "lags",
                value,
                format!("none or one for each of {modulus} stripes"),
            ));
        }
        let short = |field, value: u32| narrow(WHAT, field, value, u16::MAX.into());
        Ok(Self {
            depth: form.depth.to_vec(),
            copies: form.copies.to_vec(),
            lag_millis: short("lag_millis", form.lag_millis)?,
            lags: form.lags.to_vec(),
            interior: form.interior,
            queue_millis: short("queue_millis", form.queue_millis)?,
            places: short("places", form.places)?,
            places_free: short("places_free", form.places_free)?,
            newest: minus_one(form.newest).map(|number| sequence(WHAT, number.0)).transpose()?,
        })
    }
}
