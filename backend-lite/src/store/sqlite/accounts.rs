//! Accounts, sessions and bans.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{AccountRow, Sanction, StoreError};
use super::{Store, database, role, role_name, signed, unsigned};
use crate::api::{AccountId, Role};

fn account(row: &SqliteRow) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        id: AccountId(unsigned(row.try_get("id").map_err(database)?)),
        name: row.try_get("name").map_err(database)?,
        role: role(row.try_get("role").map_err(database)?)?,
        password: row.try_get("password").map_err(database)?,
    })
}

impl Store {
    /// Adds an account; [`StoreError::Taken`] if the name is in use.
    pub(crate) async fn add_account(&self, account: &AccountRow, name_key: &str, now: i64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("INSERT INTO accounts (id, name, name_key, role, password, created) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(signed(account.id.0))
            .bind(&account.name)
            .bind(name_key)
            .bind(role_name(account.role))
            .bind(&account.password)
            .bind(now)
            .execute(&mut *write)
            .await
            .map_err(database)?;
        write.commit().await.map_err(database)
    }

    /// Finds an account by its folded name.
    pub(crate) async fn account_by_name(&self, name_key: &str) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, role, password FROM accounts WHERE name_key = ?")
            .bind(name_key)
            .fetch_optional(&self.reads)
            .await
            .map_err(database)?;
        row.as_ref().map(account).transpose()
    }

    /// Finds an account by its id.
    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, role, password FROM accounts WHERE id = ?")
            .bind(signed(id.0))
            .fetch_optional(&self.reads)
            .await
            .map_err(database)?;
        row.as_ref().map(account).transpose()
    }

    /// Whether there is an admin yet.
    pub(crate) async fn has_admin(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar::<_, i64>("SELECT EXISTS (SELECT 1 FROM accounts WHERE role = 'admin')")
            .fetch_one(&self.reads)
            .await
            .map(|found| found != 0)
            .map_err(database)
    }

    /// Changes an account's role.
    pub(crate) async fn set_role(&self, id: AccountId, role: Role) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("UPDATE accounts SET role = ? WHERE id = ?")
            .bind(role_name(role))
            .bind(signed(id.0))
            .execute(&mut *write)
            .await
            .map_err(database)?;
        write.commit().await.map_err(database)?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Adds a session; only the token's hash comes here.
    pub(crate) async fn add_session(
        &self,
        hash: &[u8; 32],
        account: AccountId,
        now: i64,
        expires: i64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("INSERT INTO sessions (hash, account, created, expires) VALUES (?, ?, ?, ?)")
            .bind(&hash[..])
            .bind(signed(account.0))
            .bind(now)
            .bind(expires)
            .execute(&mut *write)
            .await
            .map_err(database)?;
        write.commit().await.map_err(database)
    }

    /// Whose unexpired session this is, and until when.
    pub(crate) async fn session(&self, hash: &[u8; 32], now: i64) -> Result<Option<(AccountRow, i64)>, StoreError> {
        let row = sqlx::query(
            "SELECT accounts.id, name, role, password, expires FROM sessions \
             JOIN accounts ON accounts.id = sessions.account WHERE hash = ? AND expires > ?",
        )
        .bind(&hash[..])
        .bind(now)
        .fetch_optional(&self.reads)
        .await
        .map_err(database)?;
        row.map(|row| Ok((account(&row)?, row.try_get("expires").map_err(database)?))).transpose()
    }

    /// Ends one session.
    pub(crate) async fn remove_session(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE hash = ?")
            .bind(&hash[..])
            .execute(&mut *write)
            .await
            .map_err(database)?;
        write.commit().await.map_err(database)
    }

    /// Bans an account and ends its sessions, both or neither.
    pub(crate) async fn ban(
        &self,
        account: AccountId,
        sanction: &Sanction,
        by: AccountId,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("INSERT OR REPLACE INTO bans (account, until, reason, banned_by, created) VALUES (?, ?, ?, ?, ?)")
            .bind(signed(account.0))
            .bind(sanction.until)
            .bind(&sanction.reason)
            .bind(signed(by.0))
            .bind(now)
            .execute(&mut *write)
            .await
            .map_err(database)?;
        sqlx::query("DELETE FROM sessions WHERE account = ?")
            .bind(signed(account.0))
            .execute(&mut *write)
            .await
            .map_err(database)?;
        write.commit().await.map_err(database)
    }

    /// Lifts a ban; tells whether there was one.
    pub(crate) async fn unban(&self, account: AccountId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("DELETE FROM bans WHERE account = ?")
            .bind(signed(account.0))
            .execute(&mut *write)
            .await
            .map_err(database)?;
        write.commit().await.map_err(database)?;
        Ok(done.rows_affected() > 0)
    }

    /// The ban that holds for an account, if any.
    pub(crate) async fn ban_of(&self, account: AccountId, now: i64) -> Result<Option<Sanction>, StoreError> {
        let row = sqlx::query("SELECT until, reason FROM bans WHERE account = ? AND (until IS NULL OR until > ?)")
            .bind(signed(account.0))
            .bind(now)
            .fetch_optional(&self.reads)
            .await
            .map_err(database)?;
        row.map(|row| {
            Ok(Sanction {
                until: row.try_get("until").map_err(database)?,
                reason: row.try_get("reason").map_err(database)?,
            })
        })
        .transpose()
    }

    /// Removes what has run out: sessions, bans, mutes, guests without a session, old messages.
    pub(crate) async fn sweep(&self, now: i64, messages_before_millis: i64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        for (sql, bound) in [
            ("DELETE FROM sessions WHERE expires <= ?", now),
            ("DELETE FROM bans WHERE until <= ?", now),
            ("DELETE FROM mutes WHERE until <= ?", now),
            (
                "DELETE FROM accounts WHERE role = 'guest' AND created <= ? \
                 AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.account = accounts.id) \
                 AND NOT EXISTS (SELECT 1 FROM bans WHERE bans.account = accounts.id)",
                now - 86_400,
            ),
            ("DELETE FROM messages WHERE at_millis <= ?", messages_before_millis),
        ] {
            sqlx::query(sql).bind(bound).execute(&mut *write).await.map_err(database)?;
        }
        write.commit().await.map_err(database)
    }
}
