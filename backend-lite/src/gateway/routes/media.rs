//! Bodies of media: ranges, counting, cache headers.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::Visibility;
use crate::gateway::range::{self, Range};
use crate::gateway::state::Services;

/// How long what never changes may be cached.
const FOR_GOOD: &str = "max-age=31536000, immutable";

/// Whether shared caches may keep it: what only members may see they may not.
pub(super) fn cache(visibility: Visibility, rule: &str) -> HeaderValue {
    let scope = if visibility == Visibility::Members { "private" } else { "public" };
    HeaderValue::from_str(&format!("{scope}, {rule}")).unwrap_or(HeaderValue::from_static("no-store"))
}

/// Answers with media that never changes, whole or the part that was asked for.
pub(super) fn answer(
    services: &Arc<Services>,
    headers: &HeaderMap,
    kind: &'static str,
    visibility: Visibility,
    pieces: Vec<Bytes>,
) -> Response {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, pieces, content_range) = match range::parse(asked, length) {
        Range::Whole => (StatusCode::OK, pieces, None),
        Range::Some(first, last) => {
            let content_range = format!("bytes {first}-{last}/{length}");
            (StatusCode::PARTIAL_CONTENT, range::slice(pieces, first, last), Some(content_range))
        }
        Range::Unsatisfiable => {
            let content_range = format!("bytes */{length}");
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, content_range)]).into_response();
        }
    };
    let sent: usize = pieces.iter().map(Bytes::len).sum();
    services.metrics.media_out.add(1);
    services.metrics.bytes_out.add(sent as u64);
    let body = match <[Bytes; 1]>::try_from(pieces) {
        Ok([one]) => Body::from(one),
        Err(pieces) => {
            Body::from_stream(futures::stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>)))
        }
    };
    let mut response = (status, body).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    out.insert(header::CONTENT_LENGTH, sent.into());
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CACHE_CONTROL, cache(visibility, FOR_GOOD));
    if let Some(content_range) = content_range.and_then(|text| HeaderValue::from_str(&text).ok()) {
        out.insert(header::CONTENT_RANGE, content_range);
    }
    response
}
