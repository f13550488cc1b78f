//! Messages and mutes.

use runnel_p2p::wire::ChannelId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{MessageRow, Sanction, StoreError};
use super::channels::channel_id;
use super::{Store, signed, unsigned};
use crate::api::{AccountId, MessageId};

fn message(row: &SqliteRow) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        id: MessageId(unsigned(row.try_get("id")?)),
        channel: channel_id(row.try_get("channel")?)?,
        author: AccountId(unsigned(row.try_get("author")?)),
        author_name: row.try_get("author_name")?,
        text: row.try_get("text")?,
        at_millis: row.try_get("at_millis")?,
    })
}

impl Store {
    /// Keeps messages, all in one transaction.
    pub(crate) async fn add_messages(&self, messages: &[MessageRow]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        for message in messages {
            sqlx::query(
                "INSERT OR IGNORE INTO messages (id, channel, author, author_name, text, at_millis) \
                 VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(signed(message.id.0))
            .bind(&message.channel.0[..])
            .bind(signed(message.author.0))
            .bind(&message.author_name)
            .bind(&message.text)
            .bind(message.at_millis)
            .execute(&mut *write)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// The newest messages of a channel, oldest first.
    pub(crate) async fn recent_messages(&self, channel: ChannelId, most: usize) -> Result<Vec<MessageRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, channel, author, author_name, text, at_millis FROM messages \
             WHERE channel = ? AND deleted_by IS NULL ORDER BY id DESC LIMIT ?",
        )
        .bind(&channel.0[..])
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        rows.iter().rev().map(message).collect()
    }

    /// Finds a message that was not deleted.
    pub(crate) async fn message(&self, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
        let row = sqlx::query(
            "SELECT id, channel, author, author_name, text, at_millis FROM messages \
             WHERE id = ? AND deleted_by IS NULL",
        )
        .bind(signed(id.0))
        .fetch_optional(&self.reads)
        .await?;
        row.as_ref().map(message).transpose()
    }

    /// Deletes a message: its words go, who deleted it stays.
    pub(crate) async fn delete_message(&self, id: MessageId, by: AccountId) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE messages SET deleted_by = ?, text = '' WHERE id = ?")
            .bind(signed(by.0))
            .bind(signed(id.0))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Mutes an account in a channel.
    pub(crate) async fn mute(
        &self,
        channel: ChannelId,
        account: AccountId,
        sanction: &Sanction,
        by: AccountId,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT OR REPLACE INTO mutes (channel, account, until, reason, muted_by, created) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&channel.0[..])
        .bind(signed(account.0))
        .bind(sanction.until)
        .bind(&sanction.reason)
        .bind(signed(by.0))
        .bind(now)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Lifts a mute; tells whether there was one.
    pub(crate) async fn unmute(&self, channel: ChannelId, account: AccountId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("DELETE FROM mutes WHERE channel = ? AND account = ?")
            .bind(&channel.0[..])
            .bind(signed(account.0))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Who is muted in a channel and until when.
    pub(crate) async fn mutes(
        &self,
        channel: ChannelId,
        now: i64,
    ) -> Result<Vec<(AccountId, Option<i64>)>, StoreError> {
        let rows = sqlx::query("SELECT account, until FROM mutes WHERE channel = ? AND (until IS NULL OR until > ?)")
            .bind(&channel.0[..])
            .bind(now)
            .fetch_all(&self.reads)
            .await?;
        rows.iter()
            .map(|row| {
                let account = AccountId(unsigned(row.try_get("account")?));
                Ok((account, row.try_get("until")?))
            })
            .collect()
    }
}
