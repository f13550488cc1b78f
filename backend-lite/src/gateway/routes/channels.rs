//! Channels and their keys.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_p2p::wire::PublicKey;

use crate::api::{Channel, ChannelList, ErrorCode, NewChannel, NewKey};
use crate::authorise::{Action, Denied, Object};
use crate::gateway::extract::{Asker, Json, Path};
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;

pub(super) async fn create(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Json(new): Json<NewChannel>,
) -> Result<(StatusCode, Answer<Channel>), Failure> {
    asker.may(Action::CreateChannel, &Object::Community)?;
    let owner = asker.actor.account().ok_or(Denied::Unauthenticated)?.id;
    Ok((StatusCode::CREATED, Answer(services.catalog.create_channel(&new, owner).await?)))
}

pub(super) async fn mine(State(services): State<Arc<Services>>, asker: Asker) -> Result<Answer<ChannelList>, Failure> {
    let owner = asker.actor.account().ok_or(Denied::Unauthenticated)?.id;
    let items = services.catalog.channels_of(owner).await?;
    Ok(Answer(ChannelList { items: items.into_iter().map(|channel| complete(&services, &asker, channel)).collect() }))
}

pub(super) async fn get(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(channel): Path<String>,
) -> Result<Answer<Channel>, Failure> {
    let channel = services.catalog.channel(&channel).await?;
    Ok(Answer(complete(&services, &asker, channel)))
}

pub(super) async fn add_key(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(channel): Path<String>,
    Json(new): Json<NewKey>,
) -> Result<Answer<Channel>, Failure> {
    let channel = services.catalog.channel(&channel).await?;
    asker.may(Action::EditChannel, &Object::Channel { owner: channel.owner })?;
    let channel = services.catalog.add_key(&channel, new.public_key).await?;
    Ok(Answer(complete(&services, &asker, channel)))
}

pub(super) async fn remove_key(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path((channel, key)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let channel = services.catalog.channel(&channel).await?;
    asker.may(Action::EditChannel, &Object::Channel { owner: channel.owner })?;
    let missing = || Failure::new(ErrorCode::NotFound, "this channel has no such key", "");
    let key: PublicKey = key.parse().map_err(|_| missing())?;
    if services.catalog.revoke_key(channel.id, key).await? { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// Shows the open broadcast only to those who may watch it.
fn complete(services: &Services, asker: &Asker, mut channel: Channel) -> Channel {
    let owner = channel.owner;
    channel.live = channel.live.map(|info| services.complete(info)).filter(|info| {
        let object = Object::Broadcast { owner, visibility: info.visibility };
        info.state.is_open() && asker.may(Action::Watch, &object).is_ok()
    });
    channel
}
