//! Broadcasts, the live list, pictures.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use runnel_p2p::wire::BroadcastId;

use crate::api::{AccountId, BroadcastInfo, BroadcastPatch, ErrorCode, LiveList, LiveQuery, NewBroadcast};
use crate::authorise::{Action, Denied, Object};
use crate::gateway::extract::{Asker, Fence, Json, Path, Query, Whole};
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;

/// A broadcast the asker may do this with.
pub(super) async fn find(
    services: &Services,
    asker: &Asker,
    id: &str,
    action: Action,
) -> Result<(BroadcastInfo, AccountId), Failure> {
    let missing = || Failure::new(ErrorCode::NotFound, "there is no such broadcast", "");
    let id: BroadcastId = id.parse().map_err(|_| missing())?;
    let (info, owner) = services.catalog.broadcast(id).await?;
    asker.may(action, &Object::Broadcast { owner, visibility: info.visibility })?;
    Ok((services.complete(info), owner))
}

pub(super) async fn create(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Json(new): Json<NewBroadcast>,
) -> Result<(StatusCode, Answer<BroadcastInfo>), Failure> {
    let channel = services.catalog.channel(&new.channel).await?;
    asker.may(Action::CreateBroadcast, &Object::Channel { owner: channel.owner })?;
    if let Some(open) = channel.live.clone().map(|info| services.complete(info)).filter(|info| info.state.is_open()) {
        if new.fresh {
            services.end_broadcast(open.id).await;
        } else {
            let patch = BroadcastPatch {
                title: Some(new.title),
                category: Some(new.category),
                language: Some(new.language),
                visibility: Some(new.visibility),
                mature: Some(new.mature),
                allow_replay: Some(new.allow_replay),
                allow_clips: Some(new.allow_clips),
            };
            let info = services.catalog.update_broadcast(open.id, &patch).await?;
            return Ok((StatusCode::OK, Answer(services.complete(info))));
        }
    }
    let info = match services.catalog.create_broadcast(&channel, &new).await {
        Ok(info) => info,
        Err(crate::catalog::CatalogError::Store(crate::store::StoreError::Taken)) => {
            let message = "another broadcast was begun on this channel at this moment";
            return Err(Failure::new(ErrorCode::Conflict, message, "try again"));
        }
        Err(error) => return Err(error.into()),
    };
    if let Err(error) = services.origin.open(info.id, info.channel) {
        services.state_changed(info.id, crate::api::BroadcastState::Ended).await;
        return Err(error.into());
    }
    services.announced.send_modify(|count| *count += 1);
    Ok((StatusCode::CREATED, Answer(services.complete(info))))
}

pub(super) async fn get(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Answer<BroadcastInfo>, Failure> {
    Ok(Answer(find(&services, &asker, &id, Action::Watch).await?.0))
}

pub(super) async fn update(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
    Json(patch): Json<BroadcastPatch>,
) -> Result<Answer<BroadcastInfo>, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::EditBroadcast).await?;
    let info = services.catalog.update_broadcast(info.id, &patch).await?;
    Ok(Answer(services.complete(info)))
}

/// The owner ends it; a moderator takes it down.
pub(super) async fn end(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let by = asker.actor.account().ok_or(Denied::Unauthenticated)?.id;
    match find(&services, &asker, &id, Action::EndBroadcast).await {
        Ok((info, _)) => services.end_broadcast(info.id).await,
        Err(_) => {
            let (info, _) = find(&services, &asker, &id, Action::TakeDown).await?;
            services.take_down(info.id, by, "taken down by a moderator").await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The signed take-down, for whoever wants to pass it on.
pub(super) async fn revocation(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let missing = || Failure::new(ErrorCode::NotFound, "this broadcast was not taken down", "");
    let id: BroadcastId = id.parse().map_err(|_| missing())?;
    let bytes = services.moderation.revocation(id).await?.ok_or_else(missing)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

pub(super) async fn live(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Query(query): Query<LiveQuery>,
) -> Result<Answer<LiveList>, Failure> {
    let may_see = |info: &BroadcastInfo, owner| {
        asker.may(Action::List, &Object::Broadcast { owner, visibility: info.visibility }).is_ok()
    };
    Ok(Answer(LiveList { items: services.catalog.live(&query, may_see) }))
}

pub(super) async fn put_thumbnail(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
    Fence(fence): Fence,
    Whole(jpeg): Whole,
) -> Result<StatusCode, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::Publish).await?;
    services.origin.check_fence(info.id, fence)?;
    services.catalog.set_thumbnail(info.id, jpeg).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn thumbnail(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::Watch).await?;
    let found = services.catalog.thumbnail(info.id);
    let found = found.ok_or_else(|| Failure::new(ErrorCode::NotFound, "there is no picture yet", "ask again later"))?;
    let cached = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == found.etag.as_bytes());
    let meta = [(header::ETAG, found.etag), (header::CACHE_CONTROL, "max-age=10".to_owned())];
    if cached {
        return Ok((StatusCode::NOT_MODIFIED, meta).into_response());
    }
    Ok((meta, [(header::CONTENT_TYPE, "image/jpeg")], found.jpeg).into_response())
}
