//! SQLite: write-ahead log, one writer, every write in a `BEGIN IMMEDIATE` transaction.

mod accounts;
mod broadcasts;
mod channels;
mod chat;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::StoreError;
use crate::api::Role;

/// The database; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    reads: SqlitePool,
    writes: SqlitePool,
}

impl Store {
    /// Opens the database file, makes it if needed, and brings it up to date.
    pub(crate) async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(64)
            .pragma("cache_size", "-1024");
        let writes = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("./migrations").run(&writes).await?;
        let reads = SqlitePoolOptions::new()
            .max_connections(2)
            .min_connections(0)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options.read_only(true).create_if_missing(false));
        Ok(Self { reads, writes })
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.reads).await?;
        Ok(())
    }

    /// Closes all connections; what was committed is on disk.
    pub(crate) async fn close(&self) {
        self.reads.close().await;
        self.writes.close().await;
    }

    /// Begins a transaction that holds the write lock from the start, so that it cannot fail half-way as busy.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writes.begin_with("BEGIN IMMEDIATE").await?)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(inner) if inner.is_unique_violation() => Self::Taken,
            // SQLITE_FULL.
            sqlx::Error::Database(inner) if inner.code().as_deref() == Some("13") => Self::DiskFull,
            _ => Self::Database(error),
        }
    }
}

/// SQLite holds signed numbers; ours stay below 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::User => "user",
        Role::Moderator => "moderator",
        Role::Admin => "admin",
    }
}

fn role(name: &str) -> Result<Role, StoreError> {
    Ok(match name {
        "guest" => Role::Guest,
        "user" => Role::User,
        "moderator" => Role::Moderator,
        "admin" => Role::Admin,
        other => return Err(StoreError::Corrupt(format!("the role {other:?}"))),
    })
}
