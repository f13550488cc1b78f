//! The server as a program.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use backend_lite::Server;
use backend_lite::config::{EXAMPLE, RawSettings};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// The thin server that a community runs for itself.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until Ctrl-C or SIGTERM.
    Serve {
        /// A TOML file; without it everything is at its default, reachable from this machine only.
        #[arg(long, value_name = "FILE", env = "RUNNEL_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Prints a config file with every key, its default and what it means.
    ExampleConfig,
    /// Checks a config file and lists all that is wrong with it.
    CheckConfig {
        /// The TOML file.
        #[arg(value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { config } => {
            let raw = config.as_deref().map(RawSettings::load).transpose()?.unwrap_or_default();
            serve(raw)
        }
        Command::ExampleConfig => {
            print!("{EXAMPLE}");
            Ok(())
        }
        Command::CheckConfig { config } => {
            RawSettings::load(&config)?.check()?;
            println!("{} is good", config.display());
            Ok(())
        }
    }
}

fn serve(raw: RawSettings) -> anyhow::Result<()> {
    let settings = raw.check()?;
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.log.clone());
    let filter =
        EnvFilter::try_new(&filter).with_context(|| format!("log: {filter:?} is no filter such as \"info\""))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("server")
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let server = Server::start(settings).await?;
        println!("listening on {}", server.url());
        if let Some(token) = server.admin_token_if_first_run() {
            println!("first-run admin token (shown once, keep it): {token}");
        }
        stop_signal().await?;
        println!("shutting down");
        server.shutdown().await;
        Ok(())
    })
}

#[cfg(unix)]
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("cannot listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> anyhow::Result<()> {
    tokio::signal::ctrl_c().await.context("cannot listen for Ctrl-C")
}
