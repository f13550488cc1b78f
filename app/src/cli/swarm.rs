//! `runnel swarm`: a server, a broadcaster and many viewers that decode nothing, as real processes that speak real libp2p.

mod collect;
mod seen;
mod viewers;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use runnel_media::capture::SourceSpec;
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;

use super::Failure;
use super::crew::{Role, Show};
use super::options;
use super::stage::{self, Collect, Stage};
use crate::report::swarm::SwarmReport;
use collect::Collector;
pub use seen::Seen;
pub use viewers::{ViewersArgs, run as run_viewers};

/// Options of `runnel swarm`.
#[derive(Debug, Args)]
pub struct SwarmArgs {
    /// How many viewers watch.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub peers: u32,
    /// How long the broadcast lasts; the first seconds, in which viewers come, are not measured.
    #[arg(long, value_name = "S", default_value = "60", value_parser = options::seconds)]
    pub seconds: Duration,
    /// Where pictures come from: test, file:PATH, screen, camera, camera:N.
    #[arg(long, value_name = "SPEC", default_value = "test", value_parser = options::source)]
    pub source: SourceSpec,
    /// Delay from capture to screen, in seconds.
    #[arg(long, value_name = "S", default_value = "1", value_parser = options::delay)]
    pub target_delay: Duration,
    /// Most that a viewer uploads, in kbit/s; given several times, viewers take turns. Unlimited without it.
    #[arg(long, value_name = "KBPS")]
    pub uplink: Vec<u32>,
    /// Encoder to use; `auto` measures what this machine has.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub encoder: EncoderChoice,
    /// Picture size.
    #[arg(long, value_name = "WxH", default_value = "640x360")]
    pub size: Size,
    /// Frames per second.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Video bitrate in kbit/s; sound comes on top.
    #[arg(long, value_name = "KBPS", default_value_t = 2_500, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    pub bitrate: u32,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

/// How long the server may take to listen, and the broadcaster to send its first chunk.
const START: Duration = Duration::from_secs(60);
/// How long viewers may take to play out after the broadcast's end.
const WIND_DOWN: Duration = Duration::from_secs(15);
/// Most processes that viewers are dealt to: each viewer has a node and tasks of its own, but a process for each of dozens
/// would cost this machine more than the swarm does.
const PROCESSES: u32 = 8;
/// Over how long viewers come, and how long is not measured, at most and as shares of the whole.
const JOIN: (Duration, f64) = (Duration::from_secs(5), 0.25);
const WARM_UP: (Duration, f64) = (Duration::from_secs(10), 0.4);

/// Runs it.
///
/// # Errors
/// When a process could not be started or a viewer got nothing.
pub fn run(args: &SwarmArgs) -> Result<(), Failure> {
    let begun = now();
    let runtime = super::runtime()?;
    let folder = stage::folder("runnel-swarm-")?;
    let collector = Collector::new(args.peers, part(WARM_UP, args.seconds));
    let stage = Stage::new(folder.path().to_owned(), collector, args.seconds)?;
    let outcome = runtime.block_on(stage.run(async |stage| play(stage, args).await));
    drop(runtime);
    let collector = outcome?;
    let mut report = collector.report(&args.uplink, args.seconds.as_secs_f64());
    report.wall_seconds = crate::report::round((now() - begun).as_secs_f64(), 1);
    if let Some(path) = &args.report {
        super::teller::write_report(path, &report)?;
    }
    print!("{}", summary(&report));
    let blind = collector.blind();
    if blind.is_empty() {
        return Ok(());
    }
    let problem = collector.last_problem().map(|text| format!(": {text}")).unwrap_or_default();
    Err(Failure::new(format!("{} of {} viewers got nothing{problem}", blind.len(), args.peers))
        .next("RUST_LOG=info shows more"))
}

async fn play(stage: &mut Stage<Collector>, args: &SwarmArgs) -> Result<(), Failure> {
    stage.crew.spawn_server()?;
    let url = stage.until(START, "the server did not start", Collector::server).await?;
    let show = Show {
        source: &args.source,
        encoder: &args.encoder,
        size: args.size,
        fps: args.fps,
        bitrate: args.bitrate,
        seconds: args.seconds,
        delay: args.target_delay,
        tell_chunks: true,
    };
    stage.crew.spawn_publisher(&show, &url).await?;
    stage.until(START, "the broadcast did not start", Collector::live_unix_ms).await?;
    stage.goes_live();
    let join = part(JOIN, args.seconds);
    for process in 0..args.peers.min(PROCESSES) {
        let mut command = stage.crew.command(&format!("viewers-{process}"));
        command.args(["swarm-viewers", "--server", &url, "--delay"]);
        command.arg(args.target_delay.as_millis().to_string());
        for viewer in (process..args.peers).step_by(PROCESSES as usize) {
            let after = join.mul_f64(f64::from(viewer) / f64::from(args.peers));
            let cap = args.uplink.get(viewer as usize % args.uplink.len().max(1));
            let place = viewers::Place { viewer, after, uplink_kbps: cap.copied() };
            command.arg("--viewer").arg(place.to_string());
        }
        stage.crew.spawn(Role::Viewer(process + 1), command)?;
    }
    let end = args.seconds + WIND_DOWN;
    stage.until(end, "the broadcast did not end", |swarm| swarm.published().then_some(())).await?;
    // Viewers that never end are killed with the rest; their figures are here.
    let over = stage.until(WIND_DOWN, "a viewer did not end", |swarm| swarm.all_ended().then_some(())).await;
    if let Err(failure) = over {
        tracing::warn!(%failure, "the figures are taken as they are");
    }
    Ok(())
}

/// A share of the whole, and not more than so much.
fn part((most, share): (Duration, f64), whole: Duration) -> Duration {
    most.min(whole.mul_f64(share))
}

/// The end of it, in words and figures.
fn summary(report: &SwarmReport) -> String {
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0));
    let spread = |spread: Option<crate::report::swarm::Percentiles>| {
        spread.map_or_else(|| "-".to_owned(), |it| format!("{:.0}/{:.0}/{:.0} ms", it.p50, it.p95, it.p99))
    };
    let [viewers, publisher, server, origin] = report.bytes_from.map(|bytes| bytes as f64 / 1e6);
    format!(
        "{} viewers: {} of all bytes came from other viewers\n\
         bytes: {viewers:.1} MB from viewers, {publisher:.1} MB from the broadcaster, {server:.1} MB from the server's node, \
         {origin:.1} MB from the server over HTTP; {} twice, {} for control\n\
         lag (p50/p95/p99) {}, delay {}, first picture {}\n\
         {} stalls, {} of the time; {} of the chunks too late; the server gave at most {} of what all need\n",
        report.peers,
        percent(report.offload),
        percent(report.duplicate_ratio),
        percent(report.control_ratio),
        spread(report.lag_ms),
        spread(report.latency_ms),
        spread(report.first_frame_ms),
        report.stalls,
        percent(report.stall_ratio),
        percent(report.late_ratio),
        percent(report.origin_peak_ratio),
    )
}

#[expect(clippy::disallowed_methods, reason = "a driver of real processes: it measures how long they take")]
fn now() -> Instant {
    Instant::now()
}
