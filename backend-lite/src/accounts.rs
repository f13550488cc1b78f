//! Accounts: signing up and in, guests, bans, and telling from a token who asks.

mod cache;
mod password;
mod token;

use std::time::Duration;

use crate::api::{Account, AccountId, Credentials, NewBan, Role, Session};
use crate::authorise::Actor;
use crate::clock::{Clock, after};
use crate::config::AccountSettings;
use crate::name::{self, Name, NameError};
use crate::random;
use crate::store::{AccountRow, Sanction, Store, StoreError};

use cache::Cache;
pub(crate) use token::Token;

/// Why an account was not made, or nobody was let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The password cannot be used.
    #[error("the password has {0} characters; 8 to 256 are allowed")]
    Password(usize),
    /// The name is in use.
    #[error("the name {0:?} is in use")]
    Taken(String),
    /// The name or the password is wrong; which one is not said.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Banned.
    #[error("this account is banned{}", reason(.0))]
    Banned(Sanction),
    /// The community does not allow it.
    #[error("this community does not allow {0}")]
    Closed(&'static str),
    /// No such account.
    #[error("there is no account {0}")]
    NotFound(AccountId),
    /// Too many people sign in at this moment.
    #[error("too many people sign in at this moment")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn reason(sanction: &Sanction) -> String {
    if sanction.reason.is_empty() { String::new() } else { format!(": {}", sanction.reason) }
}

/// The accounts of the community.
#[derive(Debug)]
pub(crate) struct Accounts {
    store: Store,
    settings: AccountSettings,
    clock: Clock,
    cache: Cache,
    hasher: password::Hasher,
}

impl Accounts {
    /// Accounts kept in this store.
    pub(crate) fn new(store: Store, settings: AccountSettings, clock: Clock) -> Self {
        Self { store, settings, clock, cache: Cache::new(10_000), hasher: password::Hasher::new() }
    }

    /// Makes the first admin if there is none; the token is given once and kept nowhere.
    pub(crate) async fn first_run(&self) -> Result<Option<Token>, AccountError> {
        if self.store.has_admin().await? {
            return Ok(None);
        }
        let admin =
            AccountRow { id: AccountId(random::id()), name: "admin".to_owned(), role: Role::Admin, password: None };
        self.store.add_account(&admin, "admin", self.clock.unix_seconds()).await?;
        Ok(Some(self.session(&admin, self.settings.session).await?.0))
    }

    /// A new token of the first admin, for the program that embeds the server or the host at its console.
    pub(crate) async fn admin_token(&self) -> Result<Token, AccountError> {
        let admin = self.store.account_by_name("admin").await?.ok_or(StoreError::NotFound)?;
        Ok(self.session(&admin, self.settings.session).await?.0)
    }

    /// Makes an account and signs it in.
    pub(crate) async fn sign_up(&self, credentials: Credentials) -> Result<Session, AccountError> {
        if !self.settings.signup {
            return Err(AccountError::Closed("new accounts; ask its host for one"));
        }
        let name = Name::parse(&credentials.name)?;
        password::check(&credentials.password)?;
        let hash = self.hasher.hash(credentials.password).await?;
        let row = AccountRow {
            id: AccountId(random::id()),
            name: name.as_str().to_owned(),
            role: Role::User,
            password: Some(hash),
        };
        match self.store.add_account(&row, name.key(), self.clock.unix_seconds()).await {
            Err(StoreError::Taken) => Err(AccountError::Taken(row.name)),
            Err(error) => Err(error.into()),
            Ok(()) => self.public_session(&row, self.settings.session).await,
        }
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, credentials: Credentials) -> Result<Session, AccountError> {
        let row = self.store.account_by_name(&name::fold(&credentials.name)).await?;
        let hash = row.as_ref().and_then(|row| row.password.clone());
        // An unknown name costs the same time as a known one, so that names cannot be tried out.
        let right = self.hasher.verify(credentials.password, hash).await?;
        let row = row.filter(|_| right).ok_or(AccountError::Wrong)?;
        self.not_banned(row.id).await?;
        self.public_session(&row, self.settings.session).await
    }

    /// Lets a guest in under a made-up name.
    pub(crate) async fn guest(&self) -> Result<Session, AccountError> {
        if !self.settings.guests {
            return Err(AccountError::Closed("guests; make an account"));
        }
        let id = AccountId(random::id());
        let name = format!("guest-{:06}", id.0 % 1_000_000);
        let row = AccountRow { id, name, role: Role::Guest, password: None };
        // Guests may share a name; the key is the id, which no name can look like.
        self.store.add_account(&row, &format!("#{id}"), self.clock.unix_seconds()).await?;
        self.public_session(&row, self.settings.guest_session).await
    }

    /// Ends the session of a token.
    pub(crate) async fn sign_out(&self, token: &Token) -> Result<(), AccountError> {
        self.store.remove_session(&token.hash()).await?;
        self.cache.forget_session(&token.hash());
        Ok(())
    }

    /// Who holds this token; anonymous if it does not work (any more).
    ///
    /// What was asked for lately is answered without the database, so a lost database does not end broadcasts.
    pub(crate) async fn actor(&self, token: &Token) -> Result<Actor, AccountError> {
        let now = self.clock.unix_seconds();
        let hash = token.hash();
        if let Some(account) = self.cache.session(&hash, now) {
            return Ok(Actor::Account(account));
        }
        let mark = self.cache.mark();
        let Some((row, expires)) = self.store.session(&hash, now).await? else { return Ok(Actor::Anonymous) };
        self.not_banned(row.id).await?;
        let account = public(&row);
        self.cache.remember(mark, hash, account.clone(), expires);
        Ok(Actor::Account(account))
    }

    /// An account, for deciding what may be done to it.
    pub(crate) async fn account(&self, id: AccountId) -> Result<Account, AccountError> {
        self.store.account(id).await?.as_ref().map(public).ok_or(AccountError::NotFound(id))
    }

    /// Shuts an account out; its sessions end.
    pub(crate) async fn ban(&self, ban: &NewBan, by: AccountId) -> Result<(), AccountError> {
        let now = self.clock.unix_seconds();
        let until = ban.seconds.map(|seconds| after(now, Duration::from_secs(seconds)));
        let reason = ban.reason.chars().take(200).collect();
        self.store.ban(ban.account, &Sanction { until, reason }, by, now).await?;
        self.cache.forget_account(ban.account);
        Ok(())
    }

    /// Lets an account in again; tells whether it was banned.
    pub(crate) async fn unban(&self, account: AccountId) -> Result<bool, AccountError> {
        Ok(self.store.unban(account).await?)
    }

    /// Changes what an account may do.
    pub(crate) async fn set_role(&self, account: AccountId, role: Role) -> Result<(), AccountError> {
        self.store.set_role(account, role).await.map_err(|error| match error {
            StoreError::NotFound => AccountError::NotFound(account),
            other => other.into(),
        })?;
        self.cache.forget_account(account);
        Ok(())
    }

    async fn not_banned(&self, account: AccountId) -> Result<(), AccountError> {
        match self.store.ban_of(account, self.clock.unix_seconds()).await? {
            Some(sanction) => Err(AccountError::Banned(sanction)),
            None => Ok(()),
        }
    }

    async fn session(&self, row: &AccountRow, lasts: Duration) -> Result<(Token, i64), AccountError> {
        let (token, now) = (Token::new(), self.clock.unix_seconds());
        let expires = after(now, lasts);
        self.store.add_session(&token.hash(), row.id, now, expires).await?;
        Ok((token, expires))
    }

    async fn public_session(&self, row: &AccountRow, lasts: Duration) -> Result<Session, AccountError> {
        let (token, expires) = self.session(row, lasts).await?;
        Ok(Session { token: token.reveal().to_owned(), expires, account: public(row) })
    }
}

fn public(row: &AccountRow) -> Account {
    Account { id: row.id, name: row.name.clone(), role: row.role }
}
