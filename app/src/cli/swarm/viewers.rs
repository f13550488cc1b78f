//! `runnel swarm-viewers`: several viewers of a swarm in one process, each with a node and tasks of its own.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use runnel_media::pipeline::watch as player;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Seen;
use crate::cli::child::{self, Line, unix_ms};
use crate::cli::crew::CHANNEL;
use crate::cli::teller::TICK;
use crate::cli::watch::phase_word;
use crate::cli::{Failure, runtime};
use crate::session::watch::bare::BarePlayer;
use crate::session::watch::{EndReason, Phase, Watch, WatchConfig};
use crate::settings::P2pMode;

/// Options of `runnel swarm-viewers`.
#[derive(Debug, Args)]
pub struct ViewersArgs {
    /// Address of the server.
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Delay from capture to screen, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub delay: u64,
    /// One viewer: its number, when it comes in milliseconds, and its upload cap in kbit/s or `-`.
    #[arg(long, value_name = "N:MS:KBPS", required = true)]
    pub viewer: Vec<Place>,
}

/// One viewer's place in the swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 0.
    pub viewer: u32,
    /// How long after the process it comes.
    pub after: Duration,
    /// Most upload.
    pub uplink_kbps: Option<u32>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cap = self.uplink_kbps.map_or_else(|| "-".to_owned(), |kbps| kbps.to_string());
        write!(f, "{}:{}:{cap}", self.viewer, self.after.as_millis())
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not N:MS:KBPS");
        let [viewer, after, cap] = text.split(':').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let uplink_kbps = if cap == "-" { None } else { Some(cap.parse().map_err(|_| wrong())?) };
        let after = Duration::from_millis(after.parse().map_err(|_| wrong())?);
        Ok(Self { viewer: viewer.parse().map_err(|_| wrong())?, after, uplink_kbps })
    }
}

/// Watches until the broadcast ends or standard input closes.
///
/// # Errors
/// When the process cannot run them at all; what happens to a viewer is told.
pub fn run(args: &ViewersArgs) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    child::end_with_parent(stop.clone())?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut viewers = JoinSet::new();
        for place in args.viewer.iter().copied() {
            let config = config(args, place);
            viewers.spawn(watch(config, place, stop.clone()));
        }
        viewers.join_all().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(())
}

fn config(args: &ViewersArgs, place: Place) -> WatchConfig {
    WatchConfig {
        server: args.server.clone(),
        token: None,
        channel: CHANNEL.to_owned(),
        mode: P2pMode::Assist,
        upload_cap_kbps: place.uplink_kbps,
        near_only: false,
        loopback: true,
        player: player::WatchConfig {
            target_delay: Duration::from_millis(args.delay),
            ..player::WatchConfig::default()
        },
        record: None,
        wait: false,
    }
}

/// One viewer from its coming to the broadcast's end.
async fn watch(config: WatchConfig, place: Place, stop: CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(place.after) => {}
        () = stop.cancelled() => return,
    }
    let joined = unix_ms();
    let watch = Watch::start_bare(config);
    let mut tick = tokio::time::interval(TICK);
    while !watch.is_over() {
        tokio::select! {
            _ = tick.tick() => tell(&watch, place.viewer, joined),
            () = stop.cancelled() => {
                watch.stop();
                break;
            }
        }
    }
    tell(&watch, place.viewer, joined);
    if let Phase::Ended(EndReason::Failed(error)) = watch.ended().await.phase {
        child::print(&Line::Problem { text: format!("viewer {}: {error}", place.viewer) });
    }
}

fn tell(watch: &Watch<BarePlayer>, viewer: u32, joined: f64) {
    let status = watch.status().borrow().clone();
    let seen = Seen::of(&status, phase_word(&status.phase), joined, unix_ms(), watch.player().take());
    child::print(&Line::Seen { viewer, seen: Box::new(seen) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for uplink_kbps in [None, Some(0), Some(15_000)] {
            let place = Place { viewer: 7, after: Duration::from_millis(1250), uplink_kbps };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in ["", "1", "1:2", "1:2:x", "-1:2:-", "1:2:3:4"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
