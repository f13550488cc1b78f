//! How connections begin and end.

use bytes::Bytes;
use prost::Message as _;

use super::MAX_TEXT;
use super::id::{BroadcastId, Epoch, RenditionId};
use super::proto::{self, MalformedError, narrow};
use super::ticket::MAX_TICKET;
use super::version::VersionRange;

/// The first message on a connection, from both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The versions the sender speaks.
    pub versions: VersionRange,
    /// Which broadcast it is here for.
    pub broadcast: BroadcastId,
    /// The newest epoch it knows.
    pub epoch: Epoch,
    /// Which rendition it is here for.
    pub rendition: RenditionId,
    /// The newest manifest version of that epoch it knows.
    pub manifest_version: u32,
    /// What it says it is.
    pub role: Role,
    /// A [`RoleProof`](super::RoleProof) of that, empty for viewers.
    pub proof: Bytes,
    /// The tracker's ticket, empty without one.
    pub ticket: Bytes,
}

/// What a node is in the swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Someone who watches and forwards.
    Viewer,
    /// The broadcaster.
    Publisher,
    /// The community's server, which seeds.
    Server,
}

impl Role {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Viewer => 1,
            Self::Publisher => 2,
            Self::Server => 3,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::Viewer, Self::Publisher, Self::Server].into_iter().find(|role| u32::from(role.number()) == number)
    }

    /// Tells whether it has every chunk without getting it from the swarm.
    pub fn is_source(self) -> bool {
        self != Self::Viewer
    }
}

/// Ends a connection at once, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refuse {
    /// Why, for the program.
    pub reason: RefuseReason,
    /// The versions the sender speaks.
    pub versions: VersionRange,
    /// Why, for people; at most [`MAX_TEXT`] bytes.
    pub text: String,
}

impl Refuse {
    /// Refuses with the reason's own text.
    pub fn new(reason: RefuseReason) -> Self {
        Self { reason, versions: VersionRange::ours(), text: reason.to_string() }
    }

    /// Refuses a node with which no version is shared.
    pub fn version(theirs: VersionRange) -> Self {
        let ours = VersionRange::ours();
        let side = if theirs.newest < ours.oldest { "yours is too old" } else { "ours is too old" };
        let text = format!("this node speaks versions {ours}, yours {theirs}: {side}");
        Self { reason: RefuseReason::Version, versions: ours, text }
    }
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RefuseReason {
    /// No version is shared.
    #[error("no version of the protocol is shared")]
    Version,
    /// The node is in another swarm.
    #[error("this node is not in that swarm")]
    OtherSwarm,
    /// No place is left.
    #[error("all places are taken")]
    Full,
    /// The peer is banned.
    #[error("this peer is banned")]
    Banned,
    /// The ticket is missing or invalid.
    #[error("the ticket is missing or invalid")]
    Ticket,
    /// The proof of role is wrong.
    #[error("the proof of role is wrong")]
    Proof,
    /// What was sent is no legal message.
    #[error("what was sent is no legal message")]
    Malformed,
    /// A reason that this build does not know.
    #[error("a reason unknown to this version")]
    Other,
}

impl RefuseReason {
    const ALL: [Self; 8] = [
        Self::Other,
        Self::Version,
        Self::OtherSwarm,
        Self::Full,
        Self::Banned,
        Self::Ticket,
        Self::Proof,
        Self::Malformed,
    ];
}

/// Why a connection ends in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bye {
    /// The sender leaves the swarm.
    Leaving,
    /// The sender has better neighbours.
    Crowded,
    /// The broadcast is over.
    Ended,
    /// A reason that this build does not know.
    Other,
}

impl Bye {
    const ALL: [Self; 4] = [Self::Other, Self::Leaving, Self::Crowded, Self::Ended];
}

impl Hello {
    pub(super) fn encode(&self) -> Vec<u8> {
        proto::Hello {
            oldest: self.versions.oldest.into(),
            newest: self.versions.newest.into(),
            broadcast: Bytes::copy_from_slice(&self.broadcast.0),
            epoch: self.epoch.0,
            rendition: self.rendition.0.into(),
            manifest_version: self.manifest_version,
            role: self.role.number().into(),
            proof: self.proof.clone(),
            ticket: self.ticket.clone(),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(body: Bytes) -> Result<Self, MalformedError> {
        const WHAT: &str = "a greeting";
        let form: proto::Hello = proto::decode(WHAT, body, 1024, 24)?;
        for (field, bytes) in [("proof", &form.proof), ("ticket", &form.ticket)] {
            if bytes.len() > MAX_TICKET {
                let value = format!("{} bytes", bytes.len());
                return Err(MalformedError::illegal(WHAT, field, value, format!("at most {MAX_TICKET} bytes")));
            }
        }
        Ok(Self {
            versions: VersionRange {
                oldest: narrow(WHAT, "oldest", form.oldest, u16::MAX.into())?,
                newest: narrow(WHAT, "newest", form.newest, u16::MAX.into())?,
            },
            broadcast: BroadcastId(proto::array(WHAT, "broadcast", &form.broadcast)?),
            epoch: Epoch(form.epoch),
            rendition: RenditionId(narrow(WHAT, "rendition", form.rendition, u8::MAX.into())?),
            manifest_version: form.manifest_version,
            role: Role::from_number(form.role)
                .ok_or_else(|| MalformedError::illegal(WHAT, "role", form.role, "1 to 3"))?,
            proof: form.proof,
            ticket: form.ticket,
        })
    }
}

impl Refuse {
    pub(super) fn encode(&self) -> Vec<u8> {
        let reason = RefuseReason::ALL.iter().position(|other| *other == self.reason).unwrap_or_default() as u32;
        let mut text = self.text.clone();
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        let (oldest, newest) = (self.versions.oldest.into(), self.versions.newest.into());
        proto::Refuse { reason, oldest, newest, text }.encode_to_vec()
    }

    pub(super) fn decode(body: Bytes) -> Result<Self, MalformedError> {
        const WHAT: &str = "a refusal";
        let form: proto::Refuse = proto::decode(WHAT, body, 512, 8)?;
        if form.text.len() > MAX_TEXT {
            let legal = format!("at most {MAX_TEXT} bytes");
            return Err(MalformedError::illegal(WHAT, "the text's length", form.text.len(), legal));
        }
        Ok(Self {
            reason: RefuseReason::ALL.get(form.reason as usize).copied().unwrap_or(RefuseReason::Other),
            versions: VersionRange {
                oldest: narrow(WHAT, "oldest", form.oldest, u16::MAX.into())?,
                newest: narrow(WHAT, "newest", form.newest, u16::MAX.into())?,
            },
            text: form.text,
        })
    }
}

impl Bye {
    pub(super) fn encode(self) -> Vec<u8> {
        let reason = Self::ALL.iter().position(|other| *other == self).unwrap_or_default() as u32;
        proto::Bye { reason }.encode_to_vec()
    }

    pub(super) fn decode(body: Bytes) -> Result<Self, MalformedError> {
        let form: proto::Bye = proto::decode("a farewell", body, 32, 4)?;
        Ok(Self::ALL.get(form.reason as usize).copied().unwrap_or(Self::Other))
    }
}
