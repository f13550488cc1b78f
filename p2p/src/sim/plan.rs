//! What a scenario is made of: the stream, the network, who comes and goes, and what goes wrong.

use serde::Deserialize;

/// The stream that is sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamPlan {
    /// Mean bit rate.
    pub bitrate_kbps: u32,
    /// Length of a chunk.
    pub chunk_ms: u32,
    /// Seconds between keyframes.
    pub gop_s: f64,
    /// How much longer than the mean a chunk with a keyframe is.
    pub keyframe_ratio: f64,
    /// Most stripes.
    pub stripes: u8,
    /// From capture to publishing.
    pub publish_delay_ms: u64,
    /// Sizes recorded from our own encoder, by name, scaled to the bit rate; made up from the keyframe ratio if left out.
    #[serde(default)]
    pub trace: Option<String>,
}

/// How the network between viewers is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkPlan {
    /// Median time from one viewer to another.
    pub one_way_ms: f64,
    /// How far pairs differ, as the deviation of the logarithm.
    pub one_way_sigma: f64,
    /// Deviation of a single packet.
    pub jitter_ms: f64,
    /// Share of packets lost (and sent again).
    pub loss: f64,
    /// Download rate of a viewer.
    pub download_kbps: u64,
}

impl Default for NetworkPlan {
    fn default() -> Self {
        Self { one_way_ms: 35.0, one_way_sigma: 0.5, jitter_ms: 3.0, loss: 0.01, download_kbps: 50_000 }
    }
}

/// What a share of the viewers can upload.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uplink {
    /// How many, relative to the other shares.
    pub share: f64,
    /// How much.
    pub kbps: u64,
}

/// The server and the broadcaster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerPlan {
    /// What the broadcaster can upload to viewers.
    pub publisher_kbps: u64,
    /// What the server's node can upload to viewers.
    pub server_kbps: u64,
    /// How long after the broadcaster signed it a chunk is at the server.
    pub ingest_ms: u64,
    /// Median time of a fetch over HTTP beside what the bytes need.
    pub fetch_ms: f64,
    /// Whether viewers may fetch over HTTP.
    pub http: bool,
    /// Whether the server has a node that seeds.
    pub seeds: bool,
}

impl Default for ServerPlan {
    fn default() -> Self {
        let (publisher_kbps, server_kbps) = (20_000, 200_000);
        Self { publisher_kbps, server_kbps, ingest_ms: 40, fetch_ms: 70.0, http: true, seeds: true }
    }
}

/// How viewers come.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Join {
    /// The first one comes at this second.
    pub from_s: f64,
    /// They come evenly over so many seconds.
    pub over_s: f64,
    /// So many of them come later, as a crowd.
    pub crowd: usize,
    /// The crowd's first one comes at this second.
    pub crowd_from_s: f64,
    /// The crowd comes evenly over so many seconds.
    pub crowd_over_s: f64,
}

/// How viewers go; for each that goes a new one comes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Churn {
    /// Share of viewers that leave within a minute.
    pub per_minute: f64,
    /// Share of those who come that leave within seconds.
    pub short_share: f64,
    /// Share of those who leave without a word.
    pub crash_share: f64,
    /// At this second the viewer that feeds most others leaves without a word; 0 is never.
    pub kill_busiest_at_s: f64,
}

/// Which viewers can reach which. Those behind address translation can dial out only; two of them need hole punching.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatPlan {
    /// Share of viewers that nobody can dial.
    pub undialable: f64,
    /// Share of pairs of such viewers for which punching works.
    pub punching: f64,
    /// Share of viewers whose network blocks UDP: they dial by TCP, cannot be dialled and cannot punch.
    pub udp_blocked: f64,
}

/// Viewers that mean no good, as shares of all.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adversaries {
    /// They hand on pieces with flipped bits.
    pub polluters: f64,
    /// They take and give nothing; every other one promises that it would.
    pub freeriders: f64,
    /// They come from four networks, promise everything, and give nothing or far too late.
    pub sybils: f64,
}

/// Some viewers' uplinks become slow.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slowdown {
    /// At this second.
    pub at_s: f64,
    /// This share of viewers.
    pub share: f64,
    /// What is left of their rate.
    pub factor: f64,
    /// How much longer everything takes from them.
    pub queue_ms: u64,
}

/// Something is gone for a while.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outage {
    /// From this second.
    pub at_s: f64,
    /// For so many seconds; 0 is never.
    pub for_s: f64,
}

impl Outage {
    /// In virtual microseconds; `None` if it never happens.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        (self.for_s > 0.0).then_some(((self.at_s * 1e6) as u64, ((self.at_s + self.for_s) * 1e6) as u64))
    }
}

/// How wrong viewers' clocks are; each one's is drawn evenly from both directions.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockPlan {
    /// How far off they are at most.
    pub offset_s: f64,
    /// How fast or slow they run at most, in millionths.
    pub drift_ppm: f64,
}
