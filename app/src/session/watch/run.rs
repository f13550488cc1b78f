//! The task of watching: one broadcast after the other, until it is enough.

use std::sync::Arc;

use runnel_media::pipeline::watch::WatchEvent;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::find::find;
use super::player::Player;
use super::timeline::Timeline;
use super::viewing::{Over, Viewing};
use super::{Ask, Delivery, EndReason, Phase, Recording, WatchConfig, WatchError, WatchStatus};
use crate::session::clock::{self, Drift};

/// What outlives a single broadcast.
pub(super) struct Session {
    pub(super) config: WatchConfig,
    pub(super) player: Arc<dyn Player>,
    pub(super) recording: Option<Recording>,
    pub(super) events: mpsc::Receiver<WatchEvent>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) status: watch::Sender<WatchStatus>,
    pub(super) stop: CancellationToken,
    pub(super) timeline: Timeline,
    /// What earlier broadcasts brought.
    pub(super) before: Delivery,
    /// The server's clock minus ours in microseconds, once measured.
    pub(super) clock_offset: Option<i64>,
    /// How far our wall clock has come away from the player's, which reads it once.
    pub(super) drift: Drift,
}

/// Runs to the end; the last status says how it ended.
pub(super) async fn run(
    config: WatchConfig,
    player: Arc<dyn Player>,
    recording: Option<Recording>,
    events: mpsc::Receiver<WatchEvent>,
    asks: mpsc::Receiver<Ask>,
    status: watch::Sender<WatchStatus>,
    stop: CancellationToken,
) {
    let (timeline, before) = (Timeline::default(), Delivery::default());
    let drift = Drift::begin(clock::now(), clock::unix_micros());
    let mut session =
        Session { config, player, recording, events, asks, status, stop, timeline, before, clock_offset: None, drift };
    let reason = session.watch().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "watching failed");
        EndReason::Failed(Arc::new(error))
    });
    let Session { player, recording, status, before, .. } = session;
    // Finishing a file and joining the player's threads may wait a moment for a disk or a device.
    let ended = tokio::task::spawn_blocking(move || {
        let files = recording.map(Recording::finish).unwrap_or_default();
        let stats = player.stats();
        player.stop();
        (stats, files)
    });
    let (stats, files) = ended.await.unwrap_or_default();
    for file in files {
        tracing::info!(file = %file.display(), "recorded");
    }
    status.send_modify(|it| {
        (it.player, it.delivery, it.phase) = (stats, before, Phase::Ended(reason));
    });
}

impl Session {
    async fn watch(&mut self) -> Result<EndReason, WatchError> {
        let mut first = true;
        loop {
            let status = &self.status;
            let tell = |phase| status.send_modify(|it| it.phase = phase);
            // After a show that was seen, waiting for the next one is what `wait` means; not finding one is its end.
            let found = match find(&self.config, &self.stop, tell).await {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(EndReason::Asked),
                Err(WatchError::NotLive(_)) if !first => return Ok(EndReason::Ended),
                Err(error) => return Err(error),
            };
            first = false;
            if self.clock_offset.is_none() {
                let offset = clock::server_offset(&found.client).await;
                tracing::debug!(offset, "the server's clock minus ours, in microseconds");
                let drift = self.drift.micros(clock::now(), clock::unix_micros());
                self.player.set_clock_offset(offset.saturating_add(drift));
                self.clock_offset = Some(offset);
            }
            match Viewing::join(self, found).await?.follow().await? {
                Over::Asked => return Ok(EndReason::Asked),
                Over::TakenDown => return Ok(EndReason::TakenDown),
                Over::Ended if !self.config.wait => return Ok(EndReason::Ended),
                Over::Ended | Over::Superseded | Over::Rejoin => {}
            }
        }
    }
}
