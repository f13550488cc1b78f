//! `runnel publish`: going live from the terminal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use age::secrecy::SecretString;
use clap::{ArgGroup, Args};
use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::pipeline::publish::{PublishConfig, PublishStats};
use runnel_p2p::wire::ChannelKey;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::child::{self, Line};
use super::options::{self, PictureArgs};
use super::teller::{TICK, Teller, write_report};
use super::{FAILED, Failure};
use crate::embedded::Embedded;
use crate::keys::{KeyError, Keys, StoreError};
use crate::paths::Paths;
use crate::report::{EncoderReport, PublisherReport, StageMs, round};
use crate::session::account;
use crate::session::broadcast::{About, Broadcast, BroadcastConfig, BroadcastStatus, EndReason, Phase, SwarmConfig};
use crate::usage::{Cost, Usage};

/// Options of `runnel publish`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["server", "embedded"])))]
pub struct PublishArgs {
    /// Address of the community's server.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Go live on this machine's own server.
    #[arg(long)]
    pub embedded: bool,
    /// File that holds the account's token; without it an account is made or the last one used.
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// Channel to go live on; it is made if it does not exist.
    #[arg(long, value_name = "NAME")]
    pub channel: String,
    /// Title of the show; the channel's name where none is given.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub title: String,
    /// Where pictures come from: test, file:PATH, file:PATH?loop, screen, screen:window=ID, camera, camera:N.
    #[arg(long, value_name = "SPEC", value_parser = options::source)]
    pub source: SourceSpec,
    /// Where sound comes from: default (the source's own), mic, mic:NAME, desktop-audio, none.
    #[arg(long, value_name = "SPEC", default_value = "default", value_parser = options::audio)]
    pub audio: AudioSpec,
    /// How pictures are made.
    #[command(flatten)]
    pub picture: PictureArgs,
    /// Delay from capture to screen that viewers aim at, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(300..=30_000))]
    pub delay: u32,
    /// End after so many seconds.
    #[arg(long, value_name = "S", value_parser = options::seconds)]
    pub seconds: Option<Duration>,
    /// Also write what is published to this file.
    #[arg(long, value_name = "FILE.mp4")]
    pub record: Option<PathBuf>,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Most upload to viewers, in kbit/s; 0 leaves it all to the server.
    #[arg(long, value_name = "KBPS")]
    pub upload_cap: Option<u32>,
    /// File that holds the passphrase of the keys, where the system has no keyring.
    #[arg(long, value_name = "FILE", env = "RUNNEL_PASSPHRASE_FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Speak in JSON lines, and end when standard input closes.
    #[arg(long, hide = true)]
    pub lines: bool,
    /// Forget the channel's key at the end.
    #[arg(long, hide = true)]
    pub ephemeral_keys: bool,
    /// Serve viewers on this machine only.
    #[arg(long, hide = true)]
    pub loopback: bool,
    /// Tell when each chunk was signed.
    #[arg(long, hide = true)]
    pub tell_chunks: bool,
    /// Keep the encoders' measured speeds in this file.
    #[arg(long, hide = true, value_name = "FILE")]
    pub probe_cache: Option<PathBuf>,
}

/// What `--report` writes.
#[derive(Serialize)]
struct Report {
    version: u32,
    encoder: EncoderReport,
    publisher: PublisherReport,
}

/// Goes live.
///
/// # Errors
/// When it could not, or not to the end.
pub fn run(paths: &Paths, args: &PublishArgs) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    if args.lines {
        child::end_with_parent(stop.clone())?;
    }
    let embedded = args.embedded.then(|| Embedded::start(&paths.server())).transpose()?;
    let server = match (&embedded, &args.server) {
        (Some(embedded), _) => embedded.url().to_owned(),
        (None, Some(server)) => server.trim_end_matches('/').to_owned(),
        (None, None) => return Err(Failure::new("no server is named").next("give --server URL or --embedded")),
    };
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = publish(paths, args, server, stop.clone()) => outcome,
            // The first Ctrl-C ends the show in good order, a second one ends the program.
            () = twice(&stop) => Err(Failure::interrupted()),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(embedded);
    outcome
}

/// The first Ctrl-C asks to end, the second returns.
pub(super) async fn twice(stop: &CancellationToken) {
    child::interrupted().await;
    stop.cancel();
    child::interrupted().await;
}

async fn publish(paths: &Paths, args: &PublishArgs, server: String, stop: CancellationToken) -> Result<(), Failure> {
    let (token, key) = credentials(paths, args, &server, &stop).await?;
    let config = BroadcastConfig {
        server: server.clone(),
        token,
        channel: args.channel.clone(),
        about: About { title: args.title.clone(), ..About::default() },
        key,
        publish: media_config(paths, args),
        swarm: SwarmConfig {
            enabled: true,
            upload_cap_kbps: args.upload_cap,
            near_only: false,
            loopback: args.loopback,
        },
        record: args.record.clone(),
    };
    let broadcast = Broadcast::start(config);
    let mut telling = Telling::new(args.lines, args.tell_chunks);
    let mut status = broadcast.status();
    let mut tick = tokio::time::interval(TICK);
    let mut usage = Usage::default();
    let mut asked = false;
    while !broadcast.is_over() {
        tokio::select! {
            _ = tick.tick() => {
                usage.sample();
                telling.tick(&status.borrow_and_update().clone());
            },
            // A change of phase is told at once: the demo's clock runs from it.
            Ok(()) = status.changed() => telling.news(&status.borrow_and_update().clone()),
            () = stop.cancelled(), if !asked => {
                asked = true;
                broadcast.stop();
            }
        }
    }
    let last = broadcast.ended().await;
    telling.news(&last);
    let report = publisher_report(&last.media, usage.sample());
    telling.teller.line(|| Line::Published { report: report.clone() });
    if let Some(path) = &args.report {
        let report = Report {
            version: crate::report::VERSION,
            encoder: last.encoder.clone().unwrap_or_default(),
            publisher: report,
        };
        write_report(path, &report)?;
    }
    conclude(&last).map_err(|failure| telling.teller.failed(failure))
}

fn conclude(last: &BroadcastStatus) -> Result<(), Failure> {
    Err(match &last.phase {
        Phase::Ended(EndReason::TakenOver) => Failure::new("the channel went live elsewhere, so this broadcast ended"),
        Phase::Ended(EndReason::TakenDown) => Failure::new("a moderator took the broadcast down"),
        Phase::Ended(EndReason::Failed(error)) => Failure::from(FailedBroadcast(error.clone())),
        _ => return Ok(()),
    })
}

/// The reason of a failure, shared as the status shares it.
#[derive(Debug)]
struct FailedBroadcast(std::sync::Arc<crate::session::broadcast::BroadcastError>);

impl std::fmt::Display for FailedBroadcast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for FailedBroadcast {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// The account's token and the channel's key.
async fn credentials(
    paths: &Paths,
    args: &PublishArgs,
    server: &str,
    stop: &CancellationToken,
) -> Result<(String, ChannelKey), Failure> {
    let client = backend_lite::api::Client::new(server, None)?;
    let token = args.token.as_deref().map(read_secret).transpose()?;
    if let (Some(token), true) = (&token, args.ephemeral_keys) {
        return Ok((token.clone(), Keys::ephemeral().get_or_create("", &args.channel)?));
    }
    let community = super::patiently(stop, "the server", || client.community()).await?.id;
    let token = match token {
        Some(token) => token,
        None => account::sign_in_or_up(&client, paths, &community, &args.channel)
            .await?
            .token()
            .map(str::to_owned)
            .ok_or_else(|| Failure::new("the server signed nobody in"))?,
    };
    let passphrase = args.passphrase_file.as_deref().map(read_secret).transpose()?.map(SecretString::from);
    let (paths, channel, ephemeral) = (paths.clone(), args.channel.clone(), args.ephemeral_keys);
    // The keyring is asked over D-Bus and may show a dialog.
    let key = tokio::task::spawn_blocking(move || {
        let keys = if ephemeral { Keys::ephemeral() } else { lasting_or_not(Keys::open(&paths, passphrase))? };
        keys.get_or_create(&community, &channel)
    });
    Ok((token, key.await.map_err(|_| Failure::new("the keys could not be read"))??))
}

/// Without a keyring and a passphrase one can go live all the same, with a key that the next time will not know.
fn lasting_or_not(opened: Result<Keys, KeyError>) -> Result<Keys, KeyError> {
    match opened {
        Err(KeyError::Store(StoreError::NoKeyring)) => {
            eprintln!(
                "this session has no keyring, so the channel's key is forgotten at the end; --passphrase-file keeps it"
            );
            Ok(Keys::ephemeral())
        }
        other => other,
    }
}

fn read_secret(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    let secret = text.trim();
    if secret.is_empty() { Err(Failure::new(format!("{} is empty", path.display()))) } else { Ok(secret.to_owned()) }
}

fn media_config(paths: &Paths, args: &PublishArgs) -> PublishConfig {
    let mut config = PublishConfig::new(args.source.clone(), args.audio.clone(), args.picture.size, args.picture.fps);
    config.encoder = args.picture.encoder.clone();
    config.bitrate_kbps = args.picture.bitrate;
    config.chunk = crate::session::broadcast::chunk_duration(Duration::from_millis(args.delay.into()));
    config.seconds = args.seconds.map(|seconds| seconds.as_secs_f64());
    config.probe_cache = Some(args.probe_cache.clone().unwrap_or_else(|| paths.probe_cache()));
    config
}

fn publisher_report(stats: &PublishStats, cost: Cost) -> PublisherReport {
    let stage = |times: &runnel_media::pipeline::publish::StageTimes| StageMs {
        p50: round(times.p50, 2),
        p95: round(times.p95, 2),
    };
    PublisherReport {
        frames_captured: stats.frames_captured,
        frames_encoded: stats.frames_encoded,
        dropped: stats.dropped.clone(),
        bytes_out: stats.bytes_out,
        cpu_seconds: round(cost.cpu_seconds, 2),
        rss_bytes: cost.rss_bytes,
        stage_ms: stats.stage_ms.iter().map(|(name, times)| (name.clone(), stage(times))).collect(),
    }
}

/// Tells how publishing goes.
struct Telling {
    teller: Teller,
    encoder_told: bool,
    live_told: bool,
    bytes: u64,
    /// The first chunk whose signing was not told; `None` where nobody wants to know.
    next_chunk: Option<u64>,
}

impl Telling {
    fn new(lines: bool, chunks: bool) -> Self {
        let next_chunk = chunks.then_some(0);
        Self { teller: Teller::new(lines), encoder_told: false, live_told: false, bytes: 0, next_chunk }
    }

    fn tick(&mut self, status: &BroadcastStatus) {
        self.news(status);
        let out = status.media.bytes_out;
        let kbps = u32::try_from(out.saturating_sub(self.bytes) * 8 / u64::try_from(TICK.as_millis()).unwrap_or(1))
            .unwrap_or(u32::MAX);
        self.bytes = out;
        self.teller.line(|| Line::Publishing {
            state: phase_word(&status.phase).to_owned(),
            frames: status.media.frames_encoded,
            dropped: status.media.dropped.values().sum(),
            kbps,
        });
    }

    fn news(&mut self, status: &BroadcastStatus) {
        if let Some(encoder) = status.encoder.as_ref().filter(|_| !self.encoder_told) {
            self.encoder_told = true;
            self.teller.line(|| Line::Encoder { encoder: encoder.clone() });
            self.teller.say(&format!("encoder: {} ({})", encoder.name, encoder.reason));
        }
        if let Some(micros) = status.first_chunk_micros.filter(|_| !self.live_told) {
            self.live_told = true;
            self.teller.line(|| Line::Live { at_unix_ms: micros as f64 / 1000.0 });
        }
        if let Some(next) = &mut self.next_chunk {
            for &(sequence, at_unix_micros) in status.signed.iter().filter(|(sequence, _)| *sequence >= *next) {
                self.teller.line(|| Line::Signed { sequence, at_unix_micros });
            }
            *next = status.signed.back().map_or(*next, |(sequence, _)| sequence + 1);
        }
        let problem = match &status.phase {
            Phase::Connecting { problem } => problem,
            _ => "",
        };
        self.teller.phase(phase_words(status), problem);
    }
}

fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Connecting { .. } => "connecting",
        Phase::Starting => "starting",
        Phase::Live { .. } => "live",
        Phase::Reconnecting { .. } => "reconnecting",
        Phase::Ending => "ending",
        Phase::Ended(_) => "ended",
    }
}

fn phase_words(status: &BroadcastStatus) -> String {
    match &status.phase {
        Phase::Connecting { problem } if !problem.is_empty() => format!("connecting: {problem}; trying again"),
        Phase::Reconnecting { .. } => {
            "the server does not answer: the show waits for it and goes on to viewers directly".to_owned()
        }
        Phase::Live { .. } => match (&status.ladder, status.picture) {
            (Some(_), Some((size, fps, kbps))) => {
                format!(
                    "live, at {size} with {fps} pictures a second and {kbps} kbit/s, as the computer is too slow for more"
                )
            }
            _ => "live; Ctrl-C ends the show".to_owned(),
        },
        other => phase_word(other).to_owned(),
    }
}

/// The exit code of a failed broadcast is the usual one; named here so that scripts can rely on it.
const _: () = assert!(FAILED == 1);
