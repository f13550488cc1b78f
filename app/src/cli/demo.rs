//! `runnel demo`: the whole path on one machine, as separate processes with real connections between them.

mod collect;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use runnel_media::capture::SourceSpec;
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;

use super::Failure;
use super::child::unix_ms;
use super::crew::{CHANNEL, Crew, Role, Show};
use super::options;
use super::stage::{self, Collect, Stage};
use collect::Collector;

/// Options of `runnel demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many viewers watch.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub viewers: u32,
    /// How long the broadcast lasts.
    #[arg(long, value_name = "S", default_value = "20", value_parser = options::seconds)]
    pub seconds: Duration,
    /// Where pictures come from: test, file:PATH, screen, camera, camera:N.
    #[arg(long, value_name = "SPEC", default_value = "test", value_parser = options::source)]
    pub source: SourceSpec,
    /// Encoder to use; `auto` measures what this machine has.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub encoder: EncoderChoice,
    /// Picture size; small enough that one machine can encode once and decode for every viewer.
    #[arg(long, value_name = "WxH", default_value = "640x360")]
    pub size: Size,
    /// Frames per second.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Video bitrate in kbit/s.
    #[arg(long, value_name = "KBPS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    pub bitrate: u32,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Save the first viewer's last picture to this file.
    #[arg(long, value_name = "FILE.png")]
    pub screenshot: Option<PathBuf>,
}

impl Default for DemoArgs {
    /// What `runnel demo` does without options.
    fn default() -> Self {
        use clap::Parser;
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            args: DemoArgs,
        }
        Alone::parse_from(["runnel"]).args
    }
}

/// How long the server may take to listen, and the publisher to send its first chunk.
const START: Duration = Duration::from_secs(60);
/// How long viewers may take to play out and report after the broadcast's end.
const WIND_DOWN: Duration = Duration::from_secs(15);

/// Runs the demo.
///
/// # Errors
/// When a process could not be started or somebody saw nothing.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    let folder = stage::folder("runnel-demo-")?;
    let stage = Stage::new(folder.path().to_owned(), Collector::new(args.viewers), args.seconds)?;
    let outcome = runtime.block_on(stage.run(async |stage| play(stage, args).await));
    drop(runtime);
    conclude(args, &outcome?)
}

/// Writes the report, prints the summary, and decides whether it was a success.
fn conclude(args: &DemoArgs, collector: &Collector) -> Result<(), Failure> {
    let report = collector.report(&args.size.to_string(), args.fps, args.seconds.as_secs_f64());
    if let Some(path) = &args.report {
        super::teller::write_report(path, &report)?;
    }
    print!("{}", table::summary(&report));
    let blind: Vec<_> =
        report.viewers.iter().filter(|viewer| viewer.frames_shown == 0).map(|viewer| viewer.id.to_string()).collect();
    if blind.is_empty() {
        return Ok(());
    }
    let problem = collector.last_problem().map(|text| format!(": {text}")).unwrap_or_default();
    Err(Failure::new(format!("nothing was seen by viewer {}{problem}", blind.join(", ")))
        .next("RUST_LOG=info shows more"))
}

async fn play(stage: &mut Stage<Collector>, args: &DemoArgs) -> Result<(), Failure> {
    stage.crew.spawn_server()?;
    let server = |demo: &Collector| demo.server().map(str::to_owned);
    let url = stage.until(START, "the server did not start", server).await?;
    println!("server: {url}");
    println!("playlist: {url}/live/{CHANNEL}/index.m3u8");
    stage.crew.spawn_publisher(&show(args), &url).await?;
    stage.until(START, "the broadcast did not start", Collector::live_unix_ms).await?;
    stage.goes_live();
    for viewer in 1..=args.viewers {
        spawn_viewer(&mut stage.crew, args, &url, viewer)?;
        stage.collector.viewer_started(viewer, unix_ms());
    }
    let end = args.seconds + WIND_DOWN;
    stage.until(end, "the broadcast did not end", |demo| demo.published().then_some(())).await?;
    // A viewer that never reports is told by its empty row; it is no reason to lose the others' figures.
    let reported = stage.until(WIND_DOWN, "a viewer did not end", |demo| demo.all_watched().then_some(())).await;
    if let Err(failure) = reported {
        tracing::warn!(%failure, "the demo goes on without its figures");
    }
    Ok(())
}

fn show(args: &DemoArgs) -> Show<'_> {
    Show {
        source: &args.source,
        encoder: &args.encoder,
        size: args.size,
        fps: args.fps,
        bitrate: args.bitrate,
        seconds: args.seconds,
        delay: Duration::from_secs(1),
        tell_chunks: false,
    }
}

fn spawn_viewer(crew: &mut Crew, args: &DemoArgs, url: &str, id: u32) -> Result<(), Failure> {
    let mut command = crew.command(&format!("viewer-{id}"));
    command.args(["watch", CHANNEL, "--lines", "--headless", "--loopback", "--p2p", "assist", "--server", url]);
    if args.source == SourceSpec::Test {
        command.arg("--strip");
    }
    if let Some(path) = args.screenshot.as_deref().filter(|_| id == 1) {
        // A child has the same working folder, but a path that is told in its errors is worth having whole.
        command.arg("--screenshot").arg(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }
    crew.spawn(Role::Viewer(id), command)
}
