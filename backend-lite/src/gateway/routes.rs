//! All routes.

mod accounts;
mod broadcasts;
mod channels;
mod chat;
mod chunks;
mod hls;
mod ingest;
mod media;
mod openapi;
mod system;
mod tracker;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use super::layers;
use super::state::Services;

/// Largest body of a call that is not media.
const MOST_JSON: usize = 16 << 10;
/// Largest manifest, with room to tell that it is too large in our own words.
const MOST_MANIFEST: usize = 128 << 10;
/// Largest thumbnail, likewise.
const MOST_THUMBNAIL: usize = 600 << 10;

/// The metrics, for a listener of their own.
pub(crate) fn metrics_page(services: &Services) -> axum::response::Response {
    system::render(services)
}

/// The whole API over these services.
pub(crate) fn router(services: Arc<Services>) -> Router {
    let most_chunk = services.settings.ingest.max_chunk_bytes + (64 << 10);
    let calls = Router::new()
        .route("/v1/time", get(system::time))
        .route("/v1/community", get(system::community))
        .route("/v1/openapi.json", get(openapi::document))
        .route("/v1/accounts", post(accounts::sign_up))
        .route("/v1/accounts/me", get(accounts::me))
        .route("/v1/accounts/{id}/role", put(accounts::set_role))
        .route("/v1/sessions", post(accounts::sign_in))
        .route("/v1/sessions/guest", post(accounts::guest))
        .route("/v1/sessions/current", delete(accounts::sign_out))
        .route("/v1/bans", post(accounts::ban))
        .route("/v1/bans/{account}", delete(accounts::unban))
        .route("/v1/channels", post(channels::create).get(channels::mine))
        .route("/v1/channels/{channel}", get(channels::get))
        .route("/v1/channels/{channel}/keys", put(channels::add_key))
        .route("/v1/channels/{channel}/keys/{key}", delete(channels::remove_key))
        .route("/v1/channels/{channel}/chat", get(chat::enter))
        .route("/v1/channels/{channel}/mutes", post(chat::mute))
        .route("/v1/channels/{channel}/mutes/{account}", delete(chat::unmute))
        .route("/v1/messages/{id}", delete(chat::delete_message))
        .route("/v1/broadcasts", post(broadcasts::create))
        .route("/v1/broadcasts/{id}", get(broadcasts::get).merge(patch(broadcasts::update)).delete(broadcasts::end))
        .route("/v1/broadcasts/{id}/revocation", get(broadcasts::revocation))
        .route("/v1/broadcasts/{id}/ingest", post(ingest::begin))
        .route("/v1/broadcasts/{id}/peers", post(tracker::announce))
        .route("/v1/broadcasts/{id}/stats", get(tracker::stats))
        .route("/v1/live", get(broadcasts::live))
        .layer(DefaultBodyLimit::max(MOST_JSON))
        .layer(from_fn_with_state(Arc::clone(&services), layers::limit));
    let media = Router::new()
        .route(
            "/v1/broadcasts/{id}/manifest",
            get(ingest::manifest).put(ingest::put_manifest).layer(DefaultBodyLimit::max(MOST_MANIFEST)),
        )
        .route(
            "/v1/broadcasts/{id}/thumbnail",
            get(broadcasts::thumbnail).put(broadcasts::put_thumbnail).layer(DefaultBodyLimit::max(MOST_THUMBNAIL)),
        )
        .route("/v1/chunks/{epoch}/{rendition}", get(chunks::range))
        .route(
            "/v1/chunks/{epoch}/{rendition}/{sequence}",
            get(chunks::get).put(chunks::put).layer(DefaultBodyLimit::max(most_chunk)),
        )
        .route("/health/live", get(system::live))
        .route("/health/ready", get(system::ready))
        .route("/metrics", get(system::metrics));
    let players = Router::new()
        .route("/live/{channel}/index.m3u8", get(hls::multivariant))
        .route("/live/{channel}/{epoch}/{rendition}/{file}", get(hls::file))
        // Before the layer, or a page's question about what it may do never reaches it.
        .method_not_allowed_fallback(system::wrong_method)
        .layer(CorsLayer::permissive());
    let panics = Arc::clone(&services);
    calls
        .merge(media)
        .merge(players)
        .fallback(layers::nowhere)
        .method_not_allowed_fallback(system::wrong_method)
        .layer(CatchPanicLayer::custom(move |panic: Box<dyn std::any::Any + Send>| layers::panicked(&panics, &*panic)))
        .layer(from_fn_with_state(Arc::clone(&services), layers::count))
        .with_state(services)
}
