//! What to capture, as people write it on a command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where pictures come from.
///
/// Written `test`, `file:PATH` (`?loop` appended to repeat), `screen`, `screen:window=ID`, `camera`, `camera:N` or `none`;
/// `?pointer=off` after a screen leaves the mouse pointer out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// The synthetic picture with its clock, strip, flash and beep.
    Test,
    /// A media file, played in real time.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Whether it starts again at its end.
        repeat: bool,
    },
    /// A screen or a window of it.
    Screen {
        /// What of it.
        target: ScreenTarget,
        /// Whether the mouse pointer is in the picture.
        pointer: bool,
    },
    /// A camera.
    Camera {
        /// Its number among the system's cameras; the first one that works where none is given.
        index: Option<u32>,
    },
    /// No pictures: a still stands in for them.
    None,
}

/// What of the screen is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenTarget {
    /// All of it (on Wayland: what the user picks).
    Whole,
    /// One window, by the window system's own number (X11: XID, Windows: HWND).
    Window(u64),
}

/// Where sound comes from.
///
/// Written `default`, `mic`, `mic:NAME`, `desktop-audio` or `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AudioSpec {
    /// The picture source's own sound: the test beep, the file's sound, otherwise silence.
    #[default]
    Default,
    /// A microphone, or any other sound input.
    Microphone {
        /// Part of its name or id; the system's default where none is given.
        name: Option<String>,
    },
    /// What the machine plays.
    DesktopAudio,
    /// Silence.
    Silence,
}

/// A source that is not written as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpec {
    /// No picture source is called that.
    #[error("unknown source {0:?} (expected test, file:PATH, screen, screen:window=ID, camera, camera:N or none)")]
    UnknownSource(String),
    /// No sound source is called that.
    #[error("unknown sound {0:?} (expected default, mic, mic:NAME, desktop-audio or none)")]
    UnknownAudio(String),
    /// `file:` without a path.
    #[error("no path after \"file:\" (expected file:PATH or file:PATH?loop)")]
    NoPath,
    /// A camera that is not a number.
    #[error("invalid camera {0:?} (expected a number within 0..=255, as in camera:0)")]
    InvalidCamera(String),
    /// A window that is not a number.
    #[error("invalid window {0:?} (expected a number, as in screen:window=0x3a00007 or screen:window=60817415)")]
    InvalidWindow(String),
    /// An option that the source does not have.
    #[error("unknown option {option:?} of {source_name:?} (expected {expected})")]
    UnknownOption {
        /// The option.
        option: String,
        /// The source it was given to.
        source_name: &'static str,
        /// What could have stood there.
        expected: &'static str,
    },
}

const MAX_CAMERA: u32 = 255;

impl FromStr for SourceSpec {
    type Err = InvalidSpec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("file:") {
            return parse_file(path);
        }
        let (head, options) = text.split_once('?').map_or((text, None), |(head, options)| (head, Some(options)));
        let (name, argument) = head.split_once(':').map_or((head, None), |(name, argument)| (name, Some(argument)));
        let spec = match (name, argument) {
            ("test", None) => Self::Test,
            ("none", None) => Self::None,
            ("screen", argument) => return parse_screen(argument, options),
            ("camera", None) => Self::Camera { index: None },
            ("camera", Some(index)) => Self::Camera { index: Some(parse_camera(index)?) },
            ("file", None) => return Err(InvalidSpec::NoPath),
            _ => return Err(InvalidSpec::UnknownSource(text.to_owned())),
        };
        match options {
            None => Ok(spec),
            Some(option) => Err(InvalidSpec::UnknownOption {
                option: option.to_owned(),
                source_name: spec.name(),
                expected: "no option here",
            }),
        }
    }
}

/// Only the very ending `?loop` is an option: a question mark is a legal character of a file's name.
fn parse_file(text: &str) -> Result<SourceSpec, InvalidSpec> {
    let (path, repeat) = text.strip_suffix("?loop").map_or((text, false), |path| (path, true));
    if path.is_empty() {
        return Err(InvalidSpec::NoPath);
    }
    Ok(SourceSpec::File { path: PathBuf::from(path), repeat })
}

fn parse_camera(text: &str) -> Result<u32, InvalidSpec> {
    text.parse().ok().filter(|index| *index <= MAX_CAMERA).ok_or_else(|| InvalidSpec::InvalidCamera(text.to_owned()))
}

fn parse_screen(argument: Option<&str>, options: Option<&str>) -> Result<SourceSpec, InvalidSpec> {
    let unknown = |option: &str, expected| InvalidSpec::UnknownOption {
        option: option.to_owned(),
        source_name: "screen",
        expected,
    };
    let target = match argument {
        None => ScreenTarget::Whole,
        Some(argument) => {
            let id = argument.strip_prefix("window=").ok_or_else(|| unknown(argument, "window=ID"))?;
            ScreenTarget::Window(parse_window(id).ok_or_else(|| InvalidSpec::InvalidWindow(id.to_owned()))?)
        }
    };
    let pointer = match options {
        None | Some("pointer=on") => true,
        Some("pointer=off") => false,
        Some(other) => return Err(unknown(other, "pointer=on or pointer=off")),
    };
    Ok(SourceSpec::Screen { target, pointer })
}

fn parse_window(text: &str) -> Option<u64> {
    let id = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => text.parse().ok()?,
    };
    (id != 0).then_some(id)
}

impl SourceSpec {
    const fn name(&self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::File { .. } => "file",
            Self::Screen { .. } => "screen",
            Self::Camera { .. } => "camera",
            Self::None => "none",
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::File { path, repeat } => write!(f, ":{}{}", path.display(), if *repeat { "?loop" } else { "" }),
            Self::Screen { target, pointer } => {
                if let ScreenTarget::Window(id) = target {
                    write!(f, ":window={id:#x}")?;
                }
                f.write_str(if *pointer { "" } else { "?pointer=off" })
            }
            Self::Camera { index: Some(index) } => write!(f, ":{index}"),
            Self::Camera { index: None } | Self::Test | Self::None => Ok(()),
        }
    }
}

impl FromStr for AudioSpec {
    type Err = InvalidSpec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::Default),
            "none" => Ok(Self::Silence),
            "desktop-audio" => Ok(Self::DesktopAudio),
            "mic" => Ok(Self::Microphone { name: None }),
            _ => match text.strip_prefix("mic:") {
                Some(name) if !name.is_empty() => Ok(Self::Microphone { name: Some(name.to_owned()) }),
                _ => Err(InvalidSpec::UnknownAudio(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for AudioSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Silence => f.write_str("none"),
            Self::DesktopAudio => f.write_str("desktop-audio"),
            Self::Microphone { name: None } => f.write_str("mic"),
            Self::Microphone { name: Some(name) } => write!(f, "mic:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_survive_a_round_trip() {
        let sources = [
            "test",
            "none",
            "camera",
            "camera:1",
            "screen",
            "screen?pointer=off",
            "screen:window=0x3a00007",
            "screen:window=0x1?pointer=off",
            "file:a.mp4",
            "file:/films/what?.mkv?loop",
            "file:C:\\clips\\a.mp4",
        ];
        for text in sources {
            let spec: SourceSpec = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(spec.to_string(), text);
        }
        assert_eq!(
            "screen:window=16".parse(),
            Ok(SourceSpec::Screen { target: ScreenTarget::Window(16), pointer: true })
        );
        for text in ["default", "mic", "mic:USB, front", "desktop-audio", "none"] {
            assert_eq!(text.parse::<AudioSpec>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("", "unknown source"),
            ("tests", "unknown source"),
            ("test:1", "unknown source"),
            ("test?loop", "unknown option \"loop\" of \"test\""),
            ("file:", "no path"),
            ("file", "no path"),
            ("file:?loop", "no path"),
            ("camera:", "invalid camera"),
            ("camera:-1", "invalid camera"),
            ("camera:256", "0..=255"),
            ("screen:monitor", "expected window=ID"),
            ("screen:window=0", "invalid window"),
            ("screen:window=zz", "invalid window"),
            ("screen?pointer=maybe", "pointer=on or pointer=off"),
        ];
        for (text, part) in cases {
            let error = text.parse::<SourceSpec>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        for text in ["", "mic:", "microphone", "mic?"] {
            let error = text.parse::<AudioSpec>().expect_err(text).to_string();
            assert!(error.contains("expected default, mic"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,40}") {
            if let Ok(spec) = text.parse::<SourceSpec>() {
                proptest::prop_assert_eq!(spec.to_string().parse::<SourceSpec>(), Ok(spec));
            }
            let _ = text.parse::<AudioSpec>();
        }
    }
}
