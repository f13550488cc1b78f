//! Whom the mesh believes: parents that are late or gone, networks, lines that turn out to be narrow.

use std::time::Duration;

use runnel_p2p::mesh::{DropReason, Input, NeighbourId, NeighbourInfo, Output};
use runnel_p2p::wire::{Control, HaveEntry, PieceSet, Role, Sequence, Status};

use crate::bench::{A, B, Bench, info, millis, subscribes, viewer};

const C: NeighbourId = NeighbourId(4);

fn requests(at: NeighbourId) -> impl Fn(&Output) -> bool {
    move |output| matches!(output, Output::Send { to, control: Control::Request { .. } } if *to == at)
}

fn unsubscribes(at: NeighbourId) -> impl Fn(&Output) -> bool {
    move |output| matches!(output, Output::Send { to, control: Control::Unsubscribe { .. } } if *to == at)
}

fn has(sequence: u64) -> Control {
    Control::HaveDelta { entries: vec![HaveEntry::Complete { first: Sequence(sequence), count: 1 }] }
}

/// Chunks that come from A as they should.
fn usual(bench: &mut Bench, chunks: std::ops::Range<u64>) {
    for sequence in chunks {
        bench.header(A, sequence);
        for piece in 0..3 {
            bench.wait(millis(5));
            bench.piece(A, sequence, piece);
        }
        bench.wait(millis(85));
    }
    bench.said.clear();
}

#[test]
fn an_overdue_piece_is_asked_of_the_parent_before_others() {
    let mut bench = viewer();
    usual(&mut bench, 1..8);
    bench.hear(B, has(8));
    bench.header(A, 8);
    bench.piece(A, 8, 0);
    bench.piece(A, 8, 1);
    while !bench.said.iter().any(|it| requests(A)(it) || requests(B)(it)) {
        bench.wait(millis(5));
    }
    assert!(bench.said.iter().any(requests(A)) && !bench.said.iter().any(requests(B)));
    bench.said.clear();
    // It has not got it either: now it is worth asking someone else.
    bench.hear(A, Control::Skipped { sequence: Sequence(8), pieces: PieceSet::single(2) });
    bench.wait(millis(5));
    assert!(bench.said(requests(B)));
}

#[test]
fn a_parent_that_does_not_answer_is_gone_long_before_its_connection_ends() {
    let mut bench = viewer();
    usual(&mut bench, 1..8);
    let begun = bench.now;
    bench.header(B, 8);
    bench.hear(B, has(8));
    while bench.mesh.parents().next() != Some(Some(B)) {
        bench.wait(millis(10));
        assert!(bench.now < begun + millis(400), "still waiting for who is gone");
    }
    assert!(bench.said(unsubscribes(A)));
}

#[test]
fn after_a_loss_two_are_asked_and_the_first_stays() {
    let mut bench = viewer();
    usual(&mut bench, 1..4);
    bench.join(C, Role::Viewer);
    bench.status(C, 1);
    bench.said.clear();
    bench.tell(Input::Left { neighbour: A });
    assert!(bench.said.iter().any(subscribes(B)) && bench.said.iter().any(subscribes(C)));
    bench.said.clear();
    bench.header(C, 4);
    bench.piece(C, 4, 0);
    assert_eq!(bench.mesh.parents().collect::<Vec<_>>(), [Some(C)]);
    assert!(bench.said.iter().any(unsubscribes(B)) && !bench.said.iter().any(unsubscribes(C)));
}

#[test]
fn of_two_that_were_asked_the_one_that_refuses_leaves_the_place_to_the_other() {
    for refuses in [B, C] {
        let mut bench = viewer();
        usual(&mut bench, 1..4);
        bench.join(C, Role::Viewer);
        bench.status(C, 1);
        bench.tell(Input::Left { neighbour: A });
        bench.said.clear();
        bench.hear(refuses, Control::Reject { modulus: 1, stripes: 1, from: Sequence(0) });
        let other = if refuses == B { C } else { B };
        assert_eq!(bench.mesh.parents().collect::<Vec<_>>(), [Some(other)]);
        assert!(!bench.said(subscribes(other)), "it was asked already");
    }
}

#[test]
fn a_network_sends_two_neighbours_at_most() {
    let mut bench = Bench::new(Role::Viewer, |_| {});
    let dropped = |bench: &mut Bench, id| {
        let full = Output::Drop { neighbour: NeighbourId(id), reason: DropReason::Full };
        bench.said(|output| *output == full)
    };
    for id in 10..15 {
        let neighbour = NeighbourId(id);
        bench.tell(Input::Joined { neighbour, info: NeighbourInfo { network: Some(7), ..info(Role::Viewer) } });
        assert_eq!(dropped(&mut bench, id), id >= 12, "{id}");
        // Those at home are no network.
        let neighbour = NeighbourId(100 + id);
        bench.tell(Input::Joined { neighbour, info: info(Role::Viewer) });
        assert!(!dropped(&mut bench, 100 + id));
    }
}

#[test]
fn who_breaks_its_word_time_and_again_loses_its_place_and_its_network_with_it() {
    let mut bench = Bench::new(Role::Viewer, |_| {});
    bench.tell(Input::SwarmSize { viewers: 1000 });
    let join = |bench: &mut Bench, neighbour, network| {
        let info = NeighbourInfo { network: Some(network), ..info(Role::Viewer) };
        bench.tell(Input::Joined { neighbour, info });
    };
    join(&mut bench, A, 1);
    join(&mut bench, B, 2);
    let mut dropped = false;
    for sequence in 0..400 {
        // A promises all and gives nothing; B has everything and no place.
        bench.status(A, 1);
        let full = Status { depth: vec![2], places: 8, places_free: 0, ..Status::default() };
        bench.hear(B, Control::Status(full));
        bench.header(B, sequence);
        bench.hear(B, has(sequence));
        bench.hear(A, has(sequence));
        bench.wait(millis(100));
        let out = Output::Drop { neighbour: A, reason: DropReason::Unreliable };
        if bench.said(|output| *output == out) {
            dropped = true;
            break;
        }
    }
    assert!(dropped, "it kept its place");
    assert!(!DropReason::Unreliable.is_ban(), "it may have had bad luck");
    join(&mut bench, C, 1);
    assert!(bench.said(|output| matches!(output, Output::Drop { neighbour: C, .. })), "its network is known by now");
}

#[test]
fn a_line_that_carries_less_than_it_should_promises_less() {
    let mut bench = Bench::new(Role::Viewer, |config| config.upload = Some(20_000_000));
    let children: Vec<NeighbourId> = (20..24).map(NeighbourId).collect();
    bench.join(A, Role::Viewer);
    bench.status(A, 1);
    bench.wait(millis(150));
    for &child in &children {
        bench.join(child, Role::Viewer);
        bench.hear(child, Control::Subscribe { modulus: 1, stripes: 1, from: Sequence(0), headers: true });
    }
    let places = |bench: &Bench| {
        bench.said.iter().rev().find_map(|output| match output {
            Output::Send { control: Control::Status(status), .. } => Some(status.places),
            _ => None,
        })
    };
    bench.header(A, 0);
    bench.wait(millis(300));
    let before = places(&bench).unwrap();
    bench.said.clear();
    // Nothing that leaves is ever confirmed.
    for sequence in 1..20 {
        bench.header(A, sequence);
        for piece in 0..3 {
            bench.piece(A, sequence, piece);
        }
        bench.wait(millis(100));
    }
    assert!(bench.said.iter().any(|output| matches!(output, Output::Send { control: Control::Reject { .. }, .. })));
    bench.wait(Duration::from_secs(2));
    let after = places(&bench).unwrap();
    assert!(after < before / 2, "{after} places instead of {before}");
}
