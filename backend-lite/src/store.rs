//! What must survive a restart: the database, behind plain functions.
//!
//! Nothing above this module sees SQL. There is one engine, SQLite; a second one becomes a second folder beside it.

mod sqlite;

use runnel_p2p::wire::{BroadcastId, ChannelId, PublicKey};

use crate::api::{AccountId, BroadcastState, MessageId, Role, Visibility};

pub(crate) use sqlite::Store;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A unique name is in use.
    #[error("the name is in use")]
    Taken,
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// The disk under the database is full.
    #[error("the disk is full")]
    DiskFull,
    /// The server is shutting down.
    #[error("the database is closed")]
    Closed,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
    /// The migrations cannot be applied.
    #[error("the database cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// What is stored makes no sense.
    #[error("the database holds {0}, which this version does not understand")]
    Corrupt(String),
}

/// An account as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its password's hash; guests have none.
    pub password: Option<String>,
}

/// A ban or mute that still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanction {
    /// Until when, in seconds since 1970; for good without it.
    pub until: Option<i64>,
    /// Why.
    pub reason: String,
}

/// A channel as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelRow {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// A line about it.
    pub title: String,
    /// Who owns it.
    pub owner: AccountId,
    /// The keys that may sign manifests.
    pub keys: Vec<PublicKey>,
}

/// A broadcast as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BroadcastRow {
    /// Its id.
    pub id: BroadcastId,
    /// Its channel.
    pub channel: ChannelId,
    /// The channel's name.
    pub channel_name: String,
    /// The channel's owner.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its category.
    pub category: String,
    /// Its language tag.
    pub language: String,
    /// Who may watch.
    pub visibility: Visibility,
    /// Not for minors.
    pub mature: bool,
    /// May be watched after its end.
    pub allow_replay: bool,
    /// Clips may be cut.
    pub allow_clips: bool,
    /// Where it stands.
    pub state: BroadcastState,
    /// When it was announced.
    pub started: i64,
    /// When it ended.
    pub ended: Option<i64>,
}

/// A publishing run as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EpochRow {
    /// Its number.
    pub epoch: u64,
    /// Its broadcast.
    pub broadcast: BroadcastId,
    /// The fence of its newest session.
    pub fence: u64,
    /// All manifests it had, oldest first.
    pub manifests: Vec<bytes::Bytes>,
}

/// A chat message as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageRow {
    /// Its id.
    pub id: MessageId,
    /// The room.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: AccountId,
    /// The author's name then.
    pub author_name: String,
    /// The words.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at_millis: i64,
}
