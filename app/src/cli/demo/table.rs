//! What the demo shows while it runs, and at its end.

use std::fmt::Write;

use super::collect::Collector;
use crate::report::DemoReport;

/// The rows: a heading, the broadcaster, the viewers.
pub(super) fn lines(collector: &Collector) -> Vec<String> {
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

/// The same in one line.
pub(super) fn plain(collector: &Collector) -> String {
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
