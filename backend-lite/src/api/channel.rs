//! Channels and their keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountId, BroadcastInfo, ChannelId, PublicKey};

/// Body of `POST /v1/channels`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// 3 to 32 letters, digits, `-`, `_` or `.`; stands in addresses.
    pub name: String,
    /// A line about the channel; at most 140 characters.
    #[serde(default)]
    pub title: Option<String>,
}

/// Body of `PUT /v1/channels/{id}/keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// The key that may sign manifests from now on.
    #[schema(value_type = String)]
    pub public_key: PublicKey,
}

/// A channel: a streamer's lasting place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its random id.
    #[schema(value_type = String)]
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// A line about it.
    pub title: String,
    /// Who owns it.
    pub owner: AccountId,
    /// The keys that may sign its manifests.
    #[schema(value_type = Vec<String>)]
    pub keys: Vec<PublicKey>,
    /// Its open broadcast, if it has one and the asker may see it.
    pub live: Option<BroadcastInfo>,
}

/// Answer of `GET /v1/channels`: one's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelList {
    /// The channels.
    pub items: Vec<Channel>,
}
