//! Tests of the module beside it.

use std::collections::BTreeSet;

use super::*;
use crate::wire::{BroadcastId, BroadcastKey, ChannelId, ChannelKey, CommunityKey, Epoch, Manifest, Rendition, Ticket};

fn manifest(version: u32) -> SignedManifest {
    manifest_by(&ChannelKey::from_bytes([4; 32]), version)
}

fn manifest_by(key: &ChannelKey, version: u32) -> SignedManifest {
    let rendition = Rendition {
        id: RenditionId(1),
        width: 640,
        height: 360,
        fps: 30,
        bitrate_kbps: 1000,
        codecs: "av01.0.04M.08".into(),
        tracks: Vec::new(),
        inits: Vec::new(),
        chunk_millis: 100,
        stripes: 2,
    };
    let manifest = Manifest {
        version,
        channel: ChannelId([1; 16]),
        broadcast: BroadcastId([2; 16]),
        epoch: Epoch(1),
        broadcast_key: BroadcastKey::from_bytes([3; 32]).public(),
        renditions: vec![rendition],
        created: 0,
    };
    manifest.sign(key).unwrap()
}

/// Two nodes, in virtual time, and what each wants closed.
struct Pair {
    now: Instant,
    peers: [PeerId; 2],
    nodes: [Core; 2],
    closed: [BTreeSet<ConnectionId>; 2],
    events: [Vec<NodeEvent>; 2],
}

impl Pair {
    fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// Two nodes whose configuration is changed before they start.
    fn with(change: impl Fn(&mut NodeConfig, PeerId)) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let now = Instant::now();
        // The first has the smaller id.
        let mut peers = [PeerId::random(), PeerId::random()];
        peers.sort();
        let nodes = peers.map(|peer| {
            let keys = vec![ChannelKey::from_bytes([4; 32]).public()];
            let mut config = NodeConfig::viewer(manifest(1), keys, RenditionId(1));
            change(&mut config, peer);
            Core::new(&config, peer, 1, WallClock { at: now, micros: 0 }).unwrap()
        });
        Self { now, peers, nodes, closed: Default::default(), events: Default::default() }
    }

    /// One side hears of a connection.
    fn open(&mut self, side: usize, connection: usize, dialer: usize) {
        let connection = ConnectionId::new_unchecked(connection);
        let address = "/ip4/127.0.0.1/tcp/9".parse().unwrap();
        let opened = Input::Opened { connection, peer: self.peers[1 - side], address, dialed: dialer == side };
        self.nodes[side].handle(self.now, opened);
    }

    /// Carries frames to and fro until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for side in 0..2 {
                while let Some(output) = self.nodes[side].poll_output() {
                    quiet = false;
                    match output {
                        Output::Send { connection, lane, framed } => {
                            let frame = framed.slice(4..);
                            self.nodes[1 - side].handle(self.now, Input::Frame { connection, lane, frame });
                        }
                        Output::Close { connection } => drop(self.closed[side].insert(connection)),
                        Output::Event(event) => self.events[side].push(event),
                        Output::Ban { .. } | Output::Want { .. } => {}
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for node in &mut self.nodes {
            node.handle(self.now, Input::Timeout);
        }
        self.settle();
    }
}

#[test]
fn two_nodes_greet_and_become_neighbours() {
    let mut pair = Pair::new();
    pair.open(0, 1, 0);
    pair.open(1, 1, 0);
    pair.settle();
    assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1]);
    pair.nodes[0].handle(pair.now, Input::Command(Command::Shutdown));
    pair.settle();
    assert_eq!(pair.nodes.each_ref().map(Core::members), [0, 0]);
    assert!(matches!(pair.events[1].last(), Some(NodeEvent::NeighboursChanged(0))));
}

#[test]
fn when_both_dial_both_keep_the_same_connection() {
    for order in [[1, 2], [2, 1]] {
        let mut pair = Pair::new();
        // Connection 1 was dialed by the first, 2 by the second; they hear of them in any order.
        for connection in order {
            pair.open(0, connection, connection - 1);
        }
        for connection in [1, 2] {
            pair.open(1, connection, connection - 1);
        }
        pair.settle();
        let second = BTreeSet::from([ConnectionId::new_unchecked(2)]);
        assert_eq!(pair.closed, [second.clone(), second], "the dial of the smaller id stays");
        assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1]);
    }
}

#[test]
fn a_second_dial_by_the_same_side_replaces_the_first() {
    let mut pair = Pair::new();
    for side in [0, 1] {
        pair.open(side, 1, 0);
        pair.open(side, 2, 0);
    }
    pair.settle();
    let first = BTreeSet::from([ConnectionId::new_unchecked(1)]);
    assert_eq!(pair.closed, [first.clone(), first]);
    assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1]);
}

#[test]
fn who_does_not_greet_in_time_is_turned_out_and_who_did_stays() {
    let mut pair = Pair::new();
    pair.open(0, 1, 0);
    pair.settle();
    pair.pass(GREETING - Duration::from_millis(1));
    assert!(pair.closed[0].is_empty());
    pair.pass(HOUSEKEEPING);
    assert_eq!(pair.closed[0].len(), 1);

    let mut pair = Pair::new();
    pair.open(0, 1, 0);
    pair.open(1, 1, 0);
    pair.settle();
    for _ in 0..100 {
        pair.pass(HOUSEKEEPING);
    }
    assert!(pair.closed.iter().all(BTreeSet::is_empty));
    assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1]);
}

#[test]
fn a_newer_manifest_is_passed_on_once() {
    let mut pair = Pair::new();
    pair.open(0, 1, 0);
    pair.open(1, 1, 0);
    pair.settle();
    pair.nodes[0].handle(pair.now, Input::Command(Command::Manifest(manifest(2))));
    pair.settle();
    let changes = |events: &[NodeEvent]| events.iter().filter(|e| matches!(e, NodeEvent::ManifestChanged(..))).count();
    assert_eq!(changes(&pair.events[1]), 1);
    assert_eq!(changes(&pair.events[0]), 0, "the owner knows its own");
    // An older one changes nothing.
    pair.nodes[0].handle(pair.now, Input::Command(Command::Manifest(manifest(1))));
    pair.settle();
    assert!(matches!(pair.events[0].last(), Some(NodeEvent::Problem(NodeProblem::NotAccepted { .. }))));
}

#[test]
fn a_manifest_by_a_new_key_counts_once_the_key_is_known() {
    let mut pair = Pair::new();
    pair.open(0, 1, 0);
    pair.open(1, 1, 0);
    pair.settle();
    let (old, new) = (ChannelKey::from_bytes([4; 32]), ChannelKey::from_bytes([5; 32]));
    let wanted = |events: &[NodeEvent]| events.iter().filter(|e| matches!(e, NodeEvent::KeysWanted)).count();
    let changed = |events: &[NodeEvent]| {
        events
            .iter()
            .filter_map(|e| if let NodeEvent::ManifestChanged(m, _) = e { Some(m.version) } else { None })
            .max()
    };
    // The broadcaster changes its key; the viewer hears of the manifest before it hears of the key.
    let both = vec![old.public(), new.public()];
    pair.nodes[0].handle(pair.now, Input::Command(Command::ChannelKeys(both)));
    for version in [2, 3] {
        pair.nodes[0].handle(pair.now, Input::Command(Command::Manifest(manifest_by(&new, version))));
        pair.settle();
    }
    assert_eq!((wanted(&pair.events[1]), changed(&pair.events[1])), (1, None), "asked once, not for each");
    assert_eq!(pair.nodes[1].members(), 1, "a key that we do not know yet is no crime");
    pair.nodes[1].handle(pair.now, Input::Command(Command::ChannelKeys(vec![new.public()])));
    pair.settle();
    assert_eq!(changed(&pair.events[1]), Some(3), "what was kept is looked at again");

    // The old key is revoked: nothing it signs is taken in any more.
    pair.nodes[1].handle(pair.now, Input::Command(Command::Manifest(manifest_by(&old, 4))));
    pair.settle();
    assert!(matches!(pair.events[1].last(), Some(NodeEvent::Problem(NodeProblem::NotAccepted { .. }))));
    assert_eq!(pair.nodes[1].members(), 1);
}

const COMMUNITY: [u8; 32] = [6; 32];

/// A peer's ticket that holds until then.
fn ticket(peer: PeerId, seconds: u64) -> Bytes {
    let ticket = Ticket { broadcast: BroadcastId([2; 16]), peer: peer.to_bytes().into(), expires: seconds * 1_000_000 };
    ticket.sign(&CommunityKey::from_bytes(COMMUNITY)).unwrap().bytes().clone()
}

/// Two neighbours that want tickets and have some for ten minutes.
fn ticketed() -> Pair {
    let mut pair = Pair::with(|config, peer| {
        config.community_key = Some(CommunityKey::from_bytes(COMMUNITY).public());
        config.require_ticket = true;
        config.ticket = Some(ticket(peer, 600));
    });
    pair.open(0, 1, 0);
    pair.open(1, 1, 0);
    pair.settle();
    assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1]);
    pair
}

#[test]
fn a_neighbour_stays_as_long_as_the_tracker_renews_its_ticket() {
    let mut pair = ticketed();
    for minute in 1..60 {
        pair.pass(Duration::from_secs(60));
        for side in 0..2 {
            let renewed = ticket(pair.peers[side], minute * 60 + 600);
            pair.nodes[side].handle(pair.now, Input::Command(Command::Ticket(renewed)));
        }
        pair.settle();
        assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1], "minute {minute}");
    }
}

#[test]
fn a_neighbour_whose_ticket_died_is_let_go_after_a_while() {
    let mut pair = ticketed();
    // The tracker renews the first one's only, and the second shows somebody else's.
    let now = pair.now;
    pair.nodes[0].handle(now, Input::Command(Command::Ticket(ticket(pair.peers[0], 6_000))));
    pair.nodes[1].handle(now, Input::Command(Command::Ticket(ticket(pair.peers[0], 6_000))));
    pair.settle();
    pair.pass(Duration::from_secs(620));
    assert_eq!(pair.nodes.each_ref().map(Core::members), [1, 1], "clocks differ by seconds");
    pair.pass(Duration::from_secs(20));
    assert_eq!(pair.nodes.each_ref().map(Core::members), [0, 0]);
    let refused = |event: &NodeEvent| matches!(event, NodeEvent::Problem(NodeProblem::Refused { .. }));
    assert!(pair.events[1].iter().any(refused) && !pair.events[0].iter().any(refused));
}

#[test]
fn renewed_tickets_are_shown_once_a_minute_and_not_more() {
    let mut pair = ticketed();
    let mut hellos = 0;
    for seconds in 1..=120 {
        let told = pair.nodes[0].stats().control_bytes_out;
        let renewed = ticket(pair.peers[0], seconds + 600);
        pair.nodes[0].handle(pair.now, Input::Command(Command::Ticket(renewed)));
        hellos += u32::from(pair.nodes[0].stats().control_bytes_out > told);
        pair.settle();
    }
    assert_eq!(hellos, 2);
}
