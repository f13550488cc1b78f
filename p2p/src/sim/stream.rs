//! The chunks that are published: their sizes and times.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::chance::gauss;
use super::scenario::StreamPlan;
use crate::mesh::ChunkMeta;
use crate::wire::{MAX_CHUNK, Sequence};

/// A published chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    pub(super) meta: ChunkMeta,
    /// When its first frame was captured, in virtual microseconds.
    pub(super) captured: u64,
    /// When it was signed.
    pub(super) signed: u64,
}

/// Makes the chunks of a whole run.
pub(super) fn publish(plan: &StreamPlan, seconds: u64, seed: u64) -> Vec<Published> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0f5a);
    let chunk = u64::from(plan.chunk_ms) * 1000;
    let count = seconds * 1_000_000 / chunk;
    let per_gop = ((plan.gop_s * 1e6 / chunk as f64) as u64).max(1);
    let mean = f64::from(plan.bitrate_kbps) * 125.0 * chunk as f64 / 1e6;
    // The others are so much shorter that the mean stays.
    let rest = match per_gop {
        1 => 1.0,
        chunks => ((chunks as f64 - plan.keyframe_ratio) / (chunks as f64 - 1.0)).max(0.1),
    };
    let mut published = Vec::with_capacity(count as usize);
    for sequence in 0..count {
        let keyframe = sequence % per_gop == 0;
        let ratio = if keyframe { plan.keyframe_ratio } else { rest };
        let size = mean * ratio * (1.0 + 0.15 * gauss(&mut rng)).clamp(0.4, 1.6);
        let captured = sequence * chunk;
        // The encoder's delay wanders a little.
        let delay = plan.publish_delay_ms as f64 * 1e3 + (10_000.0 * gauss(&mut rng)).clamp(-25_000.0, 25_000.0);
        let last: u64 = published.last().map_or(0, |last: &Published| last.signed);
        let meta = ChunkMeta {
            sequence: Sequence(sequence),
            size: (size as u32).clamp(200, MAX_CHUNK as u32),
            start_micros: captured as i64,
            duration_micros: chunk as u32,
            keyframe,
            end: false,
        };
        published.push(Published { meta, captured, signed: (captured + delay.max(0.0) as u64).max(last + 1000) });
    }
    published
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_rate_is_the_planned_one() {
        let plan = StreamPlan {
            bitrate_kbps: 2600,
            chunk_ms: 100,
            gop_s: 2.0,
            keyframe_ratio: 2.5,
            stripes: 8,
            publish_delay_ms: 350,
        };
        let published = publish(&plan, 100, 1);
        let bits: u64 = published.iter().map(|chunk| 8 * u64::from(chunk.meta.size)).sum();
        assert!((bits as f64 / 100.0 / 2.6e6 - 1.0).abs() < 0.05, "{bits}");
        assert_eq!(published.iter().filter(|chunk| chunk.meta.keyframe).count(), 50);
        assert!(published.is_sorted_by_key(|chunk| chunk.signed));
    }
}
