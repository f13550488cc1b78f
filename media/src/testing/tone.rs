//! Hearing the beep of the test sound, and pairing it with its flash.

use std::collections::VecDeque;

use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp};

/// Frequency of the beep.
pub(crate) const BEEP_HERTZ: f64 = 1000.0;
/// Two periods of it; windows follow each other by half their length.
const WINDOW: usize = 96;
const HOP: usize = 48;
/// Amplitude at which the beep is heard, an eighth of its own.
const THRESHOLD: f64 = 0.05;
/// Its soft edge reaches that amplitude about this long after it began.
const EDGE_MICROS: i64 = 1_000;
/// Windows of quiet after which a beep is a new one: 200 ms.
const QUIET: u32 = 200;

/// Tells when the beep of the test sound begins.
#[derive(Clone, Debug, Default)]
pub struct BeepDetector {
    window: VecDeque<f32>,
    quiet: u32,
}

impl BeepDetector {
    /// A detector that has heard nothing.
    pub const fn new() -> Self {
        Self { window: VecDeque::new(), quiet: 0 }
    }

    /// Listens to stereo samples at 48 kHz whose first one is heard at `at` (on any one line of time); gives the beginning of
    /// the beep that begins in them.
    pub fn push(&mut self, samples: &[f32], at: Timestamp) -> Option<Timestamp> {
        let mut onset = None;
        for (frame, pair) in samples.chunks_exact(CHANNELS).enumerate() {
            self.window.push_back((pair[0] + pair[1]) * 0.5);
            if self.window.len() < WINDOW {
                continue;
            }
            if self.is_beep() {
                if self.quiet >= QUIET {
                    // The window that first hears it holds about one period of it.
                    let ahead = (frame as i64 + 1 - HOP as i64) * 1_000_000 / i64::from(SAMPLE_RATE);
                    onset.get_or_insert(Timestamp::from_micros(at.as_micros() + ahead - EDGE_MICROS));
                }
                self.quiet = 0;
            } else {
                self.quiet = self.quiet.saturating_add(1);
            }
            self.window.drain(..HOP);
        }
        onset
    }

    /// Whether the window holds mostly a tone of the beep's frequency.
    fn is_beep(&self) -> bool {
        let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
        for (index, sample) in self.window.iter().enumerate() {
            let phase = std::f64::consts::TAU * BEEP_HERTZ * index as f64 / f64::from(SAMPLE_RATE);
            let sample = f64::from(*sample);
            sine += sample * phase.sin();
            cosine += sample * phase.cos();
            energy += sample * sample;
        }
        let tone = (sine * sine + cosine * cosine) * 2.0 / WINDOW as f64;
        let amplitude = (2.0 * tone / WINDOW as f64).sqrt();
        amplitude > THRESHOLD && tone > 0.5 * energy
    }
}

/// Pairs flashes with beeps.
#[derive(Clone, Debug, Default)]
pub struct AvSync {
    flash: Option<Timestamp>,
    beep: Option<Timestamp>,
}

/// Flash and beep further apart than this do not belong together: they come once a second.
const APART_MILLIS: f64 = 450.0;

impl AvSync {
    /// Without anything seen or heard.
    pub const fn new() -> Self {
        Self { flash: None, beep: None }
    }

    /// A flash was seen at `at`; gives by how many ms the sound was early if its beep was heard already.
    pub fn flash(&mut self, at: Timestamp) -> Option<f64> {
        self.flash = Some(at);
        self.pair()
    }

    /// A beep was heard at `at`; gives by how many ms the sound was early (negative: late) if its flash was seen already.
    pub fn beep(&mut self, at: Timestamp) -> Option<f64> {
        self.beep = Some(at);
        self.pair()
    }

    fn pair(&mut self) -> Option<f64> {
        let (flash, beep) = (self.flash?, self.beep?);
        let early = (flash.as_micros() - beep.as_micros()) as f64 / 1000.0;
        if early.abs() <= APART_MILLIS {
            (self.flash, self.beep) = (None, None);
            return Some(early);
        }
        // The earlier one has lost its partner.
        if early > 0.0 {
            self.beep = None;
        } else {
            self.flash = None;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::synthetic::test_sound;

    #[test]
    fn hears_each_second_to_a_millisecond() {
        let mut detector = BeepDetector::new();
        let mut onsets = Vec::new();
        for block in 50..350 {
            let frame = test_sound(block);
            // In odd pieces, as a sound card takes them.
            for (index, piece) in frame.samples.chunks(2 * 111).enumerate() {
                let at =
                    Timestamp::from_micros(frame.timestamp.as_micros() + (index * 111) as i64 * 1_000_000 / 48_000);
                onsets.extend(detector.push(piece, at));
            }
        }
        assert_eq!(onsets.len(), 3);
        for (onset, expected) in onsets.iter().zip([1_000_000, 2_000_000, 3_000_000]) {
            assert!((onset.as_micros() - expected).abs() <= 1_500, "{onset:?} instead of {expected}");
        }
    }

    #[test]
    fn other_sounds_are_no_beep() {
        let mut detector = BeepDetector::new();
        let samples = |hertz: f64| -> Vec<f32> {
            (0..48_000)
                .flat_map(|frame| {
                    let sample = (std::f64::consts::TAU * hertz * f64::from(frame) / 48_000.0).sin() as f32 * 0.4;
                    [sample, sample]
                })
                .collect()
        };
        for hertz in [120.0, 440.0, 3000.0, 9000.0] {
            assert_eq!(detector.push(&samples(hertz), Timestamp::ZERO), None, "{hertz}");
        }
        let mut noise = 1u32;
        let noise: Vec<f32> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 8) as f32 / 16_777_216.0 - 0.5
        })
        .take(96_000)
        .collect();
        assert_eq!(detector.push(&noise, Timestamp::ZERO), None);
    }

    #[test]
    fn pairs_by_nearness() {
        let at = |millis: i64| Timestamp::from_micros(millis * 1000);
        let mut sync = AvSync::new();
        assert_eq!(sync.flash(at(1000)), None);
        assert_eq!(sync.beep(at(1030)), Some(-30.0));
        assert_eq!(sync.beep(at(1990)), None);
        assert_eq!(sync.flash(at(2000)), Some(10.0));
        // A beep that was lost does not pair with the next second's.
        assert_eq!(sync.flash(at(3000)), None);
        assert_eq!(sync.flash(at(4000)), None);
        assert_eq!(sync.beep(at(4005)), Some(-5.0));
        assert_eq!(sync.beep(at(5000)), None);
        assert_eq!(sync.flash(at(6000)), None);
        assert_eq!(sync.beep(at(6020)), Some(-20.0));
    }
}
