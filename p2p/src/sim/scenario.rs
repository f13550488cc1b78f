//! Plans: who is there, how the network is, what must hold. Written in TOML.

use std::path::Path;

use serde::Deserialize;

use super::report::Report;

/// A plan for a simulation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// How many viewers.
    pub peers: usize,
    /// How long, in virtual seconds.
    pub seconds: u64,
    /// What happens before this second is not counted, except how joining goes.
    #[serde(default)]
    pub warmup_s: u64,
    /// From capture to screen.
    pub target_delay_ms: u64,
    /// The stream.
    pub stream: StreamPlan,
    /// The network.
    #[serde(default)]
    pub network: NetworkPlan,
    /// Shares of viewers by what they can upload; the shares are taken relative to their sum.
    pub uplinks: Vec<Uplink>,
    /// The server and the broadcaster.
    #[serde(default)]
    pub server: ServerPlan,
    /// How viewers come.
    #[serde(default)]
    pub join: Join,
    /// How viewers go.
    #[serde(default)]
    pub churn: Churn,
    /// What must hold.
    #[serde(default)]
    pub checks: Checks,
}

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

/// What must hold at the end.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// Least share of bytes from other viewers.
    pub offload_min: Option<f64>,
    /// Most share of time stalled.
    pub stall_ratio_max: Option<f64>,
    /// Most share of bytes that were there already.
    pub duplicate_ratio_max: Option<f64>,
    /// Most share of bytes that are no media.
    pub control_ratio_max: Option<f64>,
    /// Most lag of 99 % of the chunks.
    pub lag_p99_ms_max: Option<f64>,
    /// Latest first frame of 95 % of the viewers.
    pub first_frame_p95_ms_max: Option<f64>,
}

impl Checks {
    /// What does not hold, in words.
    pub fn failures(&self, report: &Report) -> Vec<String> {
        let most = |name: &str, value: f64, limit: Option<f64>| {
            limit.filter(|limit| value > *limit).map(|limit| format!("{name} is {value:.4}, may be {limit} at most"))
        };
        let least = self.offload_min.filter(|limit| report.offload < *limit);
        least
            .map(|limit| format!("offload is {:.4}, must be {limit} at least", report.offload))
            .into_iter()
            .chain(most("stall_ratio", report.stall_ratio, self.stall_ratio_max))
            .chain(most("duplicate_ratio", report.duplicate_ratio, self.duplicate_ratio_max))
            .chain(most("control_ratio", report.control_ratio, self.control_ratio_max))
            .chain(most("lag_ms.p99", report.lag_ms.p99, self.lag_p99_ms_max))
            .chain(most("first_frame_ms.p95", report.first_frame_ms.p95, self.first_frame_p95_ms_max))
            .collect()
    }
}

/// Says why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// There is neither a scenario of that name nor a file.
    #[error("there is no scenario {name:?}: name one of {known}, or a TOML file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is no scenario.
    #[error("{path} is no scenario")]
    Malformed {
        /// Which file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: toml::de::Error,
    },
    /// A value makes no sense.
    #[error("{field} is {value}, must be {legal}")]
    Illegal {
        /// Which value.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        legal: &'static str,
    },
}

/// The scenarios that come with the program.
const BUILT_IN: [(&str, &str); 5] = [
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("small-3", include_str!("../../scenarios/small-3.toml")),
    ("small-10", include_str!("../../scenarios/small-10.toml")),
    ("small-100", include_str!("../../scenarios/small-100.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
];

impl Scenario {
    /// The names of the scenarios that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Finds a scenario by name, or reads one from a file.
    pub fn load(name: &str) -> Result<Self, ScenarioError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        if !Path::new(name).exists() {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            return Err(ScenarioError::Unknown { name: name.into(), known });
        }
        let read = std::fs::read_to_string(name);
        let text = read.map_err(|source| ScenarioError::Unreadable { path: name.into(), source })?;
        Self::parse(name, &text)
    }

    fn parse(path: &str, text: &str) -> Result<Self, ScenarioError> {
        let parsed = toml::from_str(text);
        let scenario: Self = parsed.map_err(|source| ScenarioError::Malformed { path: path.into(), source })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Refuses values with which nothing can be played.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let stream = &self.stream;
        let chunk_bytes = u64::from(stream.bitrate_kbps) * u64::from(stream.chunk_ms) / 8;
        for (field, value, legal, fits) in [
            ("peers", self.peers as f64, "1 to 100000", (1..=100_000).contains(&self.peers)),
            ("seconds", self.seconds as f64, "1 to 86400", (1..=86_400).contains(&self.seconds)),
            ("stream.chunk_ms", stream.chunk_ms.into(), "20 to 2000", (20..=2000).contains(&stream.chunk_ms)),
            ("stream.gop_s", stream.gop_s, "0.1 to 30", (0.1..=30.0).contains(&stream.gop_s)),
            ("stream.keyframe_ratio", stream.keyframe_ratio, "1 to 10", (1.0..=10.0).contains(&stream.keyframe_ratio)),
            ("stream.stripes", stream.stripes.into(), "1 to 32", (1..=32).contains(&stream.stripes)),
            (
                "stream.bitrate_kbps",
                stream.bitrate_kbps.into(),
                "such that a chunk has 100 bytes to 300 kB",
                (100..=300_000).contains(&chunk_bytes),
            ),
            ("network.loss", self.network.loss, "0 to 0.5", (0.0..=0.5).contains(&self.network.loss)),
            (
                "the shares of uplinks together",
                self.uplinks.iter().map(|uplink| uplink.share).sum(),
                "above 0, none below",
                self.uplinks.iter().all(|uplink| uplink.share >= 0.0)
                    && self.uplinks.iter().any(|uplink| uplink.share > 0.0),
            ),
        ] {
            if !fits {
                return Err(ScenarioError::Illegal { field, value: value.to_string(), legal });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_is_sound_and_called_by_its_name() {
        for name in Scenario::names() {
            assert_eq!(Scenario::load(name).unwrap().name, name);
        }
    }

    #[test]
    fn unknown_names_keys_and_values_are_told() {
        assert!(Scenario::load("no-such").unwrap_err().to_string().contains("steady"));
        let text = BUILT_IN[0].1;
        assert!(Scenario::parse("x", &format!("wrong = 1\n{text}")).is_err());
        let error = Scenario::parse("x", &text.replace("peers = ", "peers = 0 # ")).unwrap_err();
        assert!(error.to_string().contains("1 to 100000"), "{error}");
    }
}
