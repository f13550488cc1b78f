//! A gapless line of sound from pieces that come late, drift or stop.
//!
//! Everything after capture counts samples, so sound must come as an unbroken line of equal blocks on the capture clock.
//! A device's crystal runs a little fast or slow: the difference is measured here and given back as a correction of the
//! resampling ratio. Where a device stops, silence goes on in its place, faded at both ends.

use crate::capture::resample::MAX_CORRECTION;
use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp};

/// Frames of a block: 10 ms, what RNNoise works on and half an Opus packet.
pub(crate) const BLOCK_FRAMES: usize = 480;
const BLOCK_MICROS: i64 = 10_000;

/// Misplaced by more than this, sound is moved at once; by less, it is pulled into place by resampling.
const JUMP_MICROS: i64 = 80_000;
/// A capture time further from now than this is not believed.
const CREDIBLE_MICROS: i64 = 1_000_000;
/// Frames of a fade at the edge of silence: 2 ms.
const FADE_FRAMES: usize = 96;

/// The line of sound.
#[derive(Debug)]
pub(crate) struct Timeline {
    start: i64,
    blocks: i64,
    fifo: Vec<f32>,
    aligned: bool,
    fade_in: bool,
    error: f64,
    jumps: u64,
}

impl Timeline {
    /// A line that starts at `start`.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self {
            start: start.as_micros(),
            blocks: 0,
            fifo: Vec::with_capacity(CHANNELS * BLOCK_FRAMES * 8),
            aligned: false,
            fade_in: false,
            error: 0.0,
            jumps: 0,
        }
    }

    /// Start of the next block.
    pub(crate) fn next(&self) -> Timestamp {
        Timestamp::from_micros(self.start + self.blocks * BLOCK_MICROS)
    }

    fn end_of_fifo(&self) -> i64 {
        self.next().as_micros() + frames_to_micros(self.fifo.len() / CHANNELS)
    }

    /// By which part the source should be stretched so that it comes back into place.
    pub(crate) fn correction(&self) -> f64 {
        // A tenth of the error each second: 10 ms too late means 0.1 %, gone in about ten seconds, inaudible.
        (self.error * 1e-6 * 0.1).clamp(-MAX_CORRECTION, MAX_CORRECTION)
    }

    /// How often sound had to be moved at once.
    pub(crate) fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Adds 48 kHz stereo samples whose first one was captured at `captured`.
    pub(crate) fn push(&mut self, now: Timestamp, captured: Timestamp, samples: &[f32]) {
        let mut samples = samples;
        let captured = captured.as_micros().clamp(now.as_micros() - CREDIBLE_MICROS, now.as_micros());
        let error = captured - self.end_of_fifo();
        if !self.aligned || error.abs() > JUMP_MICROS {
            if self.aligned {
                self.jumps += 1;
            }
            if error > 0 {
                self.fade_out();
                let gap = micros_to_frames(error.min(CREDIBLE_MICROS)) * CHANNELS;
                self.fifo.resize(self.fifo.len() + gap, 0.0);
                self.fade_in = true;
            } else {
                let late = micros_to_frames(-error) * CHANNELS;
                samples = samples.get(late..).unwrap_or_default();
                self.fade_in |= late > 0;
                if samples.is_empty() {
                    return;
                }
            }
            self.aligned = true;
            self.error = 0.0;
        } else {
            self.error += 0.05 * (error as f64 - self.error);
        }
        let from = self.fifo.len();
        self.fifo.extend_from_slice(samples);
        if std::mem::take(&mut self.fade_in) {
            let frames = (samples.len() / CHANNELS).min(FADE_FRAMES);
            for (frame, pair) in self.fifo[from..].chunks_exact_mut(CHANNELS).take(frames).enumerate() {
                pair.iter_mut().for_each(|sample| *sample *= frame as f32 / frames as f32);
            }
        }
    }

    fn fade_out(&mut self) {
        let frames = (self.fifo.len() / CHANNELS).min(FADE_FRAMES);
        let from = self.fifo.len() - frames * CHANNELS;
        for (frame, pair) in self.fifo[from..].chunks_exact_mut(CHANNELS).enumerate() {
            pair.iter_mut().for_each(|sample| *sample *= 1.0 - frame as f32 / frames as f32);
        }
    }

    /// The next block, if it is complete, or if it is more than `grace` micros overdue at `now` (then filled with silence).
    ///
    /// A block that is not over at `now` stays: a file gives sound ahead of its time.
    pub(crate) fn poll(&mut self, now: Timestamp, grace: i64) -> Option<(Timestamp, Vec<f32>)> {
        let wanted = BLOCK_FRAMES * CHANNELS;
        if now.as_micros() < self.next().as_micros() + BLOCK_MICROS {
            return None;
        }
        if self.fifo.len() < wanted {
            if now.as_micros() < self.next().as_micros() + BLOCK_MICROS + grace {
                return None;
            }
            self.fade_out();
            self.fifo.resize(wanted, 0.0);
            self.aligned = false;
            self.fade_in = true;
        }
        let rest = self.fifo.split_off(wanted);
        let block = std::mem::replace(&mut self.fifo, rest);
        let at = self.next();
        self.blocks += 1;
        Some((at, block))
    }

    /// Whether not even one whole block waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.fifo.len() < BLOCK_FRAMES * CHANNELS
    }

    /// Leaves out everything up to `now` after a pause that no one wants to hear as silence (a machine that slept).
    pub(crate) fn skip_to(&mut self, now: Timestamp) {
        let behind = (now.as_micros() - self.next().as_micros()) / BLOCK_MICROS;
        if behind > 0 {
            self.blocks += behind;
            self.fifo.clear();
            self.aligned = false;
            self.fade_in = true;
            self.jumps += 1;
        }
    }
}

pub(crate) fn frames_to_micros(frames: usize) -> i64 {
    i64::try_from(frames as u64 * 1_000_000 / u64::from(SAMPLE_RATE)).unwrap_or(i64::MAX)
}

fn micros_to_frames(micros: i64) -> usize {
    usize::try_from(micros.max(0) * i64::from(SAMPLE_RATE) / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    fn loud(millis: i64) -> Vec<f32> {
        vec![0.5; millis as usize * 48 * CHANNELS]
    }

    /// Runs a device of the given relative speed for `seconds`; gives the line and all its blocks.
    fn run(speed: f64, seconds: i64, resample: bool) -> (Timeline, Vec<(Timestamp, Vec<f32>)>) {
        let mut line = Timeline::new(at(0));
        let mut blocks = Vec::new();
        let mut owed = 0.0;
        for tick in 1..=seconds * 100 {
            let now = at(tick * 10);
            let stretch = if resample { 1.0 + line.correction() } else { 1.0 };
            owed += 480.0 * speed * stretch;
            let frames = owed as usize;
            owed -= frames as f64;
            line.push(now, at(tick * 10 - 10), &vec![0.5; frames * CHANNELS]);
            while let Some(block) = line.poll(now, 100_000) {
                blocks.push(block);
            }
        }
        (line, blocks)
    }

    #[test]
    fn blocks_follow_each_other_without_a_gap() {
        let (line, blocks) = run(1.0, 5, true);
        assert_eq!(blocks.len(), 500);
        for (index, (timestamp, samples)) in blocks.iter().enumerate() {
            assert_eq!(*timestamp, at(index as i64 * 10));
            assert_eq!(samples.len(), BLOCK_FRAMES * CHANNELS);
        }
        assert_eq!(line.jumps(), 0);
    }

    #[test]
    fn a_drifting_device_is_pulled_into_place() {
        // 500 ppm is ten times what crystals do.
        for speed in [0.9995, 1.0005] {
            let (line, blocks) = run(speed, 300, true);
            assert_eq!(line.jumps(), 0, "{speed}");
            assert!((29_990..=30_000).contains(&blocks.len()), "{speed}: {}", blocks.len());
            assert!(
                blocks.iter().skip(10).all(|(_, samples)| samples.iter().all(|sample| *sample == 0.5)),
                "{speed}: a hole"
            );
            assert!(line.error.abs() < 7_000.0, "{speed}: {} us off", line.error);
            let (line, _) = run(speed, 300, false);
            assert!(line.jumps() > 0, "{speed}: without resampling it must jump");
        }
    }

    #[test]
    fn silence_stands_in_and_fades() {
        let mut line = Timeline::new(at(0));
        line.push(at(15), at(0), &loud(15));
        let first = line.poll(at(15), 50_000).expect("complete");
        assert!(first.1.iter().all(|sample| *sample == 0.5));
        assert!(line.poll(at(69), 50_000).is_none(), "within its grace");
        let (timestamp, samples) = line.poll(at(70), 50_000).expect("overdue");
        assert_eq!(timestamp, at(10));
        assert_eq!((samples[0], samples[959]), (0.5, 0.0));
        let steepest = samples.windows(3).map(|frame| (frame[2] - frame[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.01, "a click of {steepest}");
        // It comes back: what is too late is left out, the rest is in its place.
        line.push(at(75), at(15), &loud(60));
        let (timestamp, samples) = line.poll(at(75), 50_000).expect("complete");
        assert_eq!(timestamp, at(20));
        assert_eq!(samples[0], 0.0, "faded in");
        assert_eq!(samples[959], 0.5);
    }

    #[test]
    fn a_late_start_begins_with_silence() {
        let mut line = Timeline::new(at(0));
        line.push(at(40), at(25), &loud(15));
        let blocks: Vec<_> = std::iter::from_fn(|| line.poll(at(40), 1_000_000)).collect();
        assert_eq!(blocks.len(), 4);
        assert!(blocks[1].1.iter().all(|sample| *sample == 0.0));
        assert_eq!((blocks[2].1[0], blocks[2].1[959], blocks[3].1[959]), (0.0, 0.5, 0.5));
    }

    #[test]
    fn absurd_capture_times_are_not_believed() {
        let mut line = Timeline::new(at(0));
        for captured in [i64::MIN / 2, -5_000_000, 0, 9_000_000, i64::MAX / 2] {
            line.push(at(20), Timestamp::from_micros(captured), &loud(10));
            assert!(line.fifo.len() <= 2 * 48_000, "{captured}");
        }
        let mut line = Timeline::new(at(0));
        line.skip_to(at(3_600_000));
        assert_eq!(line.next(), at(3_600_000));
    }
}
