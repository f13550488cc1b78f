//! Broadcasts and the live list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BroadcastId, ChannelId};

/// Who may find and watch a broadcast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Listed and open to everyone.
    #[default]
    Public,
    /// Open to everyone who has the address; not listed.
    Unlisted,
    /// Only for signed-in accounts of the community; listed for them.
    Members,
}

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastState {
    /// Announced; no chunk has arrived yet.
    Waiting,
    /// Chunks are arriving.
    Live,
    /// The publisher has gone silent and may come back within the grace time.
    Stopped,
    /// Over, by the publisher's wish or after the grace time.
    Ended,
    /// Removed by a moderator.
    TakenDown,
}

impl BroadcastState {
    /// Whether chunks may still come.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Live | Self::Stopped)
    }
}

/// Body of `POST /v1/broadcasts`.
///
/// If the channel has a broadcast that is still open (for example because the publisher crashed a moment ago),
/// that broadcast is updated and given back instead, so that coming back needs no special step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBroadcast {
    /// The channel's id or name.
    pub channel: String,
    /// 1 to 140 characters.
    pub title: String,
    /// A word such as `gaming`; at most 40 characters.
    #[serde(default)]
    pub category: String,
    /// A language tag such as `en` or `zh-CN`.
    #[serde(default)]
    pub language: String,
    /// Who may find and watch it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Not for minors.
    #[serde(default)]
    pub mature: bool,
    /// May be watched after its end; off unless chosen.
    #[serde(default)]
    pub allow_replay: bool,
    /// Viewers may cut clips; off unless chosen.
    #[serde(default)]
    pub allow_clips: bool,
    /// Ends a broadcast that is still open and begins a new one.
    #[serde(default)]
    pub fresh: bool,
}

/// Body of `PATCH /v1/broadcasts/{id}`: what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BroadcastPatch {
    /// A new title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A new category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A new language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// A new visibility.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Whether it is not for minors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mature: Option<bool>,
    /// Whether it may be watched after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_replay: Option<bool>,
    /// Whether viewers may cut clips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_clips: Option<bool>,
}

/// A broadcast as everyone who may watch it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BroadcastInfo {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BroadcastId,
    /// The channel it runs on.
    #[schema(value_type = String)]
    pub channel: ChannelId,
    /// The channel's name.
    pub channel_name: String,
    /// Its title.
    pub title: String,
    /// Its category; may be empty.
    pub category: String,
    /// Its language tag; may be empty.
    pub language: String,
    /// Who may find and watch it.
    pub visibility: Visibility,
    /// Not for minors.
    pub mature: bool,
    /// May be watched after its end.
    pub allow_replay: bool,
    /// Viewers may cut clips.
    pub allow_clips: bool,
    /// Where it stands.
    pub state: BroadcastState,
    /// When it was announced, in seconds since 1970.
    pub started: i64,
    /// When it ended, in seconds since 1970.
    pub ended: Option<i64>,
    /// Its current publishing run, once there is one.
    pub epoch: Option<u64>,
    /// How many watch now, counted from the tracker.
    pub viewers: u32,
    /// The LL-HLS address.
    pub playlist_url: String,
    /// The newest picture, if there is one.
    pub thumbnail_url: Option<String>,
}

/// Query of `GET /v1/live`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveQuery {
    /// Words that must all occur in title, channel name or category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Only this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Broadcasts in this language come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// At most so many, 1 to 100; 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// One line of the live list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveItem {
    /// The broadcast.
    #[schema(value_type = String)]
    pub broadcast: BroadcastId,
    /// Its channel.
    #[schema(value_type = String)]
    pub channel: ChannelId,
    /// The channel's name.
    pub name: String,
    /// The broadcast's title.
    pub title: String,
    /// How many watch now.
    pub viewers: u32,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// The newest picture, if there is one.
    pub thumbnail_url: Option<String>,
    /// Its category; may be empty.
    pub category: String,
    /// Its language tag; may be empty.
    pub language: String,
    /// Not for minors.
    pub mature: bool,
    /// `live`, or `stopped` while the publisher is away.
    pub state: BroadcastState,
    /// The LL-HLS address.
    pub playlist_url: String,
}

/// Answer of `GET /v1/live`, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveList {
    /// The broadcasts.
    pub items: Vec<LiveItem>,
}
