//! LL-HLS for any player.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::media;
use crate::api::{AccountId, BroadcastInfo, ErrorCode};
use crate::authorise::{Action, Object};
use crate::gateway::extract::{Asker, Path, Query};
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;
use crate::name;
use crate::origin::{HlsFile, OriginError, Reload};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";

/// The reload a player asks for; what else it puts into the query is its own business.
#[derive(Debug, Deserialize)]
pub(super) struct ReloadQuery {
    #[serde(rename = "_HLS_msn")]
    msn: Option<u64>,
    #[serde(rename = "_HLS_part")]
    part: Option<u64>,
}

pub(super) async fn multivariant(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(channel): Path<String>,
) -> Result<Response, Failure> {
    let info = current(&services, &asker, &channel).await?;
    let text = services.origin.multivariant(info.id).await?;
    let meta = [
        (header::CONTENT_TYPE, HeaderValue::from_static(PLAYLIST)),
        (header::CACHE_CONTROL, media::cache(info.visibility, "max-age=1")),
    ];
    Ok((meta, text).into_response())
}

pub(super) async fn file(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path((channel, epoch, rendition, file)): Path<(String, u64, u8, String)>,
    Query(query): Query<ReloadQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let missing = || OriginError::Missing { what: "such file".to_owned() };
    let file = HlsFile::parse(&file).ok_or_else(missing)?;
    let found = services.origin.broadcast_of(epoch).and_then(|broadcast| services.catalog.recent(broadcast));
    let (info, owner) = found.filter(|(info, _)| is_of(info, &channel)).ok_or_else(missing)?;
    may_watch(&asker, &info, owner)?;
    let (origin, visibility) = (&services.origin, info.visibility);
    match file {
        HlsFile::Playlist => {
            let reload = Reload { msn: query.msn, part: query.part };
            let playlist = origin.media_playlist(epoch, rendition, reload).await?;
            // An address that names one version may be cached for six target durations.
            let rule = if playlist.pinned { "max-age=12" } else { "no-cache" };
            let meta = [
                (header::CONTENT_TYPE, HeaderValue::from_static(PLAYLIST)),
                (header::CACHE_CONTROL, media::cache(visibility, rule)),
            ];
            Ok((meta, playlist.text).into_response())
        }
        HlsFile::Init(id) => {
            let init = origin.init(epoch, rendition, id)?;
            Ok(media::answer(&services, &headers, "video/mp4", visibility, vec![init]))
        }
        HlsFile::Segment(msn) => {
            let segment = origin.segment(epoch, rendition, msn).await?;
            Ok(media::answer(&services, &headers, "video/iso.segment", visibility, segment.pieces))
        }
        HlsFile::Part(msn, part) => {
            let part = origin.part(epoch, rendition, msn, part).await?;
            Ok(media::answer(&services, &headers, "video/iso.segment", visibility, part.pieces))
        }
    }
}

fn is_of(info: &BroadcastInfo, channel: &str) -> bool {
    match channel.parse() {
        Ok(id) => info.channel == id,
        Err(_) => name::fold(&info.channel_name) == name::fold(channel),
    }
}

fn may_watch(asker: &Asker, info: &BroadcastInfo, owner: AccountId) -> Result<(), Failure> {
    Ok(asker.may(Action::Watch, &Object::Broadcast { owner, visibility: info.visibility })?)
}

/// The broadcast a channel shows; who comes a little early waits for it.
async fn current(services: &Services, asker: &Asker, channel: &str) -> Result<BroadcastInfo, Failure> {
    let mut announced = services.announced.subscribe();
    let mut checked = false;
    let wait = async {
        loop {
            announced.mark_unchanged();
            if let Some(info) = services.catalog.recent_by_name(channel)
                && let Some((_, owner)) = services.catalog.recent(info.id)
            {
                may_watch(asker, &info, owner)?;
                return Ok(info);
            }
            if !std::mem::replace(&mut checked, true) {
                // Waiting is for channels that exist.
                services.catalog.channel(channel).await?;
            }
            if announced.changed().await.is_err() {
                return Err(OriginError::Closing.into());
            }
        }
    };
    tokio::select! {
        biased;
        found = wait => found,
        () = services.closing.cancelled() => Err(OriginError::Closing.into()),
        () = tokio::time::sleep(crate::origin::HOLD) => {
            Err(Failure::new(ErrorCode::NotFound, "the channel is not live", "try again when it is"))
        }
    }
}
