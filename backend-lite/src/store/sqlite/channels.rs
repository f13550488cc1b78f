//! Channels and their keys.

use runnel_p2p::wire::{ChannelId, PublicKey};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{ChannelRow, StoreError};
use super::{Store, signed, unsigned};
use crate::api::AccountId;

pub(super) fn channel_id(bytes: &[u8]) -> Result<ChannelId, StoreError> {
    ChannelId::from_slice(bytes).ok_or_else(|| StoreError::Corrupt("a channel id of the wrong length".to_owned()))
}

impl Store {
    /// Adds a channel unless the owner has `most` already (then `false`).
    pub(crate) async fn add_channel(
        &self,
        channel: &ChannelRow,
        name_key: &str,
        most: u32,
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let owned: i64 = sqlx::query_scalar("SELECT count(*) FROM channels WHERE owner = ?")
            .bind(signed(channel.owner.0))
            .fetch_one(&mut *write)
            .await?;
        if owned >= i64::from(most) {
            return Ok(false);
        }
        sqlx::query("INSERT INTO channels (id, name, name_key, title, owner, created) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&channel.id.0[..])
            .bind(&channel.name)
            .bind(name_key)
            .bind(&channel.title)
            .bind(signed(channel.owner.0))
            .bind(now)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Finds a channel by its id.
    pub(crate) async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, title, owner FROM channels WHERE id = ?")
            .bind(&id.0[..])
            .fetch_optional(&self.reads)
            .await?;
        self.with_keys(row).await
    }

    /// Finds a channel by its folded name.
    pub(crate) async fn channel_by_name(&self, name_key: &str) -> Result<Option<ChannelRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, title, owner FROM channels WHERE name_key = ?")
            .bind(name_key)
            .fetch_optional(&self.reads)
            .await?;
        self.with_keys(row).await
    }

    /// The channels of an account, oldest first.
    pub(crate) async fn channels_of(&self, owner: AccountId) -> Result<Vec<ChannelRow>, StoreError> {
        let rows = sqlx::query("SELECT id, name, title, owner FROM channels WHERE owner = ? ORDER BY created, name")
            .bind(signed(owner.0))
            .fetch_all(&self.reads)
            .await?;
        let mut channels = Vec::with_capacity(rows.len());
        for row in rows {
            channels.extend(self.with_keys(Some(row)).await?);
        }
        Ok(channels)
    }

    /// Lets a key sign; a revoked key stays revoked (then `false`).
    pub(crate) async fn add_key(&self, channel: ChannelId, key: PublicKey, now: i64) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        sqlx::query("INSERT OR IGNORE INTO channel_keys (channel, key, added) VALUES (?, ?, ?)")
            .bind(&channel.0[..])
            .bind(&key.0[..])
            .bind(now)
            .execute(&mut *write)
            .await?;
        let good: i64 = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM channel_keys WHERE channel = ? AND key = ? AND revoked IS NULL)",
        )
        .bind(&channel.0[..])
        .bind(&key.0[..])
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        Ok(good != 0)
    }

    /// Revokes a key for good; tells whether it was good before.
    pub(crate) async fn revoke_key(&self, channel: ChannelId, key: PublicKey, now: i64) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("UPDATE channel_keys SET revoked = ? WHERE channel = ? AND key = ? AND revoked IS NULL")
            .bind(now)
            .bind(&channel.0[..])
            .bind(&key.0[..])
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    async fn with_keys(&self, row: Option<SqliteRow>) -> Result<Option<ChannelRow>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let id = channel_id(row.try_get("id")?)?;
        let keys: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT key FROM channel_keys WHERE channel = ? AND revoked IS NULL ORDER BY added, key",
        )
        .bind(&id.0[..])
        .fetch_all(&self.reads)
        .await?;
        Ok(Some(ChannelRow {
            id,
            name: row.try_get("name")?,
            title: row.try_get("title")?,
            owner: AccountId(unsigned(row.try_get("owner")?)),
            keys: keys.iter().filter_map(|key| PublicKey::from_slice(key)).collect(),
        }))
    }
}
