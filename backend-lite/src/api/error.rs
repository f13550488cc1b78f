//! How the server says no.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request cannot be understood.
    BadRequest,
    /// A field has a value outside its range.
    BadValue,
    /// No token, or one that does not work.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// Shut out of the community or the room.
    Banned,
    /// There is no such thing.
    NotFound,
    /// It existed and is gone.
    Gone,
    /// A moderator removed it.
    TakenDown,
    /// The name is in use.
    NameTaken,
    /// Another chunk or init segment is already stored under this number.
    Conflict,
    /// Someone else has taken over the broadcast.
    StaleFence,
    /// The broadcast is over.
    BroadcastEnded,
    /// A signature or hash does not fit.
    BadSignature,
    /// The body is larger than allowed.
    TooLarge,
    /// Too many requests; wait.
    RateLimited,
    /// The disk of the server is full; live delivery goes on.
    DiskFull,
    /// The server is starting, draining or lost something it needs.
    Unavailable,
    /// The server's fault.
    Internal,
    /// A code this client does not know.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::BadSignature => 400,
            Self::BadValue => 422,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::Banned => 403,
            Self::NotFound => 404,
            Self::Gone | Self::BroadcastEnded => 410,
            Self::TakenDown => 451,
            Self::NameTaken | Self::Conflict => 409,
            Self::StaleFence => 412,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::DiskFull => 507,
            Self::Unavailable => 503,
            Self::Internal | Self::Unknown => 500,
        }
    }
}

/// One error in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
    /// What to do about it; may be empty.
    #[serde(default)]
    pub next: String,
}

impl ApiError {
    /// An error with its message and the next step.
    pub fn new(code: ErrorCode, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, message: message.into(), next: next.into() }
    }
}

/// The body of every answer with a status of 400 and above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}
