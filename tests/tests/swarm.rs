//! A swarm of real processes: everyone gets the stream, mostly from each other, and nothing stays behind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use runnel_tests::demo::isolate;
use runnel_tests::process::{binary, run};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// Command lines of running processes that name this folder.
fn users_of(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.to_string_lossy().into_owned();
    let lines = std::fs::read_dir("/proc")?.filter_map(|entry| {
        let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    Ok(lines.filter(|line| line.contains(&folder)).collect())
}

#[test]
fn five_viewers_carry_a_broadcast_and_leave_nothing_behind() -> Result<()> {
    let home = tempfile::tempdir()?;
    let scratch = home.path().join("scratch");
    std::fs::create_dir(&scratch)?;
    let file = home.path().join("report.json");
    let mut command = Command::new(binary("runnel")?);
    command.args(["swarm", "--peers", "5", "--seconds", "6", "--size", "320x180", "--bitrate", "800"]);
    command.args(["--uplink", "20000", "--report"]).arg(&file).env("TMPDIR", &scratch).stdout(Stdio::piped());
    isolate(&mut command, &home);
    // A viewer that got nothing makes it fail.
    let (status, out, err) = run(&mut command, LIMIT)?;
    assert!(status.success(), "the swarm ends well:\n{out}\n{err}");
    assert!(out.starts_with("5 viewers: "), "{out}");

    let report: Value = serde_json::from_slice(&std::fs::read(&file).context("the report was written")?)?;
    assert_eq!((&report["version"], &report["peers"]), (&1.into(), &5.into()), "{report:#}");
    let number = |path: &str| {
        report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} is a number in {report:#}"))
    };
    assert!(number("/offload") > 0.0, "viewers carried some of it: {report:#}");
    assert!(number("/counters/chunks_complete") >= 25.0, "{report:#}");
    assert!(number("/sigma") > 1.0 && number("/lag_ms/p50") > 0.0, "{report:#}");
    assert!(number("/latency_ms/p50") >= 990.0, "nothing is shown before its time: {report:#}");
    assert_eq!(report["counters"]["pieces_rejected"], 0, "{report:#}");
    assert!(report["trace_hash"].is_null() && report["heal_ms_p95"].is_null(), "{report:#}");

    let left: Vec<_> = std::fs::read_dir(&scratch)?.collect();
    assert!(left.is_empty(), "files stay behind: {left:?}");
    let running = users_of(home.path())?;
    assert!(running.is_empty(), "processes stay behind: {running:?}");
    Ok(())
}
