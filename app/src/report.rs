//! What a demo, a publisher and a viewer tell at their end: JSON with fixed names, version 1.
//!
//! Times are milliseconds, bytes are integers. A figure nobody could measure is `null`, never a made-up zero.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub mod swarm;

/// Version of the report's form.
pub const VERSION: u32 = 1;

/// The whole demo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemoReport {
    /// Always [`VERSION`].
    pub version: u32,
    /// Which encoder ran and why it.
    pub encoder: EncoderReport,
    /// Picture size, `WIDTHxHEIGHT`.
    pub size: String,
    /// Frames per second asked for.
    pub fps: u32,
    /// How long the demo ran, in seconds.
    pub seconds: f64,
    /// The broadcaster's side.
    pub publisher: PublisherReport,
    /// One entry a viewer.
    pub viewers: Vec<ViewerReport>,
    /// Sums over all viewers.
    pub totals: Totals,
}

/// The encoder that ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderReport {
    /// Its name, as `--encoder` takes it.
    pub name: String,
    /// Why it was chosen.
    pub reason: String,
}

/// What the publisher did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PublisherReport {
    /// Frames that the source gave.
    pub frames_captured: u64,
    /// Frames that left the encoder.
    pub frames_encoded: u64,
    /// Frames that were lost, by stage.
    pub dropped: BTreeMap<String, u64>,
    /// Bytes of chunks that were published, each counted once.
    pub bytes_out: u64,
    /// CPU time of the process, user and system.
    pub cpu_seconds: f64,
    /// Largest resident set that was seen.
    pub rss_bytes: u64,
    /// Time spent in each stage, a frame.
    pub stage_ms: BTreeMap<String, StageMs>,
}

/// Time in one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageMs {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

/// What one viewer saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewerReport {
    /// Number of the viewer in the demo, from 1.
    pub id: u32,
    /// From the command or the first published chunk, whichever was later, to the first frame.
    pub first_frame_ms: Option<f64>,
    /// From capture to the frame being shown.
    pub latency_ms: Option<LatencyMs>,
    /// Stalls after the first frame.
    pub stalls: u64,
    /// How long they lasted together.
    pub stall_ms: f64,
    /// Frames that left the decoder.
    pub frames_decoded: u64,
    /// Frames handed over on time.
    pub frames_shown: u64,
    /// Frames decoded too late to be shown.
    pub frames_skipped: u64,
    /// Media bytes that came from other viewers.
    pub bytes_from_peers: u64,
    /// Media bytes that came from the broadcaster's node.
    pub bytes_from_publisher: u64,
    /// Media bytes that came from the server, by HTTP or libp2p.
    pub bytes_from_origin: u64,
    /// Media bytes given to other viewers.
    pub bytes_to_peers: u64,
    /// Chunks that were damaged or forged.
    pub chunks_rejected: u64,
    /// Sound against picture; positive where sound is early.
    pub av_offset_ms: Option<OffsetMs>,
    /// CPU time of the process, user and system.
    pub cpu_seconds: f64,
    /// Largest resident set that was seen.
    pub rss_bytes: u64,
}

/// Quantiles of a delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Quantiles of an offset that may have either sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OffsetMs {
    /// 5th percentile.
    pub p5: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

/// Sums over the viewers of a demo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes from other viewers over all media bytes received.
    pub offload: Option<f64>,
    /// The worst viewer's 95th percentile of latency.
    pub latency_p95_ms: Option<f64>,
    /// Time stalled over time watched after the first frame.
    pub stall_ratio: Option<f64>,
}

impl Totals {
    /// Sums over `viewers`, who watched for `watched_ms` milliseconds together after their first frames.
    pub fn of(viewers: &[ViewerReport], watched_ms: f64) -> Self {
        let sum = |pick: fn(&ViewerReport) -> u64| viewers.iter().map(pick).sum::<u64>();
        let from_peers = sum(|viewer| viewer.bytes_from_peers);
        let all = from_peers + sum(|viewer| viewer.bytes_from_publisher) + sum(|viewer| viewer.bytes_from_origin);
        let stalled: f64 = viewers.iter().map(|viewer| viewer.stall_ms).sum();
        Self {
            offload: (all > 0).then(|| round(from_peers as f64 / all as f64, 4)),
            latency_p95_ms: viewers.iter().filter_map(|viewer| Some(viewer.latency_ms?.p95)).reduce(f64::max),
            stall_ratio: (watched_ms > 0.0).then(|| round(stalled / watched_ms, 5)),
        }
    }
}

/// Rounded to so many places, for figures that people read too.
pub fn round(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}

/// Writes a report as indented JSON; the file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, report: &impl Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_vec_pretty(report)?;
    text.push(b'\n');
    crate::settings::file::replace(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn viewer() -> ViewerReport {
        ViewerReport {
            id: 1,
            first_frame_ms: Some(900.0),
            latency_ms: Some(LatencyMs { p50: 1000.0, p95: 1100.0, p99: 1150.0 }),
            bytes_from_peers: 600,
            bytes_from_publisher: 300,
            bytes_from_origin: 100,
            av_offset_ms: Some(OffsetMs { p5: -20.0, p50: 0.0, p95: 20.0 }),
            ..ViewerReport::default()
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The names are a contract with whoever reads reports: a change here is a new version.
    #[test]
    fn names_are_those_of_version_1() {
        let report = DemoReport {
            version: VERSION,
            encoder: EncoderReport { name: "rav1e".into(), reason: "always there".into() },
            size: "640x360".into(),
            fps: 30,
            seconds: 20.0,
            publisher: PublisherReport {
                dropped: [("capture".to_owned(), 1)].into(),
                stage_ms: [("encode".to_owned(), StageMs { p50: 5.0, p95: 9.0 })].into(),
                ..PublisherReport::default()
            },
            viewers: vec![viewer()],
            totals: Totals::of(&[viewer()], 10_000.0),
        };
        let value = serde_json::to_value(&report).unwrap();
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(
            keys(&value),
            sorted(vec!["version", "encoder", "size", "fps", "seconds", "publisher", "viewers", "totals"])
        );
        assert_eq!(value["version"], json!(1));
        assert_eq!(keys(&value["encoder"]), ["name", "reason"]);
        let publisher =
            ["frames_captured", "frames_encoded", "dropped", "bytes_out", "cpu_seconds", "rss_bytes", "stage_ms"];
        assert_eq!(keys(&value["publisher"]), sorted(publisher.to_vec()));
        assert_eq!(keys(&value["publisher"]["stage_ms"]["encode"]), ["p50", "p95"]);
        let viewer = [
            "id",
            "first_frame_ms",
            "latency_ms",
            "stalls",
            "stall_ms",
            "frames_decoded",
            "frames_shown",
            "frames_skipped",
            "bytes_from_peers",
            "bytes_from_publisher",
            "bytes_from_origin",
            "bytes_to_peers",
            "chunks_rejected",
            "av_offset_ms",
            "cpu_seconds",
            "rss_bytes",
        ];
        assert_eq!(keys(&value["viewers"][0]), sorted(viewer.to_vec()));
        assert_eq!(keys(&value["viewers"][0]["latency_ms"]), ["p50", "p95", "p99"]);
        assert_eq!(keys(&value["viewers"][0]["av_offset_ms"]), sorted(vec!["p5", "p50", "p95"]));
        assert_eq!(keys(&value["totals"]), sorted(vec!["offload", "latency_p95_ms", "stall_ratio"]));
        assert!(value["viewers"][0]["bytes_from_peers"].is_u64());
        assert_eq!(serde_json::from_value::<DemoReport>(value).unwrap(), report);
    }

    #[test]
    fn totals_count_other_viewers_only_as_offload() {
        let totals = Totals::of(&[viewer(), viewer()], 20_000.0);
        assert_eq!(totals.offload, Some(0.6));
        assert_eq!(totals.latency_p95_ms, Some(1100.0));
        assert_eq!(totals.stall_ratio, Some(0.0));
    }

    #[test]
    fn nothing_seen_is_null_and_not_zero() {
        let totals = Totals::of(&[ViewerReport::default()], 0.0);
        assert_eq!(
            serde_json::to_value(totals).unwrap(),
            json!({"offload": null, "latency_p95_ms": null, "stall_ratio": null})
        );
    }
}
