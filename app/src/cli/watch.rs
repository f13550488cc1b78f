//! `runnel watch`: a channel in a window, or without one.

use std::path::PathBuf;
use std::time::Duration;

use backend_lite::api::Client;
use clap::Args;
use runnel_media::capture::output::AudioOutputSpec;
use runnel_media::pipeline::watch as player;
use runnel_media::playout::Spread;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::child::{self, Line};
use super::options::{self, Target};
use super::teller::{TICK, Teller, write_report};
use super::{Failure, gui};
use crate::embedded::Embedded;
use crate::paths::Paths;
use crate::report::{LatencyMs, OffsetMs, ViewerReport, round};
use crate::session::sharing::{Ruling, Situation, rule};
use crate::session::watch::{EndReason, Phase, Watch, WatchConfig, WatchStatus};
use crate::session::{account, clock};
use crate::settings::{P2pMode, Settings};
use crate::usage::{Cost, Usage};

/// How long the server may take to say what its host wants to be shared.
const QUESTION: Duration = Duration::from_secs(2);

/// Options of `runnel watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The channel: its name, or the address of its page or playlist.
    #[arg(value_name = "URL|NAME")]
    pub target: String,
    /// Address of the community's server, where the channel is only named.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Without a window.
    #[arg(long)]
    pub headless: bool,
    /// Whether pieces are exchanged with other viewers; what was consented to, where it is not said.
    #[arg(long, value_enum, value_name = "assist|only|off")]
    pub p2p: Option<P2pMode>,
    /// Delay from capture to screen, in milliseconds.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(300..=30_000))]
    pub delay: Option<u32>,
    /// End after so many seconds.
    #[arg(long, value_name = "S", value_parser = options::seconds)]
    pub seconds: Option<Duration>,
    /// Record what is watched.
    #[arg(long, value_name = "FILE.mp4")]
    pub record: Option<PathBuf>,
    /// Save the last picture.
    #[arg(long, value_name = "FILE.png")]
    pub screenshot: Option<PathBuf>,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Speak in JSON lines, and end when standard input closes.
    #[arg(long, hide = true)]
    pub lines: bool,
    /// The picture is the test source's: delay and lip sync are read from it.
    #[arg(long, hide = true)]
    pub strip: bool,
    /// Exchange pieces on this machine only.
    #[arg(long, hide = true)]
    pub loopback: bool,
}

/// What `--report` writes: a viewer of a demo's report, with the version.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    #[serde(flatten)]
    viewer: &'a ViewerReport,
}

/// Watches.
///
/// # Errors
/// When nothing could be seen.
pub fn run(paths: &Paths, args: &WatchArgs) -> Result<(), Failure> {
    let target = Target::parse(&args.target)?;
    let wants_terminal =
        args.record.is_some() || args.screenshot.is_some() || args.report.is_some() || args.seconds.is_some();
    if !args.headless && !wants_terminal {
        return gui::run(paths, Some(gui::Open { target, server: args.server.clone() }));
    }
    let stop = CancellationToken::new();
    if args.lines {
        child::end_with_parent(stop.clone())?;
    }
    let settings = Settings::load(paths).file.get().clone();
    // An embedded server is asked only where nothing else was named: it may be another app's.
    let named = target.server.clone().or_else(|| args.server.clone()).or_else(|| current_server(&settings));
    let embedded = if named.is_none() { Some(Embedded::start(&paths.server())?) } else { None };
    let server = named.or_else(|| embedded.as_ref().map(|it| it.url().to_owned())).unwrap_or_default();
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = watch(paths, args, &settings, server, target.channel, stop.clone()) => outcome,
            () = super::publish::twice(&stop) => Err(Failure::interrupted()),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

fn current_server(settings: &Settings) -> Option<String> {
    let current = settings.communities.joined.iter().find(|community| community.id == settings.communities.current);
    current.map(|community| community.url.clone())
}

/// What was consented to in the window, less what the community's host and the hour take from it. Nobody follows here how many
/// watch, so who shares in a crowd only shares nothing.
async fn consented(settings: &Settings, server: &str) -> Ruling {
    let asked = async { Client::new(server, None).ok()?.community().await.ok() };
    let community = tokio::time::timeout(QUESTION, asked).await.ok().flatten();
    let situation = Situation {
        community: community.map_or_else(Default::default, |community| community.sharing_default),
        hour: clock::local().map(|(_, hour)| hour),
        ..Situation::default()
    };
    rule(&settings.sharing, &situation)
}

async fn watch(
    paths: &Paths,
    args: &WatchArgs,
    settings: &Settings,
    server: String,
    channel: String,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let (mode, near_only, cap) = match args.p2p {
        Some(mode) => (mode, false, Some(settings.sharing.upload_cap_kbps).filter(|cap| *cap > 0)),
        None => {
            let ruling = consented(settings, &server).await;
            (ruling.mode(settings.sharing.mode), ruling.near_only(), ruling.upload_kbps)
        }
    };
    let delay = Duration::from_millis(args.delay.unwrap_or(settings.playback.delay_ms).into());
    let config = WatchConfig {
        token: token(paths, &server).await,
        server: server.trim_end_matches('/').to_owned(),
        channel,
        mode,
        upload_cap_kbps: cap.filter(|_| !args.loopback),
        loopback: args.loopback,
        player: player::WatchConfig {
            target_delay: delay,
            // Several viewers of a demo would all beep.
            audio_output: if args.lines { AudioOutputSpec::Null } else { AudioOutputSpec::Default },
            volume: if settings.playback.muted { 0.0 } else { settings.playback.volume },
            strip: args.strip,
            ..player::WatchConfig::default()
        },
        near_only,
        record: args.record.clone(),
        wait: false,
    };
    let watch = Watch::start(config)?;
    let mut teller = Teller::new(args.lines);
    let (mut status, mut usage) = (watch.status(), Usage::default());
    let mut tick = tokio::time::interval(TICK);
    let end = args.seconds.map(|seconds| clock::now() + seconds);
    let mut asked = false;
    while !watch.is_over() {
        tokio::select! {
            _ = tick.tick() => {
                usage.sample();
                let status = status.borrow_and_update().clone();
                news(&mut teller, &status);
                figures(&teller, &status);
            }
            Ok(()) = status.changed() => news(&mut teller, &status.borrow_and_update().clone()),
            () = stop.cancelled(), if !asked => {
                asked = true;
                watch.stop();
            }
            () = clock::sleep_until(end), if !asked => {
                asked = true;
                watch.stop();
            }
        }
    }
    let player = watch.player().clone();
    let last = watch.ended().await;
    let pictured = match (&args.screenshot, player.screenshot()) {
        (Some(path), Some(frame)) => Some(screenshot(path.clone(), frame).await),
        (Some(_), None) => Some(Err(Failure::new("there was no picture to save"))),
        (None, _) => None,
    };
    finish(args, &teller, &last, usage.sample())?;
    pictured.transpose()?;
    conclude(&last).map_err(|failure| teller.failed(failure))
}

/// The token kept for this server's community; a guest has none, and a server that does not answer yet is no error.
async fn token(paths: &Paths, server: &str) -> Option<String> {
    let client = Client::new(server, None).ok()?;
    let community = tokio::time::timeout(Duration::from_secs(2), client.community()).await.ok()?.ok()?;
    account::kept_token(paths, &community.id)
}

/// Draws the frame with the window's own renderer and saves it.
async fn screenshot(path: PathBuf, frame: runnel_media::frame::VideoFrame) -> Result<(), Failure> {
    let drawn = tokio::task::spawn_blocking(move || crate::session::picture::save(&frame, &path));
    Ok(drawn.await.map_err(|_| Failure::new("the screenshot failed"))??)
}

fn finish(args: &WatchArgs, teller: &Teller, last: &WatchStatus, cost: Cost) -> Result<(), Failure> {
    let report = viewer_report(last, cost);
    let first = last.first_frame_micros.map(|micros| micros as f64 / 1000.0);
    teller.line(|| Line::Watched {
        report: report.clone(),
        first_frame_unix_ms: first,
        watched_ms: first.map_or(0.0, |first| (child::unix_ms() - first).max(0.0)),
    });
    match &args.report {
        Some(path) => write_report(path, &Report { version: crate::report::VERSION, viewer: &report }),
        None => Ok(()),
    }
}

fn conclude(last: &WatchStatus) -> Result<(), Failure> {
    Err(match &last.phase {
        Phase::Ended(EndReason::Failed(error)) => Failure::new(error),
        Phase::Ended(EndReason::TakenDown) => Failure::new("a moderator took the broadcast down"),
        _ if last.player.frames_shown == 0 => Failure::new("nothing was seen").next("RUST_LOG=info shows why"),
        _ => return Ok(()),
    })
}

fn viewer_report(last: &WatchStatus, cost: Cost) -> ViewerReport {
    let (player, delivery) = (&last.player, &last.delivery);
    let seen = |spread: &Spread| spread.count > 0;
    ViewerReport {
        id: 1,
        first_frame_ms: player.first_frame_ms.map(|ms| round(ms, 1)),
        latency_ms: seen(&player.latency_ms).then(|| LatencyMs {
            p50: round(player.latency_ms.p50, 1),
            p95: round(player.latency_ms.p95, 1),
            p99: round(player.latency_ms.p99, 1),
        }),
        stalls: player.stalls,
        stall_ms: player.stall_ms as f64,
        frames_decoded: player.frames_decoded,
        frames_shown: player.frames_shown,
        frames_skipped: player.frames_skipped,
        bytes_from_peers: delivery.from_peers,
        bytes_from_publisher: delivery.from_publisher,
        bytes_from_origin: delivery.from_origin,
        bytes_to_peers: delivery.to_peers,
        chunks_rejected: delivery.rejected,
        av_offset_ms: seen(&player.av_offset_ms).then(|| OffsetMs {
            p5: round(player.av_offset_ms.p5, 1),
            p50: round(player.av_offset_ms.p50, 1),
            p95: round(player.av_offset_ms.p95, 1),
        }),
        cpu_seconds: round(cost.cpu_seconds, 2),
        rss_bytes: cost.rss_bytes,
    }
}

/// Tells a parent the figures.
fn figures(teller: &Teller, status: &WatchStatus) {
    let latency = &status.player.latency_ms;
    teller.line(|| Line::Watching {
        state: phase_word(&status.phase).to_owned(),
        frames: status.player.frames_shown,
        latency_ms: (latency.count > 0).then(|| round(latency.p50, 0)),
        stalls: status.player.stalls,
        from_peers: status.delivery.peer_share(),
    });
}

/// Tells how far it has come.
fn news(teller: &mut Teller, status: &WatchStatus) {
    let problem = match &status.phase {
        Phase::Connecting { problem } => problem,
        _ => "",
    };
    teller.phase(phase_words(&status.phase), problem);
}

/// How far it has come, in a word.
pub(super) fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Connecting { .. } => "connecting",
        Phase::Waiting => "waiting",
        Phase::Opening => "opening",
        Phase::Playing => "playing",
        Phase::Stalled { .. } => "stalled",
        Phase::Away => "stopped",
        Phase::Ended(_) => "ended",
    }
}

fn phase_words(phase: &Phase) -> String {
    match phase {
        Phase::Connecting { problem } if !problem.is_empty() => format!("connecting: {problem}; trying again"),
        Phase::Away => "the broadcast stopped; it goes on here when the broadcaster is back".to_owned(),
        Phase::Ended(EndReason::Ended) => "the broadcast has ended".to_owned(),
        other => phase_word(other).to_owned(),
    }
}
