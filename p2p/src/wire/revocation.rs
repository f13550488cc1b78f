//! Take-downs and bans, signed by the community, which travel the swarm.

use bytes::Bytes;
use prost::Message;

use super::id::{BroadcastId, ChannelId, PublicKey};
use super::key::{CommunityKey, Context};
use super::proto::{self, MalformedError};
use super::{MAX_TEXT, signed};

const WHAT: &str = "a revocation";
/// Longest signed revocation in bytes.
const MAX_REVOCATION: usize = 512;
/// Longest peer id in bytes.
pub(crate) const MAX_PEER: usize = 64;

/// Says that something must no longer be forwarded, kept or played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// When it was signed, in microseconds since the Unix epoch.
    pub issued: u64,
    /// What is taken back.
    pub revoked: Revoked,
    /// Why, for the people who see it; at most [`MAX_TEXT`] bytes.
    pub reason: String,
}

/// What a revocation takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// A broadcast is taken down.
    Broadcast(BroadcastId),
    /// A key no longer signs for a channel.
    Key {
        /// Whose key it was.
        channel: ChannelId,
        /// The key.
        key: PublicKey,
    },
    /// A peer is banned, by the bytes of its peer id.
    Peer(Bytes),
}

/// Says why a revocation is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Its bytes or values are wrong.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// The community did not sign it.
    #[error("the revocation's signature is not by the community key {key}")]
    BadSignature {
        /// The key that should have signed.
        key: PublicKey,
    },
}

impl Revocation {
    /// Checks all limits and signs.
    pub fn sign(&self, key: &CommunityKey) -> Result<SignedRevocation, RevocationError> {
        let mut form = proto::Revocation { issued: self.issued, reason: self.reason.clone(), ..Default::default() };
        match &self.revoked {
            Revoked::Broadcast(broadcast) => form.broadcast = Bytes::copy_from_slice(&broadcast.0),
            Revoked::Key { channel, key } => {
                form.channel = Bytes::copy_from_slice(&channel.0);
                form.key = Bytes::copy_from_slice(&key.0);
            }
            Revoked::Peer(peer) => form.peer = peer.clone(),
        }
        let payload: Bytes = form.encode_to_vec().into();
        Self::from_payload(payload.clone())?;
        SignedRevocation::from_bytes(signed::seal(key.signing_key(), Context::Revocation, payload, false))
    }

    fn from_payload(payload: Bytes) -> Result<Self, MalformedError> {
        let form: proto::Revocation = proto::decode(WHAT, payload, MAX_REVOCATION, 16)?;
        if form.reason.len() > MAX_TEXT {
            let legal = format!("at most {MAX_TEXT}");
            return Err(MalformedError::illegal(WHAT, "the reason's length", form.reason.len(), legal));
        }
        let present = [&form.broadcast, &form.channel, &form.peer].map(|field| !field.is_empty());
        let revoked = match present {
            [true, false, false] => Revoked::Broadcast(BroadcastId(proto::array(WHAT, "broadcast", &form.broadcast)?)),
            [false, true, false] => Revoked::Key {
                channel: ChannelId(proto::array(WHAT, "channel", &form.channel)?),
                key: PublicKey(proto::array(WHAT, "key", &form.key)?),
            },
            [false, false, true] if form.peer.len() <= MAX_PEER => Revoked::Peer(form.peer),
            _ => {
                let legal = "one broadcast, one channel with its key or one peer";
                return Err(MalformedError::illegal(WHAT, "what it revokes", "none or several", legal));
            }
        };
        Ok(Self { issued: form.issued, revoked, reason: form.reason })
    }
}

/// A revocation as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedRevocation {
    bytes: Bytes,
}

impl SignedRevocation {
    /// Takes bytes from outside; only their number is checked, [`SignedRevocation::verify`] does the rest.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, RevocationError> {
        if bytes.len() > MAX_REVOCATION {
            return Err(MalformedError::TooLong { what: WHAT, length: bytes.len(), limit: MAX_REVOCATION }.into());
        }
        Ok(Self { bytes })
    }

    /// The bytes as they travel.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the revocation if the community signed it.
    pub fn verify(&self, community_key: &PublicKey) -> Result<Revocation, RevocationError> {
        let opened = signed::open(WHAT, &self.bytes, MAX_REVOCATION)?;
        if !opened.is_signed_by(community_key, Context::Revocation) {
            return Err(RevocationError::BadSignature { key: *community_key });
        }
        Ok(Revocation::from_payload(opened.payload)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_round_trips_and_needs_the_community() {
        let (key, other) = (CommunityKey::from_bytes([1; 32]), CommunityKey::from_bytes([2; 32]));
        for revoked in [
            Revoked::Broadcast(BroadcastId([4; 16])),
            Revoked::Key { channel: ChannelId([5; 16]), key: PublicKey([6; 32]) },
            Revoked::Peer(Bytes::from_static(b"peer")),
        ] {
            let revocation = Revocation { issued: 9, revoked, reason: "spam".into() };
            let signed = revocation.sign(&key).unwrap();
            assert_eq!(signed.verify(&key.public()).unwrap(), revocation);
            assert!(signed.verify(&other.public()).is_err());
        }
    }

    #[test]
    fn nothing_or_several_things_at_once_cannot_be_revoked() {
        let several = proto::Revocation {
            broadcast: Bytes::from_static(&[1; 16]),
            peer: Bytes::from_static(b"peer"),
            ..Default::default()
        };
        for form in [several, proto::Revocation::default()] {
            assert!(Revocation::from_payload(form.encode_to_vec().into()).is_err());
        }
        let long = Revocation { issued: 1, revoked: Revoked::Broadcast(BroadcastId([4; 16])), reason: "x".repeat(129) };
        assert!(long.sign(&CommunityKey::from_bytes([1; 32])).is_err());
    }
}
