//! The catalog: channels, broadcasts, the live list, pictures.
//!
//! Broadcasts that are open are held in memory, so that the live list and playback never ask the database.

mod channels;
mod score;
mod thumbnail;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use runnel_p2p::wire::{BroadcastId, ChannelId};

use crate::api::{
    AccountId, BroadcastInfo, BroadcastPatch, BroadcastState, Channel, LiveItem, LiveQuery, NewBroadcast,
};
use crate::clock::Clock;
use crate::name::{self, NameError};
use crate::random;
use crate::store::{BroadcastRow, Store, StoreError};

pub(crate) use thumbnail::ThumbnailError;

/// Keys one channel may have.
const KEYS: usize = 16;

/// Why the catalog did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CatalogError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name is in use.
    #[error("the name {0:?} is in use")]
    Taken(String),
    /// The account has enough channels.
    #[error("this account has {0} channels, which is the limit")]
    TooManyChannels(u32),
    /// The channel has enough keys.
    #[error("this channel has {KEYS} keys, which is the limit")]
    TooManyKeys,
    /// The key was revoked, for good.
    #[error("this key was revoked and cannot come back")]
    RevokedKey,
    /// A text is too long or missing.
    #[error("the {field} has {length} characters; {least} to {most} are allowed")]
    Text {
        /// Which field.
        field: &'static str,
        /// How long it is.
        length: usize,
        /// The shortest allowed.
        least: usize,
        /// The longest allowed.
        most: usize,
    },
    /// No such channel.
    #[error("there is no channel {0:?}")]
    NoChannel(String),
    /// No such broadcast.
    #[error("there is no broadcast {0}")]
    NoBroadcast(BroadcastId),
    /// The picture is no good.
    #[error(transparent)]
    Thumbnail(#[from] ThumbnailError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A picture and the tag of its version.
#[derive(Debug, Clone)]
pub(crate) struct Thumbnail {
    /// The JPEG.
    pub jpeg: Bytes,
    /// Changes with the picture.
    pub etag: String,
}

#[derive(Debug, Clone)]
struct Open {
    row: BroadcastRow,
    viewers: u32,
    thumbnail: Option<Thumbnail>,
}

/// The catalog of the community.
#[derive(Debug)]
pub(crate) struct Catalog {
    store: Store,
    clock: Clock,
    channels_per_account: u32,
    /// Broadcasts that are open or were until lately.
    recent: RwLock<HashMap<BroadcastId, Open>>,
    thumbnails: Arc<thumbnail::Maker>,
}

impl Catalog {
    /// A catalog kept in this store.
    pub(crate) fn new(store: Store, clock: Clock, channels_per_account: u32) -> Self {
        Self { store, clock, channels_per_account, recent: RwLock::default(), thumbnails: Arc::default() }
    }

    /// Announces a broadcast on a channel that has none open.
    pub(crate) async fn create_broadcast(
        &self,
        channel: &Channel,
        new: &NewBroadcast,
    ) -> Result<BroadcastInfo, CatalogError> {
        check_texts(Some(&new.title), Some(&new.category), Some(&new.language))?;
        let row = BroadcastRow {
            id: BroadcastId(random::bytes()),
            channel: channel.id,
            channel_name: channel.name.clone(),
            owner: channel.owner,
            title: clean(&new.title),
            category: clean(&new.category),
            language: new.language.clone(),
            visibility: new.visibility,
            mature: new.mature,
            allow_replay: new.allow_replay,
            allow_clips: new.allow_clips,
            state: BroadcastState::Waiting,
            started: self.clock.unix_seconds(),
            ended: None,
        };
        self.store.add_broadcast(&row).await?;
        let open = Open { row, viewers: 0, thumbnail: None };
        let info = info(&open);
        self.recent.write().insert(info.id, open);
        Ok(info)
    }

    /// Changes a broadcast.
    pub(crate) async fn update_broadcast(
        &self,
        id: BroadcastId,
        patch: &BroadcastPatch,
    ) -> Result<BroadcastInfo, CatalogError> {
        check_texts(patch.title.as_deref(), patch.category.as_deref(), patch.language.as_deref())?;
        let mut row = self.row(id).await?;
        let apply = |row: &mut BroadcastRow| {
            if let Some(title) = &patch.title {
                row.title = clean(title);
            }
            if let Some(category) = &patch.category {
                row.category = clean(category);
            }
            if let Some(language) = &patch.language {
                row.language.clone_from(language);
            }
            row.visibility = patch.visibility.unwrap_or(row.visibility);
            row.mature = patch.mature.unwrap_or(row.mature);
            row.allow_replay = patch.allow_replay.unwrap_or(row.allow_replay);
            row.allow_clips = patch.allow_clips.unwrap_or(row.allow_clips);
        };
        apply(&mut row);
        self.store.update_broadcast(&row).await?;
        if let Some(open) = self.recent.write().get_mut(&id) {
            apply(&mut open.row);
            return Ok(info(open));
        }
        Ok(info(&Open { row, viewers: 0, thumbnail: None }))
    }

    /// A broadcast, open or not.
    pub(crate) async fn broadcast(&self, id: BroadcastId) -> Result<(BroadcastInfo, AccountId), CatalogError> {
        if let Some(open) = self.recent.read().get(&id) {
            return Ok((info(open), open.row.owner));
        }
        let row = self.store.broadcast(id).await?.ok_or(CatalogError::NoBroadcast(id))?;
        let owner = row.owner;
        Ok((info(&Open { row, viewers: 0, thumbnail: None }), owner))
    }

    /// A broadcast that is in memory, with its owner: never asks the database.
    pub(crate) fn recent(&self, id: BroadcastId) -> Option<(BroadcastInfo, AccountId)> {
        self.recent.read().get(&id).map(|open| (info(open), open.row.owner))
    }

    /// The open broadcast of a channel, or the one that ended last if that was a moment ago.
    pub(crate) fn current(&self, channel: ChannelId) -> Option<BroadcastInfo> {
        let recent = self.recent.read();
        let of_channel = recent.values().filter(|open| open.row.channel == channel);
        of_channel.max_by_key(|open| (open.row.state.is_open(), open.row.started)).map(info)
    }

    /// The channel id of a channel name among the recent broadcasts: never asks the database.
    pub(crate) fn recent_by_name(&self, id_or_name: &str) -> Option<BroadcastInfo> {
        let (id, key) = (id_or_name.parse::<ChannelId>().ok(), name::fold(id_or_name));
        let channel = {
            let recent = self.recent.read();
            let found = recent.values().find(|open| match id {
                Some(id) => open.row.channel == id,
                None => name::fold(&open.row.channel_name) == key,
            });
            found?.row.channel
        };
        self.current(channel)
    }

    /// Notes a new state; the database follows, and may be late.
    pub(crate) async fn set_state(&self, id: BroadcastId, state: BroadcastState) -> Result<(), CatalogError> {
        let now = self.clock.unix_seconds();
        let row = {
            let mut recent = self.recent.write();
            let Some(open) = recent.get_mut(&id) else { return Ok(()) };
            if open.row.state == BroadcastState::TakenDown {
                return Ok(());
            }
            open.row.state = state;
            if !state.is_open() {
                open.row.ended.get_or_insert(now);
                open.viewers = 0;
            }
            if state == BroadcastState::TakenDown {
                open.thumbnail = None;
            }
            open.row.clone()
        };
        Ok(self.store.update_broadcast(&row).await?)
    }

    /// Notes the number of viewers; tells whether it changed.
    pub(crate) fn set_viewers(&self, id: BroadcastId, viewers: u32) -> bool {
        let mut recent = self.recent.write();
        let Some(open) = recent.get_mut(&id) else { return false };
        std::mem::replace(&mut open.viewers, viewers) != viewers
    }

    /// Keeps a new picture, after looking at it closely.
    pub(crate) async fn set_thumbnail(&self, id: BroadcastId, jpeg: Bytes) -> Result<(), CatalogError> {
        let jpeg = self.thumbnails.make(jpeg).await?;
        let etag = format!("\"{}\"", hex::encode(&blake3::hash(&jpeg).as_bytes()[..8]));
        match self.recent.write().get_mut(&id) {
            Some(open) if open.row.state.is_open() => {
                open.thumbnail = Some(Thumbnail { jpeg, etag });
                Ok(())
            }
            _ => Err(CatalogError::NoBroadcast(id)),
        }
    }

    /// The newest picture.
    pub(crate) fn thumbnail(&self, id: BroadcastId) -> Option<Thumbnail> {
        self.recent.read().get(&id)?.thumbnail.clone()
    }

    /// The live list, best first; `may_see` decides on each.
    pub(crate) fn live(&self, query: &LiveQuery, may_see: impl Fn(&BroadcastInfo, AccountId) -> bool) -> Vec<LiveItem> {
        let now = self.clock.unix_seconds();
        let words: Vec<String> =
            query.query.iter().flat_map(|text| text.split_whitespace()).take(8).map(str::to_lowercase).collect();
        let recent = self.recent.read();
        let mut found: Vec<(f64, LiveItem)> = recent
            .values()
            .filter(|open| matches!(open.row.state, BroadcastState::Live | BroadcastState::Stopped))
            .filter(|open| score::matches(&open.row, &words, query.category.as_deref()))
            .filter(|open| may_see(&info(open), open.row.owner))
            .map(|open| (score::score(&open.row, open.viewers, query.language.as_deref(), now), item(open)))
            .collect();
        found.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.name.cmp(&other.name)));
        let limit = query.limit.unwrap_or(50).clamp(1, 100) as usize;
        found.into_iter().take(limit).map(|(_, item)| item).collect()
    }

    /// Takes broadcasts up again after a restart.
    pub(crate) fn restore(&self, rows: Vec<BroadcastRow>) {
        let mut recent = self.recent.write();
        for row in rows {
            recent.insert(row.id, Open { row, viewers: 0, thumbnail: None });
        }
    }

    /// Forgets broadcasts that ended before `before`, and tells which are still known.
    pub(crate) fn forget_ended(&self, before: i64) -> Vec<(BroadcastId, ChannelId, BroadcastState)> {
        let mut recent = self.recent.write();
        recent.retain(|_, open| open.row.ended.is_none_or(|ended| ended > before));
        recent.values().map(|open| (open.row.id, open.row.channel, open.row.state)).collect()
    }

    async fn row(&self, id: BroadcastId) -> Result<BroadcastRow, CatalogError> {
        if let Some(open) = self.recent.read().get(&id) {
            return Ok(open.row.clone());
        }
        self.store.broadcast(id).await?.ok_or(CatalogError::NoBroadcast(id))
    }
}

fn playlist_url(row: &BroadcastRow) -> String {
    // Not every player escapes letters beyond ASCII.
    if row.channel_name.is_ascii() {
        format!("/live/{}/index.m3u8", row.channel_name)
    } else {
        format!("/live/{}/index.m3u8", row.channel)
    }
}

fn thumbnail_url(open: &Open) -> Option<String> {
    let version = open.thumbnail.as_ref()?.etag.trim_matches('"').to_owned();
    Some(format!("/v1/broadcasts/{}/thumbnail?v={version}", open.row.id))
}

fn info(open: &Open) -> BroadcastInfo {
    let row = &open.row;
    BroadcastInfo {
        id: row.id,
        channel: row.channel,
        channel_name: row.channel_name.clone(),
        title: row.title.clone(),
        category: row.category.clone(),
        language: row.language.clone(),
        visibility: row.visibility,
        mature: row.mature,
        allow_replay: row.allow_replay,
        allow_clips: row.allow_clips,
        state: row.state,
        started: row.started,
        ended: row.ended,
        epoch: None,
        viewers: open.viewers,
        playlist_url: playlist_url(row),
        thumbnail_url: thumbnail_url(open),
    }
}

fn item(open: &Open) -> LiveItem {
    let row = &open.row;
    LiveItem {
        broadcast: row.id,
        channel: row.channel,
        name: row.channel_name.clone(),
        title: row.title.clone(),
        viewers: open.viewers,
        started: row.started,
        thumbnail_url: thumbnail_url(open),
        category: row.category.clone(),
        language: row.language.clone(),
        mature: row.mature,
        state: row.state,
        playlist_url: playlist_url(row),
    }
}

fn check_texts(title: Option<&str>, category: Option<&str>, language: Option<&str>) -> Result<(), CatalogError> {
    if let Some(title) = title {
        text("title", title, 1, 140)?;
    }
    if let Some(category) = category {
        text("category", category, 0, 40)?;
    }
    if let Some(language) = language {
        text("language", language, 0, 35)?;
    }
    Ok(())
}

fn text(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), CatalogError> {
    let length = text.trim().chars().count();
    if (least..=most).contains(&length) { Ok(()) } else { Err(CatalogError::Text { field, length, least, most }) }
}

/// Takes out what could break a line or turn the writing round.
fn clean(text: &str) -> String {
    text.trim().chars().filter(|c| !crate::text::is_unseen(*c)).collect()
}
