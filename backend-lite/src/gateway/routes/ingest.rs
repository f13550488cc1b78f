//! Publishing sessions and manifests.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::broadcasts::find;
use super::media;
use crate::api::IngestSession;
use crate::authorise::Action;
use crate::gateway::extract::{Asker, Fence, Path, Whole};
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;

pub(super) async fn begin(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Answer<IngestSession>, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::Publish).await?;
    Ok(Answer(services.origin.begin(info.id).await?))
}

pub(super) async fn put_manifest(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
    Fence(fence): Fence,
    Whole(bytes): Whole,
) -> Result<StatusCode, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::Publish).await?;
    let channel = services.catalog.channel(&info.channel.to_string()).await?;
    services.origin.put_manifest(info.id, fence, bytes, &channel.keys).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn manifest(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let (info, _) = find(&services, &asker, &id, Action::Watch).await?;
    let manifest = services.origin.manifest(info.id).await?;
    let meta = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, media::cache(info.visibility, "max-age=1")),
    ];
    Ok((meta, manifest.bytes().clone()).into_response())
}
