//! Options that several commands share, and how their values are read.

use std::time::Duration;

use clap::Args;
use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;

/// How pictures are made.
#[derive(Clone, Debug, Args)]
pub struct PictureArgs {
    /// Encoder to use; `auto` measures what this machine has.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub encoder: EncoderChoice,
    /// Picture size.
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    pub size: Size,
    /// Frames per second.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Video bitrate in kbit/s.
    #[arg(long, value_name = "KBPS", default_value_t = 2_500, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    pub bitrate: u32,
}

/// Reads a number of seconds, whole or not.
///
/// # Errors
/// What would be legal.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let legal = || format!("{text:?} is no number of seconds from 0.1 to 31536000");
    let value: f64 = text.parse().map_err(|_| legal())?;
    if (0.1..=31_536_000.0).contains(&value) { Ok(Duration::from_secs_f64(value)) } else { Err(legal()) }
}

/// Reads a delay from capture to screen in seconds, whole or not.
///
/// # Errors
/// What would be legal.
pub fn delay(text: &str) -> Result<Duration, String> {
    let legal = || format!("{text:?} is no number of seconds from 0.3 to 30");
    let value: f64 = text.parse().map_err(|_| legal())?;
    if (0.3..=30.0).contains(&value) { Ok(Duration::from_secs_f64(value)) } else { Err(legal()) }
}

/// Reads a picture source.
///
/// # Errors
/// What the source's own parser says.
pub fn source(text: &str) -> Result<SourceSpec, String> {
    text.parse::<SourceSpec>().map_err(|error| error.to_string())
}

/// Reads a sound source.
///
/// # Errors
/// What the source's own parser says.
pub fn audio(text: &str) -> Result<AudioSpec, String> {
    text.parse::<AudioSpec>().map_err(|error| error.to_string())
}

/// What a person may write to name a channel: its name or id on a known server, or a URL that holds both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The server, if the text named one.
    pub server: Option<String>,
    /// Name or id of the channel.
    pub channel: String,
}

/// The text names no channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no channel (expected a channel's name, or http://SERVER/live/NAME/index.m3u8)")]
pub struct NoChannel(String);

impl Target {
    /// Reads a channel's name, the address of its page or playlist, or `SERVER/NAME`.
    ///
    /// # Errors
    /// [`NoChannel`] where there is none in it.
    pub fn parse(text: &str) -> Result<Self, NoChannel> {
        let none = || NoChannel(text.to_owned());
        let Some((scheme, rest)) = text.split_once("://") else {
            let plain = !text.is_empty() && !text.contains(['/', '?', '#']) && !text.chars().any(char::is_whitespace);
            return plain.then(|| Self { server: None, channel: text.to_owned() }).ok_or_else(none);
        };
        let scheme = match scheme {
            "http" | "https" => scheme,
            // The link that a browser hands to the app.
            "runnel" => "https",
            _ => return Err(none()),
        };
        let url = reqwest::Url::parse(&format!("{scheme}://{rest}")).map_err(|_| none())?;
        let parts: Vec<_> = url.path_segments().into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let (["live", channel, ..] | [channel]) = parts[..] else { return Err(none()) };
        Ok(Self {
            server: Some(url.origin().ascii_serialization()),
            channel: percent_decoded(channel).ok_or_else(none)?,
        })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_in_several_ways() {
        let on = |server: &str, channel: &str| Target { server: Some(server.to_owned()), channel: channel.to_owned() };
        for (text, expected) in [
            ("ann", Target { server: None, channel: "ann".to_owned() }),
            ("http://127.0.0.1:8080/live/ann/index.m3u8", on("http://127.0.0.1:8080", "ann")),
            ("https://tv.example/ann", on("https://tv.example", "ann")),
            ("https://tv.example/live/%E4%BD%A0%E5%A5%BD/", on("https://tv.example", "你好")),
            ("runnel://tv.example/ann", on("https://tv.example", "ann")),
        ] {
            assert_eq!(Target::parse(text).as_ref(), Ok(&expected), "{text}");
        }
        for text in ["", "a b", "ftp://x/y", "http://", "http://h/", "http://h/a/b/c", "http://h/live/%ff", "a/b"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_be_broken() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["0", "-1", "nan", "inf", "1e99", "x"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
