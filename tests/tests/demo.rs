//! The whole path: a broadcast goes from a source through real processes to viewers who share what they got.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use runnel_tests::demo::isolate;
use runnel_tests::process::{binary, run};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// Runs a short demo to its end and gives its report.
fn report(arguments: &[&str]) -> Result<Value> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("report.json");
    let mut command = Command::new(binary("runnel")?);
    command.arg("demo").args(["--viewers", "3", "--size", "640x360", "--fps", "30", "--bitrate", "1000"]);
    command.args(arguments).arg("--report").arg(&file).stdout(Stdio::piped());
    isolate(&mut command, &home);
    let (status, out, err) = run(&mut command, LIMIT)?;
    assert!(status.success(), "the demo ends well:\n{out}\n{err}");
    let mut lines = out.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("server: http://127.0.0.1:")), "{out}");
    assert!(lines.next().is_some_and(|line| line.starts_with("playlist: http://127.0.0.1:")), "{out}");
    Ok(serde_json::from_slice(&std::fs::read(&file).context("the report was written")?)?)
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} is a number in {value:#}"))
}

/// Checks that everyone saw the broadcast and that viewers carried it for each other; how fast is `make bench`'s business.
fn everyone_watched(report: &Value) {
    assert_eq!(report["version"], 1);
    assert!(number(report, "/publisher/frames_encoded") > 0.0);
    let viewers = report["viewers"].as_array().expect("viewers are listed");
    assert_eq!(viewers.len(), 3);
    for viewer in viewers {
        assert!(number(viewer, "/frames_shown") > 0.0, "{viewer:#}");
        assert!(number(viewer, "/first_frame_ms") > 0.0, "{viewer:#}");
        assert!(number(viewer, "/latency_ms/p95") > 0.0, "{viewer:#}");
        assert_eq!(viewer["chunks_rejected"], 0, "{viewer:#}");
    }
    assert!(number(report, "/totals/offload") > 0.0, "viewers carried some of it: {report:#}");
}

#[test]
fn the_test_picture_reaches_three_viewers() -> Result<()> {
    let report = report(&["--seconds", "8", "--source", "test"])?;
    everyone_watched(&report);
    assert!(!report["encoder"]["name"].as_str().unwrap_or("").is_empty());
    assert!(!report["encoder"]["reason"].as_str().unwrap_or("").is_empty());
    Ok(())
}

#[test]
fn rav1e_carries_it_too() -> Result<()> {
    let report = report(&["--seconds", "8", "--source", "test", "--encoder", "rav1e"])?;
    everyone_watched(&report);
    assert!(report["encoder"]["name"].as_str().is_some_and(|name| name.starts_with("rav1e")), "{report:#}");
    Ok(())
}
