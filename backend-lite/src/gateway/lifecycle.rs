//! What happens to a broadcast, told to every service that must know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runnel_p2p::wire::BroadcastId;

use super::failure::Failure;
use super::state::Services;
use crate::api::{AccountId, BroadcastInfo, BroadcastState, ChatEvent, ErrorCode};
use crate::bus::Fact;
use crate::store::StoreError;

impl Services {
    /// A broadcast with what the origin knows of it.
    pub(crate) fn complete(&self, mut info: BroadcastInfo) -> BroadcastInfo {
        info.epoch = self.origin.epoch(info.id);
        info.state = self.origin.state(info.id).unwrap_or(info.state);
        info
    }

    /// A broadcast's state changed: the catalog, the chat and the tracker hear of it.
    pub(crate) async fn state_changed(&self, broadcast: BroadcastId, state: BroadcastState) {
        if let Some((info, _)) = self.catalog.recent(broadcast) {
            self.chat.post(info.channel, &ChatEvent::State { broadcast, state });
        }
        if !state.is_open() {
            self.tracker.close(broadcast);
        }
        tracing::info!(%broadcast, ?state, "broadcast");
        if let Err(error) = self.catalog.set_state(broadcast, state).await {
            tracing::warn!(%broadcast, %error, "a broadcast's state was not stored");
        }
    }

    /// Ends a broadcast in good order.
    pub(crate) async fn end_broadcast(&self, broadcast: BroadcastId) {
        if self.origin.end(broadcast) {
            self.state_changed(broadcast, BroadcastState::Ended).await;
        }
    }

    /// Takes a broadcast down: first from everyone's screens, then in the books.
    pub(crate) async fn take_down(&self, broadcast: BroadcastId, by: AccountId, reason: &str) -> Result<(), Failure> {
        let revocation = self.moderation.revoke(broadcast, reason).map_err(|error| Failure::internal(&error))?;
        self.bus.publish(Fact::Revoked { broadcast, revocation: revocation.clone() });
        self.origin.take_down(broadcast);
        if let Some((info, _)) = self.catalog.recent(broadcast) {
            let text = STANDARD.encode(revocation.bytes());
            self.chat.post(info.channel, &ChatEvent::Revoked { broadcast, revocation: text });
        }
        self.state_changed(broadcast, BroadcastState::TakenDown).await;
        self.origin.delete(broadcast).await;
        self.moderation.keep(broadcast, &revocation, by, reason).await.map_err(|error| {
            tracing::error!(%broadcast, %error, "a take-down holds only until the next restart");
            Failure::new(
                ErrorCode::Unavailable,
                "the broadcast is down, but that was not stored",
                "repeat it before the server restarts",
            )
        })
    }

    /// Everything that happens by the clock several times a second.
    pub(crate) async fn tick(&self) {
        for (broadcast, state) in self.origin.tick() {
            self.state_changed(broadcast, state).await;
        }
    }

    /// Everything that happens by the clock every other second.
    pub(crate) fn slow_tick(&self) {
        for (broadcast, viewers) in self.tracker.tick() {
            if self.catalog.set_viewers(broadcast, viewers)
                && let Some((info, _)) = self.catalog.recent(broadcast)
            {
                self.chat.post(info.channel, &ChatEvent::Viewers { broadcast, count: viewers });
            }
        }
        let ended = i64::try_from(self.settings.retention.ended.as_secs()).unwrap_or(i64::MAX);
        let known = self.catalog.forget_ended(self.clock.unix_seconds().saturating_sub(ended));
        self.metrics.broadcasts_open.set(known.iter().filter(|(_, _, state)| state.is_open()).count() as u64);
    }

    /// Everything that happens by the clock every minute.
    pub(crate) async fn sweep(&self) {
        self.chat.tick();
        self.limits.prune();
        if let Err(error) = self.origin.sweep().await {
            tracing::warn!(%error, "old chunks were not looked through");
        }
        let keep = i64::try_from(self.settings.retention.messages.as_millis()).unwrap_or(i64::MAX);
        let before = (self.clock.unix_micros() / 1000).saturating_sub(keep);
        if let Err(error) = self.store.sweep(self.clock.unix_seconds(), before).await {
            tracing::warn!(%error, "the database was not swept");
        }
    }

    /// Takes up what was open when the server last ran.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        let mut rows = self.store.recent_broadcasts(i64::MAX).await?;
        for row in &mut rows {
            let epoch = self.store.last_epoch(row.id).await?;
            row.state = self.origin.restore(row.id, row.channel, row.state, epoch).await;
        }
        let known: Vec<_> = rows.iter().map(|row| (row.id, row.channel)).collect();
        self.catalog.restore(rows);
        for (broadcast, channel) in known {
            let keys = self.store.channel(channel).await?.map(|channel| channel.keys).unwrap_or_default();
            if let Some(manifest) = self.origin.manifest_now(broadcast) {
                self.bus.publish(Fact::Manifest { broadcast, manifest, channel_keys: keys });
            }
        }
        Ok(())
    }
}
