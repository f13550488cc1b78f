//! The API's own description.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::api;

pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "max-age=3600")], api::openapi())
        .into_response()
}
