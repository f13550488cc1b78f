//! What a person chose, kept in TOML files that older and newer versions of the app can share.
//!
//! A file's unknown keys are kept, a value that makes no sense falls back to its default and is reported,
//! and a file that is not TOML at all is set aside, never overwritten (see `settings/file.rs`).

pub mod file;
mod traffic;
mod view;

use std::collections::BTreeMap;

use runnel_media::format::Size;
use serde::{Deserialize, Serialize};

use crate::paths::Paths;
use crate::state::{DeviceChoice, Devices, SoundChoice};
pub use crate::state::{Language, MeteredChoice, Role, TextScale, ThemeChoice};
pub use file::{Loaded, SettingsFile, SettingsProblem};
pub use traffic::{Day, Traffic};

/// Version of the settings' form that this app writes.
pub const VERSION: u32 = 1;

/// Everything a person can choose that is not tied to one community.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Language of the screens.
    pub language: Language,
    /// Whether the first-start cards were gone through.
    pub welcomed: bool,
    /// What the person came for.
    pub role: Role,
    /// Looks.
    pub appearance: Appearance,
    /// What is shared with other viewers.
    pub sharing: Sharing,
    /// How streams are played.
    pub playback: Playback,
    /// Comments that fly over the picture.
    pub barrage: Barrage,
    /// How one broadcasts.
    pub studio: Studio,
    /// What devices are called.
    pub devices: KnownDevices,
    /// Which communities were joined.
    pub communities: Communities,
}

/// What devices are called, so that one that is not there now can be named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownDevices {
    /// Names by the ids that [`Studio::audio`] and [`Playback::output`] hold; at most 32.
    pub names: BTreeMap<String, String>,
}

/// Devices whose names are kept.
const MOST_DEVICES: usize = 32;

/// Looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Appearance {
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Size of text, in percent.
    pub text_scale: u16,
    /// No motion that is not the picture's own.
    pub reduced_motion: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Self { theme: ThemeChoice::System, text_scale: 100, reduced_motion: false }
    }
}

/// Whether pieces are exchanged with other viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum P2pMode {
    /// Peers first, the server for what they cannot give in time.
    Assist,
    /// Peers only; the server gives no media.
    Only,
    /// The server only; nothing is shared.
    #[default]
    Off,
}

/// What is shared with other viewers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sharing {
    /// Whether the person was asked, and so whether [`Sharing::mode`] is their word.
    pub consented: bool,
    /// What they said.
    pub mode: P2pMode,
    /// Most that is uploaded, in kbit/s; 0 means as much as there is.
    pub upload_cap_kbps: u32,
    /// Share within the local network only.
    pub lan_only: bool,
    /// Share only where more watch than [`Sharing::crowd_above`].
    pub crowd_only: bool,
    /// How many viewers are few, 1 to 10,000; it also holds where the host of a community wants a crowd.
    pub crowd_above: u32,
    /// Most that is uploaded in a day or month, in megabytes; 0 means as much as there is.
    pub data_cap_mb: u32,
    /// Whether that is for a month and not for a day.
    pub data_cap_monthly: bool,
    /// First hour of the day in which uploading is allowed, 0 to 23.
    pub from_hour: u8,
    /// Hour in which that ends; the same as the first means the whole day.
    pub to_hour: u8,
    /// Most that is uploaded at other hours, in kbit/s; 0 means nothing.
    pub outside_kbps: u32,
    /// Whether the network costs by amount.
    pub metered: MeteredChoice,
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            consented: false,
            mode: P2pMode::Off,
            upload_cap_kbps: 5_000,
            lan_only: false,
            crowd_only: false,
            crowd_above: 20,
            data_cap_mb: 0,
            data_cap_monthly: true,
            from_hour: 0,
            to_hour: 0,
            outside_kbps: 0,
            metered: MeteredChoice::Detect,
        }
    }
}

/// How streams are played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Playback {
    /// From capture to screen, in milliseconds.
    pub delay_ms: u32,
    /// 0.0 to 1.0.
    #[serde(with = "short")]
    pub volume: f32,
    /// Sound off.
    pub muted: bool,
    /// Name of the sound output; empty is the system's default.
    pub output: String,
}

impl Default for Playback {
    fn default() -> Self {
        Self { delay_ms: 1_000, volume: 0.8, muted: false, output: String::new() }
    }
}

/// Comments that fly over the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Barrage {
    /// Whether they do.
    pub on: bool,
    /// Opacity, 0.2 to 1.
    #[serde(with = "short")]
    pub opacity: f32,
    /// Share of the picture's height they may cover, 0.25 to 1.
    #[serde(with = "short")]
    pub area: f32,
    /// Size of their letters relative to what suits the picture, 0.5 to 2.
    #[serde(with = "short")]
    pub size: f32,
    /// How fast they fly relative to the usual eight seconds from edge to edge, 0.5 to 2.
    #[serde(with = "short")]
    pub speed: f32,
}

impl Default for Barrage {
    fn default() -> Self {
        Self { on: true, opacity: 0.9, area: 0.5, size: 1.0, speed: 1.0 }
    }
}

/// How one broadcasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Studio {
    /// Picture source, as `--source` takes it; none at first, since no camera or screen is opened unasked.
    pub source: String,
    /// Sound source, as `--audio` takes it.
    pub audio: String,
    /// Whether the mouse pointer is in the picture of a screen.
    pub pointer: bool,
    /// Encoder, as `--encoder` takes it.
    pub encoder: String,
    /// Picture size.
    #[serde(with = "size_text")]
    pub size: Size,
    /// Frames per second.
    pub fps: u32,
    /// Target bitrate in kbit/s.
    pub bitrate_kbps: u32,
    /// Loudness change in decibel.
    #[serde(with = "short")]
    pub gain_db: f32,
    /// Remove noise from the microphone.
    pub denoise: bool,
    /// Title of the last broadcast, offered for the next.
    pub title: String,
}

impl Default for Studio {
    fn default() -> Self {
        Self {
            source: "none".to_owned(),
            audio: "default".to_owned(),
            pointer: true,
            encoder: "auto".to_owned(),
            size: Size::new(1280, 720).expect("720p is a legal size"),
            fps: 30,
            bitrate_kbps: 2_500,
            gain_db: 0.0,
            denoise: false,
            title: String::new(),
        }
    }
}

/// Which communities were joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Communities {
    /// Id of the one that is shown; empty is the embedded one.
    pub current: String,
    /// All that were joined.
    pub joined: Vec<JoinedCommunity>,
}

/// A community that was joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedCommunity {
    /// Its id, which outlives its address.
    pub id: String,
    /// Where it was last reached.
    pub url: String,
    /// What it calls itself.
    pub name: String,
}

/// What the app keeps about one community, under that community's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommunityState {
    /// Where it was last reached.
    pub url: String,
    /// Name of the account there; empty for a guest.
    pub account: String,
    /// Name of one's own channel there.
    pub channel: String,
    /// Names of followed channels.
    pub followed: Vec<String>,
    /// Channels that were live when it was last reached, shown greyed while it is not.
    pub last_seen: Vec<SeenChannel>,
}

/// A channel as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenChannel {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Title of its last broadcast.
    pub title: String,
}

/// The settings' own legal ranges, applied after reading: a file edited by hand cannot ask for nonsense.
impl file::Document for Settings {
    const VERSION: u32 = VERSION;

    fn confine(&mut self) {
        self.appearance.text_scale = self.appearance.text_scale.clamp(TextScale::MIN, TextScale::MAX);
        self.barrage.opacity = finite(self.barrage.opacity, 0.9).clamp(0.2, 1.0);
        self.barrage.area = finite(self.barrage.area, 0.5).clamp(0.25, 1.0);
        self.barrage.size = finite(self.barrage.size, 1.0).clamp(0.5, 2.0);
        self.barrage.speed = finite(self.barrage.speed, 1.0).clamp(0.5, 2.0);
        self.playback.volume = finite(self.playback.volume, 0.8).clamp(0.0, 1.0);
        self.playback.delay_ms = self.playback.delay_ms.clamp(300, 30_000);
        self.sharing.crowd_above = self.sharing.crowd_above.clamp(1, 10_000);
        (self.sharing.from_hour, self.sharing.to_hour) = (self.sharing.from_hour % 24, self.sharing.to_hour % 24);
        self.studio.fps = self.studio.fps.clamp(1, 120);
        self.studio.bitrate_kbps = self.studio.bitrate_kbps.clamp(50, 100_000);
        self.studio.gain_db = finite(self.studio.gain_db, 0.0).clamp(-60.0, 30.0);
        while self.devices.names.len() > MOST_DEVICES {
            self.devices.names.pop_first();
        }
    }
}

impl file::Document for CommunityState {
    const VERSION: u32 = VERSION;

    fn confine(&mut self) {
        self.last_seen.truncate(100);
    }
}

fn finite(value: f32, otherwise: f32) -> f32 {
    if value.is_finite() { value } else { otherwise }
}

impl Settings {
    /// Notes what the chosen microphone and sound output are called, where they are there to be asked.
    pub fn learn_names(&mut self, devices: &Devices) {
        let microphone = match SoundChoice::from_spec(&self.studio.audio) {
            SoundChoice::NamedMicrophone(wanted) => {
                devices.microphone(&wanted).map(|found| (wanted.clone(), found.name.clone()))
            }
            _ => None,
        };
        let output = &self.playback.output;
        let output = DeviceChoice::meant(&devices.outputs, output).map(|found| (output.clone(), found.name.clone()));
        let names = &mut self.devices.names;
        for (id, name) in microphone.into_iter().chain(output) {
            if names.len() >= MOST_DEVICES && !names.contains_key(&id) {
                names.pop_first();
            }
            names.insert(id, name);
        }
    }

    /// Reads the settings, or the defaults where there are none; what was wrong is in the answer.
    pub fn load(paths: &Paths) -> Loaded<Self> {
        SettingsFile::load(&paths.settings())
    }
}

impl CommunityState {
    /// Reads what is known about the community of this id.
    pub fn load(paths: &Paths, id: &str) -> Loaded<Self> {
        SettingsFile::load(&paths.community(id).join("state.toml"))
    }
}

/// Fractions are written to a thousandth: `0.9`, not the nearest number a computer can hold.
mod short {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((f64::from(*value) * 1000.0).round() / 1000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
        f32::deserialize(deserializer)
    }
}

/// Sizes are written the way people write them: `1280x720`.
mod size_text {
    use runnel_media::format::Size;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(size: &Size, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(size)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
