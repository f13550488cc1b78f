//! The mesh as a machine: what goes in, what comes out.

use std::time::Duration;

use proptest::prelude::*;
use runnel_p2p::mesh::{ChunkMeta, Config, DropReason, Input, Mesh, NeighbourId, NeighbourInfo, Output, Source};
use runnel_p2p::wire::{Control, HaveEntry, PieceSet, Role, Sequence};

use crate::bench::{A, B, Bench, PUBLISHER, meta, millis, sends_piece, start, subscribes, viewer};
use crate::hostile::controls;

#[test]
fn a_publisher_sends_each_piece_once_to_a_small_swarm() {
    let mut bench = Bench::new(Role::Publisher, |_| {});
    for id in 10..15 {
        bench.join(NeighbourId(id), Role::Viewer);
    }
    bench.wait(millis(200));
    bench.said.clear();
    let mut sent = std::collections::BTreeSet::new();
    for sequence in 0..10 {
        bench.tell(Input::Published { meta: meta(sequence) });
        // Credit lets two pieces out at once; the rest follows the acknowledgements.
        while !bench.said.is_empty() {
            for output in std::mem::take(&mut bench.said) {
                let Output::SendPiece { to, sequence, piece } = output else { continue };
                assert!(sent.insert((sequence, piece)), "piece {piece} of chunk {sequence} twice, to {to}");
                let bytes = bench.mesh.stats().bytes_sent;
                bench.hear(to, Control::Ack { bytes });
            }
        }
    }
    assert_eq!(sent.len(), 30);
    assert_eq!(bench.mesh.stats().bytes_sent, 10 * 3 * 8192);
}

#[test]
fn a_header_goes_ahead_of_its_pieces_and_once() {
    let mut bench = viewer();
    bench.hear(B, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    bench.said.clear();
    bench.header(A, 1);
    bench.piece(A, 1, 0);
    bench.piece(A, 1, 1);
    let to_b: Vec<&str> = bench
        .said
        .iter()
        .filter_map(|output| match output {
            Output::SendHeader { to: B, sequence: Sequence(1) } => Some("header"),
            Output::SendPiece { to: B, sequence: Sequence(1), .. } => Some("piece"),
            _ => None,
        })
        .collect();
    assert_eq!(to_b, ["header", "piece", "piece"]);
}

#[test]
fn nothing_is_pushed_to_who_has_it() {
    let mut bench = viewer();
    bench.hear(B, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    bench.header(A, 1);
    let entries = vec![HaveEntry::Partial { sequence: Sequence(1), pieces: PieceSet::single(0) }];
    bench.hear(B, Control::HaveDelta { entries });
    bench.said.clear();
    bench.piece(A, 1, 0);
    assert!(!bench.said(sends_piece(B)));
    bench.piece(A, 1, 1);
    assert!(bench.said(sends_piece(B)));
}

#[test]
fn credit_bounds_what_is_in_flight_and_waiting_too_long_is_told() {
    let mut bench = viewer();
    bench.hear(B, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    bench.said.clear();
    for sequence in 1..4 {
        bench.header(A, sequence);
        for piece in 0..3 {
            bench.piece(A, sequence, piece);
        }
    }
    let sent = bench.said.iter().filter(|output| sends_piece(B)(output)).count();
    assert!((2..9).contains(&sent), "{sent}");
    bench.said.clear();
    bench.wait(millis(1000));
    assert!(bench.said(|output| matches!(output, Output::Send { to: B, control: Control::Skipped { .. } })));
    bench.hear(B, Control::Ack { bytes: sent as u64 * 8192 });
    bench.header(A, 20);
    bench.said.clear();
    bench.piece(A, 20, 0);
    assert!(bench.said(sends_piece(B)), "credit that came back is used");
}

#[test]
fn a_cap_of_nothing_uploads_nothing() {
    let mut bench = viewer();
    bench.tell(Input::UploadBudget { bits_per_second: Some(0) });
    bench.hear(B, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    bench.said.clear();
    bench.header(A, 1);
    bench.piece(A, 1, 0);
    bench.hear(B, Control::Request { sequence: Sequence(1), pieces: PieceSet::single(0), within_millis: 500 });
    bench.wait(millis(500));
    assert!(!bench.said(|output| matches!(output, Output::SendPiece { .. })));
}

#[test]
fn one_bad_piece_and_its_sender_is_out() {
    let mut bench = viewer();
    bench.tell(Input::PieceArrived { from: A, sequence: Sequence(0), piece: 0, bytes: 8192 });
    bench.tell(Input::PieceRejected { from: A, sequence: Sequence(0), piece: 0 });
    let dropped = |output: &Output| *output == Output::Drop { neighbour: A, reason: DropReason::BadPiece };
    assert!(bench.said.iter().any(dropped));
    assert!(DropReason::BadPiece.is_ban());
    assert!(bench.said(subscribes(B)), "another parent at once");
}

#[test]
fn a_silent_parent_is_left_for_the_backup() {
    let mut bench = viewer();
    for sequence in 0..20 {
        // Others hear of chunks, A sends nothing.
        let entries = vec![HaveEntry::Complete { first: Sequence(sequence), count: 1 }];
        bench.hear(B, Control::HaveDelta { entries });
        bench.header(B, sequence);
        if bench.mesh.parents().next() == Some(Some(B)) {
            (0..3).for_each(|piece| bench.piece(B, sequence, piece));
        }
        bench.wait(millis(100));
    }
    assert!(bench.said(subscribes(B)));
    assert_eq!(bench.mesh.parents().collect::<Vec<_>>(), [Some(B)]);
}

#[test]
fn what_a_parent_skips_is_asked_of_who_has_it() {
    let mut bench = viewer();
    bench.header(A, 1);
    let entries = vec![HaveEntry::Complete { first: Sequence(1), count: 1 }];
    bench.hear(B, Control::HaveDelta { entries });
    bench.said.clear();
    bench.hear(A, Control::Skipped { sequence: Sequence(1), pieces: PieceSet::single(2) });
    bench.wait(millis(5));
    let asks = |output: &Output| {
        matches!(output, Output::Send { to: B, control: Control::Request { sequence: Sequence(1), pieces, .. } }
            if pieces.contains(2))
    };
    assert!(bench.said(asks));
    // No answer: the next one is asked, here nobody is left but the parent, which has nothing.
    bench.wait(millis(2000));
    assert!(bench.mesh.stats().requests_timed_out > 0);
}

#[test]
fn the_origin_is_asked_in_time_for_what_is_missing_only() {
    let mut bench = viewer();
    bench.header(A, 1);
    bench.piece(A, 1, 0);
    bench.hear(B, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    let due = bench.now + millis(900);
    bench.tell(Input::Playhead { sequence: Sequence(1), at: due });
    bench.said.clear();
    bench.wait(millis(400));
    let fetches = |output: &Output| matches!(output, Output::FetchOrigin { sequence: Sequence(1), .. });
    assert!(!bench.said(fetches), "too early");
    bench.wait(millis(450));
    let fetch = bench.said.iter().find(|output| fetches(output)).cloned();
    let Some(Output::FetchOrigin { pieces, deadline, .. }) = fetch else { panic!("not asked: {:?}", bench.said) };
    assert_eq!((pieces, deadline), ([1, 2].into_iter().collect(), due));
    // What it brings is passed on like anything else.
    bench.hear(B, Control::Ack { bytes: 8192 });
    bench.said.clear();
    bench.tell(Input::PieceVerified { from: Source::Origin, sequence: Sequence(1), piece: 1 });
    assert!(bench.said(sends_piece(B)));
    bench.tell(Input::PieceVerified { from: Source::Origin, sequence: Sequence(1), piece: 2 });
    assert!(bench.said(|output| *output == Output::ChunkComplete { sequence: Sequence(1) }));
    bench.tell(Input::OriginDone { sequence: Sequence(1), ok: true });
    assert_eq!(bench.mesh.stats().bytes_from_origin, 2 * 8192);
}

#[test]
fn without_the_origin_nothing_is_asked_of_it() {
    let mut bench = Bench::new(Role::Viewer, |config| config.origin = false);
    bench.join(A, Role::Viewer);
    bench.header(A, 0);
    bench.wait(Duration::from_secs(5));
    assert!(bench.said.contains(&Output::ChunkMissed { sequence: Sequence(0) }), "it is given up in the end");
    assert!(!bench.said(|output| matches!(output, Output::FetchOrigin { .. })));
}

#[test]
fn a_viewer_starts_at_the_newest_keyframe_that_a_neighbour_holds() {
    let mut bench = Bench::new(Role::Viewer, |_| {});
    bench.join(A, Role::Viewer);
    let entries = vec![HaveEntry::Complete { first: Sequence(15), count: 12 }];
    bench.hear(A, Control::Have { entries, keyframe: Some(Sequence(20)), newest: Some(Sequence(26)) });
    bench.wait(millis(100));
    let asked: Vec<u64> = bench
        .said
        .iter()
        .filter_map(|output| match output {
            Output::Send { to: A, control: Control::Request { sequence, .. } } => Some(sequence.0),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [20, 21, 22, 23, 24, 25, 26], "{:?}", bench.said);
    assert!(!bench.said(|output| matches!(output, Output::FetchOrigin { .. })), "a neighbour is asked first");
    bench.wait(millis(600));
    let fetches = |output: &Output| matches!(output, Output::FetchOrigin { sequence: Sequence(20), .. });
    assert!(bench.said.iter().any(fetches), "then the origin: {:?}", bench.said);
}

#[test]
fn what_came_before_the_first_keyframe_is_complete_once() {
    let mut bench = Bench::new(Role::Viewer, |_| {});
    bench.join(A, Role::Viewer);
    for sequence in [1, 0] {
        bench.header(A, sequence);
        for piece in 0..3 {
            bench.piece(A, sequence, piece);
        }
    }
    bench.header(B, 1);
    bench.piece(A, 1, 0);
    let complete = |output: &&Output| matches!(output, Output::ChunkComplete { .. });
    assert_eq!(bench.said.iter().filter(complete).count(), 2, "{:?}", bench.said);
}

#[test]
fn a_seed_moves_without_gap_or_overlap() {
    let mut bench = viewer();
    bench.join(PUBLISHER, Role::Publisher);
    bench.header(A, 1);
    bench.said.clear();
    bench.hear(PUBLISHER, Control::Seed { modulus: 1, stripes: 1, from: Sequence(5) });
    let ended = |output: &Output| {
        matches!(output, Output::Send { to: A, control: Control::Unsubscribe { stripes: 1, from: Sequence(5), .. } })
    };
    assert!(bench.said(ended));
    assert_eq!(bench.mesh.depths().collect::<Vec<_>>(), [1]);
    bench.hear(PUBLISHER, Control::Seed { modulus: 1, stripes: 0, from: Sequence(9) });
    let from: Vec<u64> = bench
        .said
        .iter()
        .filter_map(|output| match output {
            Output::Send { control: Control::Subscribe { from, .. }, .. } => Some(from.0),
            _ => None,
        })
        .collect();
    assert_eq!(from, [9], "{:?}", bench.said);
}

#[test]
fn a_parent_is_no_descendant() {
    let mut bench = viewer();
    // B is fed by us.
    bench.hear(B, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    bench.status(B, 3);
    bench.said.clear();
    bench.tell(Input::Left { neighbour: A });
    bench.wait(millis(3000));
    assert!(!bench.said(subscribes(B)));
    assert_eq!(bench.mesh.parents().collect::<Vec<_>>(), [None]);
}

#[test]
fn too_many_neighbours_are_turned_away() {
    let mut bench = Bench::new(Role::Viewer, |config| config.max_neighbours = 4);
    for id in 0..100 {
        bench.join(NeighbourId(id), Role::Viewer);
    }
    assert!(bench.mesh.neighbours().count() < 20);
    assert!(bench.said(|output| matches!(output, Output::Drop { reason: DropReason::Full, .. })));
    assert!(!DropReason::Full.is_ban());
}

/// Anything that a driver could be made to say by hostile neighbours.
fn inputs() -> impl Strategy<Value = (u16, Input)> {
    let neighbour = (0..6u64).prop_map(NeighbourId);
    let role = prop_oneof![Just(Role::Viewer), Just(Role::Publisher), Just(Role::Server)];
    let sequence = prop_oneof![4 => 0..60u64, 1 => any::<u64>()].prop_map(Sequence);
    let metas = (sequence.clone(), 1..100_000u32, any::<i64>(), any::<u32>(), any::<bool>()).prop_map(
        |(sequence, size, start_micros, duration_micros, keyframe)| ChunkMeta {
            sequence,
            size,
            start_micros,
            duration_micros,
            keyframe,
            end: false,
        },
    );
    let from = neighbour.clone().prop_map(Source::Neighbour);
    let one = prop_oneof![
        2 => (neighbour.clone(), role, any::<u32>()).prop_map(|(neighbour, role, rtt)| {
            let rtt = Duration::from_micros(rtt.into());
            Input::Joined { neighbour, info: NeighbourInfo { role, outbound: false, rtt, network: None } }
        }),
        1 => neighbour.clone().prop_map(|neighbour| Input::Left { neighbour }),
        10 => (neighbour.clone(), controls()).prop_map(|(neighbour, control)| Input::Control { neighbour, control }),
        6 => (from.clone(), metas.clone()).prop_map(|(from, meta)| Input::HeaderVerified { from, meta }),
        4 => (neighbour.clone(), sequence.clone(), any::<u16>(), any::<u32>())
            .prop_map(|(from, sequence, piece, bytes)| Input::PieceArrived { from, sequence, piece, bytes }),
        6 => (from, sequence.clone(), 0..14u16)
            .prop_map(|(from, sequence, piece)| Input::PieceVerified { from, sequence, piece }),
        1 => (neighbour.clone(), sequence.clone(), any::<u16>())
            .prop_map(|(from, sequence, piece)| Input::PieceRejected { from, sequence, piece }),
        1 => (neighbour.clone(), sequence.clone(), any::<u16>())
            .prop_map(|(to, sequence, piece)| Input::NotSent { to, sequence, piece }),
        1 => (sequence.clone(), any::<bool>()).prop_map(|(sequence, ok)| Input::OriginDone { sequence, ok }),
        2 => metas.prop_map(|meta| Input::Published { meta }),
        1 => (sequence.clone(), sequence.clone())
            .prop_map(|(keyframe, newest)| Input::LiveEdge { keyframe, newest }),
        1 => proptest::option::of(0..50_000_000u64).prop_map(|bits_per_second| Input::UploadBudget { bits_per_second }),
        1 => any::<usize>().prop_map(|viewers| Input::SwarmSize { viewers }),
        6 => Just(Input::Timeout),
    ];
    (0..400u16, one)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_that_neighbours_say_breaks_the_machine(
        viewer in any::<bool>(),
        seed in any::<u64>(),
        inputs in proptest::collection::vec(inputs(), 1..200),
    ) {
        let role = if viewer { Role::Viewer } else { Role::Publisher };
        let mut now = start();
        let mut mesh = Mesh::new(Config::new(role, 8, millis(100)), seed, now);
        for (wait, input) in inputs {
            now += millis(wait.into());
            mesh.handle(now, input);
            let outputs = std::iter::from_fn(|| mesh.poll_output()).count();
            prop_assert!(outputs < 20_000, "{outputs} outputs for one input");
            prop_assert!(mesh.poll_timeout().is_some());
        }
    }
}
