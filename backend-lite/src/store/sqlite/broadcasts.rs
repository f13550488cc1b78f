//! Broadcasts, epochs, manifests and revocations.

use std::collections::HashSet;

use bytes::Bytes;
use runnel_p2p::wire::BroadcastId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{BroadcastRow, EpochRow, StoreError};
use super::channels::channel_id;
use super::{Store, signed, unsigned};
use crate::api::{AccountId, BroadcastState, Visibility};

fn state_name(state: BroadcastState) -> &'static str {
    match state {
        BroadcastState::Waiting => "waiting",
        BroadcastState::Live => "live",
        BroadcastState::Stopped => "stopped",
        BroadcastState::Ended => "ended",
        BroadcastState::TakenDown => "taken_down",
    }
}

fn state(name: &str) -> Result<BroadcastState, StoreError> {
    Ok(match name {
        "waiting" => BroadcastState::Waiting,
        "live" => BroadcastState::Live,
        "stopped" => BroadcastState::Stopped,
        "ended" => BroadcastState::Ended,
        "taken_down" => BroadcastState::TakenDown,
        other => return Err(StoreError::Corrupt(format!("the state {other:?}"))),
    })
}

fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Unlisted => "unlisted",
        Visibility::Members => "members",
    }
}

fn visibility(name: &str) -> Result<Visibility, StoreError> {
    Ok(match name {
        "public" => Visibility::Public,
        "unlisted" => Visibility::Unlisted,
        "members" => Visibility::Members,
        other => return Err(StoreError::Corrupt(format!("the visibility {other:?}"))),
    })
}

fn broadcast_id(bytes: &[u8]) -> Result<BroadcastId, StoreError> {
    BroadcastId::from_slice(bytes).ok_or_else(|| StoreError::Corrupt("a broadcast id of the wrong length".to_owned()))
}

fn broadcast(row: &SqliteRow) -> Result<BroadcastRow, StoreError> {
    Ok(BroadcastRow {
        id: broadcast_id(row.try_get("id")?)?,
        channel: channel_id(row.try_get("channel")?)?,
        channel_name: row.try_get("channel_name")?,
        owner: AccountId(unsigned(row.try_get("owner")?)),
        title: row.try_get("title")?,
        category: row.try_get("category")?,
        language: row.try_get("language")?,
        visibility: visibility(row.try_get("visibility")?)?,
        mature: row.try_get("mature")?,
        allow_replay: row.try_get("allow_replay")?,
        allow_clips: row.try_get("allow_clips")?,
        state: state(row.try_get("state")?)?,
        started: row.try_get("started")?,
        ended: row.try_get("ended")?,
    })
}

impl Store {
    /// Adds a broadcast; [`StoreError::Taken`] if the channel has an open one.
    pub(crate) async fn add_broadcast(&self, row: &BroadcastRow) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO broadcasts (id, channel, title, category, language, visibility, mature, allow_replay, \
             allow_clips, state, started, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&row.id.0[..])
        .bind(&row.channel.0[..])
        .bind(&row.title)
        .bind(&row.category)
        .bind(&row.language)
        .bind(visibility_name(row.visibility))
        .bind(row.mature)
        .bind(row.allow_replay)
        .bind(row.allow_clips)
        .bind(state_name(row.state))
        .bind(row.started)
        .bind(row.ended)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Writes everything about a broadcast that may change.
    pub(crate) async fn update_broadcast(&self, row: &BroadcastRow) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE broadcasts SET title = ?, category = ?, language = ?, visibility = ?, mature = ?, \
             allow_replay = ?, allow_clips = ?, state = ?, ended = ? WHERE id = ?",
        )
        .bind(&row.title)
        .bind(&row.category)
        .bind(&row.language)
        .bind(visibility_name(row.visibility))
        .bind(row.mature)
        .bind(row.allow_replay)
        .bind(row.allow_clips)
        .bind(state_name(row.state))
        .bind(row.ended)
        .bind(&row.id.0[..])
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Finds a broadcast.
    pub(crate) async fn broadcast(&self, id: BroadcastId) -> Result<Option<BroadcastRow>, StoreError> {
        let row = sqlx::query(
            "SELECT broadcasts.*, channels.name AS channel_name, channels.owner AS owner FROM broadcasts \
             JOIN channels ON channels.id = broadcasts.channel WHERE broadcasts.id = ?",
        )
        .bind(&id.0[..])
        .fetch_optional(&self.reads)
        .await?;
        row.as_ref().map(broadcast).transpose()
    }

    /// All broadcasts that were open when the server last ran, and those ended after `since`.
    pub(crate) async fn recent_broadcasts(&self, since: i64) -> Result<Vec<BroadcastRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT broadcasts.*, channels.name AS channel_name, channels.owner AS owner FROM broadcasts \
             JOIN channels ON channels.id = broadcasts.channel \
             WHERE broadcasts.state IN ('waiting', 'live', 'stopped') OR broadcasts.ended > ?",
        )
        .bind(since)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(broadcast).collect()
    }

    /// Begins an epoch: the number is `wish` or the next free one above all others.
    pub(crate) async fn add_epoch(&self, broadcast: BroadcastId, wish: u64, now: i64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let epoch: i64 = sqlx::query_scalar(
            "INSERT INTO epochs (epoch, broadcast, fence, created) \
             VALUES (max(?, (SELECT coalesce(max(epoch), 0) + 1 FROM epochs)), ?, 0, ?) RETURNING epoch",
        )
        .bind(signed(wish))
        .bind(&broadcast.0[..])
        .bind(now)
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        Ok(unsigned(epoch))
    }

    /// Raises an epoch's fence and gives the new one.
    pub(crate) async fn raise_fence(&self, epoch: u64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let fence: i64 = sqlx::query_scalar("UPDATE epochs SET fence = fence + 1 WHERE epoch = ? RETURNING fence")
            .bind(signed(epoch))
            .fetch_one(&mut *write)
            .await?;
        write.commit().await?;
        Ok(unsigned(fence))
    }

    /// Keeps a manifest; the same version again changes nothing.
    pub(crate) async fn add_manifest(&self, epoch: u64, version: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("INSERT OR IGNORE INTO manifests (epoch, version, bytes) VALUES (?, ?, ?)")
            .bind(signed(epoch))
            .bind(version)
            .bind(bytes)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The newest epoch of a broadcast, with its manifests.
    pub(crate) async fn last_epoch(&self, broadcast: BroadcastId) -> Result<Option<EpochRow>, StoreError> {
        let row = sqlx::query("SELECT epoch, fence FROM epochs WHERE broadcast = ? ORDER BY epoch DESC LIMIT 1")
            .bind(&broadcast.0[..])
            .fetch_optional(&self.reads)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let epoch: i64 = row.try_get("epoch")?;
        let manifests: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT bytes FROM manifests WHERE epoch = ? ORDER BY version")
                .bind(epoch)
                .fetch_all(&self.reads)
                .await?;
        Ok(Some(EpochRow {
            epoch: unsigned(epoch),
            broadcast,
            fence: unsigned(row.try_get("fence")?),
            manifests: manifests.into_iter().map(Bytes::from).collect(),
        }))
    }

    /// Epochs whose chunks may stay: of open broadcasts, and of those that may be replayed.
    pub(crate) async fn kept_epochs(&self) -> Result<HashSet<u64>, StoreError> {
        let epochs: Vec<i64> = sqlx::query_scalar(
            "SELECT epoch FROM epochs JOIN broadcasts ON broadcasts.id = epochs.broadcast \
             WHERE state IN ('waiting', 'live', 'stopped') OR (allow_replay AND state = 'ended')",
        )
        .fetch_all(&self.reads)
        .await?;
        Ok(epochs.into_iter().map(unsigned).collect())
    }

    /// Takes a broadcast down: its state and the signed revocation, both or neither.
    pub(crate) async fn take_down(
        &self,
        broadcast: BroadcastId,
        revocation: &[u8],
        by: AccountId,
        reason: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE broadcasts SET state = 'taken_down', ended = coalesce(ended, ?) WHERE id = ?")
            .bind(now)
            .bind(&broadcast.0[..])
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT OR IGNORE INTO revocations (broadcast, bytes, revoked_by, reason, created) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&broadcast.0[..])
        .bind(revocation)
        .bind(signed(by.0))
        .bind(reason)
        .bind(now)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// The revocation of a broadcast that was taken down.
    pub(crate) async fn revocation(&self, broadcast: BroadcastId) -> Result<Option<Bytes>, StoreError> {
        let found = sqlx::query_scalar::<_, Vec<u8>>("SELECT bytes FROM revocations WHERE broadcast = ?")
            .bind(&broadcast.0[..])
            .fetch_optional(&self.reads)
            .await?;
        Ok(found.map(Bytes::from))
    }
}
