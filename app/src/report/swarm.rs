//! What `runnel swarm` measured: the fields of the simulator's report, and `null` for what real processes cannot know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a swarm of real processes did; times in milliseconds, shares of one.
///
/// The fields are those of [`runnel_p2p::sim::Report`], with the same meaning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SwarmReport {
    /// Always [`super::VERSION`].
    pub version: u32,
    /// Always `real`.
    pub scenario: String,
    /// Always `runnel`.
    pub policy: String,
    /// How many viewers watched.
    pub peers: usize,
    /// Unknown: chance is not seeded.
    pub seed: Option<u64>,
    /// How long the broadcast lasted.
    pub seconds: f64,
    /// Share of media bytes that came from other viewers.
    pub offload: Option<f64>,
    /// From a chunk's signing to its last piece at a viewer.
    pub lag_ms: Option<Percentiles>,
    /// From the capture of a chunk to its being due on screen.
    pub latency_ms: Option<Percentiles>,
    /// From a viewer's coming to its first picture, without decoding.
    pub first_frame_ms: Option<Percentiles>,
    /// Share of playing time in which the picture stood still.
    pub stall_ratio: Option<f64>,
    /// How often it stood still.
    pub stalls: u64,
    /// Share of chunks that never became whole in time.
    pub late_ratio: Option<f64>,
    /// Media bytes that were there already, per media byte.
    pub duplicate_ratio: Option<f64>,
    /// Bytes of headers and control messages, per media byte.
    pub control_ratio: Option<f64>,
    /// The most that the server gave within a second, against what all viewers need.
    pub origin_peak_ratio: Option<f64>,
    /// Unknown: nodes do not tell when a stripe lost its parent.
    pub heal_ms_p95: Option<f64>,
    /// Unknown: nobody looks between two nodes.
    pub bad_bytes_forwarded: Option<u64>,
    /// Unknown: nobody knows better than the node that checked.
    pub bad_bytes_played: Option<u64>,
    /// Viewers' upload against what they all need; unknown where uplinks are not limited.
    pub sigma: Option<f64>,
    /// Unknown: the idealised schedule is the simulator's.
    pub ideal_lag_ms_p99: Option<f64>,
    /// Unknown: no crowd comes.
    pub offload_ramp: Option<f64>,
    /// Unknown: no crowd comes.
    pub offload_after: Option<f64>,
    /// Share of viewers that never stalled for longer than half a second.
    pub smooth_ratio: Option<f64>,
    /// Unknown: the broadcaster does not go away.
    pub resume_ms_p95: Option<f64>,
    /// Unknown: there is one epoch.
    pub old_epoch_refused: Option<u64>,
    /// Unknown: there are no Sybils.
    pub sybil_stripes_max: Option<f64>,
    /// Unknown: there are no polluters.
    pub bad_pieces_after_first: Option<u64>,
    /// Bytes from viewers, the broadcaster, the server's node and the origin.
    pub bytes_from: [u64; 4],
    /// Unknown: nodes do not tell their depths.
    pub depth_mean: Option<f64>,
    /// The mesh's counters by their names in [`runnel_p2p::mesh::Stats`], as far as nodes tell them.
    pub counters: BTreeMap<String, Option<u64>>,
    /// How long it took, from the first process to the last one's end.
    pub wall_seconds: f64,
    /// Unknown: no two real runs are the same.
    pub trace_hash: Option<String>,
}

/// How a value is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half lie below.
    pub p50: f64,
    /// 95 % lie below.
    pub p95: f64,
    /// 99 % lie below.
    pub p99: f64,
}

impl Percentiles {
    /// The spread of these values, to a tenth; `None` where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| super::round(values[((last as f64 * share).round() as usize).min(last)], 1);
        Some(Self { p50: at(0.50), p95: at(0.95), p99: at(0.99) })
    }
}

/// The counters of a mesh by name, all of them unknown.
pub fn unknown_counters() -> BTreeMap<String, Option<u64>> {
    let stats = serde_json::to_value(runnel_p2p::mesh::Stats::default());
    let names = stats.ok().and_then(|stats| stats.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>()));
    names.unwrap_or_default().into_iter().map(|name| (name, None)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runnel_p2p::sim::{Policy, Scenario};

    /// Every key of a value, with those inside after a dot.
    fn keys(value: &serde_json::Value, prefix: &str, found: &mut Vec<String>) {
        for (key, inner) in value.as_object().into_iter().flatten() {
            let name = format!("{prefix}{key}");
            keys(inner, &format!("{name}."), found);
            found.push(name);
        }
        found.sort();
    }

    #[test]
    fn the_fields_are_the_simulators_and_a_version() {
        let mut scenario = Scenario::load("small-3").unwrap();
        (scenario.seconds, scenario.warmup_s) = (2, 0);
        let simulated = runnel_p2p::sim::run(&scenario, Policy::Runnel, 1, |_| {}).report;
        let spread = Some(Percentiles::default());
        let real = SwarmReport {
            lag_ms: spread,
            latency_ms: spread,
            first_frame_ms: spread,
            counters: unknown_counters(),
            ..SwarmReport::default()
        };
        let (mut ours, mut theirs) = (Vec::new(), vec!["version".to_owned()]);
        keys(&serde_json::to_value(real).unwrap(), "", &mut ours);
        keys(&serde_json::to_value(simulated).unwrap(), "", &mut theirs);
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_spread_of_nothing_is_nothing() {
        assert_eq!(Percentiles::of(Vec::new()), None);
        let spread = Percentiles::of((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!((spread.p50, spread.p95, spread.p99), (51.0, 95.0, 99.0));
    }
}
