//! Settings as the screens see them; where and how they are kept is `settings.rs`' affair.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sharing::{DataCap, MeteredChoice, Schedule, Sharing, UploadCap};
use super::{SoundChoice, SourceChoice};

/// The language of the screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// The system's, where we have it; English otherwise.
    #[default]
    #[serde(rename = "system")]
    System,
    /// English.
    #[serde(rename = "en")]
    English,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    Chinese,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// As the system says.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// What one mostly does here; decides what the first page is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watching.
    Watch,
    /// Streaming.
    Stream,
    /// Both.
    #[default]
    Both,
}

/// Size of text relative to the system's, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TextScale(u16);

impl TextScale {
    /// Smallest.
    pub const MIN: u16 = 80;
    /// Largest.
    pub const MAX: u16 = 200;

    /// A scale brought into the legal range.
    pub fn clamped(percent: u16) -> Self {
        Self(percent.clamp(Self::MIN, Self::MAX))
    }

    /// Percent.
    pub fn percent(self) -> u16 {
        self.0
    }

    /// As a factor.
    pub fn factor(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

impl Default for TextScale {
    fn default() -> Self {
        Self(100)
    }
}

/// A text scale outside what fits a screen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid text scale {0} (expected percent within 80..=200)")]
pub struct InvalidTextScale(u16);

impl TryFrom<u16> for TextScale {
    type Error = InvalidTextScale;

    fn try_from(percent: u16) -> Result<Self, InvalidTextScale> {
        if (Self::MIN..=Self::MAX).contains(&percent) { Ok(Self(percent)) } else { Err(InvalidTextScale(percent)) }
    }
}

impl From<TextScale> for u16 {
    fn from(scale: TextScale) -> Self {
        scale.0
    }
}

/// Width and height of what one broadcasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RenderSize {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Settings as they are in force.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsView {
    /// Whether the first-start cards were gone through.
    pub welcomed: bool,
    /// Language of the screens.
    pub language: Language,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Size of text.
    pub text_scale: TextScale,
    /// Whether movement that is not the video is left out.
    pub reduced_motion: bool,
    /// What one mostly does.
    pub role: Role,
    /// Whether one shares what one watches.
    pub sharing: Sharing,
    /// How many viewers are few, for who shares in a crowd only.
    pub crowd_above: u32,
    /// The most one gives to others.
    pub upload_cap: UploadCap,
    /// The most one gives to others in a day or month.
    pub data_cap: Option<DataCap>,
    /// The hours in which one gives to others; all of them where there is none.
    pub schedule: Option<Schedule>,
    /// Whether the network costs by amount.
    pub metered: MeteredChoice,
    /// How far behind the capture the picture is meant to be.
    pub target_delay: Duration,
    /// Volume, 0 to 1.
    pub volume: f32,
    /// Whether it is muted.
    pub muted: bool,
    /// Sound output by name; `None` for the system's.
    pub output: Option<String>,
    /// Where a broadcast's pictures come from.
    pub source: SourceChoice,
    /// Whether the mouse pointer is in the picture of a screen.
    pub pointer: bool,
    /// Where a broadcast's sound comes from.
    pub sound: SoundChoice,
    /// Whether noise is taken out of a broadcast's sound.
    pub denoise: bool,
    /// Size of one's broadcast.
    pub size: RenderSize,
    /// Frames a second of one's broadcast.
    pub fps: u32,
    /// Kilobits a second of one's broadcast.
    pub bitrate_kbps: u32,
    /// What devices that were chosen once are called, by their ids.
    pub device_names: BTreeMap<String, String>,
    /// Encoder by name; `None` for the best that is fast enough.
    pub encoder: Option<String>,
    /// Title of the next broadcast.
    pub title: String,
    /// Whether comments fly over the picture.
    pub barrage: bool,
    /// Opacity of those comments, 0.2 to 1.
    pub barrage_opacity: f32,
    /// Which share of the picture's height they may cover, 0.25 to 1.
    pub barrage_area: f32,
    /// Size of their letters relative to what suits the picture, 0.5 to 2.
    pub barrage_size: f32,
    /// How fast they fly relative to the usual, 0.5 to 2.
    pub barrage_speed: f32,
}

impl Default for SettingsView {
    fn default() -> Self {
        Self {
            welcomed: false,
            language: Language::default(),
            theme: ThemeChoice::default(),
            text_scale: TextScale::default(),
            reduced_motion: false,
            role: Role::default(),
            sharing: Sharing::default(),
            crowd_above: 20,
            upload_cap: Some(5000),
            data_cap: None,
            schedule: None,
            metered: MeteredChoice::default(),
            target_delay: Duration::from_millis(1000),
            volume: 0.8,
            muted: false,
            output: None,
            source: SourceChoice::default(),
            pointer: true,
            sound: SoundChoice::default(),
            denoise: false,
            size: RenderSize { width: 1280, height: 720 },
            fps: 30,
            bitrate_kbps: 2500,
            device_names: BTreeMap::new(),
            encoder: None,
            title: String::new(),
            barrage: true,
            barrage_opacity: 0.9,
            barrage_area: 0.5,
            barrage_size: 1.0,
            barrage_speed: 1.0,
        }
    }
}

impl SettingsView {
    /// Takes over what was chosen in the studio; a window means nothing once it is closed, so it is not remembered.
    pub fn remember(&mut self, source: &SourceChoice, sound: &SoundChoice) {
        if !matches!(source, SourceChoice::Window(_)) {
            self.source = source.clone();
        }
        self.sound = sound.clone();
    }
}

macro_rules! setting_changes {
    ($($(#[$doc:meta])* $variant:ident => $field:ident: $type:ty,)*) => {
        /// One setting and its new value.
        #[derive(Clone, Debug, PartialEq)]
        pub enum SettingChange {
            $($(#[$doc])* $variant($type),)*
        }

        impl SettingsView {
            /// Puts a new value in force and gives the change that undoes it.
            pub fn change(&mut self, change: SettingChange) -> SettingChange {
                match change {
                    $(SettingChange::$variant(value) => {
                        SettingChange::$variant(std::mem::replace(&mut self.$field, value))
                    })*
                }
            }
        }
    };
}

setting_changes! {
    /// Whether the first-start cards were gone through.
    Welcomed => welcomed: bool,
    /// Language of the screens.
    Language => language: Language,
    /// Light or dark.
    Theme => theme: ThemeChoice,
    /// Size of text.
    TextScale => text_scale: TextScale,
    /// Less movement.
    ReducedMotion => reduced_motion: bool,
    /// What one mostly does.
    Role => role: Role,
    /// Whether one shares what one watches.
    Sharing => sharing: Sharing,
    /// How many viewers are few.
    CrowdAbove => crowd_above: u32,
    /// The most one gives to others.
    UploadCap => upload_cap: UploadCap,
    /// The most one gives to others in a day or month.
    DataCap => data_cap: Option<DataCap>,
    /// The hours in which one gives to others.
    Schedule => schedule: Option<Schedule>,
    /// Whether the network costs by amount.
    Metered => metered: MeteredChoice,
    /// How far behind the picture is meant to be.
    TargetDelay => target_delay: Duration,
    /// Volume, 0 to 1.
    Volume => volume: f32,
    /// Whether it is muted.
    Muted => muted: bool,
    /// Sound output.
    Output => output: Option<String>,
    /// Where a broadcast's pictures come from.
    Source => source: SourceChoice,
    /// Pointer in the picture of a screen.
    Pointer => pointer: bool,
    /// Where a broadcast's sound comes from.
    Sound => sound: SoundChoice,
    /// Noise taken out of a broadcast's sound.
    Denoise => denoise: bool,
    /// Size of one's broadcast.
    Size => size: RenderSize,
    /// Frames a second of one's broadcast.
    Fps => fps: u32,
    /// Kilobits a second of one's broadcast.
    Bitrate => bitrate_kbps: u32,
    /// Encoder.
    Encoder => encoder: Option<String>,
    /// Title of the next broadcast.
    Title => title: String,
    /// Whether comments fly over the picture.
    Barrage => barrage: bool,
    /// Opacity of flying comments.
    BarrageOpacity => barrage_opacity: f32,
    /// Share of the picture they may cover.
    BarrageArea => barrage_area: f32,
    /// Size of flying comments.
    BarrageSize => barrage_size: f32,
    /// Speed of flying comments.
    BarrageSpeed => barrage_speed: f32,
}
