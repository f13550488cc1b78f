//! The demo's processes: this same program, started again in other roles.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use runnel_media::capture::SourceSpec;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::DemoArgs;
use crate::cli::Failure;
use crate::cli::child::Line;

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It is the community's server.
    Server,
    /// It broadcasts.
    Publisher,
    /// It watches.
    Viewer(u32),
}

/// Longest line that is read; a report is a few kilobytes.
const LINE_LIMIT: u64 = 1 << 20;
/// How long a child may take to end once its standard input is closed.
const PATIENCE: Duration = Duration::from_secs(4);

/// All processes of a demo; none outlives this value.
pub(super) struct Children {
    program: PathBuf,
    folder: PathBuf,
    running: Vec<Running>,
    news: mpsc::Receiver<(Role, Option<Line>)>,
    tell: mpsc::Sender<(Role, Option<Line>)>,
}

struct Running {
    role: Role,
    child: Child,
    /// Closing it asks the child to end.
    stdin: Option<ChildStdin>,
}

impl Children {
    pub(super) fn new(folder: PathBuf) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(format!("this program cannot find itself: {error}")))?;
        let (tell, news) = mpsc::channel(256);
        Ok(Self { program, folder, running: Vec::new(), news, tell })
    }

    /// Where the publisher's token lies.
    pub(super) fn token_file(&self) -> PathBuf {
        self.folder.join("token")
    }

    pub(super) fn spawn_server(&mut self) -> Result<(), Failure> {
        let mut command = self.command("server");
        command.arg("serve-embedded").arg("--lines");
        self.spawn(Role::Server, command)
    }

    pub(super) fn spawn_publisher(&mut self, args: &DemoArgs, url: &str, channel: &str) -> Result<(), Failure> {
        let token = self.token_file();
        let mut command = self.command("publisher");
        command.args([
            "publish",
            "--lines",
            "--ephemeral-keys",
            "--loopback",
            "--server",
            url,
            "--channel",
            channel,
            "--token",
        ]);
        command.arg(token).arg("--source").arg(args.source.to_string());
        command.arg("--encoder").arg(args.encoder.to_string()).arg("--size").arg(args.size.to_string());
        command.arg("--fps").arg(args.fps.to_string()).arg("--bitrate").arg(args.bitrate.to_string());
        command.arg("--seconds").arg(args.seconds.as_secs_f64().to_string());
        // The encoders' measured speeds are the machine's, not the demo's: a second demo starts at once.
        if let Ok(paths) = crate::paths::Paths::find(None) {
            command.arg("--probe-cache").arg(paths.probe_cache());
        }
        self.spawn(Role::Publisher, command)
    }

    pub(super) fn spawn_viewer(&mut self, args: &DemoArgs, url: &str, channel: &str, id: u32) -> Result<(), Failure> {
        let mut command = self.command(&format!("viewer-{id}"));
        command.args(["watch", channel, "--lines", "--headless", "--loopback", "--p2p", "assist", "--server", url]);
        if args.source == SourceSpec::Test {
            command.arg("--strip");
        }
        if let Some(path) = args.screenshot.as_deref().filter(|_| id == 1) {
            command.arg("--screenshot").arg(absolute(path));
        }
        self.spawn(Role::Viewer(id), command)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(self.folder.join(name));
        command
    }

    fn spawn(&mut self, role: Role, mut command: Command) -> Result<(), Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| Failure::new(format!("the {} could not be started: {error}", name(role))))?;
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            let tell = self.tell.clone();
            tokio::spawn(async move {
                let mut lines = BufReader::new(stdout);
                let mut text = String::new();
                while matches!((&mut lines).take(LINE_LIMIT).read_line(&mut text).await, Ok(length) if length > 0) {
                    match serde_json::from_str(&text) {
                        Ok(line) => {
                            if tell.send((role, Some(line))).await.is_err() {
                                return;
                            }
                        }
                        Err(error) => tracing::debug!(?role, %error, line = text.trim_end(), "not a line of ours"),
                    }
                    text.clear();
                }
                // The demo may be over already; then nobody waits for this.
                let _ = tell.send((role, None)).await;
            });
        }
        self.running.push(Running { role, child, stdin });
        Ok(())
    }

    /// The next line of any process; `None` is the end of that one's output.
    pub(super) async fn next(&mut self) -> (Role, Option<Line>) {
        match self.news.recv().await {
            Some(news) => news,
            // `self.tell` lives as long as the receiver, so the channel never closes.
            None => std::future::pending().await,
        }
    }

    /// Asks all to end, viewers and publisher before the server, and kills who does not.
    pub(super) async fn end_all(&mut self) {
        for server in [false, true] {
            let mut leaving: Vec<_> =
                self.running.iter_mut().filter(|it| (it.role == Role::Server) == server).collect();
            for running in &mut leaving {
                running.stdin = None;
            }
            for running in leaving {
                if tokio::time::timeout(PATIENCE, running.child.wait()).await.is_err() {
                    tracing::warn!(role = ?running.role, "did not end when asked to, and is killed");
                    // An error means that it ended meanwhile.
                    let _ = running.child.kill().await;
                }
            }
        }
        self.running.clear();
    }
}

/// The way out of a panic: every process is killed and reaped before the demo's folder goes.
impl Drop for Children {
    fn drop(&mut self) {
        for running in &mut self.running {
            let _ = running.child.start_kill();
        }
        for running in &mut self.running {
            for _ in 0..200 {
                if !matches!(running.child.try_wait(), Ok(None)) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn name(role: Role) -> String {
    match role {
        Role::Server => "server".to_owned(),
        Role::Publisher => "broadcaster".to_owned(),
        Role::Viewer(id) => format!("viewer {id}"),
    }
}

/// A child has the same working folder, but a path that is told apart in its errors is worth having whole.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
