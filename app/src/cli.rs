//! The command line: what may be typed, and how failures are told.

mod board;
pub mod child;
mod crew;
pub mod demo;
pub mod doctor;
pub mod generate;
pub mod gui;
pub mod options;
pub mod publish;
pub mod serve;
mod stage;
pub mod swarm;
mod teller;
pub mod watch;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use backend_lite::api::ClientError;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::paths::Paths;

/// Go live and watch, with the viewers carrying the stream.
#[derive(Debug, Parser)]
#[command(name = "runnel", version, about, propagate_version = true)]
pub struct Cli {
    /// Keep settings, keys and data under this folder instead of the user's own.
    #[arg(long, global = true, env = "RUNNEL_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// What to do; the window opens where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the window (what happens without a command).
    Gui,
    /// Show devices, encoders with their measured speed, the GPU, and what of the network can be reached.
    Doctor(doctor::DoctorArgs),
    /// Go live from the terminal.
    Publish(Box<publish::PublishArgs>),
    /// Watch a channel.
    Watch(Box<watch::WatchArgs>),
    /// Show the whole path on this machine: a server, a broadcaster and viewers, as separate processes.
    Demo(Box<demo::DemoArgs>),
    /// Measure a swarm on this machine: a server, a broadcaster and many viewers that decode nothing, as real processes.
    Swarm(Box<swarm::SwarmArgs>),
    /// Write the manual pages into a folder.
    Man(generate::ManArgs),
    /// Print completions for a shell.
    Completions(generate::CompletionsArgs),
    /// Run the embedded server alone.
    #[command(hide = true)]
    ServeEmbedded(serve::ServeArgs),
    /// Run several viewers of a swarm in one process.
    #[command(hide = true)]
    SwarmViewers(swarm::ViewersArgs),
}

/// A failure as it is told in the terminal: what happened, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub message: String,
    /// What to do about it, if that is known.
    pub next: Option<String>,
    /// The process's exit code.
    pub code: u8,
}

/// Exit code of a failure.
pub const FAILED: u8 = 1;
/// Exit code after Ctrl-C, as shells know it.
pub const INTERRUPTED: u8 = 130;

impl Failure {
    /// A failure without advice.
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), next: None, code: FAILED }
    }

    /// Adds what to do.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The end that Ctrl-C asked for.
    pub fn interrupted() -> Self {
        Self { message: "interrupted".to_owned(), next: None, code: INTERRUPTED }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.next {
            Some(next) => write!(f, "{} ({next})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Every error of the library becomes a failure by its words and the words of what caused it.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        Self::new(message)
    }
}

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Also the way of `--help` and `--version`, which go to standard output and succeed.
            let code = u8::try_from(error.exit_code()).unwrap_or(FAILED);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    start_logging(&cli);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "runnel: {failure}");
            ExitCode::from(failure.code)
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

fn run(cli: Cli) -> Result<(), Failure> {
    let paths = Paths::find(cli.home.as_deref())?;
    match cli.command {
        None | Some(Command::Gui) => gui::run(&paths, None),
        Some(Command::Doctor(args)) => doctor::run(&paths, &args),
        Some(Command::Publish(args)) => publish::run(&paths, &args),
        Some(Command::Watch(args)) => watch::run(&paths, &args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Swarm(args)) => swarm::run(&args),
        Some(Command::SwarmViewers(args)) => swarm::run_viewers(&args),
        Some(Command::Man(args)) => generate::man(&args),
        Some(Command::Completions(args)) => generate::completions(&args),
        Some(Command::ServeEmbedded(args)) => serve::run(&paths, &args),
    }
}

/// Logs go to standard error and only what matters, unless `RUST_LOG` says otherwise.
fn start_logging(cli: &Cli) {
    use tracing_subscriber::EnvFilter;
    let quiet = !matches!(cli.command, Some(Command::ServeEmbedded(_)));
    let default = if quiet {
        "warn,runnel=warn,libp2p=error,yamux=error,quinn=error,wgpu_core=error,wgpu_hal=error"
    } else {
        "warn"
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    debug_assert!(started.is_ok(), "logging is started once");
}

/// The runtime that a command's network work runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("runnel-net")
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the network's threads could not be started: {error}")))
}

/// Asks a server until it answers; what a later try cannot cure ends it at once.
pub(crate) async fn patiently<T, F>(
    stop: &CancellationToken,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut backoff = crate::session::Backoff::new(Duration::from_millis(250), Duration::from_secs(3));
    let mut told = false;
    loop {
        let error = tokio::select! {
            answer = ask() => match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_temporary() => error,
                Err(error) => return Err(error.into()),
            },
            () = stop.cancelled() => return Err(Failure::interrupted()),
        };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%error, "{what} does not answer yet; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.wait()) => {}
            () = stop.cancelled() => return Err(Failure::interrupted()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_line_of_the_manual_is_understood() {
        for line in [
            "runnel",
            "runnel gui",
            "runnel doctor",
            "runnel publish --server http://h:1 --token t --channel ann --source test --audio none --encoder rav1e --size 640x360 --fps 30 --bitrate 1000 --seconds 5",
            "runnel publish --server http://h:1 --channel ann --source file:/a.mkv?loop",
            "runnel watch http://h/live/ann/index.m3u8",
            "runnel watch ann --server http://h --headless --p2p only --delay 800 --seconds 3 --record a.mp4 --screenshot a.png --report a.json",
            "runnel demo",
            "runnel demo --viewers 3 --seconds 20 --source test --encoder rav1e --size 640x360 --fps 30 --bitrate 1000 --report r.json --screenshot s.png",
            "runnel swarm",
            "runnel swarm --peers 40 --seconds 60 --source test --target-delay 1.5 --uplink 4000 --uplink 15000 --report r.json",
            "runnel man manuals",
            "runnel completions zsh",
            "runnel --home elsewhere demo",
            "runnel demo --home elsewhere",
        ] {
            parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_legal() {
        for (line, part) in [
            ("runnel demo --viewers 0", "1..=50"),
            ("runnel demo --size 641x360", "expected even WIDTHxHEIGHT"),
            ("runnel demo --fps 0", "1..=120"),
            ("runnel demo --source telepathy", "telepathy"),
            ("runnel demo --seconds 0", "0.1 to"),
            ("runnel swarm --peers 0", "1..=500"),
            ("runnel swarm --target-delay 0.1", "0.3 to 30"),
            ("runnel publish --channel a", "--source"),
            ("runnel watch a --p2p perhaps", "assist"),
            ("runnel watch a --delay 10", "300..=30000"),
        ] {
            let error = parsed(line).expect_err(line).to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn a_failure_names_its_causes_once() {
        let error = std::io::Error::other("disk on fire");
        assert_eq!(Failure::from(error).next("use water").to_string(), "disk on fire (use water)");
    }
}
