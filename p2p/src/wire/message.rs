//! Messages between two nodes: a kind byte and a form, in a frame of [`super::frame`].

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;

use super::chunk::SignedHeader;
use super::control::{Control, kind as control};
use super::hello::{Bye, Hello, Refuse};
use super::id::{Epoch, Sequence};
use super::manifest::SignedManifest;
use super::proto::{self, MalformedError, narrow};
use super::revocation::SignedRevocation;
use super::version::Version;
use super::{MAX_FRAME, MAX_HEADER, MAX_PIECES, PIECE};

/// A message between two nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Opens a connection: the same in all versions, for ever.
    Hello(Hello),
    /// Ends it at once, with the reason: the same in all versions, for ever.
    Refuse(Refuse),
    /// Ends it in good order.
    Bye(Bye),
    /// All that the sender says on this stream from here on is about this epoch; before it, about its [`Hello`]'s.
    Epoch(Epoch),
    /// A manifest, passed on.
    Manifest(SignedManifest),
    /// A revocation, passed on.
    Revocation(SignedRevocation),
    /// A chunk's header.
    Header(SignedHeader),
    /// A piece of a chunk.
    Piece(Piece),
    /// What the mesh says.
    Control(Control),
}

/// A piece of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which chunk.
    pub sequence: Sequence,
    /// Which piece of it.
    pub index: u16,
    /// Its bytes, 1 to [`PIECE`].
    pub data: Bytes,
}

/// Says why a message cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Its bytes or values are wrong.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// There is no such kind in the version that was agreed on.
    #[error("message kind {kind} does not exist in version {version} of the protocol")]
    UnknownKind {
        /// The kind's number.
        kind: u8,
        /// The version agreed on.
        version: Version,
    },
    /// The frame holds nothing.
    #[error("a message of 0 bytes has no kind")]
    Empty,
}

mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const REFUSE: u8 = 2;
    pub(super) const BYE: u8 = 3;
    pub(super) const MANIFEST: u8 = 4;
    pub(super) const REVOCATION: u8 = 5;
    pub(super) const HEADER: u8 = 6;
    pub(super) const PIECE: u8 = 7;
    pub(super) const EPOCH: u8 = 8;
}

/// Longest form of a piece in bytes.
const MAX_PIECE_FORM: usize = PIECE + 32;
/// Longest message with a piece in bytes, without its frame's length.
pub const MAX_PIECE_MESSAGE: usize = 1 + MAX_PIECE_FORM;
/// Longest control message in bytes, without its frame's length.
pub const MAX_CONTROL_MESSAGE: usize = 1 + control::MAX_CONTROL;

impl Message {
    /// The first version that has this kind of message.
    pub fn since(&self) -> Version {
        match self {
            Self::Control(control) => control.since(),
            _ => Version::V1,
        }
    }

    /// Writes the frame: length, kind, form. `None` where the agreed version has no such message; leave it unsaid then.
    pub fn to_frame(&self, version: Version) -> Option<Bytes> {
        self.write(version, true)
    }

    /// Writes what goes into a frame: kind and form. `None` as with [`Message::to_frame`].
    pub fn encode(&self, version: Version) -> Option<Bytes> {
        self.write(version, false)
    }

    fn write(&self, version: Version, with_length: bool) -> Option<Bytes> {
        if self.since() > version {
            return None;
        }
        let (kind, form) = match self {
            Self::Hello(hello) => (kind::HELLO, hello.encode()),
            Self::Refuse(refuse) => (kind::REFUSE, refuse.encode()),
            Self::Bye(bye) => (kind::BYE, bye.encode()),
            Self::Epoch(epoch) => (kind::EPOCH, proto::Ack { bytes: epoch.0 }.encode_to_vec()),
            Self::Manifest(manifest) => return Some(join(with_length, kind::MANIFEST, manifest.bytes())),
            Self::Revocation(revocation) => return Some(join(with_length, kind::REVOCATION, revocation.bytes())),
            Self::Header(header) => return Some(join(with_length, kind::HEADER, header.bytes())),
            Self::Piece(piece) => return Some(piece.write(with_length)),
            Self::Control(control) => control.encode(),
        };
        Some(join(with_length, kind, &form))
    }

    /// Reads what a frame holds (without its length), in the version agreed on.
    pub fn decode(frame: Bytes, version: Version) -> Result<Self, MessageError> {
        if frame.len() > MAX_FRAME {
            let (what, length) = ("a message", frame.len());
            return Err(MalformedError::TooLong { what, length, limit: MAX_FRAME }.into());
        }
        let Some(&kind) = frame.first() else { return Err(MessageError::Empty) };
        let body = frame.slice(1..);
        let message = match kind {
            kind::HELLO => Self::Hello(Hello::decode(body)?),
            kind::REFUSE => Self::Refuse(Refuse::decode(body)?),
            kind::BYE => Self::Bye(Bye::decode(body)?),
            kind::EPOCH => {
                // The form of a lone number.
                let form: proto::Ack = proto::decode("an epoch", body, 32, 4)?;
                Self::Epoch(Epoch(form.bytes))
            }
            kind::MANIFEST => Self::Manifest(SignedManifest::from_bytes(body).map_err(|error| match error {
                super::ManifestError::Malformed(error) => error,
                other => unchecked("a manifest", other),
            })?),
            kind::REVOCATION => Self::Revocation(SignedRevocation::from_bytes(body).map_err(|error| match error {
                super::RevocationError::Malformed(error) => error,
                other => unchecked("a revocation", other),
            })?),
            kind::HEADER => Self::Header(SignedHeader::from_bytes(body).map_err(|error| match error {
                super::ChunkError::Malformed(error) => error,
                other => unchecked("a chunk header", other),
            })?),
            kind::PIECE => Self::Piece(Piece::decode(body)?),
            _ => match Control::decode(kind, body) {
                Some(message) => Self::Control(message?),
                None => return Err(MessageError::UnknownKind { kind, version }),
            },
        };
        if message.since() > version {
            return Err(MessageError::UnknownKind { kind, version });
        }
        Ok(message)
    }
}

/// Only the length of a signed value is checked when a message is read.
fn unchecked(what: &'static str, error: impl ToString) -> MalformedError {
    MalformedError::Damaged { what, reason: error.to_string() }
}

fn join(with_length: bool, kind: u8, form: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + form.len());
    if with_length {
        bytes.put_u32(1 + form.len() as u32);
    }
    bytes.put_u8(kind);
    bytes.put_slice(form);
    bytes.freeze()
}

/// Length in bytes of a piece's frame, without building it.
pub fn piece_frame_len(size: usize) -> usize {
    size + 5 + 12
}

impl Piece {
    /// Writes the whole frame; the form of a piece is the same in all versions.
    pub fn to_frame(&self) -> Bytes {
        self.write(true)
    }

    /// Pieces are nearly all that is sent, so their bytes are copied once and not from form to frame.
    fn write(&self, with_length: bool) -> Bytes {
        let Self { sequence, index, data } = self;
        let form =
            proto::OfChunk { sequence: sequence.0, index: (*index).into(), data: data.clone(), within_millis: 0 };
        let length = 1 + form.encoded_len();
        let mut bytes = BytesMut::with_capacity(4 + length);
        if with_length {
            bytes.put_u32(length as u32);
        }
        bytes.put_u8(kind::PIECE);
        // A buffer that grows has room for everything.
        let _ = form.encode(&mut bytes);
        bytes.freeze()
    }

    fn decode(body: Bytes) -> Result<Self, MalformedError> {
        const WHAT: &str = "a piece";
        let form: proto::OfChunk = proto::decode(WHAT, body, MAX_PIECE_FORM, 8)?;
        if form.data.is_empty() || form.data.len() > PIECE {
            return Err(MalformedError::illegal(WHAT, "its length", form.data.len(), format!("1 to {PIECE} bytes")));
        }
        Ok(Self {
            sequence: Sequence(narrow(WHAT, "sequence", form.sequence, u64::MAX >> 1)?),
            index: narrow(WHAT, "index", form.index, MAX_PIECES as u64 - 1)?,
            data: form.data,
        })
    }
}

/// Every frame fits into its limit.
const _: () = assert!(MAX_HEADER < MAX_FRAME && MAX_PIECE_FORM < MAX_FRAME);
/// No two kinds share a number.
const _: () = assert!(kind::EPOCH < control::HAVE);
