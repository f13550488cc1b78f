//! The idealised schedule: what could be reached with full knowledge, no loss and no misjudgement.
//!
//! A greedy schedule, not a proven bound: each stripe has its own interior viewers, one in K on average; the strongest are
//! served first; each hands a piece on as soon as it is whole, one copy after another at the rate of its uplink, as often as a
//! tenth less than that uplink lasts for in the long run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::chance::lognormal;
use super::meter::Histogram;
use crate::mesh::ChunkMeta;

/// What the ideal is computed for.
#[derive(Debug, Clone)]
pub(super) struct Ideal {
    /// Each viewer's uplink in kbit/s.
    pub(super) uplinks: Vec<u64>,
    pub(super) stripes: usize,
    pub(super) bitrate_kbps: u64,
    /// Copies of each piece that leave the sources, and their uplink.
    pub(super) copies: usize,
    pub(super) source_kbps: u64,
    pub(super) one_way_ms: f64,
    pub(super) one_way_sigma: f64,
}

/// Most deliveries that are scheduled: enough for a steady 99th percentile.
const DELIVERIES: usize = 2_000_000;

impl Ideal {
    /// From signing to the last piece, in milliseconds, for 99 % of viewers and chunks.
    pub(super) fn lag_p99(&self, chunks: &[ChunkMeta], seed: u64) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x1dea_15ed);
        let orders: Vec<(Vec<usize>, usize)> = (0..self.stripes).map(|_| self.order(&mut rng)).collect();
        let pieces: usize = chunks.iter().map(|chunk| usize::from(chunk.pieces())).sum();
        // A sample of the chunks, evenly over the trace, keyframes in their share.
        let step = (pieces * self.uplinks.len()).div_ceil(DELIVERIES).max(1);
        let step = if step.is_multiple_of(2) { step + 1 } else { step };
        let mut lags = Histogram::new();
        for chunk in chunks.iter().step_by(step) {
            let mut last = vec![0.0f64; self.uplinks.len()];
            let mut free = vec![0.0f64; self.uplinks.len()];
            let mut source_free = 0.0;
            for piece in 0..chunk.pieces() {
                let stripe = (chunk.sequence.0 as usize + usize::from(piece)) % self.stripes;
                let bits = f64::from(chunk.piece_size(piece)) * 8.0;
                self.spread(&orders[stripe], bits, &mut free, &mut source_free, &mut last, &mut rng);
            }
            last.iter().filter(|at| **at > 0.0).for_each(|at| lags.add((at * 1000.0) as u64));
        }
        lags.at(0.99)
    }

    /// Viewers in the order in which they are served, and how many of them hand this stripe on.
    fn order(&self, rng: &mut ChaCha8Rng) -> (Vec<usize>, usize) {
        let inside =
            |rng: &mut ChaCha8Rng, uplink: u64| uplink > 0 && rng.random::<f64>() * (self.stripes as f64) < 1.0;
        let (mut interior, mut leaves): (Vec<usize>, Vec<usize>) =
            (0..self.uplinks.len()).partition(|&viewer| inside(rng, self.uplinks[viewer]));
        interior.sort_by_key(|&viewer| Reverse(self.uplinks[viewer]));
        for index in (1..leaves.len()).rev() {
            leaves.swap(index, rng.random_range(0..=index));
        }
        let count = interior.len();
        interior.extend(leaves);
        (interior, count)
    }

    /// Spreads one piece; times are in milliseconds, `free` is when a viewer's uplink is idle again.
    fn spread(
        &self,
        (order, interior): &(Vec<usize>, usize),
        bits: f64,
        free: &mut [f64],
        source_free: &mut f64,
        last: &mut [f64],
        rng: &mut ChaCha8Rng,
    ) {
        // When the next copy can leave, from whom (a place in the order; none is the source), and how many more after it.
        let mut senders: BinaryHeap<Reverse<(u64, Option<usize>, usize)>> = BinaryHeap::new();
        let nanos = |millis: f64| (millis * 1e6) as u64;
        senders.push(Reverse((nanos(*source_free), None, self.copies)));
        for (place, &viewer) in order.iter().enumerate() {
            let Some(Reverse((at, from, copies))) = senders.pop() else { break };
            let idle = from.map_or(*source_free, |from| free[order[from]]);
            let kbps = from.map_or(self.source_kbps, |from| self.uplinks[order[from]]);
            let out = (at as f64 / 1e6).max(idle) + bits / kbps as f64;
            match from {
                Some(from) => free[order[from]] = out,
                None => *source_free = out,
            }
            let arrives = out + lognormal(rng, self.one_way_ms, self.one_way_sigma);
            last[viewer] = last[viewer].max(arrives);
            if copies > 1 {
                senders.push(Reverse((nanos(out), from, copies - 1)));
            }
            let lasting = self.stripes as f64 * self.uplinks[viewer] as f64 * 0.9 / self.bitrate_kbps as f64;
            if place < *interior && lasting >= 1.0 {
                senders.push(Reverse((nanos(arrives), Some(place), lasting as usize)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Sequence;

    /// The table's swarm of σ 2.1: half give nothing, 35 % have 4, 10 % 15 and 5 % 50 Mbit/s.
    fn swarm(viewers: usize) -> Ideal {
        let uplink = |index: usize| match index * 100 / viewers {
            0..50 => 0,
            50..85 => 4000,
            85..95 => 15_000,
            _ => 50_000,
        };
        Ideal {
            uplinks: (0..viewers).map(uplink).collect(),
            stripes: 8,
            bitrate_kbps: 2600,
            copies: 8,
            source_kbps: 100_000,
            one_way_ms: 35.0,
            one_way_sigma: 0.5,
        }
    }

    fn chunk(sequence: u64, size: u32) -> ChunkMeta {
        let sequence = Sequence(sequence);
        ChunkMeta { sequence, size, start_micros: 0, duration_micros: 200_000, keyframe: false, end: false }
    }

    #[test]
    fn one_piece_of_8_kb_reaches_ten_thousand_in_269_ms() {
        let chunks: Vec<ChunkMeta> = (0..25).map(|sequence| chunk(sequence, 8000)).collect();
        let lag = swarm(10_000).lag_p99(&chunks, 1);
        assert!((lag - 269.0).abs() <= 8.0, "{lag}");
    }

    #[test]
    fn whole_chunks_take_longer_than_pieces() {
        let ideal = swarm(1000);
        let of = |size| ideal.lag_p99(&(0..20).map(|sequence| chunk(sequence, size)).collect::<Vec<_>>(), 1);
        assert!(of(8000) < of(65_000) && of(65_000) < of(200_000));
    }
}
