//! The tracker: who is in which swarm, and who may know it.

mod address;
mod candidates;
pub(crate) mod seeder;
mod swarm;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use runnel_p2p::wire::{BroadcastId, CommunityKey, SignedTicket, Ticket};

use crate::api::{Announce, PeerEntry, PeerKind, PeerStats};
use crate::clock::Clock;
use crate::config::TrackerSettings;
use crate::random;
use crate::telemetry::Metrics;

pub(crate) use address::is_local;
use candidates::Asker;
pub(crate) use swarm::SwarmError;
use swarm::{Arrival, Swarm};

/// Intervals are spread by this much, so that peers do not come in step.
const SPREAD: f64 = 0.3;

/// The most uplink that is believed, in kbit/s: a liar draws no more viewers to itself than a good home line does.
const MAX_UPLINK: u32 = 200_000;
/// What a stream's rate is taken for before its manifest is here, in kbit/s.
const USUAL_RATE: u32 = 2_500;

/// Why an announce was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TrackerError {
    /// Not a PeerId.
    #[error("{0:?} is not a peer id")]
    PeerId(String),
    /// Not for peers to say.
    #[error("only the server itself announces as a server")]
    Role,
    /// The peer id is somebody else's.
    #[error("this peer id announced from another address; show its ticket")]
    NotYours,
    /// The swarm is full.
    #[error(transparent)]
    Swarm(#[from] SwarmError),
    /// The ticket could not be made.
    #[error("no ticket could be made")]
    Ticket,
}

/// What a peer gets for an announce.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Admission {
    /// The signed ticket in base64.
    pub ticket: String,
    /// When it dies, in seconds since 1970.
    pub expires: i64,
    /// When to announce again.
    pub interval: f64,
    /// Others.
    pub peers: Vec<PeerEntry>,
    /// How many watch.
    pub viewers: u32,
}

/// The swarms of all open broadcasts.
#[derive(Debug)]
pub(crate) struct Tracker {
    settings: TrackerSettings,
    clock: Clock,
    key: CommunityKey,
    metrics: Arc<Metrics>,
    swarms: Mutex<HashMap<BroadcastId, Swarm>>,
    rng: Mutex<StdRng>,
}

impl Tracker {
    /// A tracker whose tickets are signed by this key.
    pub(crate) fn new(settings: TrackerSettings, clock: Clock, key: CommunityKey, metrics: Arc<Metrics>) -> Self {
        let rng = Mutex::new(StdRng::from_seed(random::bytes()));
        Self { settings, clock, key, metrics, swarms: Mutex::default(), rng }
    }

    /// Notes a peer and names others; the caller has checked that it may watch, or publish.
    ///
    /// `stream_kbps` is the rate of the rendition, where that is known.
    pub(crate) fn announce(
        &self,
        broadcast: BroadcastId,
        announce: &Announce,
        source: IpAddr,
        stream_kbps: Option<u32>,
    ) -> Result<Admission, TrackerError> {
        let result = self.admit(broadcast, announce, source, stream_kbps.unwrap_or(USUAL_RATE));
        let counter = if result.is_ok() { &self.metrics.announces } else { &self.metrics.announces_refused };
        counter.add(1);
        result
    }

    fn admit(
        &self,
        broadcast: BroadcastId,
        announce: &Announce,
        source: IpAddr,
        stream_kbps: u32,
    ) -> Result<Admission, TrackerError> {
        let peer = address::peer_id(&announce.peer_id)
            .ok_or_else(|| TrackerError::PeerId(announce.peer_id.chars().take(80).collect()))?;
        if announce.role == PeerKind::Server {
            return Err(TrackerError::Role);
        }
        let known = announce.ticket.as_deref().is_some_and(|ticket| self.is_ticket(ticket, broadcast, &peer));
        let uplink_kbps = announce.uplink_kbps.map(|kbps| kbps.min(MAX_UPLINK));
        let now = self.clock.now();
        let mut swarms = self.swarms.lock();
        let swarm = swarms.entry(broadcast).or_insert_with(|| Swarm::new(&self.settings));
        if !known && swarm.source_of(&announce.peer_id).is_some_and(|before| before != source) {
            return Err(TrackerError::NotYours);
        }
        if announce.leaving {
            swarm.leave(&announce.peer_id);
        } else {
            swarm.announce(
                now,
                Arrival {
                    peer_id: &announce.peer_id,
                    addresses: address::sift(&announce.addresses, source),
                    kind: announce.role,
                    rendition: announce.rendition,
                    source,
                    uplink_kbps,
                    stats: announce.stats,
                },
            )?;
        }
        let mut rng = self.rng.lock();
        let peers = if announce.leaving {
            Vec::new()
        } else {
            let asker = Asker {
                peer_id: &announce.peer_id,
                kind: announce.role,
                rendition: announce.rendition,
                source,
                uplink_kbps,
                stream_kbps,
                most: self.settings.candidates,
            };
            swarm.candidates(&asker, &mut *rng)
        };
        let spread = rng.random_range(1.0 - SPREAD..=1.0 + SPREAD);
        let viewers = swarm.viewers();
        drop((rng, swarms));
        let (ticket, expires) = self.ticket(broadcast, peer)?;
        Ok(Admission { ticket, expires, interval: self.settings.interval.as_secs_f64() * spread, peers, viewers })
    }

    /// The community's own node is (or is no longer) to be found here.
    pub(crate) fn set_server(&self, broadcast: BroadcastId, rendition: u8, server: Option<PeerEntry>) {
        let mut swarms = self.swarms.lock();
        match server {
            Some(server) => {
                let swarm = swarms.entry(broadcast).or_insert_with(|| Swarm::new(&self.settings));
                swarm.set_server(rendition, Some(server));
            }
            // A swarm that was closed must not come back for this.
            None => swarms.get_mut(&broadcast).into_iter().for_each(|swarm| swarm.set_server(rendition, None)),
        }
    }

    /// A ticket, for the server's own node too.
    pub(crate) fn ticket(&self, broadcast: BroadcastId, peer: Bytes) -> Result<(String, i64), TrackerError> {
        let expires = self.clock.unix_micros() + i64::try_from(self.settings.ticket.as_micros()).unwrap_or(0);
        let ticket = Ticket { broadcast, peer, expires: u64::try_from(expires).unwrap_or(0) };
        let signed = ticket.sign(&self.key).map_err(|_| TrackerError::Ticket)?;
        Ok((URL_SAFE_NO_PAD.encode(signed.bytes()), expires / 1_000_000))
    }

    /// How many watch a broadcast.
    pub(crate) fn viewers(&self, broadcast: BroadcastId) -> u32 {
        self.swarms.lock().get(&broadcast).map_or(0, Swarm::viewers)
    }

    /// What the viewers of a broadcast say they got from where.
    pub(crate) fn stats(&self, broadcast: BroadcastId) -> PeerStats {
        self.swarms.lock().get(&broadcast).map(Swarm::stats).unwrap_or_default()
    }

    /// Forgets a swarm.
    pub(crate) fn close(&self, broadcast: BroadcastId) {
        self.swarms.lock().remove(&broadcast);
    }

    /// Forgets peers that were not heard for a while; gives the number of viewers of each broadcast.
    pub(crate) fn tick(&self) -> Vec<(BroadcastId, u32)> {
        let now = self.clock.now();
        let mut swarms = self.swarms.lock();
        swarms.retain(|_, swarm| !swarm.is_empty());
        let counts: Vec<_> = swarms
            .iter_mut()
            .map(|(broadcast, swarm)| {
                swarm.expire(now);
                (*broadcast, swarm.viewers())
            })
            .collect();
        self.metrics.viewers.set(counts.iter().map(|(_, viewers)| u64::from(*viewers)).sum());
        counts
    }

    fn is_ticket(&self, text: &str, broadcast: BroadcastId, peer: &[u8]) -> bool {
        let now = u64::try_from(self.clock.unix_micros()).unwrap_or(0);
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        SignedTicket::from_bytes(bytes.into())
            .is_ok_and(|ticket| ticket.verify(&self.key.public(), broadcast, peer, now).is_ok())
    }
}

/// A peer is forgotten when it missed two announces.
fn silence(interval: Duration) -> Duration {
    interval.mul_f64(2.0 * (1.0 + SPREAD)) + Duration::from_secs(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PeerKind;

    const BROADCAST: BroadcastId = BroadcastId([1; 16]);

    fn tracker() -> (Tracker, Clock) {
        let clock = Clock::manual();
        let settings = crate::config::RawSettings::default().check().unwrap().tracker;
        let key = CommunityKey::from_bytes([7; 32]);
        (Tracker::new(settings, clock.clone(), key, Arc::default()), clock)
    }

    fn peer(number: u8) -> String {
        address::tests::peer_id(number)
    }

    fn viewer(number: u8) -> Announce {
        Announce {
            peer_id: peer(number),
            addresses: vec![format!("/ip4/127.0.0.1/udp/{}/quic-v1", 4000 + u16::from(number))],
            ..Announce::default()
        }
    }

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn peers_find_each_other_and_expire() {
        let (tracker, clock) = tracker();
        let first = tracker.announce(BROADCAST, &viewer(1), HOME, None).unwrap();
        assert_eq!((first.peers.len(), first.viewers), (0, 1));
        assert!((7.0..=13.0).contains(&first.interval));
        let second = tracker.announce(BROADCAST, &viewer(2), HOME, None).unwrap();
        assert_eq!(second.peers[0].peer_id, peer(1));
        clock.advance(Duration::from_secs(29));
        tracker.announce(BROADCAST, &viewer(2), HOME, None).unwrap();
        clock.advance(Duration::from_secs(3));
        assert_eq!(tracker.tick(), [(BROADCAST, 1)]);
        let leaving = Announce { leaving: true, ..viewer(2) };
        assert_eq!(tracker.announce(BROADCAST, &leaving, HOME, None).unwrap().viewers, 0);
    }

    #[test]
    fn tickets_are_for_one_peer_and_one_broadcast_and_die() {
        let (tracker, clock) = tracker();
        let admission = tracker.announce(BROADCAST, &viewer(1), HOME, None).unwrap();
        let bytes = address::peer_id(&peer(1)).unwrap();
        let other = address::peer_id(&peer(2)).unwrap();
        assert!(tracker.is_ticket(&admission.ticket, BROADCAST, &bytes));
        assert!(!tracker.is_ticket(&admission.ticket, BROADCAST, &other));
        assert!(!tracker.is_ticket(&admission.ticket, BroadcastId([2; 16]), &bytes));
        assert!(!tracker.is_ticket("nonsense", BROADCAST, &bytes));
        clock.advance(Duration::from_secs(601));
        assert!(!tracker.is_ticket(&admission.ticket, BROADCAST, &bytes));
    }

    #[test]
    fn a_peer_id_cannot_be_taken_from_elsewhere() {
        let (tracker, _) = tracker();
        let ticket = tracker.announce(BROADCAST, &viewer(1), "192.0.2.1".parse().unwrap(), None).unwrap().ticket;
        let elsewhere = "192.0.2.2".parse().unwrap();
        assert!(matches!(tracker.announce(BROADCAST, &viewer(1), elsewhere, None), Err(TrackerError::NotYours)));
        let roamed = Announce { ticket: Some(ticket), ..viewer(1) };
        assert!(tracker.announce(BROADCAST, &roamed, elsewhere, None).is_ok());
    }

    #[test]
    fn a_ticket_from_before_a_restart_takes_its_owner_back() {
        let (before, _) = tracker();
        let ticket = before.announce(BROADCAST, &viewer(1), "192.0.2.1".parse().unwrap(), None).unwrap().ticket;
        // The server has forgotten its swarms and kept its key; somebody else is quicker than the owner.
        let (after, _) = tracker();
        after.announce(BROADCAST, &viewer(1), "192.0.2.66".parse().unwrap(), None).unwrap();
        let owner = "192.0.2.1".parse().unwrap();
        assert!(matches!(after.announce(BROADCAST, &viewer(1), owner, None), Err(TrackerError::NotYours)));
        let back = Announce { ticket: Some(ticket), ..viewer(1) };
        assert_eq!(after.announce(BROADCAST, &back, owner, None).unwrap().viewers, 1);
        assert!(matches!(
            after.announce(BROADCAST, &viewer(1), "192.0.2.66".parse().unwrap(), None),
            Err(TrackerError::NotYours)
        ));
    }

    #[test]
    fn a_liar_draws_no_more_viewers_than_a_good_line() {
        let (tracker, _) = tracker();
        let known = |uplink_kbps: u32| {
            let announce = Announce { uplink_kbps: Some(uplink_kbps), ..viewer(1) };
            tracker.announce(BROADCAST, &announce, HOME, None).unwrap();
            tracker.swarms.lock()[&BROADCAST].peers()[0].uplink_kbps
        };
        assert_eq!((known(u32::MAX), known(20_000), known(0)), (Some(200_000), Some(20_000), Some(0)));
    }

    #[test]
    fn hostile_announces_are_refused() {
        let (tracker, _) = tracker();
        for announce in [
            Announce { peer_id: String::new(), ..viewer(1) },
            Announce { peer_id: "x".repeat(10_000), ..viewer(1) },
            Announce { peer_id: "0OIl".to_owned(), ..viewer(1) },
            Announce { role: PeerKind::Server, ..viewer(1) },
        ] {
            assert!(tracker.announce(BROADCAST, &announce, HOME, None).is_err());
        }
    }
}
