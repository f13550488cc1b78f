//! What a simulation found.

use serde::Serialize;

/// What a simulation found; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which scenario was played.
    pub scenario: String,
    /// With how many viewers.
    pub peers: usize,
    /// From which seed.
    pub seed: u64,
    /// For how many virtual seconds.
    pub seconds: u64,
    /// Share of media bytes that came from other viewers.
    pub offload: f64,
    /// From a chunk's signing to its last piece at a viewer.
    pub lag_ms: Percentiles,
    /// From a viewer's coming to its first picture.
    pub first_frame_ms: Percentiles,
    /// Share of playing time in which the picture stood still.
    pub stall_ratio: f64,
    /// How often it stood still.
    pub stalls: u64,
    /// Share of chunks that never became whole in time.
    pub late_ratio: f64,
    /// Media bytes that were there already, per media byte.
    pub duplicate_ratio: f64,
    /// Bytes of headers and control messages, per media byte.
    pub control_ratio: f64,
    /// Viewers' upload against what they all need.
    pub sigma: f64,
    /// Bytes from viewers, the broadcaster, the server's node and the origin.
    pub bytes_from: [u64; 4],
    /// Hops from the source, on average over viewers and stripes.
    pub depth_mean: f64,
    /// Counters of all meshes together.
    pub counters: crate::mesh::Stats,
    /// How long it took to compute.
    pub wall_seconds: f64,
    /// Changes with anything that happens.
    pub trace_hash: String,
}

/// How a value is spread.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Percentiles {
    /// Half lie below.
    pub p50: f64,
    /// 95 % lie below.
    pub p95: f64,
    /// 99 % lie below.
    pub p99: f64,
}

impl Percentiles {
    /// Of values in microseconds.
    pub(super) fn of_micros(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |share: f64| {
            let index = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
            values.get(index).map_or(0.0, |micros| *micros as f64 / 1e3)
        };
        Self { p50: at(0.50), p95: at(0.95), p99: at(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_many() {
        assert_eq!(Percentiles::of_micros(Vec::new()), Percentiles::default());
        let spread = Percentiles::of_micros((1..=100).map(|ms| ms * 1000).collect());
        assert_eq!((spread.p50, spread.p95, spread.p99), (51.0, 96.0, 100.0));
    }
}
