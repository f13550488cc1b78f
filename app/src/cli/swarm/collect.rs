//! Gathers what the processes of a swarm tell, and makes the report of it. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::Seen;
use crate::cli::child::Line;
use crate::cli::crew::Role;
use crate::cli::stage::Collect;
use crate::report::swarm::{Percentiles, SwarmReport, unknown_counters};
use crate::report::{VERSION, round};

/// Over how many of the latest values the live table is made.
const RECENT: usize = 2000;
/// A stall that a viewer notices as one, in milliseconds.
const LONG_STALL: u64 = 500;

/// Everything that was told so far.
pub(super) struct Collector {
    warm_up_ms: f64,
    server: Option<String>,
    live_unix_ms: Option<f64>,
    published: bool,
    kbps: u32,
    dropped: u64,
    /// When each chunk was signed, in microseconds since the Unix epoch.
    signed: HashMap<u64, i64>,
    viewers: Vec<Viewer>,
    /// Processes that viewers are in and that have ended, and how many there are.
    ended: Vec<u32>,
    problem: Option<String>,
    recent_lag: VecDeque<f64>,
    seconds: BTreeMap<u64, Second>,
}

/// One viewer.
#[derive(Default)]
struct Viewer {
    /// What it told last before it was measured, and last of all.
    before: Option<Seen>,
    last: Option<Seen>,
    arrived: Vec<(u64, i64)>,
    latency_ms: Vec<f32>,
}

/// What all viewers got within a second.
#[derive(Default)]
struct Second {
    from_server: u64,
}

impl Collector {
    /// So many viewers; what happens in the first moments of the broadcast is not counted.
    pub(super) fn new(viewers: u32, warm_up: Duration) -> Self {
        Self {
            warm_up_ms: warm_up.as_secs_f64() * 1000.0,
            server: None,
            live_unix_ms: None,
            published: false,
            kbps: 0,
            dropped: 0,
            signed: HashMap::new(),
            viewers: (0..viewers).map(|_| Viewer::default()).collect(),
            ended: Vec::new(),
            problem: None,
            recent_lag: VecDeque::new(),
            seconds: BTreeMap::new(),
        }
    }

    pub(super) fn server(&self) -> Option<String> {
        self.server.clone()
    }

    pub(super) fn live_unix_ms(&self) -> Option<f64> {
        self.live_unix_ms
    }

    /// Whether every process of viewers has ended.
    pub(super) fn all_ended(&self) -> bool {
        self.ended.len() >= self.viewers.len().min(super::PROCESSES as usize)
    }

    /// The numbers of the viewers that got nothing.
    pub(super) fn blind(&self) -> Vec<usize> {
        let saw = |viewer: &Viewer| viewer.last.as_ref().is_some_and(|last| last.first_frame_ms.is_some());
        self.viewers.iter().enumerate().filter(|(_, viewer)| !saw(viewer)).map(|(number, _)| number).collect()
    }

    /// From when on things are counted, in milliseconds since the Unix epoch.
    fn warm_from(&self) -> f64 {
        self.live_unix_ms.map_or(f64::INFINITY, |live| live + self.warm_up_ms)
    }

    fn seen(&mut self, viewer: u32, mut seen: Seen) {
        let warm = seen.at_unix_ms >= self.warm_from();
        let Some(viewer) = usize::try_from(viewer).ok().and_then(|at| self.viewers.get_mut(at)) else { return };
        for (sequence, at) in seen.arrived.drain(..) {
            if let Some(signed) = self.signed.get(&sequence) {
                if self.recent_lag.len() == RECENT {
                    self.recent_lag.pop_front();
                }
                self.recent_lag.push_back((at - signed) as f64 / 1000.0);
            }
            viewer.arrived.push((sequence, at));
        }
        let latency = std::mem::take(&mut seen.latency_ms);
        if warm {
            viewer.latency_ms.extend(latency);
            let server = |seen: &Seen| seen.bytes_from()[2] + seen.bytes_from()[3];
            let more = server(&seen).saturating_sub(viewer.last.as_ref().map_or(0, server));
            self.seconds.entry((seen.at_unix_ms / 1000.0) as u64).or_default().from_server += more;
        } else {
            viewer.before = Some(seen.clone());
        }
        viewer.last = Some(seen);
    }

    /// The lag of every chunk that was signed and came after the beginning, at a viewer that was there.
    fn lags(&self) -> Vec<f64> {
        let warm = self.warm_from() * 1000.0;
        let of = |viewer: &Viewer| {
            let joined = viewer.last.as_ref().map_or(f64::INFINITY, |last| last.joined_unix_ms) * 1000.0;
            let lag = |&(sequence, at): &(u64, i64)| {
                let signed = *self.signed.get(&sequence)?;
                let counts = at as f64 >= warm && signed as f64 > joined;
                counts.then(|| (at - signed) as f64 / 1000.0)
            };
            viewer.arrived.iter().filter_map(lag).collect::<Vec<f64>>()
        };
        self.viewers.iter().flat_map(of).collect()
    }

    /// The report; how long it all took is not known here.
    pub(super) fn report(&self, uplinks: &[u32], seconds: f64) -> SwarmReport {
        let none = Seen::default();
        let spans: Vec<(&Seen, &Seen)> = self
            .viewers
            .iter()
            .filter_map(|viewer| Some((viewer.before.as_ref().unwrap_or(&none), viewer.last.as_ref()?)))
            .collect();
        let sum = |of: fn(&Seen) -> u64| -> u64 {
            spans.iter().map(|(before, last)| of(last).saturating_sub(of(before))).sum()
        };
        let bytes_from = [
            sum(|it| it.node.bytes_from_peers),
            sum(|it| it.node.bytes_from_publisher),
            sum(|it| it.node.bytes_from_server),
            sum(|it| it.node.bytes_from_origin),
        ];
        let media: u64 = bytes_from.iter().sum();
        let stalled = sum(|it| it.stall_ms) as f64;
        let watched: f64 = spans
            .iter()
            .filter_map(|(before, last)| {
                let first = last.joined_unix_ms + last.first_frame_ms?;
                Some((last.at_unix_ms - first.max(before.at_unix_ms)).max(0.0))
            })
            .sum();
        let (missed, complete) = (sum(|it| it.missed), sum(|it| it.node.chunks_complete));
        // What one viewer gets in a second, as bytes.
        let rate = media as f64 / (watched / 1000.0);
        let most = self.seconds.values().map(|second| second.from_server).max();
        let viewers = spans.len() as f64;
        let capped = (0..spans.len()).filter_map(|number| uplinks.get(number % uplinks.len().max(1)));
        let uplink: f64 = capped.map(|kbps| f64::from(*kbps) * 125.0).sum();
        let smooth =
            spans.iter().filter(|(_, last)| last.longest_stall_ms <= LONG_STALL && last.first_frame_ms.is_some());
        SwarmReport {
            version: VERSION,
            scenario: "real".to_owned(),
            policy: "runnel".to_owned(),
            peers: self.viewers.len(),
            seconds,
            offload: ratio(bytes_from[0] as f64, media as f64),
            lag_ms: Percentiles::of(self.lags()),
            latency_ms: Percentiles::of(
                self.viewers.iter().flat_map(|viewer| viewer.latency_ms.iter().map(|ms| f64::from(*ms))).collect(),
            ),
            first_frame_ms: Percentiles::of(spans.iter().filter_map(|(_, last)| last.first_frame_ms).collect()),
            stall_ratio: ratio(stalled, watched),
            stalls: sum(|it| it.stalls),
            late_ratio: ratio(missed as f64, (missed + complete) as f64),
            duplicate_ratio: ratio(sum(|it| it.node.bytes_duplicate) as f64, media as f64),
            control_ratio: ratio(sum(|it| it.node.control_bytes_in) as f64, media as f64),
            origin_peak_ratio: most.and_then(|most| ratio(most as f64, viewers * rate)),
            sigma: ratio(uplink, viewers * rate).filter(|_| !uplinks.is_empty()),
            smooth_ratio: ratio(smooth.count() as f64, viewers),
            bytes_from,
            counters: counters([
                ("bytes_from_viewers", bytes_from[0]),
                ("bytes_from_publisher", bytes_from[1]),
                ("bytes_from_server", bytes_from[2]),
                ("bytes_from_origin", bytes_from[3]),
                ("bytes_duplicate", sum(|it| it.node.bytes_duplicate)),
                ("bytes_sent", sum(|it| it.node.bytes_to_peers)),
                ("pieces_rejected", sum(|it| it.node.chunks_rejected)),
                ("chunks_complete", complete),
                ("chunks_missed", sum(|it| it.node.chunks_missed)),
            ]),
            ..SwarmReport::default()
        }
    }
}

/// A share, rounded; `None` of nothing.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| round(part / whole, 6))
}

fn counters<const N: usize>(known: [(&str, u64); N]) -> BTreeMap<String, Option<u64>> {
    let mut counters = unknown_counters();
    for (name, value) in known {
        if let Some(counter) = counters.get_mut(name) {
            *counter = Some(value);
        }
    }
    counters
}

impl Collect for Collector {
    fn take(&mut self, role: Role, line: Line) {
        match (role, line) {
            (Role::Server, Line::Server { url }) => self.server = Some(url),
            (Role::Publisher, Line::Live { at_unix_ms }) => {
                self.live_unix_ms.get_or_insert(at_unix_ms);
            }
            (Role::Publisher, Line::Signed { sequence, at_unix_micros }) => {
                self.signed.entry(sequence).or_insert(at_unix_micros);
            }
            (Role::Publisher, Line::Publishing { dropped, kbps, .. }) => (self.dropped, self.kbps) = (dropped, kbps),
            (Role::Publisher, Line::Published { .. }) => self.published = true,
            (Role::Viewer(_), Line::Seen { viewer, seen }) => self.seen(viewer, *seen),
            (_, Line::Problem { text }) => self.problem = Some(text),
            (role, line) => tracing::debug!(?role, ?line, "not this role's line"),
        }
    }

    fn ended(&mut self, role: Role) {
        if let Role::Viewer(process) = role {
            self.ended.push(process);
        }
    }

    fn published(&self) -> bool {
        self.published
    }

    fn last_problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn rows(&self) -> Vec<String> {
        let now = Now::of(self);
        vec![
            format!("broadcaster  {} kbit/s, {} frames dropped", self.kbps, self.dropped),
            format!(
                "viewers      {} of {} play, {} neighbours each, {} stalls",
                now.playing,
                self.viewers.len(),
                now.neighbours,
                now.stalls
            ),
            format!(
                "bytes        {} from viewers, {} broadcaster, {} server, {} HTTP",
                now.from[0], now.from[1], now.from[2], now.from[3]
            ),
            format!("lag          {}", now.lag),
        ]
    }

    fn plain(&self) -> String {
        let now = Now::of(self);
        format!(
            "broadcaster {} kbit/s | {} of {} viewers play, {} stalls | {} from viewers | lag {}",
            self.kbps,
            now.playing,
            self.viewers.len(),
            now.stalls,
            now.from[0],
            now.lag
        )
    }
}

/// How it goes, for the live table.
struct Now {
    playing: usize,
    neighbours: usize,
    stalls: u64,
    from: [String; 4],
    lag: String,
}

impl Now {
    fn of(collector: &Collector) -> Self {
        let last: Vec<&Seen> = collector.viewers.iter().filter_map(|viewer| viewer.last.as_ref()).collect();
        let mut from = [0; 4];
        for seen in &last {
            for (sum, bytes) in from.iter_mut().zip(seen.bytes_from()) {
                *sum += bytes;
            }
        }
        let all: u64 = from.iter().sum();
        let lag = Percentiles::of(collector.recent_lag.iter().copied().collect());
        Self {
            playing: last.iter().filter(|seen| seen.state == "playing").count(),
            neighbours: last.iter().map(|seen| seen.neighbours).sum::<usize>() / last.len().max(1),
            stalls: last.iter().map(|seen| seen.stalls).sum(),
            from: from.map(|bytes| {
                if all == 0 { "-".to_owned() } else { format!("{:.1} %", bytes as f64 * 100.0 / all as f64) }
            }),
            lag: lag.map_or_else(
                || "-".to_owned(),
                |it| format!("{:.0}/{:.0}/{:.0} ms (p50/p95/p99)", it.p50, it.p95, it.p99),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runnel_p2p::node::NodeStats;

    /// A viewer that came at 0 and saw the first picture after half a second.
    fn seen(at_unix_ms: f64, from_peers: u64, from_server: u64, arrived: Vec<(u64, i64)>) -> Box<Seen> {
        let node = NodeStats { bytes_from_peers: from_peers, bytes_from_server: from_server, ..NodeStats::default() };
        Box::new(Seen {
            at_unix_ms,
            first_frame_ms: Some(500.0),
            node,
            arrived,
            latency_ms: vec![900.0],
            ..Seen::default()
        })
    }

    fn collector() -> Collector {
        let mut collector = Collector::new(2, Duration::from_secs(2));
        collector.take(Role::Publisher, Line::Live { at_unix_ms: 0.0 });
        for sequence in 0..5 {
            let at_unix_micros = i64::try_from(sequence).unwrap() * 1_000_000;
            collector.take(Role::Publisher, Line::Signed { sequence, at_unix_micros });
        }
        collector
    }

    #[test]
    fn what_happens_before_the_end_of_the_warm_up_is_not_counted() {
        let mut collector = collector();
        let early = Line::Seen { viewer: 0, seen: seen(1_500.0, 100, 900, vec![(0, 200_000), (1, 1_300_000)]) };
        collector.take(Role::Viewer(1), early);
        let later = Line::Seen { viewer: 0, seen: seen(3_500.0, 1_000, 1_000, vec![(2, 2_100_000), (3, 3_300_000)]) };
        collector.take(Role::Viewer(1), later);
        let report = collector.report(&[], 4.0);
        assert_eq!(report.bytes_from, [900, 0, 100, 0]);
        assert_eq!(report.offload, Some(0.9));
        let lag = report.lag_ms.unwrap();
        assert_eq!((lag.p50, lag.p99), (300.0, 300.0));
        assert_eq!(report.latency_ms.unwrap().p50, 900.0);
        assert_eq!(report.first_frame_ms.unwrap().p50, 500.0);
        assert_eq!((report.stall_ratio, report.sigma, report.depth_mean), (Some(0.0), None, None));
        assert_eq!(report.counters["bytes_from_viewers"], Some(900));
        assert_eq!(report.counters["origin_fetches"], None);
        // 100 bytes from the server where one viewer needs 500 in a second.
        assert_eq!(report.origin_peak_ratio, Some(0.2));
        assert_eq!(collector.blind(), [1]);
    }

    #[test]
    fn uplinks_are_held_against_what_viewers_need() {
        let mut collector = collector();
        collector.take(Role::Viewer(1), Line::Seen { viewer: 0, seen: seen(2_000.0, 0, 0, Vec::new()) });
        collector.take(Role::Viewer(1), Line::Seen { viewer: 0, seen: seen(4_500.0, 1_000_000, 0, Vec::new()) });
        // A megabyte in four seconds from the first picture on is 2 Mbit/s.
        assert_eq!(collector.report(&[4_000], 4.0).sigma, Some(2.0));
    }

    #[test]
    fn nobody_can_speak_for_another() {
        let mut collector = collector();
        collector.take(Role::Viewer(1), Line::Signed { sequence: 9, at_unix_micros: 1 });
        collector.take(Role::Publisher, Line::Seen { viewer: 0, seen: seen(1.0, 1, 1, Vec::new()) });
        collector.take(Role::Viewer(1), Line::Seen { viewer: 7, seen: seen(1.0, 1, 1, Vec::new()) });
        assert_eq!((collector.signed.len(), collector.blind()), (5, vec![0, 1]));
        assert!(!collector.all_ended());
        collector.ended(Role::Viewer(1));
        collector.ended(Role::Viewer(2));
        assert!(collector.all_ended());
    }
}
