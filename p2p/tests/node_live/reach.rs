//! Getting to peers that cannot be dialed, and leaving nothing behind.

use libp2p::multiaddr::Protocol;
use runnel_p2p::node::{Candidate, NodeConfig, NodeEvent, ReachConfig, Role};

use super::{
    fixture::{Actor, LIMIT, Over, Show, publish},
    honest::Cast,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relayed_connection_becomes_a_direct_one_before_media_flows() {
    let show = Show::new(Over::Quic);
    let with = |role, seed, reach| NodeConfig { reach, ..show.config(role, seed) };
    let relaying = ReachConfig { relay: true, dcutr: true, ..ReachConfig::off() };
    let mut server = Actor::start(with(Role::Server, 1, ReachConfig::server())).await;
    let mut hidden = Actor::start(with(Role::Viewer, 2, relaying)).await;
    let mut seeker = Actor::start(with(Role::Viewer, 3, relaying)).await;
    for viewer in [&mut hidden, &mut seeker] {
        viewer.knows(&[&server]);
        viewer.meets(1).await;
    }
    server.meets(2).await;

    let circuit = |address: &libp2p::Multiaddr| address.iter().any(|p| p == Protocol::P2pCircuit);
    hidden.until("a place on the relay", |_, event| matches!(event, NodeEvent::Listening(a) if circuit(a))).await;
    let addresses: Vec<_> = hidden.node.addresses().into_iter().filter(circuit).collect();
    assert_eq!(addresses.len(), 1, "one place on the relay");
    let candidate = Candidate { peer: hidden.node.peer_id(), addresses, kind: Role::Viewer };
    seeker.node.add_candidates(vec![candidate]).unwrap();
    seeker.meets(2).await;
    hidden.meets(2).await;

    publish(&show, &[&server.node], 0..20).await;
    hidden.sees(19).await;
    seeker.sees(19).await;
    for actor in [&seeker, &hidden, &server] {
        let relayed = |address: &str| address.contains("p2p-circuit");
        assert!(actor.node.stats().neighbours.iter().all(|n| !relayed(&n.address)), "{:?}", actor.node.stats());
        tokio::time::timeout(LIMIT, actor.node.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_left_running() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for over in [Over::Quic, Over::Tcp] {
        let mut cast = Cast::meet(Show::new(over), 2).await;
        cast.publish(0..10).await.unwrap();
        cast.all_have(9).await;
        assert!(tasks() > before);
        cast.end().await;
    }
    // A QUIC endpoint sees its last connections off by itself, for a few round trips.
    let end = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, end).await.expect("all tasks end");
}

#[tokio::test]
async fn a_node_ends_when_its_last_handle_is_dropped() {
    let show = Show::new(Over::Quic);
    let mut cast = Cast::meet(show, 1).await;
    drop(cast.viewers.remove(0));
    cast.publisher.until("being left", |actor, _| actor.neighbours == 1).await;
    cast.end().await;
}
