//! Adding up what happened.

use super::peer::State;
use super::report::{Percentiles, Report};
use super::world::{World, wall_clock};
use crate::mesh::{Output, Stats};
use crate::wire::Role;

impl World {
    /// Mixes an output into the trace's hash (FNV-1a over words).
    pub(super) fn note(&mut self, peer: usize, output: &Output) {
        let (kind, to, sequence, piece) = match output {
            Output::Send { to, control } => (1, to.0, control.frame_len() as u64, u64::from(control.since().number())),
            Output::SendHeader { to, sequence } => (2, to.0, sequence.0, 0),
            Output::SendPiece { to, sequence, piece } => (3, to.0, sequence.0, u64::from(*piece)),
            Output::FetchOrigin { sequence, pieces, .. } => (4, 0, sequence.0, pieces.len() as u64),
            Output::Drop { neighbour, .. } => (5, neighbour.0, 0, 0),
            Output::ChunkComplete { sequence } => (6, 0, sequence.0, 0),
            Output::ChunkMissed { sequence } => (7, 0, sequence.0, 0),
            Output::WantCandidates { count } => (8, *count as u64, 0, 0),
        };
        for word in [self.now, peer as u64, kind, to, sequence, piece] {
            self.hash = (self.hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(23);
        }
    }

    pub(super) fn report(mut self, seed: u64) -> Report {
        let now = self.now;
        let mut total = Stats::default();
        let (mut control, mut played, mut stalled, mut stalls) = (0, 0, 0, 0);
        let mut first_frames = Vec::new();
        let (mut depth, mut depths) = (0.0, 0.0);
        for peer in &mut self.peers {
            if peer.role != Role::Viewer || peer.state == State::Away {
                continue;
            }
            peer.playout.finish(now);
            total.add(&peer.mesh.stats().since(&peer.baseline));
            control += peer.control - peer.baseline_control;
            let (before_played, before_stalled, before_stalls) = peer.baseline_played;
            played += peer.playout.played - before_played;
            stalled += peer.playout.stalled - before_stalled;
            stalls += peer.playout.stalls - before_stalls;
            match peer.playout.first_frame {
                Some(at) => {
                    // The broadcast itself may begin later.
                    let begun = peer.joined.max(self.published.first().map_or(0, |chunk| chunk.signed));
                    first_frames.push(at.saturating_sub(begun));
                }
                None if peer.is_here() => first_frames.push(now - peer.joined),
                None => {}
            }
            if peer.is_here() {
                for hops in peer.mesh.depths().filter(|depth| *depth < 255) {
                    depth += f64::from(hops);
                    depths += 1.0;
                }
            }
        }
        let from =
            [total.bytes_from_viewers, total.bytes_from_publisher, total.bytes_from_server, total.bytes_from_origin];
        let media: u64 = from.iter().sum();
        let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let uploads: u64 = self.peers[2..].iter().filter(|peer| peer.is_here()).map(|peer| peer.up_kbps).sum();
        let here = self.peers[2..].iter().filter(|peer| peer.is_here()).count() as u64;
        let chunks = total.chunks_complete + self.late;
        Report {
            scenario: self.scenario.name.clone(),
            peers: self.scenario.peers,
            seed,
            seconds: self.scenario.seconds,
            offload: ratio(total.bytes_from_viewers, media),
            lag_ms: Percentiles::of_micros(std::mem::take(&mut self.lags)),
            first_frame_ms: Percentiles::of_micros(first_frames),
            stall_ratio: ratio(stalled, played + stalled),
            stalls,
            late_ratio: ratio(self.late, chunks),
            duplicate_ratio: ratio(total.bytes_duplicate, media),
            control_ratio: ratio(control, media),
            sigma: ratio(uploads, here * u64::from(self.scenario.stream.bitrate_kbps)),
            bytes_from: from,
            depth_mean: if depths > 0.0 { depth / depths } else { 0.0 },
            counters: total,
            wall_seconds: wall_clock().saturating_duration_since(self.started).as_secs_f64(),
            trace_hash: format!("{:016x}", self.hash),
        }
    }
}
