//! What a restart must not lose.

use backend_lite::api::{Announce, BroadcastState, ChunkReceipt, ErrorCode, PutOutcome};
use backend_lite::testing::PlaylistValidator;

use crate::helper::{Home, Publisher, code, payload};

/// The publisher's client, pointed at the server's new port.
fn follow(home: &Home, publisher: &mut Publisher) {
    publisher.client = home.anonymous().with_token(publisher.client.token().map(str::to_owned));
}

#[tokio::test]
async fn a_restarted_server_goes_on_where_it_stopped() {
    let home = Home::start().await;
    let mut publisher = home.publisher("anna").await;
    publisher.publish(0..47).await;
    let mut validator = PlaylistValidator::new();
    validator.check(&publisher.playlist("").await).unwrap();
    let home = home.restart().await;
    follow(&home, &mut publisher);
    assert!(home.server.admin_token_if_first_run().is_none(), "the first token is shown once");
    let info = publisher.client.broadcast(publisher.broadcast.id).await.unwrap();
    assert_eq!(info.state, BroadcastState::Stopped);
    // What was not acknowledged is simply sent again, under the old fence.
    assert_eq!(publisher.put(46).await.unwrap(), PutOutcome::Same(ChunkReceipt { next: 47 }));
    publisher.publish(47..90).await;
    let playlist = publisher.playlist("").await;
    validator.check(&playlist).unwrap();
    assert!(!playlist.contains("DISCONTINUITY"), "{playlist}");
    assert_eq!(publisher.client.broadcast(publisher.broadcast.id).await.unwrap().state, BroadcastState::Live);
    let segment = home.anonymous().fetch(&publisher.media("2.m4s")).await.unwrap();
    assert_eq!(segment, (40..60).flat_map(payload).collect::<Vec<u8>>(), "the segment that was torn is whole");
    // A second restart, and a new publishing process.
    let home = home.restart().await;
    follow(&home, &mut publisher);
    publisher.come_back().await;
    assert_eq!((publisher.session.cursor[&0], publisher.session.manifest_version, publisher.init), (90, 1, 1));
    publisher.publish(90..130).await;
    validator.check(&publisher.playlist("").await).unwrap();
}

#[tokio::test]
async fn every_acknowledged_chunk_survives_a_crash_at_any_moment() {
    for published in [1, 19, 20, 21, 63] {
        let home = Home::start().await;
        let mut publisher = home.publisher("anna").await;
        publisher.publish(0..published).await;
        // No farewell: only what is on disk counts. The lock goes with the process.
        let Home { folder, clock, server } = home;
        drop(server);
        let settings = crate::helper::settings(&folder);
        let server = backend_lite::Server::start_with_clock(settings, clock.clone()).await.unwrap();
        let home = Home { folder, clock, server };
        follow(&home, &mut publisher);
        let range = publisher.client.chunk_range(publisher.session.epoch, 0).await.unwrap();
        assert_eq!((range.first, range.next), (0, published));
        for sequence in 0..published {
            assert_eq!(
                home.anonymous().chunk(publisher.session.epoch, 0, sequence).await.unwrap(),
                publisher.chunk(sequence)
            );
        }
    }
}

#[tokio::test]
async fn what_was_taken_down_stays_down() {
    let home = Home::start().await;
    let mut publisher = home.publisher("anna").await;
    publisher.publish(0..20).await;
    home.admin().await.end_broadcast(publisher.broadcast.id).await.unwrap();
    let home = home.restart().await;
    follow(&home, &mut publisher);
    let viewer = home.anonymous();
    assert_eq!(viewer.broadcast(publisher.broadcast.id).await.unwrap().state, BroadcastState::TakenDown);
    assert_eq!(code(viewer.chunk(publisher.session.epoch, 0, 3).await), ErrorCode::NotFound);
    assert!(viewer.fetch(&format!("/v1/broadcasts/{}/revocation", publisher.broadcast.id)).await.is_ok());
}

#[tokio::test]
async fn viewers_are_taken_back_with_their_tickets() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..20).await;
    let id = publisher.broadcast.id;
    let peer = |number: u8| {
        let keypair = runnel_p2p::node::Keypair::ed25519_from_bytes([number; 32]).unwrap();
        Announce {
            peer_id: keypair.public().to_peer_id().to_string(),
            addresses: vec![format!("/ip4/127.0.0.1/udp/{}/quic-v1", 4000 + u16::from(number))],
            ..Announce::default()
        }
    };
    let mut tickets = Vec::new();
    for number in 1..=3 {
        tickets.push(home.anonymous().announce(id, &peer(number)).await.unwrap().ticket);
    }
    let home = home.restart().await;
    for (number, ticket) in (1..=3).zip(tickets) {
        let back = Announce { ticket: Some(ticket), ..peer(number) };
        let admitted = home.anonymous().announce(id, &back).await.unwrap();
        assert_eq!((admitted.viewers, admitted.peers.len()), (u32::from(number), usize::from(number) - 1));
    }
}
