//! Which encoder this machine can afford: found out by opening and timing each on real pictures.
//!
//! The registry of a media framework says what is installed, not what works or how fast it is.
//! Those that hold 1.3 times real time within a share of the cores' time, with keyframes that the network can carry
//! ([`keyframe::LIMIT`](super::keyframe::LIMIT)), are ranked by quality at the asked rate, then by delay, then by work. Why each other one lost is kept and can be shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EncodeError, EncoderChoice, VideoEncoderConfig};
use crate::format::{Size, WallClock};

mod cache;
mod cpu;
mod ladder;
mod measure;
mod pictures;
mod rank;

pub use cache::cached_or_run;
pub use ladder::{Rung, ladder, step_down, step_up};
pub use measure::{Measurement, measure, ssim};
pub use pictures::pictures;
pub use rank::{MARGIN, Verdict};

/// Version of [`ProbeTable`]; others in a cache are ignored.
const VERSION: u32 = 2;

/// What an encoder is wanted for.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeRequest {
    /// Picture size.
    pub size: Size,
    /// Pictures a second.
    pub fps: u32,
    /// Rate in kbit/s.
    pub bitrate_kbps: u32,
    /// Which encoders may be taken.
    pub choice: EncoderChoice,
    /// Share of all cores' time that the encoder may use, 0..=1.
    pub cpu_limit: f64,
    /// How long probing may take altogether.
    pub budget: Duration,
}

impl ProbeRequest {
    /// Any encoder, within 60 % of the cores' time (40 % where one family is asked for by name, which has to leave
    /// room for more, as nothing better can be picked), decided within four seconds.
    pub fn new(size: Size, fps: u32, bitrate_kbps: u32, choice: EncoderChoice) -> Self {
        let cpu_limit = if choice == EncoderChoice::Auto { 0.6 } else { 0.4 };
        Self { size, fps, bitrate_kbps, choice, cpu_limit, budget: Duration::from_secs(4) }
    }
}

/// One encoder's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    /// Its name.
    pub name: String,
    /// Pictures a second it made, with the machine as it was.
    pub fps: f64,
    /// Share of all cores' time it would use at the wanted rate of pictures, 0..=1.
    pub cpu: f64,
    /// From a picture going in to its packet coming out, in ms.
    pub delay_ms: f64,
    /// Luma PSNR in dB of what it made of the test pictures; for information, rate control has not settled.
    pub psnr: f64,
    /// Rate of what it made, in kbit/s.
    pub kbps: f64,
    /// Its chunk with a keyframe against a mean chunk at the asked rate; `None` if it made no second keyframe in its time.
    pub keyframes: Option<f64>,
    /// Expected VMAF at an asked rate, as measured beforehand on a film clip; what the ranking goes by.
    pub quality: f64,
    /// Why it was taken or not.
    pub verdict: Verdict,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeTable {
    /// Version of this structure.
    pub version: u32,
    /// The machine it was made on.
    pub machine: String,
    /// When it was made.
    pub made_at: WallClock,
    /// Picture size asked for.
    pub size: Size,
    /// Pictures a second asked for.
    pub fps: u32,
    /// Rate asked for, in kbit/s.
    pub bitrate_kbps: u32,
    /// Encoders asked for.
    pub choice: String,
    /// A row for every encoder we know.
    pub rows: Vec<ProbeRow>,
    /// The encoder to use.
    pub chosen: String,
    /// Whether it is fast enough for what was asked.
    pub fast_enough: bool,
    /// Why it was chosen, in words.
    pub reason: String,
}

impl ProbeTable {
    /// The row of the chosen encoder.
    pub fn chosen_row(&self) -> Option<&ProbeRow> {
        self.rows.iter().find(|row| row.name == self.chosen)
    }

    /// The part of the wanted speed that the chosen encoder reaches, with its margin: 1 and more is enough.
    pub fn headroom(&self) -> f64 {
        self.chosen_row().map_or(1.0, |row| row.fps / (f64::from(self.fps) * MARGIN))
    }
}

/// VMAF of 120 pictures of Big Buck Bunny, 1280x720 at 30 a second and 2500 kbit/s, with our settings by `encode_bench`.
///
/// A probe of half a second cannot rank quality: rate control has not settled and its pictures are few.
/// Hardware and SVT-AV1, which we have not measured, count as what others published says; `None` for unknown names.
pub(crate) fn quality(name: &str) -> Option<f64> {
    const TABLE: &[(&str, f64)] = &[
        ("nvav1enc", 94.0),
        ("qsvav1enc", 93.5),
        ("vaav1enc", 93.0),
        ("amfav1enc", 93.0),
        ("av1enc:7", 94.5),
        ("av1enc:8", 94.4),
        ("av1enc:9", 94.2),
        ("av1enc:10", 94.0),
        ("svtav1enc:10", 92.6),
        ("svtav1enc:12", 92.0),
        ("rav1e:quality", 94.0),
        ("rav1e:balanced", 92.1),
        ("rav1e:fast", 88.0),
    ];
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, vmaf)| *vmaf)
}

/// Encoders in the order they are tried: families by likely worth, each from its fastest preset to its slowest,
/// so that a slower preset is not tried where a faster one failed.
fn candidates() -> Vec<(&'static str, &'static str)> {
    let mut names = super::names();
    names.reverse();
    let family = |name: &'static str| (name.split(':').next().unwrap_or(name), name);
    let mut found: Vec<_> = names.into_iter().map(family).collect();
    let worth = |family: &str| match family {
        "rav1e" => 1,
        "av1enc" => 2,
        "svtav1enc" => 3,
        _ => 0,
    };
    found.sort_by_key(|(family, _)| worth(family));
    found
}

/// Opens and times every encoder that may be taken, and picks one.
///
/// rav1e is always there, so that there always is one, however slow.
///
/// # Errors
/// [`EncodeError`] only if the request itself is out of range or even rav1e does not work.
pub fn run(request: &ProbeRequest, now: WallClock) -> Result<ProbeTable, EncodeError> {
    let config = VideoEncoderConfig::new(request.size, request.fps, request.bitrate_kbps);
    config.check()?;
    let rows = measure::all(request, &config, &candidates());
    let (rows, chosen) = rank::rank(rows, request.fps, request.cpu_limit);
    let Some(chosen) = chosen else {
        let asked = rows.iter().filter(|row| request.choice.allows(&row.name));
        let reasons: Vec<_> = asked.map(|row| format!("{}: {}", row.name, row.verdict)).collect();
        return Err(EncodeError::NotHere { name: request.choice.to_string(), reason: reasons.join("; ") });
    };
    let row = &rows[chosen];
    let fast_enough = row.fps >= f64::from(request.fps);
    Ok(ProbeTable {
        version: VERSION,
        machine: cache::machine(),
        made_at: now,
        size: request.size,
        fps: request.fps,
        bitrate_kbps: request.bitrate_kbps,
        choice: request.choice.to_string(),
        chosen: row.name.clone(),
        fast_enough,
        reason: rank::reason(row, request.fps, request.cpu_limit),
        rows,
    })
}
