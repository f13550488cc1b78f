//! `runnel demo`: the whole path on one machine, as separate processes with real connections between them.

mod children;
mod collect;
mod table;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use runnel_media::capture::SourceSpec;
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;

use super::child::{Line, unix_ms};
use super::options;
use super::{Failure, child};
use children::{Children, Role};
use collect::Collector;
use table::Table;

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
/// How often the table is drawn.
const TICK: Duration = Duration::from_millis(500);

/// Runs the demo.
///
/// # Errors
/// When a process could not be started or somebody saw nothing.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    let folder = tempfile::Builder::new().prefix("runnel-demo-").tempdir().map_err(|error| {
        Failure::new(format!("no temporary folder could be made: {error}"))
            .next("set TMPDIR to a folder you may write to")
    })?;
    let outcome = runtime.block_on(async {
        let mut demo = Demo::new(args, folder.path().to_owned())?;
        let ended = tokio::select! {
            ended = demo.play() => ended,
            () = child::interrupted() => Err(Failure::interrupted()),
        };
        demo.table.finish();
        demo.children.end_all().await;
        ended.map(|()| demo.collector)
    });
    drop(runtime);
    let collector = outcome?;
    conclude(args, &collector)
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

struct Demo<'a> {
    args: &'a DemoArgs,
    children: Children,
    collector: Collector,
    table: Table,
    /// When the first chunk was published.
    live_since: Option<Instant>,
}

impl<'a> Demo<'a> {
    fn new(args: &'a DemoArgs, folder: PathBuf) -> Result<Self, Failure> {
        Ok(Self {
            args,
            children: Children::new(folder)?,
            collector: Collector::new(args.viewers),
            table: Table::new(args.viewers, args.seconds),
            live_since: None,
        })
    }

    async fn play(&mut self) -> Result<(), Failure> {
        self.children.spawn_server()?;
        let url =
            self.until(START, "the server did not start", |demo| demo.collector.server().map(str::to_owned)).await?;
        let channel = prepare_channel(&url, &self.children).await?;
        println!("server: {url}");
        println!("playlist: {url}/live/{channel}/index.m3u8");
        self.children.spawn_publisher(self.args, &url, &channel)?;
        self.until(START, "the broadcast did not start", |demo| demo.collector.live_unix_ms()).await?;
        self.live_since = Some(now());
        for viewer in 1..=self.args.viewers {
            self.children.spawn_viewer(self.args, &url, &channel, viewer)?;
            self.collector.viewer_started(viewer, unix_ms());
        }
        let end = self.args.seconds + WIND_DOWN;
        self.until(end, "the broadcast did not end", |demo| demo.collector.published().then_some(())).await?;
        // A viewer that never reports is told by its empty row; it is no reason to lose the others' figures.
        let reported =
            self.until(WIND_DOWN, "a viewer did not end", |demo| demo.collector.all_watched().then_some(())).await;
        if let Err(failure) = reported {
            tracing::warn!(%failure, "the demo goes on without its figures");
        }
        Ok(())
    }

    /// Reads the children's lines until `done` says something, for at most `patience`.
    async fn until<T>(
        &mut self,
        patience: Duration,
        failure: &str,
        done: impl Fn(&Self) -> Option<T>,
    ) -> Result<T, Failure> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut tick = tokio::time::interval(TICK);
        loop {
            if let Some(value) = done(self) {
                return Ok(value);
            }
            tokio::select! {
                news = self.children.next() => self.take(news)?,
                _ = tick.tick() => self.table.draw(&self.collector, self.live_since.map(|since| now() - since)),
                () = tokio::time::sleep_until(deadline) => {
                    let why = self.collector.last_problem().map(|text| format!(": {text}")).unwrap_or_default();
                    return Err(Failure::new(format!("{failure} within {} s{why}", patience.as_secs())).next("RUST_LOG=info shows more"));
                }
            }
        }
    }

    fn take(&mut self, (role, news): (Role, Option<Line>)) -> Result<(), Failure> {
        match news {
            Some(line) => self.collector.take(role, line),
            None => {
                self.collector.ended(role);
                let vital = match role {
                    Role::Server => Some("the server ended"),
                    Role::Publisher if !self.collector.published() => Some("the broadcaster ended too early"),
                    Role::Publisher | Role::Viewer(_) => None,
                };
                if let Some(message) = vital {
                    let why = self.collector.last_problem().map(|text| format!(": {text}")).unwrap_or_default();
                    return Err(Failure::new(format!("{message}{why}")));
                }
            }
        }
        Ok(())
    }
}

/// Makes the demo's account and channel, so that its address is known, and leaves the token for the publisher.
async fn prepare_channel(url: &str, children: &Children) -> Result<String, Failure> {
    let name = "demo";
    let token = crate::session::account::register_channel(url, name).await?;
    crate::settings::file::replace(&children.token_file(), token.as_bytes())
        .map_err(|error| Failure::new(format!("the demo's token could not be kept: {error}")))?;
    Ok(name.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the demo is a driver: it paces real processes")]
fn now() -> Instant {
    Instant::now()
}
