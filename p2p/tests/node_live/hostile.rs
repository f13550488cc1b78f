//! Peers that are broken or mean harm: they are dropped, and honest viewers do not notice.

use bytes::Bytes;
use runnel_p2p::{
    node::{NodeEvent, NodeProblem, Role},
    wire::{Control, Message, PIECE, RefuseReason, RoleProof, Sequence, Ticket, Version, VersionRange},
};

use super::{
    fixture::{Actor, Over, Show},
    honest::Cast,
    stranger::Stranger,
};

/// Waits until the node has dropped this peer for good, and checks that it does not take it back.
async fn bans(victim: &mut Actor, stranger: &mut Stranger, why: &str) {
    let peer = stranger.peer;
    let is_it = |event: &NodeEvent| {
        matches!(event, NodeEvent::Problem(NodeProblem::NeighbourDropped { peer: p, reason, banned: true })
            if *p == peer && reason.contains(why))
    };
    victim.until(&format!("dropping it because {why:?}"), |_, event| is_it(event)).await;
    stranger.is_cut().await;
    assert!(!stranger.can_return().await, "it may not come back");
}

async fn rubbish(over: Over, lane: usize, bytes: &[u8], why: &str) {
    let show = Show::new(over);
    let mut victim = show.start(Role::Viewer, 1).await;
    let mut stranger = Stranger::connect(&victim).await;
    stranger.open().await;
    stranger.write(lane, bytes).await;
    bans(&mut victim, &mut stranger, why).await;
    victim.node.shutdown().await;
    assert_eq!(victim.node.stats().peers_dropped, 1);
}

#[tokio::test]
async fn rubbish_on_the_control_lane() {
    rubbish(Over::Quic, 0, &[0, 0, 0, 5, 200, 1, 2, 3, 4], "kind 200").await;
}

#[tokio::test]
async fn rubbish_on_a_media_lane() {
    rubbish(Over::Tcp, 2, &[0, 0, 0, 3, 7, 0xff, 0xff], "damaged").await;
}

#[tokio::test]
async fn a_frame_of_four_gigabytes() {
    rubbish(Over::Quic, 0, &[0xff; 4], "4294967295 bytes").await;
}

#[tokio::test]
async fn a_frame_too_long_for_its_lane() {
    rubbish(Over::Tcp, 1, &[0, 1, 0, 0], "65536 bytes").await;
}

#[tokio::test]
async fn media_before_any_greeting() {
    let chunk = Show::new(Over::Quic).chunk(0);
    let header = Message::Header(chunk.signed.clone()).to_frame(Version::V1).unwrap();
    rubbish(Over::Quic, 1, &header, "no epoch").await;
}

#[tokio::test]
async fn a_lane_opened_twice() {
    let show = Show::new(Over::Quic);
    let mut victim = show.start(Role::Viewer, 1).await;
    let mut stranger = Stranger::connect(&victim).await;
    stranger.greet(&show).await;
    victim.meets(1).await;
    let twin = stranger.stream("/runnel/swarm/1/media/3").await;
    bans(&mut victim, &mut stranger, "opened twice").await;
    drop(twin);
    victim.node.shutdown().await;
}

#[tokio::test]
async fn a_flood_of_messages() {
    let show = Show::new(Over::Tcp);
    let mut victim = show.start(Role::Viewer, 1).await;
    let mut stranger = Stranger::connect(&victim).await;
    stranger.greet(&show).await;
    let word = Message::Control(Control::NeedHeader { sequence: Sequence(1) }).to_frame(Version::V2).unwrap();
    for _ in 0..100 {
        stranger.write(0, &word.repeat(500)).await;
    }
    bans(&mut victim, &mut stranger, "more messages").await;
    victim.node.shutdown().await;
}

/// The chunk that the next one to forge would be.
const NEXT: u64 = 50;

/// Bad media from a greeted neighbour, in the middle of an honest broadcast.
async fn forged(why: &str, forge: impl AsyncFnOnce(&mut Stranger, &Show)) {
    let mut cast = Cast::meet(Show::new(Over::Quic), 2).await;
    cast.publish(0..NEXT).await.unwrap();
    cast.all_have(NEXT - 1).await;
    let mut stranger = Stranger::connect(&cast.viewers[0]).await;
    stranger.greet(&cast.show).await;
    forge(&mut stranger, &cast.show).await;
    bans(&mut cast.viewers[0], &mut stranger, why).await;
    cast.publish(NEXT..2 * NEXT).await.unwrap();
    cast.all_have(2 * NEXT - 1).await;
    let victim = cast.viewers[0].node.clone();
    cast.end().await;
    assert_eq!(victim.stats().chunks_rejected, 1);
    assert_eq!(victim.stats().peers_dropped, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_piece() {
    forged("does not match its header", async |stranger, show| {
        let next = show.chunk(NEXT);
        stranger.header(&next).await;
        stranger.piece(&next, 0, vec![1; PIECE].into()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_piece_that_waited_for_its_header() {
    forged("does not match its header", async |stranger, show| {
        let next = show.chunk(NEXT);
        stranger.piece(&next, 0, vec![1; PIECE].into()).await;
        stranger.header(&next).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_header() {
    forged("did not sign", async |stranger, show| {
        let other = Show { broadcast: runnel_p2p::wire::BroadcastKey::from_bytes([66; 32]), ..Show::new(show.over) };
        stranger.header(&other.chunk(NEXT)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liar_who_claims_to_have_everything_and_gives_nothing() {
    const LAST: u64 = 149;
    let mut cast = Cast::meet(Show::new(Over::Quic), 2).await;
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = Stranger::connect(&cast.viewers[0]).await;
        stranger.greet(&cast.show).await;
        stranger.claim(0..LAST + 1).await;
        strangers.push(stranger);
    }
    cast.viewers[0].meets(5).await;
    let publishing = cast.publish(0..LAST + 1);
    cast.all_have(LAST).await;
    publishing.await.unwrap();
    cast.end().await;
}

#[tokio::test]
async fn who_never_greets_is_turned_out() {
    let show = Show::new(Over::Tcp);
    let victim = show.start(Role::Viewer, 1).await;
    let mut stranger = Stranger::connect(&victim).await;
    stranger.open().await;
    stranger.is_cut().await;
    victim.node.shutdown().await;
}

#[tokio::test]
async fn who_begins_a_frame_and_never_ends_it_is_turned_out() {
    let show = Show::new(Over::Quic);
    let mut victim = show.start(Role::Viewer, 1).await;
    let mut stranger = Stranger::connect(&victim).await;
    stranger.greet(&show).await;
    victim.meets(1).await;
    stranger.write(0, &[0, 0, 0, 9, 1]).await;
    stranger.is_cut().await;
    victim.until("being alone again", |actor, _| actor.neighbours == 0).await;
    victim.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_everything_and_reads_nothing_costs_little() {
    const LAST: u64 = 199;
    let mut cast = Cast::meet(Show::new(Over::Tcp), 2).await;
    let publishing = cast.publish(0..LAST + 1);
    cast.viewers[0].sees(10).await;
    let mut stranger = Stranger::connect(&cast.viewers[0]).await;
    stranger.greet(&cast.show).await;
    let all = Control::Subscribe { modulus: 2, stripes: 3, from: Sequence(0), headers: true };
    stranger.say(0, &Message::Control(all)).await;
    cast.all_have(LAST).await;
    publishing.await.unwrap();
    let stats = cast.viewers[0].node.stats();
    let given: u64 = stats.neighbours.iter().filter(|n| n.peer == stranger.peer.to_string()).map(|n| n.bytes_out).sum();
    assert!(given < 400_000, "without acknowledgements it got {given} bytes");
    cast.end().await;
}

async fn refuses(
    victim: &mut Actor,
    show: &Show,
    reason: RefuseReason,
    change: impl FnOnce(&Stranger, &mut runnel_p2p::wire::Hello),
) {
    let mut stranger = Stranger::connect(victim).await;
    stranger.open().await;
    let mut hello = stranger.hello(show);
    change(&stranger, &mut hello);
    stranger.say(0, &Message::Hello(hello)).await;
    let heard = stranger.hears(|message| matches!(message, Message::Refuse(_))).await;
    let Some(Message::Refuse(refuse)) = heard else { panic!("a refusal with its reason, not {heard:?}") };
    assert_eq!(refuse.reason, reason);
    stranger.is_cut().await;
    assert_eq!(victim.neighbours, 0);
}

#[tokio::test]
async fn greetings_of_other_swarms_versions_and_roles_are_refused_with_the_reason() {
    let show = Show::new(Over::Quic);
    let mut victim = show.start(Role::Viewer, 1).await;
    refuses(&mut victim, &show, RefuseReason::OtherSwarm, |_, hello| hello.broadcast.0[0] ^= 1).await;
    refuses(&mut victim, &show, RefuseReason::OtherSwarm, |_, hello| hello.rendition.0 += 1).await;
    refuses(&mut victim, &show, RefuseReason::Version, |_, hello| {
        hello.versions = VersionRange { oldest: 1000, newest: 1001 };
    })
    .await;
    refuses(&mut victim, &show, RefuseReason::Proof, |stranger, hello| {
        hello.role = Role::Publisher;
        let wrong = runnel_p2p::wire::BroadcastKey::from_bytes([66; 32]);
        hello.proof = RoleProof::publisher(&wrong, hello.broadcast, &stranger.peer.to_bytes());
    })
    .await;
    refuses(&mut victim, &show, RefuseReason::Proof, |_, hello| {
        // The proof of another peer.
        hello.role = Role::Publisher;
        hello.proof = RoleProof::publisher(&show.broadcast, hello.broadcast, b"somebody else");
    })
    .await;
    victim.node.shutdown().await;
}

#[tokio::test]
async fn a_claim_without_proof_makes_nobody_more_than_a_viewer() {
    let show = Show::new(Over::Quic);
    let mut victim = show.start(Role::Viewer, 1).await;
    let mut stranger = Stranger::connect(&victim).await;
    stranger.open().await;
    let mut hello = stranger.hello(&show);
    hello.role = Role::Server;
    stranger.say(0, &Message::Hello(hello)).await;
    victim.meets(1).await;
    victim.node.shutdown().await;
    let kind = |role| victim.node.stats().neighbours.iter().all(|n| n.kind == role);
    assert!(kind(Role::Viewer));
}

#[tokio::test]
async fn where_tickets_are_needed_only_their_holders_get_in() {
    let show = Show::new(Over::Quic);
    let config = runnel_p2p::node::NodeConfig { require_ticket: true, ..show.config(Role::Viewer, 1) };
    let mut victim = Actor::start(config).await;
    refuses(&mut victim, &show, RefuseReason::Ticket, |_, _| {}).await;
    let ticket = |peer: Bytes, expires| Ticket { broadcast: show.id, peer, expires }.sign(&show.community).unwrap();
    refuses(&mut victim, &show, RefuseReason::Ticket, |stranger, hello| {
        hello.ticket = ticket(stranger.peer.to_bytes().into(), 1_000_000).bytes().clone();
    })
    .await;

    let mut guest = Stranger::connect(&victim).await;
    guest.open().await;
    let mut hello = guest.hello(&show);
    hello.ticket = ticket(guest.peer.to_bytes().into(), u64::MAX / 2).bytes().clone();
    guest.say(0, &Message::Hello(hello)).await;
    victim.meets(1).await;
    victim.node.shutdown().await;
}
