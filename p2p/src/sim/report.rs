//! What a simulation found.

use serde::Serialize;

/// What a simulation found; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which scenario was played.
    pub scenario: String,
    /// Under which policy.
    pub policy: String,
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
    /// From the capture of a chunk to its being due on screen.
    pub latency_ms: Percentiles,
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
    /// The most that the server gave within a second, by its node and over HTTP, against what all viewers need; joins at the
    /// beginning apart.
    pub origin_peak_ratio: f64,
    /// Within which 95 % of the stripes that lost a parent, or whose parent became slow, had another that pushed.
    pub heal_ms_p95: f64,
    /// Bytes that left an honest node unchecked.
    pub bad_bytes_forwarded: u64,
    /// Bytes that an honest viewer would have played unchecked.
    pub bad_bytes_played: u64,
    /// Viewers' upload against what they all need.
    pub sigma: f64,
    /// [`Report::lag_ms`] at 99 % under the idealised schedule, on the same chunks.
    pub ideal_lag_ms_p99: f64,
    /// Offload while the crowd came; 0 without one.
    pub offload_ramp: f64,
    /// Offload from 30 seconds after that.
    pub offload_after: f64,
    /// Share of honest viewers that never stalled for longer than half a second.
    pub smooth_ratio: f64,
    /// Within which 95 % of the viewers played again after the broadcaster came back.
    pub resume_ms_p95: f64,
    /// Messages of an old epoch that were refused.
    pub old_epoch_refused: u64,
    /// The largest share of an honest viewer's stripes that Sybils led at any full second.
    pub sybil_stripes_max: f64,
    /// Most pieces that one viewer took from one polluter after the first bad one.
    pub bad_pieces_after_first: u64,
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

/// A report, and what of it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The figures.
    pub report: Report,
    /// Second by second.
    pub seconds: Vec<super::meter::Second>,
    /// Share of chunks whose lag was at most so many milliseconds.
    pub lag_curve: Vec<(f64, f64)>,
    /// How many stripes of viewers are so many hops from the source.
    pub depths: Vec<u64>,
}
