//! Adding up what happened.

use super::ideal::Ideal;
use super::meter::{Histogram, offload};
use super::peer::{Character, Peer, State};
use super::report::{Outcome, Report};
use super::world::{World, wall_clock};
use crate::mesh::{ChunkMeta, Output, Stats, copies_for};
use crate::wire::Role;

/// A stall that a viewer notices as one.
const LONG_STALL: u64 = 500_000;

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

    pub(super) fn outcome(mut self) -> Outcome {
        let now = self.now;
        let mut total = Stats::default();
        let (mut control, mut played, mut stalled, mut stalls) = (0, 0, 0, 0);
        let (mut honest, mut smooth) = (0u64, 0u64);
        let mut first_frames = Histogram::new();
        let mut resumes = Histogram::new();
        let mut depths = vec![0u64; 16];
        let back = self.scenario.broadcaster_outage.span().map(|(_, until)| until);
        let begun = self.published.first().map_or(0, |chunk| chunk.signed);
        for peer in &mut self.peers {
            if peer.role != Role::Viewer || peer.state == State::Away || !peer.is_honest() {
                continue;
            }
            peer.playout.finish(now);
            total.add(&peer.stats().since(&peer.baseline));
            control += peer.control - peer.baseline_control;
            let (before_played, before_stalled, before_stalls) = peer.baseline_played;
            played += peer.playout.played - before_played;
            stalled += peer.playout.stalled - before_stalled;
            stalls += peer.playout.stalls - before_stalls;
            honest += 1;
            smooth += u64::from(peer.playout.longest <= LONG_STALL && peer.playout.first_frame.is_some());
            match peer.playout.first_frame {
                // The broadcast itself may begin later.
                Some(at) => first_frames.add(at.saturating_sub(peer.joined.max(begun))),
                None if peer.is_here() => first_frames.add(now - peer.joined),
                None => {}
            }
            if let Some(back) = back.filter(|back| peer.joined < *back && peer.is_here()) {
                let resumed = peer.playout.resumed.filter(|at| *at > back);
                resumes.add(resumed.unwrap_or(now) - back);
            }
            if peer.is_here() {
                for hops in peer.brain.depths().into_iter().filter(|depth| *depth < 255) {
                    depths[usize::from(hops).min(15)] += 1;
                }
            }
        }
        let from =
            [total.bytes_from_viewers, total.bytes_from_publisher, total.bytes_from_server, total.bytes_from_origin];
        let media: u64 = from.iter().sum();
        let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        // What nobody means to give does not count.
        let uplink = |peer: &Peer| if peer.character == Character::Honest { peer.up_kbps } else { 0 };
        let here: Vec<u64> = self.peers[2..].iter().filter(|peer| peer.is_here()).map(uplink).collect();
        let hops: u64 = depths.iter().enumerate().map(|(depth, count)| depth as u64 * count).sum();
        let chunks = total.chunks_complete + self.late;
        let (offload_ramp, offload_after) = self.crowd_offload();
        let bad_most = self.bad_pieces.iter().filter(|((victim, _), _)| self.peers[*victim].is_honest());
        let report = Report {
            scenario: self.scenario.name.clone(),
            policy: self.policy.name().into(),
            peers: self.scenario.peers,
            seed: self.seed,
            seconds: self.scenario.seconds,
            offload: ratio(total.bytes_from_viewers, media),
            lag_ms: self.lags.percentiles(),
            latency_ms: self.latencies.percentiles(),
            first_frame_ms: first_frames.percentiles(),
            stall_ratio: ratio(stalled, played + stalled),
            stalls,
            late_ratio: ratio(self.late, chunks),
            duplicate_ratio: ratio(total.bytes_duplicate, media),
            control_ratio: ratio(control, media),
            origin_peak_ratio: self.origin_peak(),
            heal_ms_p95: self.heals.at(0.95),
            bad_bytes_forwarded: self.bad_bytes_forwarded,
            bad_bytes_played: self.bad_bytes_played,
            sigma: ratio(here.iter().sum(), here.len() as u64 * u64::from(self.scenario.stream.bitrate_kbps)),
            ideal_lag_ms_p99: self.ideal(),
            offload_ramp,
            offload_after,
            smooth_ratio: ratio(smooth, honest),
            resume_ms_p95: resumes.at(0.95),
            old_epoch_refused: self.old_epoch_refused,
            sybil_stripes_max: self.sybil_stripes,
            bad_pieces_after_first: bad_most.map(|(_, count)| count - 1).max().unwrap_or(0),
            bytes_from: from,
            depth_mean: ratio(hops, depths.iter().sum()),
            counters: total,
            wall_seconds: wall_clock().saturating_duration_since(self.started).as_secs_f64(),
            trace_hash: format!("{:016x}", self.hash),
        };
        let lag_curve = self.lags.curve((0..=2000).step_by(20));
        Outcome { report, seconds: self.seconds, lag_curve, depths }
    }

    /// The most that the server gave within one second, against what all viewers need; from the warm-up on, and where a crowd
    /// comes from when those before it are there.
    fn origin_peak(&self) -> f64 {
        let need = f64::from(self.scenario.stream.bitrate_kbps) * 125.0;
        let join = &self.scenario.join;
        let crowd_from = if join.crowd > 0 { join.from_s + join.over_s } else { 0.0 };
        let from = self.scenario.warmup_s.max(crowd_from as u64) as usize;
        let shares = self
            .seconds
            .iter()
            .skip(from)
            .filter(|second| second.viewers > 0)
            .map(|second| (second.bytes_from[2] + second.bytes_from[3]) as f64 / (second.viewers as f64 * need));
        shares.fold(0.0, f64::max)
    }

    /// Offload while the crowd came, and from 30 seconds after that.
    fn crowd_offload(&self) -> (f64, f64) {
        let join = &self.scenario.join;
        if join.crowd == 0 {
            return (0.0, 0.0);
        }
        let count = self.seconds.len();
        let (from, until) = (join.crowd_from_s as usize, (join.crowd_from_s + join.crowd_over_s) as usize);
        let part =
            |from: usize, until: usize| offload(&self.seconds[from.min(count)..until.clamp(from.min(count), count)]);
        (part(from, until), part(until + 30, count))
    }

    /// The idealised schedule on the very chunks that were counted.
    fn ideal(&self) -> f64 {
        let stream = &self.scenario.stream;
        let warm = self.scenario.warmup_s * 1_000_000;
        let counted = self.published.iter().filter(|chunk| chunk.signed >= warm && chunk.signed < self.now);
        let chunks: Vec<ChunkMeta> = counted.map(|chunk| chunk.meta).collect();
        let viewers = self.viewers().filter(|&viewer| self.peers[viewer].is_honest());
        let uplinks: Vec<u64> = viewers.map(|viewer| self.peers[viewer].up_kbps).collect();
        let server = &self.scenario.server;
        let ideal = Ideal {
            copies: copies_for(uplinks.len()),
            uplinks,
            stripes: stream.stripes.into(),
            bitrate_kbps: stream.bitrate_kbps.into(),
            source_kbps: (server.publisher_kbps + if server.seeds { server.server_kbps } else { 0 }).max(1000),
            one_way_ms: self.scenario.network.one_way_ms,
            one_way_sigma: self.scenario.network.one_way_sigma,
        };
        ideal.lag_p99(&chunks, self.seed)
    }
}
