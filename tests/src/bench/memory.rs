//! Memory of what runs for hours.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::usage::resident_mib;
use super::{Bound, Table};
use crate::process::{Process, binary};

/// A server with a folder of its own and more lines in its `[server]` section, and its address.
pub(super) fn start_server(home: &tempfile::TempDir, more: &str) -> Result<(Process, String)> {
    let config = home.path().join("server.toml");
    let data = home.path().join("data");
    std::fs::write(&config, format!("data = {data:?}\n[server]\nlisten = \"127.0.0.1:0\"\n{more}"))?;
    let server = Process::start(
        Command::new(binary("backend-lite")?).arg("serve").arg("--config").arg(&config).stderr(Stdio::null()),
    )?;
    loop {
        let line = server.line(Duration::from_secs(20))?;
        if let Some(at) = line.find("http://") {
            let address = line[at..].split_whitespace().next().context("an address")?.to_owned();
            return Ok((server, address));
        }
    }
}

/// A server that nobody uses.
pub(super) fn idle_server(table: &mut Table) -> Result<()> {
    let home = tempfile::tempdir()?;
    let (server, _) = start_server(&home, "")?;
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
