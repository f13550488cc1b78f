//! Plans: who is there, how the network is, what must hold. Written in TOML.

use std::path::Path;

use serde::Deserialize;

use super::checks::Checks;
use super::plan::{
    Adversaries, Churn, ClockPlan, Join, NatPlan, NetworkPlan, Outage, ServerPlan, Slowdown, StreamPlan, Uplink,
};
use super::stream;

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
    /// Who can reach whom.
    #[serde(default)]
    pub nat: NatPlan,
    /// Who means no good.
    #[serde(default)]
    pub adversaries: Adversaries,
    /// Whose uplinks become slow.
    #[serde(default)]
    pub slowdown: Slowdown,
    /// The server is gone, and the tracker with it.
    #[serde(default)]
    pub origin_outage: Outage,
    /// The broadcaster is gone, and comes back from another address with a new epoch.
    #[serde(default)]
    pub broadcaster_outage: Outage,
    /// How wrong the clocks are.
    #[serde(default)]
    pub clocks: ClockPlan,
    /// What must hold.
    #[serde(default)]
    pub checks: Checks,
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
const BUILT_IN: [(&str, &str); 17] = [
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("realtime", include_str!("../../scenarios/realtime.toml")),
    ("tight", include_str!("../../scenarios/tight.toml")),
    ("small-3", include_str!("../../scenarios/small-3.toml")),
    ("small-10", include_str!("../../scenarios/small-10.toml")),
    ("small-100", include_str!("../../scenarios/small-100.toml")),
    ("flash-crowd", include_str!("../../scenarios/flash-crowd.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("freeriders-30", include_str!("../../scenarios/freeriders-30.toml")),
    ("freeriders-50", include_str!("../../scenarios/freeriders-50.toml")),
    ("polluters", include_str!("../../scenarios/polluters.toml")),
    ("sybils", include_str!("../../scenarios/sybils.toml")),
    ("slow-peers", include_str!("../../scenarios/slow-peers.toml")),
    ("nat", include_str!("../../scenarios/nat.toml")),
    ("origin-outage", include_str!("../../scenarios/origin-outage.toml")),
    ("broadcaster-moves", include_str!("../../scenarios/broadcaster-moves.toml")),
    ("clock-skew", include_str!("../../scenarios/clock-skew.toml")),
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

    /// The same with another number of viewers; a crowd keeps its share.
    pub fn scale(&mut self, peers: usize) {
        self.join.crowd = self.join.crowd * peers / self.peers.max(1);
        self.peers = peers;
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
            ("stream.trace", 0.0, "the name of a recorded trace", stream::has_trace(stream)),
            ("join.crowd", self.join.crowd as f64, "at most all peers", self.join.crowd <= self.peers),
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
