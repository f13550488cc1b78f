//! `runnel demo` as a fixture: a server, a publisher and viewers, all real processes on loopback.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{Process, binary};

/// A running demo; dropping it ends it.
pub struct Demo {
    process: Process,
    server: String,
    playlist: String,
    _home: tempfile::TempDir,
}

impl Demo {
    /// Starts a demo of the test source with a home of its own, and reads the two addresses it prints first.
    ///
    /// # Errors
    /// When it does not start or prints something else.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut command = Command::new(binary("runnel")?);
        command.arg("demo").args(arguments).stderr(Stdio::inherit());
        isolate(&mut command, &home);
        let process = Process::start(&mut command)?;
        let address = |name: &str| -> Result<String> {
            let line = process.line(Duration::from_secs(30))?;
            let found =
                line.strip_prefix(&format!("{name}: ")).with_context(|| format!("'{name}: URL', not '{line}'"))?;
            Ok(found.to_owned())
        };
        let server = address("server")?;
        let playlist = address("playlist")?;
        Ok(Self { process, server, playlist, _home: home })
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The stream's LL-HLS address.
    pub fn playlist(&self) -> &str {
        &self.playlist
    }

    /// Waits for the demo's own end.
    ///
    /// # Errors
    /// When it goes on for longer than `limit`.
    pub fn wait(self, limit: Duration) -> Result<std::process::ExitStatus> {
        self.process.wait(limit)
    }
}

/// Gives a program folders of its own, so that no test sees the user's settings or another test's server.
pub fn isolate(command: &mut Command, home: &tempfile::TempDir) {
    for (variable, folder) in [
        ("HOME", "home"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        let path = home.path().join(folder);
        // The program makes its own folders; only the runtime folder is the system's to make.
        let _ = std::fs::create_dir_all(&path);
        command.env(variable, path);
    }
}
