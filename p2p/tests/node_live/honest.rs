//! Swarms in which everybody behaves.

use std::sync::Arc;

use runnel_p2p::node::{NodeConfig, NodeEvent, Role};

use super::fixture::{Actor, GOP, LIMIT, Over, Show, publish};

/// A publisher, the server and some viewers that all know each other, met and ready.
pub(crate) struct Cast {
    pub(crate) show: Arc<Show>,
    pub(crate) publisher: Actor,
    pub(crate) server: Actor,
    pub(crate) viewers: Vec<Actor>,
}

impl Cast {
    pub(crate) async fn meet(show: Show, viewers: usize) -> Self {
        let mut publisher = show.start(Role::Publisher, 1).await;
        let mut server = show.start(Role::Server, 2).await;
        server.knows(&[&publisher]);
        let mut all: Vec<Actor> = Vec::new();
        for n in 0..viewers {
            let viewer = show.start(Role::Viewer, 10 + n as u64).await;
            let mut others: Vec<&Actor> = vec![&publisher, &server];
            others.extend(&all);
            viewer.knows(&others);
            all.push(viewer);
        }
        for viewer in &mut all {
            viewer.meets(viewers + 1).await;
        }
        publisher.meets(viewers + 1).await;
        server.meets(viewers + 1).await;
        for source in [&publisher, &server] {
            source.node.swarm_size(viewers).unwrap();
        }
        Self { show: Arc::new(show), publisher, server, viewers: all }
    }

    /// Publishes in a task of its own.
    pub(crate) fn publish(&self, sequences: std::ops::Range<u64>) -> tokio::task::JoinHandle<()> {
        let (show, publisher, server) = (self.show.clone(), self.publisher.node.clone(), self.server.node.clone());
        tokio::spawn(async move { publish(&show, &[&publisher, &server], sequences).await })
    }

    /// Waits until every viewer has every chunk, exactly as it was published.
    pub(crate) async fn all_have(&mut self, last: u64) {
        futures::future::join_all(self.viewers.iter_mut().map(|viewer| viewer.has_all(last))).await;
        for viewer in &self.viewers {
            viewer.check(&self.show);
            assert!(viewer.missed.is_empty(), "missed {:?}", viewer.missed);
        }
    }

    pub(crate) async fn end(self) {
        for actor in self.viewers.iter().chain([&self.publisher, &self.server]) {
            tokio::time::timeout(LIMIT, actor.node.shutdown()).await.unwrap();
        }
    }
}

async fn a_swarm_shares(over: Over) {
    const LAST: u64 = 399;
    let mut cast = Cast::meet(Show::new(over), 3).await;
    let publishing = cast.publish(0..LAST + 1);
    cast.all_have(LAST).await;
    for viewer in &cast.viewers {
        assert!(viewer.first.unwrap() <= 2 * GOP, "starts early: {:?}", viewer.first);
    }
    publishing.await.unwrap();
    let nodes: Vec<_> = cast.viewers.iter().map(|v| v.node.clone()).collect();
    cast.end().await;

    let (mut from_peers, mut all) = (0, 0);
    for stats in nodes.iter().map(|node| node.stats()) {
        assert_eq!(stats.chunks_rejected, 0, "{stats:?}");
        assert_eq!(stats.peers_dropped, 0, "{stats:?}");
        assert_eq!(stats.events_dropped, 0, "{stats:?}");
        from_peers += stats.bytes_from_peers;
        all += stats.bytes_received();
    }
    let offload = from_peers as f64 / all as f64;
    assert!(offload >= 0.5, "offload {offload:.3} of {all} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_get_everything_mostly_from_each_other_over_quic() {
    a_swarm_shares(Over::Quic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_get_everything_mostly_from_each_other_over_tcp() {
    a_swarm_shares(Over::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_go_on_when_a_viewer_leaves() {
    const LAST: u64 = 199;
    let mut cast = Cast::meet(Show::new(Over::Quic), 4).await;
    let publishing = cast.publish(0..LAST + 1);
    let mut leaver = cast.viewers.remove(0);
    leaver.sees(60).await;
    leaver.node.shutdown().await;
    cast.all_have(LAST).await;
    publishing.await.unwrap();
    cast.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_joiner_starts_at_a_keyframe_and_shares_too() {
    const LAST: u64 = 249;
    let mut cast = Cast::meet(Show::new(Over::Quic), 3).await;
    let publishing = cast.publish(0..LAST + 1);
    cast.viewers[0].sees(110).await;

    let mut late = cast.show.start(Role::Viewer, 99).await;
    let others: Vec<&Actor> = cast.viewers.iter().chain([&cast.publisher, &cast.server]).collect();
    late.knows(&others);
    tokio::join!(late.has_all(LAST), cast.all_have(LAST));
    let first = *late.chunks.first_key_value().unwrap().0;
    assert!(first.is_multiple_of(GOP), "starts at {first}, which is no keyframe");
    assert!(first >= 100, "starts at {first}: no history is wanted");
    late.check(&cast.show);

    publishing.await.unwrap();
    late.node.shutdown().await;
    cast.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_neighbours_the_origin_is_asked_and_its_chunks_are_counted_and_shared() {
    let show = Show::new(Over::Quic);
    let config = |seed, origin| NodeConfig { origin, ..show.config(Role::Viewer, seed) };
    let mut alone = Actor::start(config(1, true)).await;
    let mut friend = Actor::start(config(2, false)).await;
    friend.knows(&[&alone]);
    alone.meets(1).await;
    friend.meets(1).await;

    alone.node.live_edge(0, 19).unwrap();
    let mut asked = 0;
    while alone.chunks.len() < 20 {
        if let NodeEvent::OriginWanted { sequence, .. } = alone.next().await {
            asked += 1;
            alone.node.supply_origin(show.chunk(sequence.0)).unwrap();
        }
    }
    alone.check(&show);
    friend.until("a chunk from the friend", |actor, _| actor.chunks.len() >= 5).await;
    friend.check(&show);
    for actor in [&alone, &friend] {
        actor.node.shutdown().await;
    }
    let (first, second) = (alone.node.stats(), friend.node.stats());
    assert!(asked >= 20, "asked {asked} times");
    assert_eq!(first.bytes_from_origin, (0..20).map(|n| u64::from(show.chunk(n).header.size)).sum::<u64>());
    assert_eq!(first.bytes_from_peers, 0);
    assert_eq!(second.bytes_from_origin, 0);
    assert!(second.bytes_from_peers > 0, "{second:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_ends_cleanly_and_says_so() {
    let show = Show::new(Over::Tcp);
    let mut cast = Cast::meet(show, 1).await;
    let viewer = &mut cast.viewers[0];
    let node = viewer.node.clone();
    let (one, two) = (node.clone(), node.clone());
    tokio::join!(one.shutdown(), two.shutdown());
    viewer.until("the end", |_, event| matches!(event, NodeEvent::Ended)).await;
    assert!(node.playhead(1, std::time::Instant::now()).is_err());
    // The others hear of it at once, not after a timeout.
    cast.publisher.until("being left", |actor, _| actor.neighbours == 1).await;
    let address = viewer.addresses[0].clone();
    let port = address.iter().find_map(|p| match p {
        libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port.unwrap())).await.is_err(), "the port is free again");
    cast.end().await;
}

#[tokio::test]
async fn a_taken_port_is_an_error_at_the_start() {
    let show = Show::new(Over::Tcp);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()];
    let error = runnel_p2p::node::Node::start(NodeConfig { listen, ..show.config(Role::Viewer, 1) }).unwrap_err();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}
