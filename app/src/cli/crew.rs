//! The processes of a demo or of a swarm that is measured: this same program, started again in other roles.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use runnel_media::capture::SourceSpec;
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::Failure;
use super::child::Line;

/// The channel that is broadcast on.
pub(super) const CHANNEL: &str = "demo";

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It is the community's server.
    Server,
    /// It broadcasts.
    Publisher,
    /// It watches, alone or for several viewers; numbered from 1.
    Viewer(u32),
}

/// What is broadcast.
pub(super) struct Show<'a> {
    pub(super) source: &'a SourceSpec,
    pub(super) encoder: &'a EncoderChoice,
    pub(super) size: Size,
    pub(super) fps: u32,
    pub(super) bitrate: u32,
    pub(super) seconds: Duration,
    /// From capture to the screen.
    pub(super) delay: Duration,
    /// Whether each chunk's signing is told.
    pub(super) tell_chunks: bool,
}

/// Longest line that is read; a report is a few kilobytes.
const LINE_LIMIT: u64 = 1 << 20;
/// How long a child may take to end once its standard input is closed.
const PATIENCE: Duration = Duration::from_secs(4);

/// All processes; none outlives this value.
pub(super) struct Crew {
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

impl Crew {
    pub(super) fn new(folder: PathBuf) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(format!("this program cannot find itself: {error}")))?;
        let (tell, news) = mpsc::channel(256);
        Ok(Self { program, folder, running: Vec::new(), news, tell })
    }

    /// Starts the server.
    pub(super) fn spawn_server(&mut self) -> Result<(), Failure> {
        let mut command = self.command("server");
        command.arg("serve-embedded").arg("--lines");
        self.spawn(Role::Server, command)
    }

    /// Makes the account and the channel, so that its address is known, and goes live on it.
    pub(super) async fn spawn_publisher(&mut self, show: &Show<'_>, url: &str) -> Result<(), Failure> {
        let token_file = self.folder.join("token");
        let token = crate::session::account::register_channel(url, CHANNEL).await?;
        crate::settings::file::replace(&token_file, token.as_bytes())
            .map_err(|error| Failure::new(format!("the broadcaster's token could not be kept: {error}")))?;
        let mut command = self.command("publisher");
        command.args(["publish", "--lines", "--ephemeral-keys", "--loopback", "--server", url, "--channel", CHANNEL]);
        command.arg("--token").arg(token_file).arg("--source").arg(show.source.to_string());
        command.arg("--encoder").arg(show.encoder.to_string()).arg("--size").arg(show.size.to_string());
        command.arg("--fps").arg(show.fps.to_string()).arg("--bitrate").arg(show.bitrate.to_string());
        command.arg("--seconds").arg(show.seconds.as_secs_f64().to_string());
        command.arg("--delay").arg(show.delay.as_millis().to_string());
        if show.tell_chunks {
            command.arg("--tell-chunks");
        }
        // The encoders' measured speeds are the machine's, not the demo's: a second demo starts at once.
        if let Ok(paths) = crate::paths::Paths::find(None) {
            command.arg("--probe-cache").arg(paths.probe_cache());
        }
        self.spawn(Role::Publisher, command)
    }

    /// The start of a command line of this program, with a home folder of its own.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(self.folder.join(name));
        command
    }

    /// Starts a process and listens to it.
    pub(super) fn spawn(&mut self, role: Role, mut command: Command) -> Result<(), Failure> {
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
                // All may be over already; then nobody waits for this.
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

/// The way out of a panic: every process is killed and reaped before their folder goes.
impl Drop for Crew {
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
