//! A display that nobody sees: Xvfb, with something moving on it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use crate::process::Process;
use crate::tools;

/// Xvfb on a display number that it picks itself, with a clock on it where one is installed.
pub struct VirtualDisplay {
    name: String,
    _clock: Option<Process>,
    server: Process,
}

impl VirtualDisplay {
    /// Starts the display, 1280x720.
    ///
    /// # Errors
    /// When Xvfb does not start.
    pub fn start(xvfb: &Path) -> Result<Self> {
        let server = Process::start(
            Command::new(xvfb)
                .args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"])
                .stderr(Stdio::null()),
        )?;
        let name = format!(":{}", server.line(Duration::from_secs(20))?.trim());
        let clock = tools::find("xclock").and_then(|xclock| {
            let arguments = ["-update", "1", "-geometry", "600x600+100+60"];
            Process::start(Command::new(xclock).args(arguments).env("DISPLAY", &name).stderr(Stdio::null())).ok()
        });
        Ok(Self { name, _clock: clock, server })
    }

    /// What `DISPLAY` must be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends the display as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }
}
