//! Announces, tickets and candidates.

use backend_lite::api::{Announce, BroadcastState, ErrorCode, PeerKind, PeerStats};
use runnel_p2p::node::Keypair;

use crate::helper::{Home, code, raw};

fn peer(number: u8) -> Announce {
    let keypair = Keypair::ed25519_from_bytes([number; 32]).unwrap();
    Announce {
        peer_id: keypair.public().to_peer_id().to_string(),
        addresses: vec![format!("/ip4/127.0.0.1/udp/{}/quic-v1", 4000 + u16::from(number))],
        ..Announce::default()
    }
}

#[tokio::test]
async fn peers_meet_and_viewers_are_counted() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..5).await;
    let id = publisher.broadcast.id;
    let own = Announce { role: PeerKind::Publisher, ..peer(9) };
    publisher.client.announce(id, &own).await.unwrap();
    assert_eq!(code(home.user("bert").await.announce(id, &own).await), ErrorCode::Forbidden);
    let viewer = home.anonymous();
    let mut first = peer(1);
    first.stats = Some(PeerStats { bytes_from_peers: 90, bytes_from_origin: 10, ..PeerStats::default() });
    let admitted = viewer.announce(id, &first).await.unwrap();
    assert_eq!(
        (admitted.viewers, admitted.state, admitted.epoch),
        (1, BroadcastState::Live, Some(publisher.session.epoch))
    );
    assert_eq!(admitted.peers.len(), 1);
    assert_eq!((&admitted.peers[0].peer_id, admitted.peers[0].kind), (&own.peer_id, PeerKind::Publisher));
    let second = viewer.announce(id, &peer(2)).await.unwrap();
    assert_eq!((second.viewers, second.peers.len()), (2, 2));
    home.server.tick().await;
    assert_eq!(viewer.live(&Default::default()).await.unwrap().items[0].viewers, 2);
    let (_, _, stats) = raw(&viewer, "GET", &format!("/v1/broadcasts/{id}/stats"), &[], Vec::new()).await;
    assert!(String::from_utf8_lossy(&stats).contains("\"bytes_from_peers\":90"));
    home.advance(32).await;
    assert_eq!(viewer.broadcast(id).await.unwrap().viewers, 0);
}

#[tokio::test]
async fn nobody_is_told_of_a_swarm_that_is_over() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..5).await;
    let id = publisher.broadcast.id;
    home.anonymous().announce(id, &peer(1)).await.unwrap();
    home.admin().await.end_broadcast(id).await.unwrap();
    assert_eq!(code(home.anonymous().announce(id, &peer(1)).await), ErrorCode::TakenDown);
    let other = home.publisher("bert").await;
    other.client.end_broadcast(other.broadcast.id).await.unwrap();
    assert_eq!(code(home.anonymous().announce(other.broadcast.id, &peer(1)).await), ErrorCode::BroadcastEnded);
}

#[tokio::test]
async fn the_servers_own_node_is_a_candidate_and_goes_with_the_broadcast() {
    let home = Home::with(|settings| settings.tracker.seed = true).await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..5).await;
    let id = publisher.broadcast.id;
    let server = async || {
        let peers = home.anonymous().announce(id, &peer(1)).await.unwrap().peers;
        peers.into_iter().find(|peer| peer.kind == PeerKind::Server)
    };
    let found = loop {
        if let Some(found) = server().await {
            break found;
        }
        tokio::task::yield_now().await;
    };
    assert!(found.addresses.iter().all(|address| address.starts_with("/ip4/127.0.0.1/")), "{found:?}");
    publisher.client.end_broadcast(id).await.unwrap();
    home.server.shutdown().await;
}

#[tokio::test]
async fn an_announce_of_the_version_before_is_understood() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..5).await;
    let id = publisher.broadcast.id;
    let strong = Announce { uplink_kbps: Some(50_000), ..peer(1) };
    home.anonymous().announce(id, &strong).await.unwrap();
    let old = peer(2);
    let body = format!(r#"{{"peer_id":"{}","addresses":["{}"],"role":"viewer"}}"#, old.peer_id, old.addresses[0]);
    let path = format!("/v1/broadcasts/{id}/peers");
    let (status, _, answer) =
        raw(&home.anonymous(), "POST", &path, &[("content-type", "application/json")], body.into_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(&strong.peer_id), "{answer}");
}
