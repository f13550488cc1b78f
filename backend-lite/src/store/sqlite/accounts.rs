//! Accounts, sessions and bans.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{AccountRow, Sanction, StoreError};
use super::{Store, role, role_name, signed, unsigned};
use crate::api::{AccountId, Role};

fn account(row: &SqliteRow) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        id: AccountId(unsigned(row.try_get("id")?)),
        name: row.try_get("name")?,
        role: role(row.try_get("role")?)?,
        password: row.try_get("password")?,
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
            .await?;
        Ok(write.commit().await?)
    }

    /// Finds an account by its folded name.
    pub(crate) async fn account_by_name(&self, name_key: &str) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, role, password FROM accounts WHERE name_key = ?")
            .bind(name_key)
            .fetch_optional(&self.reads)
            .await?;
        row.as_ref().map(account).transpose()
    }

    /// Finds an account by its id.
    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, role, password FROM accounts WHERE id = ?")
            .bind(signed(id.0))
            .fetch_optional(&self.reads)
            .await?;
        row.as_ref().map(account).transpose()
    }

    /// Whether there is an admin yet.
    pub(crate) async fn has_admin(&self) -> Result<bool, StoreError> {
        let found: i64 = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts WHERE role = 'admin')")
            .fetch_one(&self.reads)
            .await?;
        Ok(found != 0)
    }

    /// Changes an account's role.
    pub(crate) async fn set_role(&self, id: AccountId, role: Role) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("UPDATE accounts SET role = ? WHERE id = ?")
            .bind(role_name(role))
            .bind(signed(id.0))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
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
            .await?;
        Ok(write.commit().await?)
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
        .await?;
        row.map(|row| Ok((account(&row)?, row.try_get("expires")?))).transpose()
    }

    /// Ends one session.
    pub(crate) async fn remove_session(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE hash = ?").bind(&hash[..]).execute(&mut *write).await?;
        Ok(write.commit().await?)
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
            .await?;
        sqlx::query("DELETE FROM sessions WHERE account = ?").bind(signed(account.0)).execute(&mut *write).await?;
        Ok(write.commit().await?)
    }

    /// Lifts a ban; tells whether there was one.
    pub(crate) async fn unban(&self, account: AccountId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let done =
            sqlx::query("DELETE FROM bans WHERE account = ?").bind(signed(account.0)).execute(&mut *write).await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// The ban that holds for an account, if any.
    pub(crate) async fn ban_of(&self, account: AccountId, now: i64) -> Result<Option<Sanction>, StoreError> {
        let row = sqlx::query("SELECT until, reason FROM bans WHERE account = ? AND (until IS NULL OR until > ?)")
            .bind(signed(account.0))
            .bind(now)
            .fetch_optional(&self.reads)
            .await?;
        row.map(|row| Ok(Sanction { until: row.try_get("until")?, reason: row.try_get("reason")? })).transpose()
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
            sqlx::query(sql).bind(bound).execute(&mut *write).await?;
        }
        Ok(write.commit().await?)
    }
}
