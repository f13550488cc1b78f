//! Single chunks, as peers know them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::api::{ApiError, ChunkRange, ErrorBody, ErrorCode, Visibility};
use crate::authorise::{Action, Object};
use crate::gateway::extract::{Asker, Fence, Path, Whole};
use crate::gateway::failure::Failure;
use crate::gateway::state::Services;
use crate::origin::{OriginError, Taken};

/// The visibility of an epoch's broadcast, if the asker may do this with it; asks no database.
fn check(services: &Services, asker: &Asker, epoch: u64, action: Action) -> Result<Visibility, Failure> {
    let found = services.origin.broadcast_of(epoch).and_then(|broadcast| services.catalog.recent(broadcast));
    let (info, owner) = found.ok_or(OriginError::UnknownEpoch { epoch })?;
    asker.may(action, &Object::Broadcast { owner, visibility: info.visibility })?;
    Ok(info.visibility)
}

pub(super) async fn put(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path((epoch, rendition, sequence)): Path<(u64, u8, u64)>,
    Fence(fence): Fence,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    check(&services, &asker, epoch, Action::Publish)?;
    if let Some(digest) = headers.get("content-digest") {
        let digest = digest.to_str().unwrap_or_default();
        if !digest_fits(digest, &body) {
            return Err(OriginError::BadDigest.into());
        }
    }
    let (taken, revived) = services.origin.put_chunk(epoch, rendition, sequence, fence, body).await?;
    if let (Some(state), Some(broadcast)) = (revived, services.origin.broadcast_of(epoch)) {
        services.state_changed(broadcast, state).await;
    }
    Ok(match taken {
        Taken::Stored(receipt) => (StatusCode::CREATED, Answer(receipt)).into_response(),
        Taken::Same(receipt) => (StatusCode::OK, Answer(receipt)).into_response(),
        Taken::LiveOnly(reason) => {
            let message = format!("the chunk goes out live but is not stored: {reason}");
            let next = "go on; the server's host must make room on its disk, and replays will have a hole";
            let error = ApiError::new(ErrorCode::DiskFull, message, next);
            (StatusCode::INSUFFICIENT_STORAGE, Answer(ErrorBody { error })).into_response()
        }
    })
}

/// Checks `sha-256=:…:` of RFC 9530; other algorithms are not ours to judge.
fn digest_fits(header: &str, body: &[u8]) -> bool {
    let entries = header.split(',').filter_map(|entry| entry.trim().split_once('='));
    for (algorithm, value) in entries {
        if algorithm.eq_ignore_ascii_case("sha-256") {
            let value = value.strip_prefix(':').and_then(|value| value.strip_suffix(':'));
            let expected = value.and_then(|value| STANDARD.decode(value).ok());
            return expected.is_some_and(|expected| expected[..] == Sha256::digest(body)[..]);
        }
    }
    true
}

pub(super) async fn get(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path((epoch, rendition, sequence)): Path<(u64, u8, u64)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let visibility = check(&services, &asker, epoch, Action::Watch)?;
    let chunk = services.origin.chunk(epoch, rendition, sequence).await?;
    Ok(super::media::answer(&services, &headers, "application/octet-stream", visibility, vec![chunk]))
}

pub(super) async fn range(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path((epoch, rendition)): Path<(u64, u8)>,
) -> Result<Answer<ChunkRange>, Failure> {
    check(&services, &asker, epoch, Action::Watch)?;
    Ok(Answer(services.origin.chunk_range(epoch, rendition)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_checked() {
        let right = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(b"body")));
        assert!(digest_fits(&right, b"body"));
        assert!(!digest_fits(&right, b"Body"));
        assert!(digest_fits(&format!("sha-512=:xx:, {right}"), b"body"));
        assert!(!digest_fits("sha-256=:???:", b"body"));
        assert!(digest_fits("md5=:xx:", b"body"));
    }
}
