//! Manifests and revocations travel the swarm, from neighbour to neighbour.

use std::time::{Duration, Instant};

use runnel_p2p::{
    node::{NodeEvent, Role, RoleKey},
    wire::{BroadcastId, Epoch, Revocation, Revoked},
};

use super::{
    fixture::{Actor, LIMIT, Over, Show, publish},
    stranger::Stranger,
};

/// Three nodes in a row: the first and the last do not know each other.
async fn row(show: &Show) -> [Actor; 3] {
    let mut first = show.start(Role::Publisher, 1).await;
    let mut middle = show.start(Role::Viewer, 2).await;
    let mut last = show.start(Role::Viewer, 3).await;
    middle.knows(&[&first]);
    last.knows(&[&middle]);
    middle.meets(2).await;
    first.meets(1).await;
    last.meets(1).await;
    [first, middle, last]
}

fn revocation(show: &Show, revoked: Revoked) -> runnel_p2p::wire::SignedRevocation {
    Revocation { issued: 1, revoked, reason: "a test".into() }.sign(&show.community).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_down_reaches_everybody_within_two_seconds_and_ends_the_sharing() {
    let show = Show::new(Over::Quic);
    let [first, middle, mut last] = row(&show).await;
    publish(&show, &[&first.node], 0..10).await;
    last.sees(9).await;

    let begun = Instant::now();
    first.node.revoke(revocation(&show, Revoked::Broadcast(show.id))).unwrap();
    last.until("the take-down", |_, event| matches!(event, NodeEvent::Revoked(_))).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "took {:?}", begun.elapsed());
    last.until("being alone", |actor, _| actor.neighbours == 0).await;

    // Who comes later hears of it too, and gets nothing.
    let mut late = show.start(Role::Viewer, 9).await;
    late.knows(&[&middle]);
    late.until("the take-down", |_, event| matches!(event, NodeEvent::Revoked(_))).await;
    assert!(late.chunks.is_empty());
    for actor in [&first, &middle, &last, &late] {
        actor.node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_channel_key_ends_the_broadcast_it_signed() {
    let show = Show::new(Over::Quic);
    let [first, middle, mut last] = row(&show).await;
    let channel = show.manifest(1).peek().unwrap().channel;
    first.node.revoke(revocation(&show, Revoked::Key { channel, key: show.channel.public() })).unwrap();
    last.until("the take-down", |_, event| matches!(event, NodeEvent::Revoked(_))).await;
    for actor in [&first, &middle, &last] {
        actor.node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_of_others_and_by_others_end_nothing() {
    let show = Show::new(Over::Quic);
    let [mut first, middle, mut last] = row(&show).await;
    first.node.revoke(revocation(&show, Revoked::Broadcast(BroadcastId([9; 16])))).unwrap();
    let other = Show { community: runnel_p2p::wire::CommunityKey::from_bytes([77; 32]), ..Show::new(Over::Quic) };
    first.node.revoke(revocation(&other, Revoked::Broadcast(show.id))).unwrap();
    first.until("a complaint", |_, event| matches!(event, NodeEvent::Problem(_))).await;
    publish(&show, &[&first.node], 0..10).await;
    last.sees(9).await;

    // A neighbour that passes on what the community did not sign is dropped.
    let mut stranger = Stranger::connect(&last).await;
    stranger.greet(&show).await;
    last.meets(2).await;
    let forged = revocation(&other, Revoked::Broadcast(show.id));
    stranger.say(0, &runnel_p2p::wire::Message::Revocation(forged)).await;
    stranger.is_cut().await;
    for actor in [&first, &middle, &last] {
        actor.node.shutdown().await;
    }
    assert_eq!(last.node.stats().peers_dropped, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_peer_is_dropped_by_everybody() {
    let show = Show::new(Over::Quic);
    let [first, middle, mut last] = row(&show).await;
    let mut stranger = Stranger::connect(&last).await;
    stranger.greet(&show).await;
    last.meets(2).await;
    first.node.revoke(revocation(&show, Revoked::Peer(stranger.peer.to_bytes().into()))).unwrap();
    stranger.is_cut().await;
    last.until("having one neighbour", |actor, _| actor.neighbours == 1).await;
    assert!(!stranger.can_return().await);
    for actor in [&first, &middle, &last] {
        actor.node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_and_a_new_epoch_reach_everybody_and_the_show_goes_on() {
    let show = Show::new(Over::Quic);
    let [first, middle, mut last] = row(&show).await;
    publish(&show, &[&first.node], 0..30).await;
    last.sees(29).await;

    first.node.update_manifest(show.manifest(2)).unwrap();
    let version = |event: &NodeEvent| match event {
        NodeEvent::ManifestChanged(manifest, _) => Some((manifest.epoch, manifest.version)),
        _ => None,
    };
    last.until("version 2", |_, event| version(event) == Some((Epoch(1), 2))).await;

    let next = show.next_epoch();
    first.node.set_role_key(RoleKey::Broadcast(next.broadcast.clone())).unwrap();
    first.node.update_manifest(next.manifest(1)).unwrap();
    last.until("epoch 2", |_, event| version(event) == Some((Epoch(2), 1))).await;
    last.chunks.clear();
    last.missed.clear();
    last.first = None;
    // Numbers begin anew, and what is left of the old epoch is taken for no attack.
    publish(&next, &[&first.node], 0..60).await;
    last.has_all(59).await;
    last.check(&next);
    for actor in [&first, &middle, &last] {
        tokio::time::timeout(LIMIT, actor.node.shutdown()).await.unwrap();
        assert_eq!(actor.node.stats().peers_dropped, 0);
        assert_eq!(actor.node.stats().chunks_rejected, 0);
    }
    assert_eq!(middle.node.stats().bytes_from_peers, 0, "all came from the publisher");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_comes_back_with_a_new_key_in_the_same_epoch_is_known_again() {
    let show = Show::new(Over::Quic);
    let [first, middle, mut last] = row(&show).await;
    publish(&show, &[&first.node], 0..20).await;
    last.sees(19).await;
    first.node.shutdown().await;

    let back = Show { broadcast: runnel_p2p::wire::BroadcastKey::from_bytes([99; 32]), ..Show::new(Over::Quic) };
    let config = back.config(Role::Publisher, 7);
    let again = Actor::start(runnel_p2p::node::NodeConfig { manifest: back.manifest(2), ..config }).await;
    middle.knows(&[&again]);
    last.until("version 2", |_, event| matches!(event, NodeEvent::ManifestChanged(m, _) if m.version == 2)).await;
    let known = middle.node.stats_when(|stats| stats.neighbours.iter().any(|n| n.kind == Role::Publisher)).await;
    assert!(known.is_some());
    for actor in [&again, &middle, &last] {
        actor.node.shutdown().await;
        assert_eq!(actor.node.stats().peers_dropped, 0);
    }
}
