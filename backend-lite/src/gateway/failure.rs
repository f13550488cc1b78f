//! Turns what services refuse into HTTP answers: a code, what happened, what to do next.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::accounts::AccountError;
use crate::api::{ApiError, ErrorBody, ErrorCode};
use crate::authorise::Denied;
use crate::catalog::CatalogError;
use crate::chat::{JoinError, Refused};
use crate::origin::OriginError;
use crate::store::StoreError;
use crate::tracker::TrackerError;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ApiError,
    retry_after: Option<u64>,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl ToString, next: &str) -> Self {
        Self { error: ApiError::new(code, message.to_string(), next), retry_after: None }
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Something went wrong that is not the asker's business; the log has it.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "a request failed");
        Self::new(ErrorCode::Internal, "the server failed", "try again; its host finds more in the log")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(ErrorBody { error: self.error })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Denied> for Failure {
    fn from(error: Denied) -> Self {
        match error {
            Denied::Unauthenticated => Self::new(ErrorCode::Unauthenticated, error, "sign in and try again"),
            Denied::Forbidden => Self::new(ErrorCode::Forbidden, error, "ask the owner or a moderator"),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken => Self::new(ErrorCode::NameTaken, error, "choose another name"),
            StoreError::NotFound => Self::new(ErrorCode::NotFound, error, ""),
            StoreError::DiskFull => {
                Self::new(ErrorCode::DiskFull, error, "the server's host must make room; live delivery goes on")
            }
            StoreError::Database(_) | StoreError::Closed => {
                tracing::error!(%error, "the database failed");
                Self::new(ErrorCode::Unavailable, "the database does not answer", "try again in a moment")
                    .retry_after(2)
            }
            other => Self::internal(&other),
        }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Name(_) | AccountError::Password(_) => {
                Self::new(ErrorCode::BadValue, error, "choose another")
            }
            AccountError::Taken(_) => Self::new(ErrorCode::NameTaken, error, "choose another name, or sign in"),
            AccountError::Wrong => Self::new(ErrorCode::Unauthenticated, error, "check both and try again"),
            AccountError::Banned(_) => Self::new(ErrorCode::Banned, error, "write to the community's host"),
            AccountError::Closed(_) => Self::new(ErrorCode::Forbidden, error, ""),
            AccountError::NotFound(_) => Self::new(ErrorCode::NotFound, error, ""),
            AccountError::Busy => Self::new(ErrorCode::Unavailable, error, "try again in a moment").retry_after(2),
            AccountError::Store(error) => error.into(),
        }
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Name(_) | CatalogError::Text { .. } | CatalogError::Thumbnail(_) => {
                Self::new(ErrorCode::BadValue, error, "change it and try again")
            }
            CatalogError::Taken(_) => Self::new(ErrorCode::NameTaken, error, "choose another name"),
            CatalogError::TooManyChannels(_) => Self::new(ErrorCode::Forbidden, error, "use one of them"),
            CatalogError::TooManyKeys => Self::new(ErrorCode::Forbidden, error, "revoke one first"),
            CatalogError::RevokedKey => Self::new(ErrorCode::Forbidden, error, "make a new key"),
            CatalogError::NoChannel(_) | CatalogError::NoBroadcast(_) => Self::new(ErrorCode::NotFound, error, ""),
            CatalogError::Store(error) => error.into(),
        }
    }
}

impl From<TrackerError> for Failure {
    fn from(error: TrackerError) -> Self {
        match error {
            TrackerError::PeerId(_) => Self::new(ErrorCode::BadValue, error, "send the node's own peer id"),
            TrackerError::Role | TrackerError::NotYours => {
                Self::new(ErrorCode::Forbidden, error, "use a fresh peer id")
            }
            TrackerError::Swarm(_) => {
                Self::new(ErrorCode::RateLimited, error, "watch from the origin, try again later").retry_after(30)
            }
            TrackerError::Ticket => Self::internal(&error),
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::new(ErrorCode::RateLimited, error, "try again later").retry_after(10)
    }
}

impl From<Refused> for Failure {
    fn from(error: Refused) -> Self {
        match error {
            Refused::TooFast { millis } => {
                Self::new(ErrorCode::RateLimited, error, "wait a moment").retry_after(millis.div_ceil(1000))
            }
            Refused::Muted { .. } => Self::new(ErrorCode::Banned, error, "write to the channel's owner"),
            Refused::Empty | Refused::TooLong { .. } => {
                Self::new(ErrorCode::BadValue, error, "change it and try again")
            }
        }
    }
}

impl From<OriginError> for Failure {
    fn from(error: OriginError) -> Self {
        use OriginError::*;
        let new = |code, next| Self::new(code, &error, next);
        match &error {
            UnknownBroadcast | UnknownEpoch { .. } | UnknownRendition { .. } | Missing { .. } => {
                new(ErrorCode::NotFound, "")
            }
            NotYet => new(ErrorCode::NotFound, "try again when the broadcast is live"),
            Gone { .. } => new(ErrorCode::Gone, "go on from a newer one"),
            Ended => new(ErrorCode::BroadcastEnded, "begin a new broadcast"),
            TakenDown => new(ErrorCode::TakenDown, "stop showing and forwarding it"),
            StaleFence { .. } => new(ErrorCode::StaleFence, "stop, or take it over by beginning the ingest again"),
            OtherChunk { .. } | OtherManifest { .. } | OldManifest { .. } | OtherInit { .. } => {
                new(ErrorCode::Conflict, "begin the ingest again and go on from its cursor")
            }
            BadPiece { .. } | BadDigest => new(ErrorCode::BadSignature, "send it again"),
            Chunk(runnel_p2p::wire::ChunkError::BadSignature { .. }) => {
                new(ErrorCode::BadSignature, "sign it with the broadcast key of the manifest it names")
            }
            Manifest(
                runnel_p2p::wire::ManifestError::UnknownKey { .. }
                | runnel_p2p::wire::ManifestError::BadSignature { .. },
            ) => new(ErrorCode::BadSignature, "add the key to the channel first, or sign with one that is there"),
            Chunk(_) | Manifest(_) | BadReload(_) => new(ErrorCode::BadRequest, ""),
            Misaddressed { .. } | Misplaced { .. } => new(ErrorCode::BadRequest, "send it to its own address"),
            UnknownManifest { .. } | UnknownInit { .. } => new(ErrorCode::BadValue, "send the manifest first"),
            TooManyInits { .. } => new(ErrorCode::BadValue, "begin a new broadcast"),
            ChunkLength { .. } | Duration { .. } => new(ErrorCode::BadValue, "cut chunks of 100 or 200 ms"),
            TooLarge { .. } => new(ErrorCode::TooLarge, "lower the bit rate"),
            TooManyBroadcasts { .. } => new(ErrorCode::Unavailable, "try again later").retry_after(60),
            Closing => new(ErrorCode::Unavailable, "try again in a moment").retry_after(1),
            Disk(_) => Self::internal(&error),
            Store(_) => match error {
                Store(error) => error.into(),
                _ => Self::internal(&error),
            },
        }
    }
}
