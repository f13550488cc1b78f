//! What the screens ask for.

use std::path::PathBuf;

use crate::state::{ChannelId, CommunityId, SettingChange, SoundChoice, SourceChoice};

/// One thing a person asked for.
///
/// Commands go to the engine through a bounded channel; the screens never wait for an answer,
/// which comes back as [`crate::state::Event`]s.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Join a community at an address (or find out that there is none).
    JoinCommunity {
        /// As typed.
        address: String,
    },
    /// Leave a community and forget what it told us.
    LeaveCommunity(CommunityId),
    /// Show another community's home page.
    SelectCommunity(CommunityId),
    /// Try an unreachable community again now.
    Reconnect(CommunityId),
    /// Sign in with name and password.
    SignIn {
        /// Where.
        community: CommunityId,
        /// Name.
        name: String,
        /// Password.
        password: Secret,
    },
    /// Make an account and sign in.
    SignUp {
        /// Where.
        community: CommunityId,
        /// Name.
        name: String,
        /// Password.
        password: Secret,
    },
    /// Forget who one is there.
    SignOut(CommunityId),
    /// Fetch the live list, all of it (`query` empty) or what a search finds.
    FetchLive {
        /// Whose.
        community: CommunityId,
        /// What to search for.
        query: String,
    },
    /// Follow or stop following a channel.
    Follow {
        /// Where.
        community: CommunityId,
        /// Which.
        channel: ChannelId,
        /// Whether to follow.
        on: bool,
    },
    /// Watch a channel, instead of what is watched now.
    Watch {
        /// Where.
        community: CommunityId,
        /// Which.
        channel: ChannelId,
    },
    /// Stop watching.
    StopWatching,
    /// Pause or go on (at the live edge).
    SetPaused(bool),
    /// Catch up with the live edge.
    JumpToLive,
    /// Write in a chat.
    SendChat {
        /// Where.
        community: CommunityId,
        /// In which channel.
        channel: ChannelId,
        /// What; never empty.
        text: String,
    },
    /// Delete a message (one's own, or as a moderator).
    DeleteMessage {
        /// Where.
        community: CommunityId,
        /// Its id.
        message: String,
    },
    /// Look for cameras, microphones and windows again.
    FindDevices,
    /// Look for windows again, which is quick.
    FindWindows,
    /// Open the preview of the chosen source and sound, if it is not open.
    OpenPreview,
    /// Close that preview, unless on air.
    ClosePreview,
    /// Take pictures and sound from elsewhere, also while live.
    SetSource {
        /// Pictures.
        source: SourceChoice,
        /// Sound.
        sound: SoundChoice,
    },
    /// Ask for a file by the system's dialog and take pictures and sound from it.
    ChooseFile,
    /// The path that [`crate::state::Event::PathWanted`] asked for; `None` where the person left it.
    TakePath(Option<PathBuf>),
    /// Gain of one's sound, in decibels.
    SetGain(f32),
    /// Mute or unmute one's sound.
    MuteSound(bool),
    /// Go live with what is chosen.
    GoLive {
        /// Where.
        community: CommunityId,
        /// Title of the show.
        title: String,
    },
    /// Give the show another title.
    SetTitle(String),
    /// End the broadcast.
    EndBroadcast,
    /// Put a new value of a setting in force and save it.
    Change(SettingChange),
    /// Export the channel's keys by the system's dialog, under a passphrase.
    ExportKeys {
        /// The passphrase.
        passphrase: Secret,
    },
    /// Take in keys that were exported elsewhere, by the system's dialog.
    ImportKeys {
        /// The passphrase they were exported under.
        passphrase: Secret,
    },
    /// Open, or begin, the file that keeps keys where there is no keyring.
    UnlockKeys {
        /// Its passphrase.
        passphrase: Secret,
    },
    /// Revoke this machine's key and make a new one.
    RevokeKey,
    /// Dismiss a message; the app does it itself.
    DismissToast(u64),
    /// End everything in good order; answered by [`crate::state::Event::Closed`].
    Quit,
}

/// A word that never shows in a log.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps a word from logs.
    pub fn new(word: String) -> Self {
        Self(word)
    }

    /// The word itself, for the one who needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
