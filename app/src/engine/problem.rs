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
use crate::settings::SettingsProblem;
use crate::state::Problem;

/// Settings that are named in one message.
const MOST_KEYS: usize = 4;

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
        KeyError::Store(StoreError::File { path, source }) if source.kind() == ErrorKind::AlreadyExists => {
            Problem::FileExists { path: path.display().to_string() }
        }
        KeyError::Store(StoreError::File { path, .. }) => Problem::FileNotOpened { path: path.display().to_string() },
        KeyError::NotAKey(_) => Problem::NotAKey,
        KeyError::Exists(_) => Problem::KeyExists,
        KeyError::Missing(_) => Problem::KeyNotHere,
        KeyError::Store(StoreError::Damaged(_)) | KeyError::Index { .. } | KeyError::Randomness(_) => {
            Problem::Unexpected
        }
    }
}

/// What was wrong with the settings, as far as a person has to know: a newer form is kept and read as far as possible.
pub(super) fn settings(found: &[SettingsProblem]) -> Vec<Problem> {
    let odd: Vec<&str> = found
        .iter()
        .filter_map(|problem| match problem {
            SettingsProblem::BadValue { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let more = if odd.len() > MOST_KEYS { ", …" } else { "" };
    let odd = (!odd.is_empty()).then(|| {
        let keys = format!("{}{more}", odd[..odd.len().min(MOST_KEYS)].join(", "));
        Problem::SettingsOdd { keys }
    });
    let files = found.iter().filter_map(|problem| match problem {
        SettingsProblem::Damaged { kept, .. } => Some(Problem::SettingsDamaged { kept: kept.display().to_string() }),
        SettingsProblem::Unreadable { path, .. } => {
            Some(Problem::SettingsUnreadable { path: path.display().to_string() })
        }
        SettingsProblem::BadValue { .. } | SettingsProblem::Newer { .. } => None,
    });
    files.chain(odd).collect()
}

/// What was wrong with what is kept about a community.
pub(super) fn community(found: &[SettingsProblem], name: &str) -> Vec<Problem> {
    let named = |problem| match problem {
        Problem::SettingsDamaged { kept } => Problem::CommunityDamaged { name: name.to_owned(), kept },
        other => other,
    };
    settings(found).into_iter().map(named).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrong_with_settings_is_told_once_and_short() {
        let bad = |key: &str| SettingsProblem::BadValue { key: key.to_owned(), reason: String::new() };
        let newer = SettingsProblem::Newer { found: 2, known: 1 };
        assert_eq!(
            settings(&[newer.clone(), bad("studio.fps"), bad("language")]),
            [Problem::SettingsOdd { keys: "studio.fps, language".to_owned() }]
        );
        let many: Vec<_> = ["a", "b", "c", "d", "e"].map(bad).into();
        assert_eq!(settings(&many), [Problem::SettingsOdd { keys: "a, b, c, d, …".to_owned() }]);
        assert_eq!(settings(&[newer]), []);
        let damaged = SettingsProblem::Damaged {
            path: "/s.toml".into(),
            kept: "/s.toml.damaged-1".into(),
            reason: String::new(),
        };
        let kept = "/s.toml.damaged-1".to_owned();
        assert_eq!(settings(std::slice::from_ref(&damaged)), [Problem::SettingsDamaged { kept: kept.clone() }]);
        assert_eq!(community(&[damaged], "River"), [Problem::CommunityDamaged { name: "River".to_owned(), kept }]);
    }
}
