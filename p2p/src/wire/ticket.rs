//! What lets a peer in: the tracker's ticket, and a publisher's or server's proof of its role.

use bytes::Bytes;
use prost::Message;

use super::hello::Role;
use super::id::{BroadcastId, PublicKey};
use super::key::{BroadcastKey, CommunityKey, Context};
use super::proto::{self, MalformedError};
use super::revocation::MAX_PEER;
use super::signed;

/// Longest signed ticket or proof in bytes.
pub(crate) const MAX_TICKET: usize = 256;

/// The tracker's word that a peer may take part in a broadcast's swarm for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Which broadcast.
    pub broadcast: BroadcastId,
    /// The peer id's bytes.
    pub peer: Bytes,
    /// Until when, in microseconds since the Unix epoch.
    pub expires: u64,
}

/// Says why a ticket or a proof is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Its bytes or values are wrong.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// Another key signed it.
    #[error("the signature is not by {key}")]
    BadSignature {
        /// The key that should have signed.
        key: PublicKey,
    },
    /// It is for another broadcast, peer or role.
    #[error("it is for another {what}")]
    Misplaced {
        /// What does not fit.
        what: &'static str,
    },
    /// Its time is over.
    #[error("the ticket expired at {expires} µs, it is {now}")]
    Expired {
        /// When it ended.
        expires: u64,
        /// The time it was checked at.
        now: u64,
    },
}

impl Ticket {
    /// Signs with the community's key.
    pub fn sign(&self, key: &CommunityKey) -> Result<SignedTicket, TicketError> {
        check_peer("a ticket", &self.peer)?;
        let form = proto::Ticket {
            broadcast: Bytes::copy_from_slice(&self.broadcast.0),
            peer: self.peer.clone(),
            expires: self.expires,
        };
        SignedTicket::from_bytes(signed::seal(key.signing_key(), Context::Ticket, form.encode_to_vec().into(), false))
    }
}

fn check_peer(what: &'static str, peer: &[u8]) -> Result<(), MalformedError> {
    if peer.is_empty() || peer.len() > MAX_PEER {
        let legal = format!("1 to {MAX_PEER}");
        return Err(MalformedError::illegal(what, "the peer id's length", peer.len(), legal));
    }
    Ok(())
}

/// A ticket as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTicket {
    bytes: Bytes,
}

impl SignedTicket {
    /// Takes bytes from outside; only their number is checked, [`SignedTicket::verify`] does the rest.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, TicketError> {
        if bytes.len() > MAX_TICKET {
            let error = MalformedError::TooLong { what: "a ticket", length: bytes.len(), limit: MAX_TICKET };
            return Err(error.into());
        }
        Ok(Self { bytes })
    }

    /// The bytes as they travel.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the ticket if the community signed it for this broadcast and peer and it still holds at `now`
    /// (microseconds since the Unix epoch).
    pub fn verify(
        &self,
        community_key: &PublicKey,
        broadcast: BroadcastId,
        peer: &[u8],
        now: u64,
    ) -> Result<Ticket, TicketError> {
        const WHAT: &str = "a ticket";
        let opened = signed::open(WHAT, &self.bytes, MAX_TICKET)?;
        if !opened.is_signed_by(community_key, Context::Ticket) {
            return Err(TicketError::BadSignature { key: *community_key });
        }
        let form: proto::Ticket = proto::decode(WHAT, opened.payload, MAX_TICKET, 8)?;
        check_peer(WHAT, &form.peer)?;
        if form.broadcast != broadcast.0[..] {
            return Err(TicketError::Misplaced { what: "broadcast" });
        }
        if form.peer != peer {
            return Err(TicketError::Misplaced { what: "peer" });
        }
        if form.expires <= now {
            return Err(TicketError::Expired { expires: form.expires, now });
        }
        Ok(Ticket { broadcast, peer: form.peer, expires: form.expires })
    }
}

/// Proves in [`Hello`](super::Hello) that a peer is the publisher or the server, bound to its peer id.
pub struct RoleProof;

impl RoleProof {
    /// The publisher's proof.
    pub fn publisher(key: &BroadcastKey, broadcast: BroadcastId, peer: &[u8]) -> Bytes {
        Self::seal(key.signing_key(), Role::Publisher, broadcast, peer)
    }

    /// The server's proof.
    pub fn server(key: &CommunityKey, broadcast: BroadcastId, peer: &[u8]) -> Bytes {
        Self::seal(key.signing_key(), Role::Server, broadcast, peer)
    }

    /// Checks a proof against the key that the role's holder must have: the broadcast key or the community key.
    pub fn verify(
        proof: &Bytes,
        role: Role,
        key: &PublicKey,
        broadcast: BroadcastId,
        peer: &[u8],
    ) -> Result<(), TicketError> {
        const WHAT: &str = "a proof of role";
        let opened = signed::open(WHAT, proof, MAX_TICKET)?;
        if !opened.is_signed_by(key, Context::Role) {
            return Err(TicketError::BadSignature { key: *key });
        }
        let form: proto::RoleProof = proto::decode(WHAT, opened.payload, MAX_TICKET, 8)?;
        let what = if form.role != u32::from(role.number()) {
            "role"
        } else if form.broadcast != broadcast.0[..] {
            "broadcast"
        } else if form.peer != peer {
            "peer"
        } else {
            return Ok(());
        };
        Err(TicketError::Misplaced { what })
    }

    fn seal(key: &ed25519_dalek::SigningKey, role: Role, broadcast: BroadcastId, peer: &[u8]) -> Bytes {
        let form = proto::RoleProof {
            role: role.number().into(),
            broadcast: Bytes::copy_from_slice(&broadcast.0),
            peer: Bytes::copy_from_slice(peer),
        };
        signed::seal(key, Context::Role, form.encode_to_vec().into(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROADCAST: BroadcastId = BroadcastId([4; 16]);

    #[test]
    fn a_ticket_lets_in_one_peer_to_one_broadcast_for_a_while() {
        let key = CommunityKey::from_bytes([1; 32]);
        let ticket = Ticket { broadcast: BROADCAST, peer: Bytes::from_static(b"me"), expires: 100 };
        let signed = ticket.sign(&key).unwrap();
        assert_eq!(signed.verify(&key.public(), BROADCAST, b"me", 99).unwrap(), ticket);
        assert!(matches!(signed.verify(&key.public(), BROADCAST, b"me", 100), Err(TicketError::Expired { .. })));
        assert!(signed.verify(&key.public(), BROADCAST, b"you", 1).is_err());
        assert!(signed.verify(&key.public(), BroadcastId([5; 16]), b"me", 1).is_err());
        assert!(signed.verify(&CommunityKey::from_bytes([2; 32]).public(), BROADCAST, b"me", 1).is_err());
    }

    #[test]
    fn a_role_is_proved_for_one_peer_only() {
        let key = BroadcastKey::from_bytes([1; 32]);
        let proof = RoleProof::publisher(&key, BROADCAST, b"me");
        let check = |role, peer: &[u8]| RoleProof::verify(&proof, role, &key.public(), BROADCAST, peer);
        assert_eq!(check(Role::Publisher, b"me"), Ok(()));
        assert_eq!(check(Role::Server, b"me"), Err(TicketError::Misplaced { what: "role" }));
        assert_eq!(check(Role::Publisher, b"you"), Err(TicketError::Misplaced { what: "peer" }));
    }
}
