//! What travels over a channel's chat WebSocket, as JSON text frames.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountId, BroadcastId, BroadcastState, ErrorCode};

/// Names a message; grows with time, so that messages sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct MessageId(pub u64);

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Author {
    /// The account.
    pub id: AccountId,
    /// Its name when it wrote.
    pub name: String,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChatCommand {
    /// Signs in, for clients that cannot set the `Authorization` header.
    Hello {
        /// A session token.
        token: String,
    },
    /// Says something to everyone in the room.
    Say {
        /// The words; the server's limit is 200 characters unless configured otherwise.
        text: String,
    },
}

/// One message to everyone in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatMessage {
    /// Its id.
    pub id: MessageId,
    /// Who wrote it.
    pub author: Author,
    /// The words.
    pub text: String,
    /// When the server took it, in milliseconds since 1970.
    pub at: i64,
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ChatEvent {
    /// The first frame: who one is here, and where the broadcast stands.
    Welcome {
        /// The account one speaks as; without it one may only read.
        account: Option<Author>,
        /// The open broadcast, if any.
        #[schema(value_type = Option<String>)]
        broadcast: Option<BroadcastId>,
        /// Where it stands.
        state: Option<BroadcastState>,
        /// The longest message allowed, in characters.
        max_chars: u32,
    },
    /// A message; the recent ones come right after the welcome.
    Message(ChatMessage),
    /// A message was removed: stop showing it.
    Deleted {
        /// Which one.
        id: MessageId,
    },
    /// The broadcast changed its state: began, stopped (the publisher is away), went on, ended.
    State {
        /// Which broadcast.
        #[schema(value_type = String)]
        broadcast: BroadcastId,
        /// Its state from now on.
        state: BroadcastState,
    },
    /// The number of viewers changed; at most every few seconds.
    Viewers {
        /// Which broadcast.
        #[schema(value_type = String)]
        broadcast: BroadcastId,
        /// How many watch now.
        count: u32,
    },
    /// A moderator removed the broadcast: stop playing, stop forwarding.
    Revoked {
        /// Which broadcast.
        #[schema(value_type = String)]
        broadcast: BroadcastId,
        /// The community's signed revocation, in base64: give it to the swarm.
        revocation: String,
    },
    /// One was muted in this room, or shut out of it.
    Muted {
        /// Until when, in seconds since 1970; without it, for good.
        until: Option<i64>,
    },
    /// What one just sent was refused.
    Error {
        /// For programs.
        code: ErrorCode,
        /// What happened.
        message: String,
        /// What to do about it.
        next: String,
    },
    /// Something a newer server says; ignore it.
    #[serde(other)]
    Unknown,
}

/// Body of `POST /v1/channels/{id}/mutes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMute {
    /// Who may not write any more in this channel.
    pub account: AccountId,
    /// How long, in seconds; without it, for good.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}
