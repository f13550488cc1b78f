//! What the demo shows while it runs, and at its end.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::collect::Collector;
use crate::report::DemoReport;

/// How many ticks pass between two plain lines.
const PLAIN_EVERY: u32 = 4;

/// The live table: rows and a bar on a terminal, a line now and then elsewhere. All of it on standard error.
pub(super) struct Table {
    seconds: Duration,
    form: Form,
}

enum Form {
    Rows { all: MultiProgress, bar: ProgressBar, rows: Vec<ProgressBar> },
    Plain { ticks: u32 },
}

impl Table {
    pub(super) fn new(viewers: u32, seconds: Duration) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { seconds, form: Form::Plain { ticks: 0 } };
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style =
            |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let row = |_| all.add(ProgressBar::new(1).with_style(style("{msg}")));
        // A heading and the publisher, then the viewers.
        let rows: Vec<_> = (0..viewers + 2).map(row).collect();
        let bar = all.add(ProgressBar::new(u64::try_from(seconds.as_millis()).unwrap_or(u64::MAX)));
        bar.set_style(style("{bar:40} {msg}"));
        Self { seconds, form: Form::Rows { all, bar, rows } }
    }

    /// Draws once more.
    pub(super) fn draw(&mut self, collector: &Collector, live_for: Option<Duration>) {
        let at = live_for.unwrap_or_default().min(self.seconds);
        let clock = format!("{:.0}/{:.0} s", at.as_secs_f64(), self.seconds.as_secs_f64());
        match &mut self.form {
            Form::Rows { bar, rows, .. } => {
                for (row, text) in rows.iter().zip(lines(collector)) {
                    row.set_message(text);
                    row.tick();
                }
                bar.set_position(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
                bar.set_message(clock);
            }
            Form::Plain { ticks } => {
                if *ticks % PLAIN_EVERY == 0 {
                    eprintln!("{clock}  {}", plain(collector));
                }
                *ticks += 1;
            }
        }
    }

    /// Takes the table away; the summary follows.
    pub(super) fn finish(&mut self) {
        if let Form::Rows { all, bar, rows } = &self.form {
            for row in rows {
                row.finish();
            }
            bar.finish_and_clear();
            // A terminal that is gone cannot be cleared.
            let _ = all.clear();
        }
    }
}

fn lines(collector: &Collector) -> Vec<String> {
    let mut lines =
        vec![format!("{:<11} {:<13} {:>7} {:>9} {:>7} {:>11}", "", "state", "frames", "delay", "stalls", "from peers")];
    let publishing = &collector.publishing;
    let encoder = &collector.encoder().name;
    lines.push(format!(
        "{:<11} {:<13} {:>7} {:>9} {:>7} {:>11}  {encoder} {} kbit/s, {} dropped",
        "broadcaster", publishing.state, publishing.frames, "", "", "", publishing.kbps, publishing.dropped
    ));
    for (id, viewer) in (1..).zip(&collector.viewers) {
        let (delay, share) = (delay(viewer.latency_ms), share(viewer.from_peers));
        let name = format!("viewer {id}");
        lines.push(format!(
            "{name:<11} {:<13} {:>7} {delay:>9} {:>7} {share:>11}",
            viewer.state, viewer.frames, viewer.stalls
        ));
    }
    lines
}

fn plain(collector: &Collector) -> String {
    let publishing = &collector.publishing;
    let state = if publishing.state.is_empty() { "starting" } else { &publishing.state };
    let mut text = format!("broadcaster {state}, {} frames, {} dropped", publishing.frames, publishing.dropped);
    for (id, viewer) in (1..).zip(&collector.viewers).filter(|(_, viewer)| !viewer.state.is_empty()) {
        // Writing to a string cannot fail.
        let _ = write!(text, " | viewer {id} {}, {} frames", viewer.state, viewer.frames);
        if viewer.latency_ms.is_some() {
            let _ = write!(text, ", {}", delay(viewer.latency_ms));
        }
        if viewer.from_peers.is_some() {
            let _ = write!(text, ", peers {}", share(viewer.from_peers));
        }
    }
    text
}

fn delay(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"))
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

/// The end of the demo, in words and figures.
pub(super) fn summary(report: &DemoReport) -> String {
    let mut text = String::new();
    let publisher = &report.publisher;
    let dropped: u64 = publisher.dropped.values().sum();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "encoder: {} ({})", report.encoder.name, report.encoder.reason);
    let _ = writeln!(
        text,
        "broadcaster: {} frames captured, {} encoded, {dropped} dropped, {:.1} MB out, {:.1} s of CPU",
        publisher.frames_captured,
        publisher.frames_encoded,
        publisher.bytes_out as f64 / 1e6,
        publisher.cpu_seconds
    );
    for viewer in &report.viewers {
        let latency = viewer
            .latency_ms
            .map_or_else(|| "-".to_owned(), |it| format!("{:.0}/{:.0}/{:.0} ms", it.p50, it.p95, it.p99));
        let sync = viewer.av_offset_ms.map_or_else(|| "-".to_owned(), |it| format!("{:+.0}..{:+.0} ms", it.p5, it.p95));
        let _ = writeln!(
            text,
            "viewer {}: first frame {}, delay (p50/p95/p99) {latency}, lip sync {sync}, {} stalls, {} frames shown, {} skipped, {} chunks rejected",
            viewer.id,
            delay(viewer.first_frame_ms),
            viewer.stalls,
            viewer.frames_shown,
            viewer.frames_skipped,
            viewer.chunks_rejected
        );
        let _ = writeln!(
            text,
            "          {:.2} MB from viewers, {:.2} MB from the broadcaster, {:.2} MB from the server, {:.2} MB given on",
            viewer.bytes_from_peers as f64 / 1e6,
            viewer.bytes_from_publisher as f64 / 1e6,
            viewer.bytes_from_origin as f64 / 1e6,
            viewer.bytes_to_peers as f64 / 1e6
        );
    }
    let totals = &report.totals;
    let _ = writeln!(
        text,
        "together: {} of all bytes came from other viewers, delay p95 {}, {} of the time stalled",
        share(totals.offload),
        delay(totals.latency_p95_ms),
        share(totals.stall_ratio)
    );
    text
}
