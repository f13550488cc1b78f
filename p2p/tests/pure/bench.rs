//! A mesh on a bench: told things, watched for what it says.

use std::time::{Duration, Instant};

use runnel_p2p::mesh::{ChunkMeta, Config, Input, Mesh, NeighbourId, NeighbourInfo, Output, Source};
use runnel_p2p::wire::{Control, Role, Sequence, Status};

pub(crate) const PUBLISHER: NeighbourId = NeighbourId(1);
pub(crate) const A: NeighbourId = NeighbourId(2);
pub(crate) const B: NeighbourId = NeighbourId(3);

#[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn info(role: Role) -> NeighbourInfo {
    NeighbourInfo { role, outbound: true, rtt: millis(20), network: None }
}

pub(crate) fn meta(sequence: u64) -> ChunkMeta {
    ChunkMeta {
        sequence: Sequence(sequence),
        size: 3 * 8192,
        start_micros: sequence as i64 * 100_000,
        duration_micros: 100_000,
        keyframe: sequence.is_multiple_of(20),
        end: false,
    }
}

/// A mesh with its clock and what it said.
pub(crate) struct Bench {
    pub(crate) mesh: Mesh,
    pub(crate) now: Instant,
    pub(crate) said: Vec<Output>,
}

impl Bench {
    pub(crate) fn new(role: Role, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(role, 1, millis(100));
        change(&mut config);
        let now = start();
        Self { mesh: Mesh::new(config, 1, now), now, said: Vec::new() }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.mesh.handle(self.now, input);
        self.said.extend(std::iter::from_fn(|| self.mesh.poll_output()));
    }

    /// Lets time pass, waking the mesh as it asks for.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            match self.mesh.poll_timeout().filter(|at| *at <= end) {
                Some(at) => {
                    self.now = at.max(self.now);
                    self.tell(Input::Timeout);
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("the mesh never lets time pass");
    }

    pub(crate) fn join(&mut self, id: NeighbourId, role: Role) {
        self.tell(Input::Joined { neighbour: id, info: info(role) });
    }

    pub(crate) fn hear(&mut self, from: NeighbourId, control: Control) {
        self.tell(Input::Control { neighbour: from, control });
    }

    pub(crate) fn header(&mut self, from: NeighbourId, sequence: u64) {
        self.tell(Input::HeaderVerified { from: Source::Neighbour(from), meta: meta(sequence) });
    }

    pub(crate) fn piece(&mut self, from: NeighbourId, sequence: u64, piece: u16) {
        let sequence = Sequence(sequence);
        self.tell(Input::PieceArrived { from, sequence, piece, bytes: 8192 });
        self.tell(Input::PieceVerified { from: Source::Neighbour(from), sequence, piece });
    }

    pub(crate) fn status(&mut self, from: NeighbourId, depth: u8) {
        let (places, places_free) = (8, 8);
        self.hear(from, Control::Status(Status { depth: vec![depth], places, places_free, ..Status::default() }));
    }

    pub(crate) fn said(&mut self, matches: impl Fn(&Output) -> bool) -> bool {
        let found = self.said.iter().any(matches);
        self.said.clear();
        found
    }
}

pub(crate) fn sends_piece(to: NeighbourId) -> impl Fn(&Output) -> bool {
    move |output| matches!(output, Output::SendPiece { to: other, .. } if *other == to)
}

pub(crate) fn subscribes(at: NeighbourId) -> impl Fn(&Output) -> bool {
    move |output| matches!(output, Output::Send { to, control: Control::Subscribe { .. } } if *to == at)
}

/// A viewer with a parent A and a neighbour B, the broadcast just begun.
pub(crate) fn viewer() -> Bench {
    let mut bench = Bench::new(Role::Viewer, |_| {});
    bench.join(A, Role::Viewer);
    bench.status(A, 1);
    bench.wait(millis(150));
    assert!(bench.said(subscribes(A)));
    bench.join(B, Role::Viewer);
    bench.status(B, 1);
    bench.header(A, 0);
    bench
}
