//! From errors of the libraries to what people can do something about. The errors themselves go to the log.

use std::io::ErrorKind;

use backend_lite::ServerError;
use backend_lite::api::{ClientError, ErrorCode};
use runnel_media::capture::{CaptureProblem, ProblemKind, SourceSpec};
use runnel_media::frame::TrackKind;

use crate::embedded::EmbeddedError;
use crate::keys::{KeyError, StoreError};
use crate::session::broadcast::BroadcastError;
use crate::session::watch::WatchError;
use crate::state::Problem;

/// A server's refusal or silence.
pub(super) fn server(error: &ClientError, address: &str) -> Problem {
    tracing::info!(%error, address, "the server said no, or nothing");
    match error.code() {
        Some(ErrorCode::Unauthenticated) => Problem::SignInRefused,
        Some(ErrorCode::Forbidden | ErrorCode::Banned) => Problem::NotAllowed,
        Some(ErrorCode::NameTaken) => Problem::NameTaken,
        Some(ErrorCode::TakenDown) => Problem::TakenDown,
        Some(ErrorCode::NotFound | ErrorCode::Gone | ErrorCode::BroadcastEnded) => Problem::NotLive,
        Some(ErrorCode::DiskFull) => Problem::DiskFull,
        Some(ErrorCode::RateLimited | ErrorCode::Unavailable | ErrorCode::Internal) | None => match error {
            ClientError::BadUrl(_) => Problem::AddressInvalid { address: address.to_owned() },
            _ => Problem::ServerUnreachable { address: address.to_owned() },
        },
        Some(_) => Problem::Unexpected,
    }
}

/// Keys that cannot be had.
pub(super) fn keys(error: &KeyError) -> Problem {
    tracing::warn!(%error, "the keys");
    match error {
        KeyError::Store(StoreError::NoKeyring) => Problem::KeyringMissing,
        KeyError::Store(StoreError::Locked) => Problem::KeysLocked,
        KeyError::Store(StoreError::Keyring(_)) => Problem::KeyringRefused,
        KeyError::Store(StoreError::Passphrase) | KeyError::Passphrase => Problem::PassphraseWrong,
        KeyError::Store(StoreError::File { source, .. }) if source.kind() == ErrorKind::StorageFull => {
            Problem::DiskFull
        }
        KeyError::NotAKey(_) => Problem::NotAKey,
        KeyError::Exists(_) => Problem::KeyExists,
        KeyError::Missing(_) => Problem::KeyNotHere,
        KeyError::Store(StoreError::Damaged(_) | StoreError::File { .. })
        | KeyError::Index { .. }
        | KeyError::Randomness(_) => Problem::Unexpected,
    }
}

/// Why there is no server on this machine.
pub(super) fn embedded(error: &EmbeddedError) -> Problem {
    tracing::error!(%error, "there is no embedded server");
    match error {
        EmbeddedError::Start(ServerError::PortInUse { address }) => Problem::PortInUse { port: address.port() },
        EmbeddedError::Start(ServerError::Folder { source, .. }) if source.kind() == ErrorKind::StorageFull => {
            Problem::DiskFull
        }
        EmbeddedError::Held(_) => Problem::ServerHeld,
        _ => Problem::ServerFailed,
    }
}

/// Why a channel cannot be watched.
pub(super) fn watch(error: &WatchError, address: &str) -> Problem {
    match error {
        WatchError::Server(error) => server(error, address),
        WatchError::NotLive(_) | WatchError::Empty => Problem::NotLive,
        other => {
            tracing::warn!(error = %other, "the channel cannot be watched");
            Problem::Unexpected
        }
    }
}

/// Why a broadcast could not go on.
pub(super) fn broadcast(error: &BroadcastError, address: &str, source: &SourceSpec) -> Problem {
    match error {
        BroadcastError::Server(error) => server(error, address),
        BroadcastError::Media(error) => {
            tracing::warn!(%error, "the pipeline could not be started");
            match source {
                SourceSpec::File { path, .. } => Problem::FileUnreadable {
                    name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                },
                _ => Problem::EncoderFailed,
            }
        }
        BroadcastError::Randomness(error) => keys(error),
        other => {
            tracing::warn!(error = %other, "the broadcast failed");
            Problem::Unexpected
        }
    }
}

/// A source that is gone or refused.
pub(super) fn capture(what: TrackKind, problem: &CaptureProblem, source: &SourceSpec) -> Problem {
    match (problem.kind, what) {
        (ProblemKind::PermissionRefused, _) => Problem::PermissionRefused,
        (_, TrackKind::Audio) => Problem::MicrophoneLost,
        (kind, TrackKind::Video) => match source {
            SourceSpec::Camera { .. } if kind == ProblemKind::Busy => Problem::CameraBusy,
            SourceSpec::Camera { .. } => Problem::CameraLost,
            SourceSpec::Screen { .. } => Problem::ScreenLost,
            SourceSpec::File { path, .. } => {
                Problem::FileUnreadable { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned() }
            }
            SourceSpec::Test | SourceSpec::None => Problem::Unexpected,
        },
    }
}
