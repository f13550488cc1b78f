//! Time, community, health, metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{Community, ErrorCode, Health, ServerTime};
use crate::authorise::{Action, Object};
use crate::gateway::extract::Asker;
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;

pub(super) async fn time(State(services): State<Arc<Services>>) -> Json<ServerTime> {
    Json(ServerTime { unix_micros: services.clock.unix_micros() })
}

pub(super) async fn community(State(services): State<Arc<Services>>) -> Json<Community> {
    let settings = &services.settings;
    let community = settings.community.clone();
    Json(Community {
        id: services.moderation.community_id(),
        name: community.name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        key: services.moderation.public_key(),
        terms: community.terms,
        privacy: community.privacy,
        abuse_contact: community.abuse_contact,
        copyright_contact: community.copyright_contact,
        minimum_age: community.minimum_age,
        oldest_client: community.oldest_client,
        signup: settings.accounts.signup,
        guests: settings.accounts.guests,
        guests_may_chat: settings.chat.guests,
        chat_max_chars: u32::try_from(settings.chat.max_chars).unwrap_or(u32::MAX),
        max_chunk_bytes: settings.ingest.max_chunk_bytes as u64,
        sharing_default: community.sharing_default,
    })
}

/// Whether the process runs at all: asks nothing and nobody.
pub(super) async fn live() -> Json<Health> {
    Json(Health { ok: true, problems: Vec::new() })
}

/// Whether new work should come here.
pub(super) async fn ready(State(services): State<Arc<Services>>) -> (StatusCode, Json<Health>) {
    let mut problems = Vec::new();
    if services.closing.is_cancelled() {
        problems.push("the server is shutting down".to_owned());
    } else if let Err(error) = services.store.ping().await {
        problems.push(error.to_string());
    }
    if services.clock.unix_seconds() < 1_700_000_000 {
        problems.push("the clock is wrong: it shows a time before this program was written".to_owned());
    }
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ok: problems.is_empty(), problems }))
}

/// Prometheus metrics, for this machine and for admins.
pub(super) async fn metrics(State(services): State<Arc<Services>>, asker: Asker) -> Result<Response, Failure> {
    if !asker.address.at_home {
        asker.may(Action::ReadMetrics, &Object::Community)?;
    }
    Ok(render(&services))
}

pub(crate) fn render(services: &Services) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], services.metrics.render()).into_response()
}

pub(super) async fn wrong_method() -> (StatusCode, Failure) {
    let failure = Failure::new(ErrorCode::BadRequest, "this address does not know that method", "");
    (StatusCode::METHOD_NOT_ALLOWED, failure)
}
