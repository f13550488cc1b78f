//! Who is let in: connections, greetings, roles, tickets.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

use super::{Core, TOLD, neighbour::Neighbour};
use crate::{
    behaviour::lane::Lane,
    mesh::{self, NeighbourId, NeighbourInfo},
    node::{NodeEvent, RoleKey},
    reach::address::{self, Scope},
    wire::{Bye, Hello, Message, Refuse, RefuseReason, Role, RoleProof, SignedTicket, Version, VersionRange},
};

/// How much longer than the ticket that neighbours know a new one must hold to be shown to them.
const RENEWED_AFTER: Duration = Duration::from_secs(60);

/// How long a neighbour whose ticket died may stay: clocks differ, and a renewed one may be on its way.
const TICKET_GRACE: Duration = Duration::from_secs(30);

/// What a round trip is taken for until it is measured.
const RTT: Duration = Duration::from_millis(50);

impl Core {
    pub(super) fn opened(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        peer: PeerId,
        address: Multiaddr,
        dialed: bool,
    ) {
        if !self.resolve_double(now, connection, peer, dialed) {
            return;
        }
        self.neighbours.insert(connection, Neighbour::new(now, peer, address, dialed));
        if self.over {
            // Latecomers of a broadcast that was taken down hear why.
            for revocation in self.revocations.clone() {
                self.send(connection, Lane::Control, &Message::Revocation(revocation));
            }
            self.send(connection, Lane::Control, &Message::Bye(Bye::Ended));
            self.close(now, connection);
            return;
        }
        self.greet(connection);
    }

    /// Keeps one of two connections to a peer; both sides come to the same choice. Tells whether the new one stays.
    fn resolve_double(&mut self, now: Instant, connection: ConnectionId, peer: PeerId, dialed: bool) -> bool {
        let Some((&old, old_dialed)) =
            self.neighbours.iter().find(|(_, n)| n.peer == peer).map(|(connection, n)| (connection, n.dialed))
        else {
            return true;
        };
        // Dialed twice by the same side: that side thinks that the first one is dead. Dialed by both: the one of the
        // smaller peer id stays.
        let new_stays = old_dialed == dialed || dialed == (self.me < peer);
        if new_stays {
            self.close(now, old);
        } else {
            self.outputs.push_back(super::Output::Close { connection });
        }
        new_stays
    }

    /// Greets, and says on every other lane which epoch begins there: at the start and with each new epoch.
    pub(super) fn greet(&mut self, connection: ConnectionId) {
        let hello = Message::Hello(self.hello());
        self.send(connection, Lane::Control, &hello);
        let epoch = Message::Epoch(self.verifier.manifest().epoch);
        for lane in Lane::all().filter(|lane| *lane != Lane::Control) {
            self.send(connection, lane, &epoch);
        }
    }

    fn hello(&self) -> Hello {
        let manifest = self.verifier.manifest();
        let me = self.me.to_bytes();
        let proof = match &self.role_key {
            // The key of another epoch proves nothing.
            Some(RoleKey::Broadcast(key)) if key.public() == manifest.broadcast_key => {
                RoleProof::publisher(key, manifest.broadcast, &me)
            }
            Some(RoleKey::Community(key)) => RoleProof::server(key, manifest.broadcast, &me),
            _ => Bytes::new(),
        };
        Hello {
            versions: VersionRange::ours(),
            broadcast: manifest.broadcast,
            epoch: manifest.epoch,
            rendition: self.rendition,
            manifest_version: manifest.version,
            role: self.role,
            proof,
            ticket: self.ticket.clone(),
        }
    }

    pub(super) fn greeted(&mut self, now: Instant, connection: ConnectionId, hello: Hello) {
        let manifest = self.verifier.manifest().clone();
        if hello.broadcast != manifest.broadcast || hello.rendition != self.rendition {
            self.refuse(now, connection, Refuse::new(RefuseReason::OtherSwarm));
            return;
        }
        let Some(neighbour) = self.neighbours.get_mut(&connection) else { return };
        neighbour.epochs[Lane::Control.index()] = Some(hello.epoch);
        if neighbour.version.is_none() {
            let Some(version) = Version::negotiate(hello.versions) else {
                self.refuse(now, connection, Refuse::version(hello.versions));
                return;
            };
            neighbour.version = Some(version);
        }
        neighbour.knows = neighbour.knows.max((hello.epoch, hello.manifest_version));
        let (epoch, left) = (hello.epoch, neighbour.member);
        neighbour.hello = Some(hello);
        let ours = (manifest.epoch, manifest.version);
        if let Some(member) = left
            && epoch != ours.0
        {
            neighbour.member = None;
            neighbour.outside_since = now;
            self.unjoin(now, member, true);
        }
        self.extend(now, connection);
        self.tell_manifest(connection);
        self.join(now, connection);
    }

    /// A neighbour showed its ticket again. One that does not hold changes nothing: the one before it may.
    fn extend(&mut self, now: Instant, connection: ConnectionId) {
        let Some(neighbour) = self.neighbours.get(&connection).filter(|it| it.admitted_until.is_some()) else { return };
        let Some(hello) = &neighbour.hello else { return };
        let until = self.ticket_holds(now, neighbour.peer, &hello.ticket).ok().flatten();
        if let Some(neighbour) = self.neighbours.get_mut(&connection) {
            neighbour.admitted_until = neighbour.admitted_until.max(until);
        }
    }

    /// Makes a neighbour a member of the mesh, if it greeted, is in our epoch and is what it says.
    pub(super) fn join(&mut self, now: Instant, connection: ConnectionId) {
        let Some(neighbour) = self.neighbours.get(&connection) else { return };
        let Some(hello) = &neighbour.hello else { return };
        let manifest = self.verifier.manifest();
        // A publisher that came back has a key that we learn from its manifest only; it is under way.
        let newer = hello.manifest_version > manifest.version && hello.role == Role::Publisher;
        if neighbour.member.is_some() || self.over || hello.epoch != manifest.epoch || newer {
            return;
        }
        let (role, admitted_until) = match self.admit(now, neighbour.peer, hello) {
            Ok(admitted) => admitted,
            Err(reason) => {
                self.refuse(now, connection, Refuse::new(reason));
                return;
            }
        };
        let member = NeighbourId(self.next_member);
        self.next_member += 1;
        self.members.insert(member, connection);
        let Some(neighbour) = self.neighbours.get_mut(&connection) else { return };
        (neighbour.role, neighbour.admitted_until) = (role, admitted_until);
        neighbour.member = Some(member);
        let info = NeighbourInfo {
            role,
            outbound: neighbour.dialed,
            rtt: neighbour.rtt.unwrap_or(RTT),
            network: network(&neighbour.address),
        };
        self.mesh.handle(now, mesh::Input::Joined { neighbour: member, info });
        self.event(NodeEvent::NeighboursChanged(self.members.len()));
    }

    /// What a peer really is, and until when its ticket holds; an error if it claims to be what it is not, or has no ticket
    /// where one is needed.
    fn admit(&self, now: Instant, peer: PeerId, hello: &Hello) -> Result<(Role, Option<u64>), RefuseReason> {
        let manifest = self.verifier.manifest();
        let broadcast = manifest.broadcast;
        let bytes = peer.to_bytes();
        let key = match hello.role {
            Role::Viewer => None,
            // The key of an older version proves nothing, and its holder is no liar.
            Role::Publisher => Some(manifest.broadcast_key).filter(|_| hello.manifest_version == manifest.version),
            Role::Server => self.community_key,
        };
        let role = match key {
            Some(key) if !hello.proof.is_empty() => {
                let proved = RoleProof::verify(&hello.proof, hello.role, &key, broadcast, &bytes);
                proved.map(|()| hello.role).map_err(|_| RefuseReason::Proof)?
            }
            // Without a proof the tracker's word counts, and without that nobody is more than a viewer.
            _ if self.told.get(&peer) == Some(&hello.role) => hello.role,
            _ => Role::Viewer,
        };
        let until = if role == Role::Viewer { self.ticket_holds(now, peer, &hello.ticket)? } else { None };
        Ok((role, until))
    }

    /// Until when a peer's ticket holds; nothing where none is asked for.
    fn ticket_holds(&self, now: Instant, peer: PeerId, ticket: &Bytes) -> Result<Option<u64>, RefuseReason> {
        let Some(key) = self.community_key.as_ref().filter(|_| self.require_ticket) else { return Ok(None) };
        let (broadcast, micros) = (self.verifier.manifest().broadcast, self.unix_micros(now));
        SignedTicket::from_bytes(ticket.clone())
            .and_then(|ticket| ticket.verify(key, broadcast, &peer.to_bytes(), micros))
            .map(|ticket| Some(ticket.expires))
            .map_err(|_| RefuseReason::Ticket)
    }

    /// The tracker renewed our ticket: neighbours hear of it before the one they know dies, but not of each.
    pub(super) fn set_ticket(&mut self, now: Instant, ticket: Bytes) {
        self.ticket = ticket;
        let (Some(key), broadcast) = (&self.community_key, self.verifier.manifest().broadcast) else { return };
        let (me, micros) = (self.me.to_bytes(), self.unix_micros(now));
        let ours = SignedTicket::from_bytes(self.ticket.clone()).and_then(|it| it.verify(key, broadcast, &me, micros));
        let Ok(expires) = ours.map(|ticket| ticket.expires) else { return };
        if expires < self.ticket_shown.saturating_add(RENEWED_AFTER.as_micros() as u64) {
            return;
        }
        self.ticket_shown = expires;
        let hello = Message::Hello(self.hello());
        for connection in self.neighbours.keys().copied().collect::<Vec<_>>() {
            self.send(connection, Lane::Control, &hello);
        }
    }

    /// Lets go of members whose tickets died and were not renewed.
    pub(super) fn turn_out_expired(&mut self, now: Instant) {
        let micros = self.unix_micros(now).saturating_sub(TICKET_GRACE.as_micros() as u64);
        let expired = |neighbour: &Neighbour| neighbour.admitted_until.is_some_and(|until| until <= micros);
        let connections: Vec<_> = self.neighbours.iter().filter(|(_, it)| expired(it)).map(|(c, _)| *c).collect();
        for connection in connections {
            self.refuse(now, connection, Refuse::new(RefuseReason::Ticket));
        }
    }

    /// The wall clock at an instant.
    fn unix_micros(&self, now: Instant) -> u64 {
        self.clock.micros + now.saturating_duration_since(self.clock.at).as_micros() as u64
    }

    /// The tracker says what a peer is; a neighbour that was taken for something else joins anew.
    pub(super) fn told(&mut self, now: Instant, peer: PeerId, role: Role) {
        if role == Role::Viewer {
            self.told.remove(&peer);
            return;
        }
        if self.told.len() >= TOLD || self.told.insert(peer, role) == Some(role) {
            return;
        }
        let Some((&connection, neighbour)) = self.neighbours.iter_mut().find(|(_, n)| n.peer == peer) else { return };
        let claims = neighbour.hello.as_ref().is_some_and(|hello| hello.role == role);
        if claims
            && neighbour.role != role
            && let Some(member) = neighbour.member.take()
        {
            self.unjoin(now, member, true);
            self.join(now, connection);
        }
    }

    pub(super) fn measured(&mut self, now: Instant, connection: ConnectionId, rtt: Duration) {
        let Some(neighbour) = self.neighbours.get_mut(&connection) else { return };
        neighbour.rtt = Some(rtt);
        if let Some(neighbour) = neighbour.member {
            self.mesh.handle(now, mesh::Input::Rtt { neighbour, rtt });
        }
    }
}

/// Groups addresses of one network, so that nobody can surround a viewer from a single one; a LAN party is no attack.
fn network(address: &Multiaddr) -> Option<u64> {
    if address::scope(address)? != Scope::Public {
        return None;
    }
    Some(match address::ip(address)? {
        IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
        IpAddr::V6(ip) => (u128::from(ip) >> 80) as u64 | 1 << 63,
    })
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn only_public_addresses_belong_to_a_network() {
        let of = |text: &str| network(&text.parse().unwrap());
        assert_eq!(of("/ip4/127.0.0.1/tcp/1"), None);
        assert_eq!(of("/ip4/192.168.0.9/tcp/1"), None);
        assert_eq!(of("/ip4/8.8.8.8/tcp/1"), of("/ip4/8.8.8.9/udp/7/quic-v1"));
        assert_ne!(of("/ip4/8.8.8.8/tcp/1"), of("/ip4/8.8.9.8/tcp/1"));
        assert_eq!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:1:3::1/tcp/1"));
        assert_ne!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:2:2::1/tcp/1"));
    }
}
