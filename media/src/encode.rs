//! Encoders behind one trait, and the choice among them.
//!
//! Pictures become AV1, sound becomes Opus. Which AV1 encoder a machine can afford is found out by [`probe`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::format::{ColorSpace, Size};
use crate::frame::{EncodedFrame, VideoFrame};

pub mod gst;
pub mod keyframe;
pub mod opus;
pub mod probe;
pub mod rav1e;

/// What a video encoder is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoEncoderConfig {
    /// Picture size; every frame pushed must have it.
    pub size: Size,
    /// Nominal pictures a second.
    pub fps: u32,
    /// Wanted rate in kbit/s.
    pub bitrate_kbps: u32,
    /// Most frames from one keyframe to the next.
    pub keyframe_interval: u32,
    /// How many threads (and at least as many tiles) to use.
    pub threads: usize,
    /// Matrix and range of the pictures.
    pub color: ColorSpace,
}

impl VideoEncoderConfig {
    /// A configuration with a keyframe every two seconds, a thread for every core and BT.709.
    pub fn new(size: Size, fps: u32, bitrate_kbps: u32) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let color = ColorSpace::default();
        Self { size, fps, bitrate_kbps, keyframe_interval: fps.saturating_mul(2).max(1), threads, color }
    }

    /// The wanted bytes of `duration`.
    pub fn bytes_in(&self, duration: Duration) -> u64 {
        u64::from(self.bitrate_kbps) * 125 * duration.as_micros() as u64 / 1_000_000
    }

    /// # Errors
    /// [`EncodeError::Config`] if a number is out of its range.
    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        let fields = [
            ("fps", self.fps, 1..=240),
            ("bitrate_kbps", self.bitrate_kbps, 16..=200_000),
            ("keyframe_interval", self.keyframe_interval, 1..=10_000),
            ("threads", u32::try_from(self.threads).unwrap_or(u32::MAX), 1..=64),
        ];
        for (name, value, legal) in fields {
            if !legal.contains(&value) {
                return Err(EncodeError::Config { name, value, least: *legal.start(), most: *legal.end() });
            }
        }
        Ok(())
    }
}

/// Why an encoder could not be opened or did not encode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A number of the configuration is out of its range.
    #[error("invalid {name} {value} (expected {least}..={most})")]
    Config {
        /// The field.
        name: &'static str,
        /// Its value.
        value: u32,
        /// Least legal value.
        least: u32,
        /// Greatest legal value.
        most: u32,
    },
    /// No encoder has this name.
    #[error("unknown encoder `{name}` (expected one of {known})")]
    Unknown {
        /// The name asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// The encoder is not on this machine.
    #[error("{name} is not here: {reason}")]
    NotHere {
        /// The encoder.
        name: String,
        /// What is missing.
        reason: String,
    },
    /// A picture does not have the size or depth the encoder was opened for.
    #[error("picture is {got} (expected {wanted})")]
    Picture {
        /// What came.
        got: String,
        /// What must come.
        wanted: String,
    },
    /// The encoder failed.
    #[error("{name} failed: {reason}")]
    Failed {
        /// The encoder.
        name: String,
        /// What it said.
        reason: String,
    },
    /// The encoder was flushed and takes no more pictures.
    #[error("the encoder has been flushed")]
    Flushed,
}

/// Turns pictures into AV1 temporal units, in order and without reordering.
pub trait VideoEncoder: Send {
    /// The name it was opened by.
    fn name(&self) -> &str;

    /// Takes a picture; waits where the encoder cannot take it yet.
    ///
    /// # Errors
    /// [`EncodeError`]; the encoder must not be used any longer unless it was [`EncodeError::Picture`].
    fn push(&mut self, frame: &VideoFrame, force_keyframe: bool) -> Result<(), EncodeError>;

    /// The next encoded frame that is ready, without waiting.
    ///
    /// # Errors
    /// [`EncodeError`]; the encoder must not be used any longer.
    fn poll(&mut self) -> Result<Option<EncodedFrame>, EncodeError>;

    /// Ends the stream: all that was pushed is ready afterwards, and nothing more can be pushed.
    ///
    /// # Errors
    /// [`EncodeError`].
    fn flush(&mut self) -> Result<(), EncodeError>;

    /// Another rate from now on or from the next keyframe on, as the encoder can.
    ///
    /// # Errors
    /// [`EncodeError::Config`] if the rate is out of its range.
    fn set_bitrate(&mut self, kbps: u32) -> Result<(), EncodeError>;
}

/// Which encoder to use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum EncoderChoice {
    /// What the probe finds best.
    #[default]
    Auto,
    /// This one: a name such as `av1enc:8`, or a family such as `rav1e`, of which the probe takes the best.
    Named(String),
}

impl EncoderChoice {
    /// Whether an encoder of this name may be taken.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Self::Auto => true,
            Self::Named(wanted) => {
                name == wanted || name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with(':'))
            }
        }
    }
}

impl FromStr for EncoderChoice {
    type Err = EncodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let choice = Self::Named(text.to_owned());
        let known = names();
        if known.iter().any(|name| choice.allows(name)) {
            Ok(choice)
        } else {
            Err(EncodeError::Unknown { name: text.to_owned(), known: format!("auto, {}", known.join(", ")) })
        }
    }
}

impl fmt::Display for EncoderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The names of all encoders we know how to use, whether this machine has them or not.
pub fn names() -> Vec<&'static str> {
    let presets = rav1e::Preset::ALL.iter().map(|preset| preset.name());
    gst::names().chain(presets).collect()
}

/// Opens an encoder by one of [`names`].
///
/// # Errors
/// [`EncodeError::Unknown`] for other names, [`EncodeError::NotHere`] where this machine lacks it,
/// [`EncodeError::Config`] for numbers out of range.
pub fn open(name: &str, config: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, EncodeError> {
    config.check()?;
    if let Some(preset) = rav1e::Preset::ALL.into_iter().find(|preset| preset.name() == name) {
        return Ok(Box::new(rav1e::Rav1eEncoder::new(preset, *config)?));
    }
    if gst::names().any(|known| known == name) {
        return Ok(Box::new(gst::GstEncoder::open(name, *config)?));
    }
    Err(EncodeError::Unknown { name: name.to_owned(), known: names().join(", ") })
}

/// The least AV1 level (`seq_level_idx`) that holds pictures of this size at this rate; 31 where none does.
///
/// From annex A.3 of the AV1 specification: most luma samples, width and height of a picture, and samples shown a second.
pub(crate) fn level(size: Size, fps: u32) -> u8 {
    const LEVELS: [(u8, usize, u32, u32, u64); 11] = [
        (0, 147_456, 2048, 1152, 4_423_680),
        (1, 278_784, 2816, 1584, 8_363_520),
        (4, 665_856, 4352, 2448, 19_975_680),
        (5, 1_065_024, 5504, 3096, 31_950_720),
        (8, 2_359_296, 6144, 3456, 70_778_880),
        (9, 2_359_296, 6144, 3456, 141_557_760),
        (12, 8_912_896, 8192, 4352, 267_386_880),
        (13, 8_912_896, 8192, 4352, 534_773_760),
        (14, 8_912_896, 8192, 4352, 1_069_547_520),
        (16, 35_651_584, 16_384, 8704, 1_069_547_520),
        (17, 35_651_584, 16_384, 8704, 2_139_095_040),
    ];
    let rate = size.pixels() as u64 * u64::from(fps);
    let holds = |(_, pixels, width, height, shown): &&(u8, usize, u32, u32, u64)| {
        size.pixels() <= *pixels && size.width() <= *width && size.height() <= *height && rate <= *shown
    };
    LEVELS.iter().find(holds).map_or(31, |level| level.0)
}

#[cfg(test)]
#[path = "encode/tests.rs"]
mod loopback;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_parse_or_name_what_is_known() {
        assert_eq!("auto".parse(), Ok(EncoderChoice::Auto));
        for name in ["rav1e", "rav1e:fast", "av1enc", "svtav1enc", "nvav1enc"] {
            let choice = name.parse::<EncoderChoice>().expect(name);
            assert_eq!(choice.to_string(), name);
        }
        let error = "x265".parse::<EncoderChoice>().expect_err("unknown").to_string();
        assert!(error.contains("unknown encoder `x265`") && error.contains("rav1e:fast"), "{error}");
    }

    #[test]
    fn a_family_allows_its_presets_only() {
        let rav1e = EncoderChoice::Named("rav1e".into());
        assert!(rav1e.allows("rav1e:fast") && !rav1e.allows("rav1enc") && !rav1e.allows("av1enc:8"));
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let size = Size::new(640, 360).expect("legal");
        let config = VideoEncoderConfig { bitrate_kbps: 1, ..VideoEncoderConfig::new(size, 30, 1000) };
        let error = open("rav1e:fast", &config).err().expect("refused").to_string();
        assert_eq!(error, "invalid bitrate_kbps 1 (expected 16..=200000)");
    }

    #[test]
    fn levels_are_those_of_the_specification() {
        let level = |width, height, fps| level(Size::new(width, height).expect("legal"), fps);
        assert_eq!(level(320, 180, 30), 0);
        assert_eq!(level(640, 360, 30), 1);
        assert_eq!(level(854, 480, 30), 4);
        assert_eq!(level(1280, 720, 30), 5);
        assert_eq!(level(1280, 720, 60), 8);
        assert_eq!(level(1920, 1080, 60), 9);
        assert_eq!(level(7680, 4320, 240), 31);
    }
}
