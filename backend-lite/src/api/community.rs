//! What a community says about itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PublicKey;

/// Answer of `GET /v1/time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerTime {
    /// The server's clock, in microseconds since 1970.
    pub unix_micros: i64,
}

/// Answer of `GET /v1/community`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Community {
    /// Lasts as long as the community: everything a client keeps about it is filed under this id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The server's version.
    pub version: String,
    /// The key that signs revocations and tickets.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// Address of the terms of use; may be empty.
    pub terms: String,
    /// Address of the privacy notice; may be empty.
    pub privacy: String,
    /// Where abuse is reported; may be empty.
    pub abuse_contact: String,
    /// Where copyright claims go; may be empty.
    pub copyright_contact: String,
    /// How old one must be.
    pub minimum_age: u8,
    /// The oldest client that still works with this server.
    pub oldest_client: String,
    /// Whether new accounts may be made.
    pub signup: bool,
    /// Whether guests may come in.
    pub guests: bool,
    /// Whether guests may write in chats.
    pub guests_may_chat: bool,
    /// The longest chat message, in characters.
    pub chat_max_chars: u32,
    /// The largest chunk an ingest takes, in bytes.
    pub max_chunk_bytes: u64,
}

/// Answer of the health endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether all is well.
    pub ok: bool,
    /// What is not, in words.
    #[serde(default)]
    pub problems: Vec<String>,
}
