//! What breaks while live, and that nobody has to press anything: a killed publisher, a server that is gone and returns, a display
//! that goes away.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use runnel_tests::demo::isolate;
use runnel_tests::display::VirtualDisplay;
use runnel_tests::process::{Process, alone, binary};
use runnel_tests::tools;

/// Pictures a second of the broadcast.
const FPS: u64 = 15;
const PATIENCE: Duration = Duration::from_secs(60);

/// A community of one server, a publisher and a viewer, each with a home of its own.
struct Stage {
    home: tempfile::TempDir,
    port: u16,
}

impl Stage {
    fn new() -> Result<Self> {
        let home = tempfile::tempdir()?;
        // The server must come back where it was, so it cannot pick a port at each start; this one was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        std::fs::write(home.path().join("passphrase"), "correct horse battery staple\n")?;
        std::fs::write(
            home.path().join("server.toml"),
            format!("data = {:?}\n[server]\nlisten = \"127.0.0.1:{port}\"\n", home.path().join("server")),
        )?;
        Ok(Self { home, port })
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn server(&self) -> Result<Process> {
        let mut command = Command::new(binary("backend-lite")?);
        command.arg("serve").arg("--config").arg(self.path().join("server.toml")).stderr(Stdio::null());
        let server = Process::start(&mut command)?;
        await_line(&server, |line| line.contains(&self.port.to_string()))?;
        Ok(server)
    }

    fn runnel(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(binary("runnel")?);
        isolate(&mut command, &self.home);
        command.env("RUNNEL_HOME", self.path().join(name));
        Ok(command)
    }

    fn publisher(&self) -> Result<Process> {
        self.publisher_of("test", &[])
    }

    fn publisher_of(&self, source: &str, environment: &[(&str, &str)]) -> Result<Process> {
        let mut command = self.runnel("publisher")?;
        command
            .envs(environment.iter().copied())
            .args(["publish", "--server", &self.url(), "--channel", "outage", "--source", source])
            .args(["--size", "320x180", "--fps", &FPS.to_string(), "--bitrate", "300", "--encoder", "rav1e:fast"])
            .arg("--passphrase-file")
            .arg(self.path().join("passphrase"));
        let publisher = Process::start_reading_stderr(&mut command)?;
        await_line(&publisher, |line| line.starts_with("live"))?;
        Ok(publisher)
    }

    fn watch(&self, name: &str) -> Result<Command> {
        let mut command = self.runnel(name)?;
        command.args(["watch", "outage", "--server", &self.url(), "--headless", "--p2p", "assist"]);
        Ok(command)
    }

    /// A viewer who says in words what is seen.
    fn viewer(&self) -> Result<Process> {
        let viewer = Process::start_reading_stderr(&mut self.watch("viewer")?)?;
        await_line(&viewer, |line| line == "playing")?;
        Ok(viewer)
    }

    /// A viewer who tells twice a second how it goes.
    fn counted_viewer(&self, name: &str) -> Result<Process> {
        // Three seconds of delay: a busy machine is no stall, a show that is gone is one all the same.
        let arguments = ["--lines", "--loopback", "--delay", "3000"];
        let viewer = Process::start_until_input_closes(self.watch(name)?.args(arguments))?;
        await_progress(&viewer, |seen| seen.frames > 0)?;
        Ok(viewer)
    }
}

/// How a viewer's watching goes.
#[derive(Debug)]
struct Progress {
    state: String,
    frames: u64,
    stalls: u64,
    latency_ms: f64,
}

/// Reads on until watching has come so far.
fn await_progress(viewer: &Process, far_enough: impl Fn(&Progress) -> bool) -> Result<Progress> {
    loop {
        let line: serde_json::Value = serde_json::from_str(&viewer.line(PATIENCE)?)?;
        if line["line"] != "watching" {
            continue;
        }
        let seen = Progress {
            state: line["state"].as_str().context("a state")?.to_owned(),
            frames: line["frames"].as_u64().context("frames")?,
            stalls: line["stalls"].as_u64().context("stalls")?,
            latency_ms: line["latency_ms"].as_f64().unwrap_or(f64::INFINITY),
        };
        if far_enough(&seen) {
            return Ok(seen);
        }
    }
}

/// Reads on until a line is what is waited for.
fn await_line(process: &Process, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let mut said = Vec::new();
    loop {
        let line = process.line(PATIENCE).with_context(|| format!("after {said:?}"))?;
        if wanted(&line) {
            return Ok(line);
        }
        said.push(line);
    }
}

#[test]
fn a_killed_publisher_is_told_and_its_return_continues_the_broadcast() -> Result<()> {
    let _alone = alone();
    let stage = Stage::new()?;
    let _server = stage.server()?;
    let mut publisher = stage.publisher()?;
    let viewer = stage.viewer()?;
    publisher.kill()?;
    await_line(&viewer, |line| line.starts_with("the broadcast stopped"))?;
    let _publisher = stage.publisher()?;
    await_line(&viewer, |line| line == "playing")?;
    Ok(())
}

#[test]
fn a_server_that_is_gone_and_returns_is_found_again_by_everyone() -> Result<()> {
    let _alone = alone();
    let stage = Stage::new()?;
    let mut server = stage.server()?;
    let publisher = stage.publisher()?;
    let viewer = stage.counted_viewer("viewer")?;
    let before = await_progress(&viewer, |seen| seen.frames > 2 * FPS)?;
    server.kill()?;
    await_line(&publisher, |line| line.starts_with("the server does not answer"))?;
    // Who watches gets the show from the broadcaster and does not notice.
    let without = await_progress(&viewer, |seen| seen.frames > before.frames + 30 * FPS || seen.state != "playing")?;
    assert_eq!((without.state.as_str(), without.stalls), ("playing", before.stalls), "{without:?}");
    let _server = stage.server()?;
    await_line(&publisher, |line| line.starts_with("live"))?;
    // Someone who was not there before finds the same broadcast under the same address.
    let newcomer = stage.counted_viewer("newcomer")?;
    await_progress(&newcomer, |seen| seen.frames > 2 * FPS)?;
    let after = await_progress(&viewer, |seen| seen.frames > without.frames + 5 * FPS || seen.state != "playing")?;
    assert_eq!((after.state.as_str(), after.stalls), ("playing", before.stalls), "{after:?}");
    assert!(newcomer.wait(PATIENCE)?.success(), "the newcomer ends in good order");
    assert!(viewer.wait(PATIENCE)?.success(), "the viewer ends in good order");
    Ok(())
}

#[test]
fn a_viewer_that_slept_is_live_again_by_itself() -> Result<()> {
    let _alone = alone();
    let stage = Stage::new()?;
    let _server = stage.server()?;
    let _publisher = stage.publisher()?;
    let (sleeper, other) = (stage.counted_viewer("viewer")?, stage.counted_viewer("other")?);
    let before = await_progress(&other, |seen| seen.frames > 2 * FPS)?;
    sleeper.signal("STOP")?;
    // Who sleeps for less than ten seconds just goes on.
    await_progress(&other, |seen| seen.frames > before.frames + 14 * FPS)?;
    sleeper.signal("CONT")?;
    // Both had come equally far.
    let woken = await_progress(&sleeper, |seen| {
        seen.frames > before.frames + 4 * FPS && seen.state == "playing" && seen.latency_ms < 4_000.0
    })?;
    let after = await_progress(&sleeper, |seen| seen.frames > woken.frames + 5 * FPS || seen.state != "playing")?;
    assert_eq!(after.state, "playing", "{after:?}");
    assert!(sleeper.wait(PATIENCE)?.success(), "the sleeper ends in good order");
    Ok(())
}

#[test]
fn a_display_that_goes_away_does_not_end_the_show() -> Result<()> {
    let Some(xvfb) = tools::find("Xvfb") else {
        tools::skip("a display that goes away", "Xvfb is not installed");
        return Ok(());
    };
    let _alone = alone();
    let stage = Stage::new()?;
    let _server = stage.server()?;
    let mut display = VirtualDisplay::start(&xvfb)?;
    let publisher = stage.publisher_of("screen", &[("DISPLAY", display.name()), ("RUST_LOG", "warn")])?;
    let viewer = stage.counted_viewer("viewer")?;
    let before = await_progress(&viewer, |seen| seen.frames > 2 * FPS)?;
    display.kill()?;
    await_line(&publisher, |line| line.contains("the display went away"))?;
    // The last picture stands, and the show goes on.
    let after = await_progress(&viewer, |seen| seen.frames > before.frames + 6 * FPS || seen.state != "playing")?;
    assert_eq!((after.state.as_str(), after.stalls), ("playing", before.stalls), "{after:?}");
    Ok(())
}
