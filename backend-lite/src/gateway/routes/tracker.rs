//! Announces of peers.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;

use super::broadcasts::find;
use crate::api::{Announce, Announced, BroadcastState, PeerKind, PeerStats};
use crate::authorise::Action;
use crate::gateway::extract::{Asker, Json, Path};
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;
use crate::origin::OriginError;

pub(super) async fn announce(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
    Json(announce): Json<Announce>,
) -> Result<Answer<Announced>, Failure> {
    let action = if announce.role == PeerKind::Publisher { Action::Publish } else { Action::Watch };
    let (info, _) = find(&services, &asker, &id, action).await?;
    match info.state {
        BroadcastState::TakenDown => return Err(OriginError::TakenDown.into()),
        BroadcastState::Ended => return Err(OriginError::Ended.into()),
        _ => {}
    }
    let rate = services.origin.bitrate_kbps(info.id, announce.rendition);
    let admission = services.tracker.announce(info.id, &announce, asker.address.ip, rate)?;
    Ok(Answer(Announced {
        ticket: admission.ticket,
        expires: admission.expires,
        interval_seconds: admission.interval,
        peers: admission.peers,
        viewers: admission.viewers,
        state: info.state,
        epoch: info.epoch,
    }))
}

pub(super) async fn stats(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Answer<PeerStats>, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::Watch).await?;
    Ok(Answer(services.tracker.stats(info.id)))
}
