//! Gathers what the demo's processes tell, and makes the report of it. Pure.

use super::table;
use crate::cli::child::Line;
use crate::cli::crew::Role;
use crate::cli::stage::Collect;
use crate::report::{DemoReport, EncoderReport, PublisherReport, Totals, VERSION, ViewerReport, round};

/// Everything that was told so far.
pub(super) struct Collector {
    server: Option<String>,
    encoder: EncoderReport,
    live_unix_ms: Option<f64>,
    pub(super) publishing: Publishing,
    published: Option<PublisherReport>,
    pub(super) viewers: Vec<Viewer>,
    problem: Option<String>,
}

/// How publishing goes.
#[derive(Default)]
pub(super) struct Publishing {
    pub(super) state: String,
    pub(super) frames: u64,
    pub(super) dropped: u64,
    pub(super) kbps: u32,
}

/// How one viewer does.
#[derive(Default)]
pub(super) struct Viewer {
    pub(super) state: String,
    pub(super) frames: u64,
    pub(super) latency_ms: Option<f64>,
    pub(super) stalls: u64,
    pub(super) from_peers: Option<f64>,
    started_unix_ms: Option<f64>,
    first_frame_unix_ms: Option<f64>,
    watched_ms: f64,
    report: Option<ViewerReport>,
    ended: bool,
}

impl Collector {
    pub(super) fn new(viewers: u32) -> Self {
        Self {
            server: None,
            encoder: EncoderReport::default(),
            live_unix_ms: None,
            publishing: Publishing::default(),
            published: None,
            viewers: (0..viewers).map(|_| Viewer::default()).collect(),
            problem: None,
        }
    }

    pub(super) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    pub(super) fn encoder(&self) -> &EncoderReport {
        &self.encoder
    }

    pub(super) fn live_unix_ms(&self) -> Option<f64> {
        self.live_unix_ms
    }

    pub(super) fn all_watched(&self) -> bool {
        self.viewers.iter().all(|viewer| viewer.report.is_some() || viewer.ended)
    }

    fn viewer(&mut self, id: u32) -> Option<&mut Viewer> {
        self.viewers.get_mut(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    pub(super) fn viewer_started(&mut self, id: u32, unix_ms: f64) {
        if let Some(viewer) = self.viewer(id) {
            viewer.started_unix_ms = Some(unix_ms);
            viewer.state = "starting".to_owned();
        }
    }

    pub(super) fn report(&self, size: &str, fps: u32, seconds: f64) -> DemoReport {
        let viewers: Vec<_> = (1..).zip(&self.viewers).map(|(id, viewer)| self.viewer_report(id, viewer)).collect();
        let watched_ms = self.viewers.iter().map(|viewer| viewer.watched_ms).sum();
        let totals = Totals::of(&viewers, watched_ms);
        DemoReport {
            version: VERSION,
            encoder: self.encoder.clone(),
            size: size.to_owned(),
            fps,
            seconds,
            publisher: self.published.clone().unwrap_or_default(),
            viewers,
            totals,
        }
    }

    fn viewer_report(&self, id: u32, viewer: &Viewer) -> ViewerReport {
        let from = viewer.started_unix_ms.into_iter().chain(self.live_unix_ms).reduce(f64::max);
        let first_frame_ms =
            viewer.first_frame_unix_ms.zip(from).map(|(shown, from)| round((shown - from).max(0.0), 1));
        ViewerReport { id, first_frame_ms, ..viewer.report.clone().unwrap_or_default() }
    }
}

impl Collect for Collector {
    fn take(&mut self, role: Role, line: Line) {
        match (role, line) {
            (Role::Server, Line::Server { url }) => self.server = Some(url),
            (Role::Publisher, Line::Encoder { encoder }) => self.encoder = encoder,
            (Role::Publisher, Line::Live { at_unix_ms }) => {
                self.live_unix_ms.get_or_insert(at_unix_ms);
            }
            (Role::Publisher, Line::Publishing { state, frames, dropped, kbps }) => {
                self.publishing = Publishing { state, frames, dropped, kbps };
            }
            (Role::Publisher, Line::Published { report }) => {
                self.publishing.state = "ended".to_owned();
                self.published = Some(report);
            }
            (Role::Viewer(id), Line::Watching { state, frames, latency_ms, stalls, from_peers }) => {
                if let Some(viewer) = self.viewer(id) {
                    (viewer.state, viewer.frames, viewer.latency_ms) = (state, frames, latency_ms);
                    (viewer.stalls, viewer.from_peers) = (stalls, from_peers);
                }
            }
            (Role::Viewer(id), Line::Watched { report, first_frame_unix_ms, watched_ms }) => {
                if let Some(viewer) = self.viewer(id) {
                    viewer.report = Some(report);
                    (viewer.first_frame_unix_ms, viewer.watched_ms) = (first_frame_unix_ms, watched_ms);
                }
            }
            (_, Line::Problem { text }) => self.problem = Some(text),
            (role, line) => tracing::debug!(?role, ?line, "not this role's line"),
        }
    }

    fn ended(&mut self, role: Role) {
        if let Role::Viewer(id) = role
            && let Some(viewer) = self.viewer(id)
        {
            viewer.ended = true;
            viewer.state = "ended".to_owned();
        }
    }

    fn published(&self) -> bool {
        self.published.is_some()
    }

    fn last_problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn rows(&self) -> Vec<String> {
        table::lines(self)
    }

    fn plain(&self) -> String {
        table::plain(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(first_frame_unix_ms: f64) -> Line {
        let report = ViewerReport { frames_shown: 9, ..ViewerReport::default() };
        Line::Watched { report, first_frame_unix_ms: Some(first_frame_unix_ms), watched_ms: 1000.0 }
    }

    #[test]
    fn the_first_frame_counts_from_the_later_of_command_and_broadcast() {
        let mut collector = Collector::new(2);
        collector.viewer_started(1, 1_000.0);
        collector.take(Role::Publisher, Line::Live { at_unix_ms: 2_000.0 });
        collector.viewer_started(2, 3_000.0);
        collector.take(Role::Viewer(1), watched(2_900.0));
        collector.take(Role::Viewer(2), watched(3_500.0));
        let report = collector.report("640x360", 30, 1.0);
        let first: Vec<_> = report.viewers.iter().map(|viewer| viewer.first_frame_ms).collect();
        assert_eq!(first, [Some(900.0), Some(500.0)]);
        assert_eq!(report.viewers.iter().map(|viewer| viewer.id).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_viewer_that_died_has_an_empty_row() {
        let mut collector = Collector::new(2);
        collector.take(Role::Viewer(1), watched(1.0));
        assert!(!collector.all_watched());
        collector.ended(Role::Viewer(2));
        assert!(collector.all_watched());
        assert_eq!(collector.report("a", 1, 1.0).viewers[1].frames_shown, 0);
    }

    #[test]
    fn nobody_can_speak_for_another() {
        let mut collector = Collector::new(1);
        collector.take(Role::Viewer(1), Line::Server { url: "http://evil".to_owned() });
        collector.take(Role::Viewer(7), watched(1.0));
        collector.take(Role::Viewer(0), watched(1.0));
        assert_eq!((collector.server(), collector.all_watched()), (None, false));
    }
}
