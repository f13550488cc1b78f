//! Around every handler: counting, panics, headers.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::extract::ClientAddress;
use super::failure::Failure;
use super::limits::Limit;
use super::state::Services;
use crate::api::ErrorCode;
use crate::telemetry;

/// Counts every request and logs failures, with the address shortened and without the query.
pub(super) async fn count(State(services): State<Arc<Services>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (parts, body) = request.into_parts();
    let address = ClientAddress::of(&parts, &services.settings.server.trusted_proxies);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    services.metrics.requests.add(1);
    if status.is_client_error() {
        services.metrics.requests_4xx.add(1);
    } else if status.is_server_error() {
        services.metrics.requests_5xx.add(1);
    }
    tracing::debug!(%method, path, status = status.as_u16(), from = telemetry::short(address.ip), "request");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    let reads = method == Method::GET || method == Method::HEAD;
    if reads && !path.starts_with("/metrics") {
        // Any page may show what anyone may see; tokens are never sent along by browsers themselves.
        headers.entry(header::ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(HeaderValue::from_static("*"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Counts calls of one address; media and chunks are not under it.
pub(super) async fn limit(State(services): State<Arc<Services>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let address = ClientAddress::of(&parts, &services.settings.server.trusted_proxies);
    match services.limits.check(Limit::Api, address, &services.metrics) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => failure.into_response(),
    }
}

/// Answers for a handler that panicked.
pub(super) fn panicked(services: &Services, panic: &(dyn Any + Send)) -> Response {
    services.metrics.panics.add(1);
    let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(message, "a handler panicked; this is a bug");
    Failure::new(ErrorCode::Internal, "the server failed", "try again").into_response()
}

/// Whatever has no route.
pub(super) async fn nowhere() -> Failure {
    Failure::new(ErrorCode::NotFound, "there is nothing here", "see /v1/openapi.json for what there is")
}
