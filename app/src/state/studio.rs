//! One's own broadcast: what goes in, how it does, what it became.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use runnel_media::capture::{AudioSpec, ScreenTarget, SourceSpec};

use super::{ChannelId, Chat, CommunityId, Feed, Problem};

/// Where the pictures come from; displays as the command line's source spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum SourceChoice {
    /// A still in place of a picture.
    #[default]
    Nothing,
    /// The moving test picture.
    Test,
    /// The whole screen.
    Screen,
    /// One window, by the id the device list gave.
    Window(String),
    /// A camera, by the index the device list gave.
    Camera(u32),
    /// A file, again and again.
    File(PathBuf),
}

impl SourceChoice {
    /// The choice that a source spec means; nothing where it means none of them.
    pub fn from_spec(spec: &str) -> Self {
        match spec.parse() {
            Ok(SourceSpec::Test) => Self::Test,
            Ok(SourceSpec::File { path, .. }) => Self::File(path),
            Ok(SourceSpec::Screen { target: ScreenTarget::Whole, .. }) => Self::Screen,
            Ok(SourceSpec::Screen { target: ScreenTarget::Window(id), .. }) => Self::Window(format!("{id:#x}")),
            Ok(SourceSpec::Camera { index }) => Self::Camera(index.unwrap_or(0)),
            Ok(SourceSpec::None) | Err(_) => Self::Nothing,
        }
    }

    /// Whether it is the screen or a window of it.
    pub fn is_screen(&self) -> bool {
        matches!(self, Self::Screen | Self::Window(_))
    }
}

impl fmt::Display for SourceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none"),
            Self::Test => f.write_str("test"),
            Self::Screen => f.write_str("screen"),
            Self::Window(id) => write!(f, "screen:window={id}"),
            Self::Camera(index) => write!(f, "camera:{index}"),
            Self::File(path) => write!(f, "file:{}?loop", path.display()),
        }
    }
}

/// Where the sound comes from; displays as the command line's audio spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum SoundChoice {
    /// What the source brings with it.
    #[default]
    Source,
    /// The system's microphone.
    Microphone,
    /// A microphone by name.
    NamedMicrophone(String),
    /// What the machine plays.
    Desktop,
    /// Silence.
    Silence,
}

impl SoundChoice {
    /// The choice that a sound spec means; the source's own sound where it means none of them.
    pub fn from_spec(spec: &str) -> Self {
        match spec.parse() {
            Ok(AudioSpec::Microphone { name: None }) => Self::Microphone,
            Ok(AudioSpec::Microphone { name: Some(name) }) => Self::NamedMicrophone(name),
            Ok(AudioSpec::DesktopAudio) => Self::Desktop,
            Ok(AudioSpec::Silence) => Self::Silence,
            Ok(AudioSpec::Default) | Err(_) => Self::Source,
        }
    }
}

impl fmt::Display for SoundChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("default"),
            Self::Microphone => f.write_str("mic"),
            Self::NamedMicrophone(name) => write!(f, "mic:{name}"),
            Self::Desktop => f.write_str("desktop-audio"),
            Self::Silence => f.write_str("none"),
        }
    }
}

/// What a file is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileWish {
    /// Its pictures and sound are broadcast.
    Source,
    /// It holds keys that were exported elsewhere.
    ImportKeys,
    /// Keys are exported into it.
    ExportKeys,
}

/// One device as the system names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceChoice {
    /// By which it is opened.
    pub id: String,
    /// What the person sees.
    pub name: String,
}

impl DeviceChoice {
    /// The device that is meant by an id, a name, or a part of a name, in this order, as capture finds it.
    pub fn meant<'a>(among: &'a [Self], wanted: &str) -> Option<&'a Self> {
        let part = wanted.to_lowercase();
        let by = |test: &dyn Fn(&Self) -> bool| among.iter().find(|device| test(device));
        by(&|device| device.id == wanted)
            .or_else(|| by(&|device| device.name == wanted))
            .or_else(|| by(&|device| !part.is_empty() && device.name.to_lowercase().contains(&part)))
    }
}

/// What this machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Whether anyone looked yet.
    pub known: bool,
    /// Cameras; the id is the index.
    pub cameras: Vec<DeviceChoice>,
    /// Microphones; the id is the name.
    pub microphones: Vec<DeviceChoice>,
    /// Sound outputs; the id is the name.
    pub outputs: Vec<DeviceChoice>,
    /// Windows that can be shown; the id is the window's.
    pub windows: Vec<DeviceChoice>,
    /// Whether the screen can be captured here.
    pub screen: bool,
    /// Whether the system itself asks which screen or window is meant, as Wayland's desktops do.
    pub screen_asks: bool,
    /// Whether what the machine plays can be captured here.
    pub desktop_sound: bool,
    /// Encoders found at start, best first.
    pub encoders: Vec<DeviceChoice>,
}

impl Devices {
    /// The microphone that is meant by an id, a name, or a part of a name.
    pub fn microphone(&self, wanted: &str) -> Option<&DeviceChoice> {
        DeviceChoice::meant(&self.microphones, wanted)
    }
}

/// How loud the sound is, in decibels relative to full scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Highest sample of left and right since the last report.
    pub peak: [f32; 2],
    /// Loudness as heard, of left and right.
    pub loudness: [f32; 2],
}

impl Default for Level {
    fn default() -> Self {
        Self { peak: [f32::NEG_INFINITY; 2], loudness: [f32::NEG_INFINITY; 2] }
    }
}

/// What a broadcast was, once it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BroadcastSummary {
    /// How long it was on air.
    pub length: Duration,
    /// Most people at one time.
    pub peak_viewers: u64,
    /// Frames that never left, of all captured.
    pub dropped: u64,
    /// Frames captured.
    pub captured: u64,
}

/// How far the broadcast has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StudioPhase {
    /// Not on air.
    #[default]
    Idle,
    /// Asked for.
    Starting {
        /// Since when.
        since: Instant,
    },
    /// On air.
    Live {
        /// Since when.
        since: Instant,
    },
    /// Ending.
    Ending,
    /// Over.
    Ended(BroadcastSummary),
    /// It did not start, or broke beyond repair.
    Failed(Problem),
}

impl StudioPhase {
    /// Whether closing the window now would cut something off.
    pub fn on_air(&self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Live { .. } | Self::Ending)
    }
}

/// The one verdict about a broadcast: good, or the worst thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Nothing to say: not on air.
    #[default]
    Idle,
    /// All is well.
    Good,
    /// It goes on, but worse than asked.
    Degraded(Problem),
    /// Viewers miss something now.
    Bad(Problem),
}

/// The encoder in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Its name.
    pub name: String,
    /// Why it was chosen, in the probe's words.
    pub reason: String,
}

/// Measurements of one's broadcast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StudioTelemetry {
    /// The encoder, once chosen.
    pub encoder: Option<Encoder>,
    /// Picture size in pixels, as encoded now.
    pub size: Option<(u32, u32)>,
    /// Frames a second, as encoded now.
    pub fps: Option<f32>,
    /// Kilobits a second of the pictures, as asked of the encoder now.
    pub bitrate_kbps: Option<u32>,
    /// Kilobits a second that leave the machine.
    pub upload_kbps: Option<u32>,
    /// Copies of the stream that leave the machine now, the one for the server among them.
    pub copies: Option<f32>,
    /// The share of what viewers get that they give each other, 0 to 1.
    pub offload: Option<f64>,
    /// People watching now.
    pub viewers: u64,
    /// Frames captured.
    pub captured: u64,
    /// Frames dropped, by stage.
    pub dropped: BTreeMap<String, u64>,
    /// Time spent in each stage, in milliseconds: median and 95 of 100.
    pub stage_ms: BTreeMap<String, (f32, f32)>,
}

impl StudioTelemetry {
    /// Frames dropped in all stages.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// The studio.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StudioState {
    /// Where one goes live.
    pub community: Option<CommunityId>,
    /// On which channel, once known.
    pub channel: Option<ChannelId>,
    /// How far the broadcast has come.
    pub phase: StudioPhase,
    /// Pictures chosen.
    pub source: SourceChoice,
    /// Sound chosen.
    pub sound: SoundChoice,
    /// Gain of the sound in decibels.
    pub gain_db: f32,
    /// Whether the sound is muted.
    pub muted: bool,
    /// Where the preview comes from.
    pub preview: Option<Feed>,
    /// What is wrong with the chosen source or sound before going live.
    pub device: Option<Problem>,
    /// How loud the sound is.
    pub level: Level,
    /// How the broadcast does.
    pub health: Health,
    /// Measurements.
    pub telemetry: StudioTelemetry,
    /// The chat of one's own channel.
    pub chat: Chat,
}

impl StudioState {
    /// Whether one goes live on that channel.
    pub fn is_of(&self, community: &CommunityId, channel: &ChannelId) -> bool {
        self.community.as_ref() == Some(community) && self.channel.as_ref() == Some(channel)
    }
}
