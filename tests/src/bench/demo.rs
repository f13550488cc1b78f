//! The demo's own report against the bounds it was built to.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Bound, Table};
use crate::demo::isolate;
use crate::display::VirtualDisplay;
use crate::process::{binary, run};
use crate::tools;

const LIMIT: Duration = Duration::from_secs(180);

/// Runs the demo that every bound is about, with more arguments, and gives its report.
pub(super) fn report(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Value> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("report.json");
    let mut command = Command::new(binary("runnel")?);
    command.arg("demo").args(arguments).arg("--report").arg(&file).envs(environment.iter().copied());
    isolate(&mut command, &home);
    let (status, out, err) = run(&mut command, LIMIT)?;
    if !status.success() {
        bail!("the demo failed:\n{out}\n{err}");
    }
    Ok(serde_json::from_slice(&std::fs::read(&file).context("the report was written")?)?)
}

const ARGUMENTS: &[&str] =
    &["--viewers", "3", "--seconds", "20", "--size", "640x360", "--fps", "30", "--bitrate", "1000"];

fn measure(
    table: &mut Table,
    name: &'static str,
    more: &[&str],
    environment: &[(&str, &str)],
    sync: bool,
) -> Result<()> {
    let arguments: Vec<&str> = ARGUMENTS.iter().chain(more).copied().collect();
    let report = report(&arguments, environment)?;
    let figure = |path: &str| report.pointer(path).and_then(Value::as_f64);
    let viewers = report["viewers"].as_array().context("viewers are listed")?;
    let each = |path: &str| -> Vec<f64> {
        viewers.iter().filter_map(|viewer| viewer.pointer(path).and_then(Value::as_f64)).collect()
    };
    let worst = |path: &str| each(path).into_iter().fold(f64::MIN, f64::max);
    let least = |path: &str| each(path).into_iter().fold(f64::MAX, f64::min);

    let captured = figure("/publisher/frames_captured").context("frames are counted")?;
    let dropped: f64 = report
        .pointer("/publisher/dropped")
        .and_then(Value::as_object)
        .map_or(0.0, |stages| stages.values().filter_map(Value::as_f64).sum());
    let encoder = report.pointer("/encoder/name").and_then(Value::as_str).unwrap_or("?");
    let size = report["size"].as_str().unwrap_or("?");
    table.add(name, format!("frames captured ({encoder}, {size})"), captured, Bound::None);
    table.add(name, "frames dropped by the publisher, share", dropped / captured.max(1.0), Bound::Most(0.01));
    table.add(
        name,
        "viewers who saw it",
        viewers.iter().filter(|viewer| shown(viewer) > 0.0).count() as f64,
        Bound::Least(3.0),
    );
    table.add(name, "fewest frames shown", least("/frames_shown"), Bound::None);
    table.add(name, "stalls after the first frame", each("/stalls").iter().sum(), Bound::Most(0.0));
    table.add(name, "first frame, worst viewer, ms", worst("/first_frame_ms"), Bound::Most(1500.0));
    table.add(name, "latency p50, worst viewer, ms", worst("/latency_ms/p50"), Bound::None);
    table.add(name, "latency p95, worst viewer, ms", worst("/latency_ms/p95"), Bound::Most(1200.0));
    if sync {
        table.add(name, "lip sync p95, worst viewer, ms", worst("/av_offset_ms/p95"), Bound::Most(45.0));
        table.add(name, "lip sync p5, worst viewer, ms", least("/av_offset_ms/p5"), Bound::Least(-125.0));
    }
    table.add(name, "offload", figure("/totals/offload").context("offload is told")?, Bound::Least(0.5));
    table.add(name, "chunks rejected", each("/chunks_rejected").iter().sum(), Bound::Most(0.0));
    table.add(name, "memory of a viewer, MiB", worst("/rss_bytes") / 1_048_576.0, Bound::Most(200.0));
    Ok(())
}

fn shown(viewer: &Value) -> f64 {
    viewer["frames_shown"].as_f64().unwrap_or(0.0)
}

/// The test picture with the encoder that the probe picks.
pub(super) fn test_picture(table: &mut Table) -> Result<()> {
    measure(table, "demo-test", &["--source", "test"], &[], true)
}

/// The test picture with rav1e.
pub(super) fn rav1e(table: &mut Table) -> Result<()> {
    measure(table, "demo-rav1e", &["--source", "test", "--encoder", "rav1e"], &[], true)
}

/// A film clip with sound: `RUNNEL_BENCH_CLIP`.
pub(super) fn file(table: &mut Table) -> Result<()> {
    let clip = super::quality::clip()?;
    measure(table, "demo-file", &["--source", &format!("file:{}?loop", clip.display())], &[], false)
}

/// A screen with something moving on it, in a virtual display.
pub(super) fn screen(table: &mut Table) -> Result<()> {
    let xvfb = tools::find("Xvfb").context("Xvfb is not installed")?;
    let display = VirtualDisplay::start(&xvfb)?;
    measure(table, "demo-screen", &["--source", "screen"], &[("DISPLAY", display.name())], false)
}
