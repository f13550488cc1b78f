//! Publishing: sessions, manifests and chunks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Header that carries the fence of an ingest session.
pub const FENCE_HEADER: &str = "x-runnel-fence";

/// Header that carries a version of a manifest.
pub const MANIFEST_VERSION_HEADER: &str = "x-runnel-manifest-version";

/// Answer of `POST /v1/broadcasts/{id}/ingest`.
///
/// Asking again takes the broadcast over: the fence grows and whoever held the old one gets 412.
/// Within the grace time the epoch stays, so a publisher that comes back goes on counting at `cursor`,
/// signs a manifest with a version above `manifest_version`, numbers its init segments from `next_init`
/// and marks its first chunk as a discontinuity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestSession {
    /// The publishing run; never used twice on a server.
    pub epoch: u64,
    /// Goes into [`FENCE_HEADER`] of everything this session sends.
    pub fence: u64,
    /// How long the broadcast waits for a lost publisher.
    pub grace_seconds: u32,
    /// The next sequence the server wants, by rendition; renditions it never saw begin at 0.
    pub cursor: BTreeMap<u8, u64>,
    /// The newest manifest version the server holds; 0 if none.
    pub manifest_version: u32,
    /// The first unused init id, by rendition.
    pub next_init: BTreeMap<u8, u32>,
}

/// Answer of a chunk `PUT` that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChunkReceipt {
    /// The next sequence the server wants: everything below it is stored or given up.
    pub next: u64,
}

/// How a chunk `PUT` went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// New and stored (201).
    Stored(ChunkReceipt),
    /// The same chunk was there already (200).
    Same(ChunkReceipt),
    /// It goes out live, but the server's disk is full: it will be missing from replays (507).
    LiveOnly(super::ApiError),
}

/// Answer of `GET /v1/chunks/{epoch}/{rendition}`: where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChunkRange {
    /// The first sequence the server still has.
    pub first: u64,
    /// The newest chunk that starts with a keyframe.
    pub keyframe: Option<u64>,
    /// The next to come.
    pub next: u64,
}
