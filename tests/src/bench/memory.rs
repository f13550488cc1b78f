//! Memory of what runs for hours.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::usage::resident_mib;
use super::{Bound, Table};
use crate::process::{Process, binary};

/// A server that nobody uses.
pub(super) fn idle_server(table: &mut Table) -> Result<()> {
    let home = tempfile::tempdir()?;
    let config = home.path().join("server.toml");
    std::fs::write(&config, format!("data = {:?}\n[server]\nlisten = \"127.0.0.1:0\"\n", home.path().join("data")))?;
    let server = Process::start(
        Command::new(binary("backend-lite")?).arg("serve").arg("--config").arg(&config).stderr(Stdio::null()),
    )?;
    let address = loop {
        let line = server.line(Duration::from_secs(20))?;
        if let Some(at) = line.find("http://") {
            break line[at..].split_whitespace().next().context("an address")?.to_owned();
        }
    };
    let _ = address;
    table.add("server-memory", "resident memory of an idle server, MiB", resident_mib(server.id())?, Bound::Most(40.0));
    Ok(())
}

/// A headless viewer of 720p30.
pub(super) fn viewer_at_720p(table: &mut Table) -> Result<()> {
    let arguments = ["--viewers", "1", "--seconds", "20", "--size", "1280x720", "--fps", "30", "--bitrate", "2500"];
    let report = super::demo::report(&arguments, &[])?;
    let bytes = report.pointer("/viewers/0/rss_bytes").and_then(Value::as_f64).context("memory is told")?;
    table.add("viewer-memory", "peak memory of a viewer at 720p, MiB", bytes / 1_048_576.0, Bound::Most(200.0));
    Ok(())
}
