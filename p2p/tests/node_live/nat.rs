//! Peers behind routers, and what becomes of the others when a pair cannot reach each other.

use libp2p::multiaddr::Protocol;
use runnel_p2p::node::{Candidate, Multiaddr, NodeConfig, ReachConfig, Role};

use super::{
    fixture::{Actor, LIMIT, Over, Show, publish},
    netns::{Host, Internet, Router},
};

/// How many chunks are published once the server has met all.
const CHUNKS: u64 = 300;

fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Everybody watches from here on at the latest: after two seconds.
const BEGUN: u64 = 100;

/// Waits for every chunk that counts.
async fn sees_all(actor: &mut Actor) {
    let whole = |actor: &Actor| actor.chunks.range(BEGUN..).count() as u64 == CHUNKS - BEGUN;
    actor.until("every chunk", |actor, _| whole(actor)).await;
}

/// Waits for the addresses of both transports.
async fn listens(actor: &mut Actor) {
    if actor.addresses.len() < 2 {
        actor.until("listening on QUIC and TCP", |actor, _| actor.node.addresses().len() >= 2).await;
        actor.addresses = actor.node.addresses();
    }
}

/// The server with its relay, two viewers behind routers, and one that everybody can reach.
struct Town {
    show: Show,
    place: Host,
    server: Actor,
    homes: [Actor; 2],
    open: Actor,
    // Hosts and routers last as long as these.
    _hosts: Vec<Host>,
    _internet: Internet,
}

impl Town {
    /// Nothing where namespaces cannot be had.
    async fn new(routers: [Router; 2]) -> Option<Self> {
        let mut internet = Internet::new()?;
        let show = Show::new(Over::Quic);
        let listen = |host: [u8; 4]| {
            let host = Multiaddr::from(std::net::Ipv4Addr::from(host));
            vec![host.clone().with(Protocol::Udp(0)).with(Protocol::QuicV1), host.with(Protocol::Tcp(0))]
        };
        let reach = ReachConfig { upnp: false, ..ReachConfig::default() };
        let config = |role, seed, host, reach| NodeConfig { listen: listen(host), reach, ..show.config(role, seed) };
        let mut place = internet.host("11.0.0.1");
        let mut server = place.start(config(Role::Server, 1, [11, 0, 0, 1], ReachConfig::server())).await;
        listens(&mut server).await;
        let mut hosts = vec![internet.home("11.1.0.1", 1, routers[0]), internet.home("11.2.0.1", 2, routers[1])];
        let first = hosts[0].start(config(Role::Viewer, 2, [0, 0, 0, 0], reach)).await;
        let second = hosts[1].start(config(Role::Viewer, 3, [0, 0, 0, 0], reach)).await;
        let mut host = internet.host("11.3.0.1");
        let mut open = host.start(config(Role::Viewer, 4, [11, 3, 0, 1], reach)).await;
        listens(&mut open).await;
        hosts.push(host);
        let mut town = Self { show, place, server, homes: [first, second], open, _hosts: hosts, _internet: internet };
        for viewer in town.homes.iter_mut().chain([&mut town.open]) {
            viewer.knows(&[&town.server]);
            viewer.meets(1).await;
        }
        for home in &mut town.homes {
            home.knows(&[&town.open]);
            home.meets(2).await;
        }
        town.server.meets(3).await;
        town.server.node.swarm_size(3).unwrap();
        Some(town)
    }

    /// Tells the second home of the first one's place on the relay.
    async fn introduce(&mut self) {
        let [first, second] = &mut self.homes;
        let has_place = |actor: &Actor| actor.node.addresses().iter().any(is_relayed);
        if !has_place(first) {
            first.until("a place on the relay", |actor, _| has_place(actor)).await;
        }
        let addresses: Vec<_> = first.node.addresses().into_iter().filter(is_relayed).collect();
        let candidate = Candidate { peer: first.node.peer_id(), addresses, kind: Role::Viewer };
        second.node.add_candidates(vec![candidate]).unwrap();
    }

    /// Publishes, and checks that everybody got every chunk, and nothing over the relay.
    async fn watch(&mut self) {
        let publishing = async {
            publish(&self.show, &[&self.server.node], 0..CHUNKS).await;
        };
        let [first, second] = &mut self.homes;
        let watching = async { tokio::join!(sees_all(first), sees_all(second), sees_all(&mut self.open)) };
        tokio::join!(publishing, watching);
        for viewer in self.homes.iter().chain([&self.open]) {
            viewer.check(&self.show);
            assert!(viewer.missed.range(BEGUN..).next().is_none(), "missed {:?}", viewer.missed);
            let stats = viewer.node.stats();
            assert!(stats.neighbours.iter().all(|n| !n.address.contains("p2p-circuit")), "{stats:?}");
        }
    }

    /// What the homes gave each other through holes.
    fn exchanged(&self) -> u64 {
        let stats = self.homes.iter().flat_map(|home| home.node.stats().neighbours);
        stats.filter(|n| n.punched).map(|n| n.bytes_in).sum()
    }

    async fn end(self) {
        for actor in self.homes.iter().chain([&self.open, &self.server]) {
            tokio::time::timeout(LIMIT, actor.node.shutdown()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holes_are_punched_between_two_homes_and_media_never_crosses_the_relay() {
    let Some(mut town) = Town::new([Router::Cone, Router::Cone]).await else { return };
    town.introduce().await;
    for home in &mut town.homes {
        home.meets(3).await;
        let stats = home.node.stats_when(|stats| stats.neighbours.iter().any(|n| n.punched));
        let stats = tokio::time::timeout(LIMIT, stats).await.expect("the hole is shown").unwrap();
        assert_eq!((stats.holes_punched, stats.connections_tcp), (1, 0), "{stats:?}");
    }
    let before = town.place.sent();
    town.watch().await;
    let sent = town.place.sent() - before;
    let (server, exchanged) = (town.server.node.clone(), town.exchanged());
    town.end().await;
    let media = server.stats().bytes_to_peers;
    eprintln!("the homes gave each other {exchanged} bytes; the server sent {sent}, {media} of them its own media");
    assert!(exchanged > 300_000, "they share");
    // What the server's interface sent beside its own media is headers, acknowledgements and packets' frames.
    assert!(sent - media < media / 10 + exchanged / 4, "{sent} bytes left the server, {media} of them its own media");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_hole_can_be_punched_the_server_gives_and_nobody_waits() {
    let Some(mut town) = Town::new([Router::Symmetric, Router::Symmetric]).await else { return };
    town.introduce().await;
    town.watch().await;
    // Whoever gave up first counts it.
    let [first, second] = town.homes.each_ref().map(|home| home.node.stats_when(|stats| stats.holes_failed > 0));
    let failed = async {
        tokio::select! { _ = first => {} _ = second => {} }
    };
    tokio::time::timeout(LIMIT, failed).await.expect("a failed hole is counted");
    let others = town.homes.each_ref().map(|home| home.node.peer_id().to_string());
    for home in &town.homes {
        let stats = home.node.stats();
        assert_eq!(stats.holes_punched, 0, "{stats:?}");
        assert!(stats.neighbours.iter().all(|n| n.peer != others[0] && n.peer != others[1]), "{stats:?}");
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_udp_is_blocked_tcp_is_used_and_nobody_waits() {
    let Some(mut town) = Town::new([Router::NoUdp, Router::Cone]).await else { return };
    town.introduce().await;
    town.watch().await;
    let stats = town.homes[0].node.stats();
    assert_eq!(stats.connections_quic, 0, "{stats:?}");
    assert!(stats.connections_tcp > 0, "{stats:?}");
    let others = town.homes[1].node.stats();
    assert!(others.connections_quic > 0, "{others:?}");
    eprintln!("without UDP: {} holes punched over TCP, {} not", stats.holes_punched, stats.holes_failed);
    town.end().await;
}
