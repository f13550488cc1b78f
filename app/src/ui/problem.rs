//! Problems and notices in words, each with its next step.

use crate::command::Command;
use crate::i18n::{Value, Words};
use crate::state::{Notice, Problem, SoundChoice, SourceChoice};

use super::dialog::Dialog;
use super::{Cx, Go, Page};

/// What a problem's button does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Command(Command),
    Page(Page),
    Setting(&'static str),
    Connect(String),
    Passphrase,
    /// Puts something on the clipboard.
    Copy(String),
}

/// Says what happened and what to do.
pub(super) fn sentence(words: &Words, problem: &Problem) -> String {
    let key = problem.key();
    match problem {
        Problem::ServerUnreachable { address } | Problem::AddressInvalid { address } => {
            words.fill(key, "address", address)
        }
        Problem::FileUnreadable { name } => words.fill(key, "name", name),
        Problem::SettingsDamaged { kept: path }
        | Problem::SettingsUnreadable { path }
        | Problem::FileExists { path }
        | Problem::FileNotOpened { path } => words.fill(key, "path", path),
        Problem::SettingsOdd { keys } => words.fill(key, "keys", keys),
        Problem::CommunityDamaged { name, kept } => {
            words.with(key, &[("name", Value::Text(name)), ("path", Value::Text(kept))])
        }
        Problem::EncoderSlow { height, fps } => {
            let (height, fps) = (height.to_string(), fps.to_string());
            words.with(key, &[("height", Value::Text(&height)), ("fps", Value::Text(&fps))])
        }
        Problem::PortInUse { port } => words.fill(key, "port", &port.to_string()),
        _ => words.text(key),
    }
}

/// The next step, as the key of its words and what it does.
pub(super) fn next(cx: &Cx<'_>, problem: &Problem) -> Option<(&'static str, Step)> {
    let community = super::current(cx);
    Some(match problem {
        Problem::ServerUnreachable { .. } => ("next-retry", Step::Command(Command::Reconnect(community?))),
        Problem::AddressInvalid { address } => ("next-address", Step::Connect(address.clone())),
        Problem::SignInRefused | Problem::NameTaken => ("next-sign-in", Step::Setting("setting-communities")),
        Problem::CameraBusy | Problem::CameraLost | Problem::ScreenLost => {
            ("next-choose-picture", Step::Page(Page::Studio))
        }
        Problem::MicrophoneLost => ("next-choose-sound", Step::Page(Page::Studio)),
        Problem::PermissionRefused => ("next-retry", Step::Command(again(cx))),
        Problem::FileUnreadable { .. } => ("next-choose-file", Step::Command(Command::ChooseFile)),
        Problem::OutputLost => ("next-output", Step::Setting("setting-output")),
        Problem::EncoderSlow { .. } => ("next-size", Step::Setting("setting-size")),
        Problem::EncoderFailed => ("next-encoder", Step::Setting("setting-encoder")),
        Problem::UploadSlow => ("next-bitrate", Step::Setting("setting-bitrate")),
        Problem::KeyringMissing => ("next-keep-keys", Step::Passphrase),
        Problem::KeysLocked | Problem::PassphraseWrong => ("next-passphrase", Step::Passphrase),
        // Only keys are kept in files that people name.
        Problem::FileExists { .. } | Problem::FileNotOpened { .. } | Problem::NotAKey | Problem::KeyExists => {
            ("next-keys", Step::Setting("setting-keys-import"))
        }
        Problem::SettingsDamaged { kept: path }
        | Problem::SettingsUnreadable { path }
        | Problem::CommunityDamaged { kept: path, .. } => ("next-copy-path", Step::Copy(path.clone())),
        Problem::SettingsOdd { .. } => ("next-settings", Step::Page(Page::Settings)),
        Problem::KeyNotHere | Problem::OnAir => ("next-studio", Step::Page(Page::Studio)),
        _ => return None,
    })
}

/// Opens the chosen source once more.
fn again(cx: &Cx<'_>) -> Command {
    let (source, sound): (SourceChoice, SoundChoice) = (cx.state.studio.source.clone(), cx.state.studio.sound.clone());
    Command::SetSource { source, sound }
}

/// Takes a next step.
pub(super) fn take(cx: &mut Cx<'_>, step: Step) {
    match step {
        Step::Command(command) => cx.send(command),
        Step::Page(page) => cx.go(Go::Page(page)),
        Step::Copy(text) => cx.go(Go::Copy(text)),
        Step::Setting(key) => cx.go(Go::Setting(key)),
        Step::Passphrase => cx.go(Go::Dialog(Dialog::Passphrase { passphrase: String::new() })),
        Step::Connect(address) => cx.go(Go::Dialog(Dialog::Connect { address })),
    }
}

/// Says what a message at the foot says.
pub(super) fn notice(words: &Words, notice: &Notice) -> String {
    match notice {
        Notice::Problem(problem) => sentence(words, problem),
        Notice::Joined { name } => words.fill("notice-joined", "name", name),
        Notice::Reconnected { name } => words.fill("notice-reconnected", "name", name),
        Notice::FollowedLive { name } => words.fill("notice-followed-live", "name", name),
        Notice::KeysExported { path } => words.fill("notice-keys-exported", "path", path),
        Notice::KeysImported => words.text("notice-keys-imported"),
        Notice::KeysKept => words.text("notice-keys-kept"),
        Notice::KeyRevoked => words.text("notice-key-revoked"),
        Notice::Saved { path } => words.fill("notice-saved", "path", path),
    }
}
