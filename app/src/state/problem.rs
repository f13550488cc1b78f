//! What can go wrong, as far as a person can do something about it.

/// Something that went wrong.
///
/// Each has a sentence (`problem-...` in the Fluent files) that says what happened and what to do.
/// Details that were not written for people belong in the log, not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No answer from a community.
    ServerUnreachable {
        /// Its address.
        address: String,
    },
    /// The address is not one.
    AddressInvalid {
        /// As typed.
        address: String,
    },
    /// The community wants a newer app.
    AppTooOld,
    /// Name or password is wrong.
    SignInRefused,
    /// The name is taken.
    NameTaken,
    /// The community does not allow it.
    NotAllowed,
    /// The channel is not live.
    NotLive,
    /// The broadcast was taken down by the community.
    TakenDown,
    /// Another program uses the camera.
    CameraBusy,
    /// There is no such camera, or it was unplugged.
    CameraLost,
    /// There is no such microphone, or it was unplugged.
    MicrophoneLost,
    /// The system refuses access to the camera, microphone or screen.
    PermissionRefused,
    /// The screen or window cannot be captured.
    ScreenLost,
    /// A file cannot be played.
    FileUnreadable {
        /// Its name, without folders.
        name: String,
    },
    /// No sound output.
    OutputLost,
    /// No encoder holds the wanted size and rate: it went down a step.
    EncoderSlow {
        /// Height in pixels, as encoded now.
        height: u32,
        /// Frames a second, as encoded now.
        fps: u32,
    },
    /// No encoder works.
    EncoderFailed,
    /// The upload does not hold the bitrate.
    UploadSlow,
    /// The server cannot be reached while live; the broadcast is kept and goes on.
    UploadLost,
    /// The picture cannot be decoded.
    DecoderFailed,
    /// The disk is full.
    DiskFull,
    /// Another program uses the port.
    PortInUse {
        /// Which.
        port: u16,
    },
    /// Another program holds the data of this machine's own server and does not answer.
    ServerHeld,
    /// This machine's own server did not start.
    ServerFailed,
    /// There is no keyring, so keys are forgotten at the end.
    KeyringMissing,
    /// The keyring refused.
    KeyringRefused,
    /// The keys lie in a file that a passphrase opens.
    KeysLocked,
    /// A passphrase that does not fit.
    PassphraseWrong,
    /// A file that is no exported key.
    NotAKey,
    /// Another key of the same channel is here already.
    KeyExists,
    /// A broadcast is on air, which this would break.
    OnAir,
    /// There is no key here yet: none was needed.
    KeyNotHere,
    /// A setting could not be saved.
    SettingsNotSaved,
    /// The file of settings made no sense; it was set aside and the defaults are used.
    SettingsDamaged {
        /// Where the damaged file is now.
        kept: String,
    },
    /// The file of settings cannot be opened, so the defaults are used and nothing is written over it.
    SettingsUnreadable {
        /// The file.
        path: String,
    },
    /// Some settings made no sense; their defaults are used.
    SettingsOdd {
        /// Their names in the file.
        keys: String,
    },
    /// What was kept about a community made no sense; it was set aside.
    CommunityDamaged {
        /// The community's name.
        name: String,
        /// Where the damaged file is now.
        kept: String,
    },
    /// A file is there already that was to be made.
    FileExists {
        /// Its path.
        path: String,
    },
    /// A file that was named cannot be opened or written.
    FileNotOpened {
        /// Its path.
        path: String,
    },
    /// The app is too busy to take another command.
    Busy,
    /// Something else; the log has the details.
    Unexpected,
}

impl Problem {
    /// The Fluent id of its sentence.
    pub fn key(&self) -> &'static str {
        match self {
            Self::ServerUnreachable { .. } => "problem-server-unreachable",
            Self::AddressInvalid { .. } => "problem-address-invalid",
            Self::AppTooOld => "problem-app-too-old",
            Self::SignInRefused => "problem-sign-in-refused",
            Self::NameTaken => "problem-name-taken",
            Self::NotAllowed => "problem-not-allowed",
            Self::NotLive => "problem-not-live",
            Self::TakenDown => "problem-taken-down",
            Self::CameraBusy => "problem-camera-busy",
            Self::CameraLost => "problem-camera-lost",
            Self::MicrophoneLost => "problem-microphone-lost",
            Self::PermissionRefused => "problem-permission-refused",
            Self::ScreenLost => "problem-screen-lost",
            Self::FileUnreadable { .. } => "problem-file-unreadable",
            Self::OutputLost => "problem-output-lost",
            Self::EncoderSlow { .. } => "problem-encoder-slow",
            Self::EncoderFailed => "problem-encoder-failed",
            Self::UploadSlow => "problem-upload-slow",
            Self::UploadLost => "problem-upload-lost",
            Self::DecoderFailed => "problem-decoder-failed",
            Self::DiskFull => "problem-disk-full",
            Self::PortInUse { .. } => "problem-port-in-use",
            Self::ServerHeld => "problem-server-held",
            Self::ServerFailed => "problem-server-failed",
            Self::KeyringMissing => "problem-keyring-missing",
            Self::KeyringRefused => "problem-keyring-refused",
            Self::KeysLocked => "problem-keys-locked",
            Self::PassphraseWrong => "problem-passphrase-wrong",
            Self::NotAKey => "problem-not-a-key",
            Self::KeyExists => "problem-key-exists",
            Self::OnAir => "problem-on-air",
            Self::KeyNotHere => "problem-key-not-here",
            Self::SettingsNotSaved => "problem-settings-not-saved",
            Self::SettingsDamaged { .. } => "problem-settings-damaged",
            Self::SettingsUnreadable { .. } => "problem-settings-unreadable",
            Self::SettingsOdd { .. } => "problem-settings-odd",
            Self::CommunityDamaged { .. } => "problem-community-damaged",
            Self::FileExists { .. } => "problem-file-exists",
            Self::FileNotOpened { .. } => "problem-file-not-opened",
            Self::Busy => "problem-busy",
            Self::Unexpected => "problem-unexpected",
        }
    }
}
