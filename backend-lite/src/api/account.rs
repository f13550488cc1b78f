//! Accounts and sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Names an account for as long as the community exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct AccountId(pub u64);

impl std::fmt::Display for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What an account may do in general; `authorise` decides in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A name without a password, gone when its token expires.
    Guest,
    /// Has a password; may own channels.
    User,
    /// May take down broadcasts and messages and ban accounts.
    Moderator,
    /// May do everything, including naming moderators.
    Admin,
}

/// An account as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The name shown beside what it says.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Body of `POST /v1/accounts` and `POST /v1/sessions`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 3 to 32 letters, digits, `-`, `_` or `.`.
    pub name: String,
    /// 8 to 256 characters.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A signed-in session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Goes into `Authorization: Bearer`; the server keeps only its hash.
    pub token: String,
    /// When the token stops working, in seconds since 1970.
    pub expires: i64,
    /// Whose session it is.
    pub account: Account,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("expires", &self.expires)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Body of `PUT /v1/accounts/{id}/role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// The role to have from now on; `guest` is refused.
    pub role: Role,
}

/// Body of `POST /v1/bans`: shuts an account out of the whole community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBan {
    /// Who is banned.
    pub account: AccountId,
    /// How long, in seconds; without it, for good.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Why; kept with the ban and shown to the banned.
    #[serde(default)]
    pub reason: String,
}
