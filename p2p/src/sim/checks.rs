//! What must hold at the end of a scenario.

use serde::Deserialize;

use super::report::Report;

/// What must hold at the end; what is left out is not looked at.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// Least share of bytes from other viewers.
    pub offload_min: Option<f64>,
    /// The same while a crowd comes.
    pub offload_ramp_min: Option<f64>,
    /// The same from 30 seconds after the crowd came.
    pub offload_after_min: Option<f64>,
    /// Most share of time stalled.
    pub stall_ratio_max: Option<f64>,
    /// Most share of chunks that never became whole in time.
    pub late_ratio_max: Option<f64>,
    /// Most share of bytes that were there already.
    pub duplicate_ratio_max: Option<f64>,
    /// Most share of bytes that are no media.
    pub control_ratio_max: Option<f64>,
    /// Most of what the server gives within a second, against what all viewers need.
    pub origin_peak_ratio_max: Option<f64>,
    /// Most lag of 99 % of the chunks.
    pub lag_p99_ms_max: Option<f64>,
    /// The same, as a multiple of the ideal.
    pub lag_p99_over_ideal_max: Option<f64>,
    /// Latest first frame of 95 % of the viewers.
    pub first_frame_p95_ms_max: Option<f64>,
    /// Within which 95 % of lost or slow parents are replaced.
    pub heal_p95_ms_max: Option<f64>,
    /// Least share of viewers that never stalled for longer than half a second.
    pub smooth_ratio_min: Option<f64>,
    /// Within which 95 % of the viewers play again after the broadcaster came back.
    pub resume_p95_ms_max: Option<f64>,
    /// Most share of an honest viewer's stripes that Sybils lead.
    pub sybil_stripes_max: Option<f64>,
    /// Most bytes that were not what the broadcaster signed and were passed on or played.
    pub bad_bytes_max: Option<u64>,
    /// Most pieces that one viewer took from one polluter after the first bad one.
    pub bad_pieces_after_first_max: Option<u64>,
}

impl Checks {
    /// What does not hold, in words.
    pub fn failures(&self, report: &Report) -> Vec<String> {
        let ideal = report.lag_ms.p99 / report.ideal_lag_ms_p99.max(1.0);
        let bad = report.bad_bytes_forwarded + report.bad_bytes_played;
        let most = [
            ("stall_ratio", report.stall_ratio, self.stall_ratio_max),
            ("late_ratio", report.late_ratio, self.late_ratio_max),
            ("duplicate_ratio", report.duplicate_ratio, self.duplicate_ratio_max),
            ("control_ratio", report.control_ratio, self.control_ratio_max),
            ("origin_peak_ratio", report.origin_peak_ratio, self.origin_peak_ratio_max),
            ("lag_ms.p99", report.lag_ms.p99, self.lag_p99_ms_max),
            ("lag_ms.p99 / ideal_lag_ms_p99", ideal, self.lag_p99_over_ideal_max),
            ("first_frame_ms.p95", report.first_frame_ms.p95, self.first_frame_p95_ms_max),
            ("heal_ms_p95", report.heal_ms_p95, self.heal_p95_ms_max),
            ("resume_ms_p95", report.resume_ms_p95, self.resume_p95_ms_max),
            ("sybil_stripes_max", report.sybil_stripes_max, self.sybil_stripes_max),
            ("bad bytes passed on or played", bad as f64, self.bad_bytes_max.map(|most| most as f64)),
            (
                "bad_pieces_after_first",
                report.bad_pieces_after_first as f64,
                self.bad_pieces_after_first_max.map(|most| most as f64),
            ),
        ];
        let least = [
            ("offload", report.offload, self.offload_min),
            ("offload_ramp", report.offload_ramp, self.offload_ramp_min),
            ("offload_after", report.offload_after, self.offload_after_min),
            ("smooth_ratio", report.smooth_ratio, self.smooth_ratio_min),
        ];
        let above = most.into_iter().filter_map(|(name, value, limit)| {
            let limit = limit.filter(|limit| value > *limit)?;
            Some(format!("{name} is {value:.4}, may be {limit} at most"))
        });
        let below = least.into_iter().filter_map(|(name, value, limit)| {
            let limit = limit.filter(|limit| value < *limit)?;
            Some(format!("{name} is {value:.4}, must be {limit} at least"))
        });
        below.chain(above).collect()
    }
}
