//! What travels the swarm beside media: manifests, and revocations, which must arrive within two seconds everywhere.

use std::time::{Duration, Instant};

use libp2p::{PeerId, swarm::ConnectionId};

use super::{Core, Output};
use crate::{
    behaviour::lane::Lane,
    node::{NodeEvent, NodeProblem},
    verify::Update,
    wire::{Bye, ManifestError, Message, PublicKey, Revocation, Revoked, SignedManifest, SignedRevocation},
};

/// The owner is told so often at most that keys are wanted, whatever neighbours make up.
const KEYS_WANTED: Duration = Duration::from_secs(10);
/// More keys than a channel ever has at one time.
const MOST_KEYS: usize = 64;
/// How many revocations are remembered, so that none goes in circles.
const REVOCATIONS: usize = 64;

/// A manifest that nobody can judge before the channel's keys are known.
#[derive(Debug)]
pub(super) struct Strange {
    signed: SignedManifest,
    from: ConnectionId,
    told: Instant,
}

impl Core {
    /// The channel's keys were added to or revoked. What is in force stays so: ending it is the community's, by a revocation.
    pub(super) fn set_channel_keys(&mut self, now: Instant, mut keys: Vec<PublicKey>) {
        keys.truncate(MOST_KEYS);
        self.channel_keys = keys;
        if let Some(Strange { signed, from, .. }) = self.strange.take() {
            self.manifest(now, from, signed);
        }
    }

    /// Keeps a manifest for when its key is known, and asks the owner for keys now and then.
    fn wonder(&mut self, now: Instant, from: ConnectionId, signed: SignedManifest) {
        let told = match &self.strange {
            Some(strange) if now.saturating_duration_since(strange.told) < KEYS_WANTED => strange.told,
            _ => {
                self.event(NodeEvent::KeysWanted);
                now
            }
        };
        self.strange = Some(Strange { signed, from, told });
    }

    /// The owner has a newer manifest.
    pub(super) fn own_manifest(&mut self, now: Instant, signed: SignedManifest) {
        let update = match signed.verify(&self.channel_keys) {
            Ok(manifest) => self.verifier.update(manifest).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        match update {
            Ok(update) => self.adopt(now, update, signed, false),
            Err(reason) => self.problem(NodeProblem::NotAccepted { what: "the manifest", reason }),
        }
    }

    /// A neighbour passes a manifest on.
    pub(super) fn manifest(&mut self, now: Instant, connection: ConnectionId, signed: SignedManifest) {
        let manifest = match signed.verify(&self.channel_keys) {
            Ok(manifest) => manifest,
            // The channel may have a key that we were not told of.
            Err(ManifestError::UnknownKey { .. }) => return self.wonder(now, connection, signed),
            Err(e) => return self.cut(now, connection, true, &e.to_string()),
        };
        if let Some(neighbour) = self.neighbours.get_mut(&connection) {
            neighbour.knows = neighbour.knows.max((manifest.epoch, manifest.version));
        }
        match self.verifier.update(manifest) {
            Ok(update) => self.adopt(now, update, signed, true),
            Err(e) if e.is_hostile() => self.cut(now, connection, true, &e.to_string()),
            Err(_) => {}
        }
    }

    /// Goes over to a manifest that the verifier took in, and passes it on.
    fn adopt(&mut self, now: Instant, update: Update, signed: SignedManifest, tell_owner: bool) {
        if update == Update::Same {
            return;
        }
        self.manifest = signed;
        let connections: Vec<_> = self.neighbours.keys().copied().collect();
        for &connection in &connections {
            self.tell_manifest(connection);
        }
        if update == Update::NewEpoch {
            self.store.wipe();
            self.delivered.clear();
            self.members.clear();
            self.renew_mesh(now);
            for neighbour in self.neighbours.values_mut() {
                neighbour.member = None;
                neighbour.outside_since = now;
            }
            self.event(NodeEvent::NeighboursChanged(0));
            for &connection in &connections {
                self.greet(connection);
            }
        }
        for &connection in &connections {
            self.join(now, connection);
        }
        if tell_owner {
            self.event(NodeEvent::ManifestChanged(self.verifier.manifest().clone(), self.manifest.clone()));
        }
    }

    /// Sends our manifest to who greeted and knows an older one.
    pub(super) fn tell_manifest(&mut self, connection: ConnectionId) {
        let manifest = self.verifier.manifest();
        let ours = (manifest.epoch, manifest.version);
        let Some(neighbour) = self.neighbours.get_mut(&connection) else { return };
        if neighbour.hello.is_some() && neighbour.knows < ours {
            neighbour.knows = ours;
            let message = Message::Manifest(self.manifest.clone());
            self.send(connection, Lane::Control, &message);
        }
    }

    /// Passes a revocation on and obeys it; `from` is nothing where the owner gave it.
    pub(super) fn revocation(&mut self, now: Instant, signed: SignedRevocation, from: Option<ConnectionId>) {
        if self.revocations.contains(&signed) {
            return;
        }
        let verified = match &self.community_key {
            Some(key) => signed.verify(key).map_err(|e| e.to_string()),
            None if from.is_some() => return,
            None => Err("the community's key is not known".to_owned()),
        };
        let revocation = match (verified, from) {
            (Ok(revocation), _) => revocation,
            (Err(reason), Some(connection)) => return self.cut(now, connection, true, &reason),
            (Err(reason), None) => {
                return self.problem(NodeProblem::NotAccepted { what: "the revocation", reason });
            }
        };
        let banned = match &revocation.revoked {
            Revoked::Peer(bytes) => PeerId::from_bytes(bytes).ok(),
            _ => None,
        };
        let ends = self.ends(&revocation) || banned == Some(self.me);
        if !ends && banned.is_none() {
            // Of another broadcast: nobody here needs it.
            return;
        }
        if self.revocations.len() >= REVOCATIONS {
            self.revocations.pop_front();
        }
        self.revocations.push_back(signed.clone());
        let message = Message::Revocation(signed);
        for connection in self.neighbours.keys().copied().filter(|c| Some(*c) != from).collect::<Vec<_>>() {
            self.send(connection, Lane::Control, &message);
        }
        if let Some(peer) = banned.filter(|peer| *peer != self.me) {
            self.ban(now, peer);
        }
        if ends {
            self.store.wipe();
            self.event(NodeEvent::Revoked(revocation));
            self.leave(now, Bye::Ended);
        }
    }

    fn ends(&mut self, revocation: &Revocation) -> bool {
        let by_broadcast = self.verifier.revoke(revocation);
        let signer = self.channel_keys.iter().find(|key| self.manifest.verify(&[**key]).is_ok()).copied();
        by_broadcast || signer.is_some_and(|signer| self.verifier.revoke_manifest(&signer, revocation))
    }

    fn ban(&mut self, now: Instant, peer: PeerId) {
        self.outputs.push_back(Output::Ban { peer });
        let connections: Vec<_> = self.neighbours.iter().filter(|(_, n)| n.peer == peer).map(|(c, _)| *c).collect();
        for connection in connections {
            self.cut(now, connection, true, "the community banned it");
        }
    }
}
