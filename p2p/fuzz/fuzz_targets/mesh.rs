#![no_main]
//! A viewer's mesh whose neighbours say whatever the wire lets through.

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use runnel_p2p::mesh::{ChunkMeta, Config, Input, Mesh, NeighbourId, NeighbourInfo, Source};
use runnel_p2p::wire::frame::FrameReader;
use runnel_p2p::wire::{Message, Role, Sequence, Version};

fuzz_target!(|data: &[u8]| {
    // Only differences of time count.
    #[allow(clippy::disallowed_methods)]
    let mut now = Instant::now();
    let mut mesh = Mesh::new(Config::new(Role::Viewer, 4, Duration::from_millis(100)), 1, now);
    for id in 0..4 {
        let role = if id == 0 { Role::Publisher } else { Role::Viewer };
        let info = NeighbourInfo { role, outbound: false, rtt: Duration::from_millis(20), network: None };
        mesh.handle(now, Input::Joined { neighbour: NeighbourId(id), info });
    }
    let mut reader = FrameReader::new();
    reader.push(data);
    let mut turn = 0u64;
    while let Ok(Some(frame)) = reader.next_frame() {
        turn += 1;
        now += Duration::from_millis(turn % 130);
        let from = NeighbourId(turn % 4);
        match Message::decode(frame, Version::V2) {
            Ok(Message::Control(control)) => mesh.handle(now, Input::Control { neighbour: from, control }),
            Ok(Message::Piece(piece)) => {
                let (sequence, piece, bytes) = (piece.sequence, piece.index, piece.data.len() as u32);
                mesh.handle(now, Input::PieceArrived { from, sequence, piece, bytes });
                mesh.handle(now, Input::PieceVerified { from: Source::Neighbour(from), sequence, piece });
            }
            Ok(Message::Epoch(epoch)) => {
                let sequence = Sequence(epoch.0 >> 1);
                let meta = ChunkMeta {
                    sequence,
                    size: 30_000,
                    start_micros: sequence.0 as i64,
                    duration_micros: 100_000,
                    keyframe: epoch.0 % 2 == 0,
                    end: false,
                };
                mesh.handle(now, Input::HeaderVerified { from: Source::Neighbour(from), meta });
            }
            Ok(_) => mesh.handle(now, Input::Timeout),
            Err(_) => mesh.handle(now, Input::Left { neighbour: from }),
        }
        while mesh.poll_output().is_some() {}
    }
});
