//! Carries sound from a device's callback to the gapless line of blocks.
//!
//! A callback must be quick and a device may stop, so each sound source has this thread: it resamples, keeps time, and puts
//! silence where nothing comes.

use std::time::Duration;

use crate::capture::gate::AudioOut;
use crate::capture::queue;
use crate::capture::resample::{Resampler, to_stereo};
use crate::capture::session::Session;
use crate::capture::stop::Stop;
use crate::capture::timeline::Timeline;
use crate::capture::{CaptureError, CaptureStats};
use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp};

/// Blocks that may wait for the pump: more than it ever lets come together.
pub(crate) const RAW_BLOCKS: usize = 256;
/// How late sound may be before silence takes its place: some cards deliver a quarter of a second at once.
const GRACE_MICROS: i64 = 250_000;
/// The same where no sound is expected.
const NO_GRACE_MICROS: i64 = 10_000;
/// After a pause of this length (a machine that slept) the line goes on from now.
const PAUSE_MICROS: i64 = 2_000_000;
const TICK: Duration = Duration::from_millis(5);

/// A piece of sound as a device gave it.
pub(crate) struct RawSound {
    /// Media time of its first sample.
    pub(crate) captured: Timestamp,
    /// Samples a second of each channel.
    pub(crate) rate: u32,
    /// Channels, interleaved.
    pub(crate) channels: u16,
    /// The samples.
    pub(crate) samples: Vec<f32>,
    /// Whether the rate is that of another clock than ours, so that it drifts.
    pub(crate) drifts: bool,
}

/// Starts a pump; gives the queue that feeds it, and one that closes once the pump has given everything and ended.
pub(crate) fn start(
    session: &mut Session,
    name: &str,
) -> Result<(queue::Sender<RawSound>, queue::Receiver<()>), CaptureError> {
    let (sender, input) = queue::queue(RAW_BLOCKS);
    let (ended, end) = queue::queue(1);
    let (out, stop, stats) = (session.audio.clone(), session.stop.clone(), session.stats.clone());
    session.spawn(name, move || {
        run(Some(&input), &out, &stop, &stats);
        drop(ended);
    })?;
    Ok((sender, end))
}

/// Starts a pump that gives silence.
pub(crate) fn start_silence(session: &mut Session) -> Result<(), CaptureError> {
    let (out, stop, stats) = (session.audio.clone(), session.stop.clone(), session.stats.clone());
    session.spawn("runnel-silence", move || run(None, &out, &stop, &stats))
}

fn run(input: Option<&queue::Receiver<RawSound>>, out: &AudioOut, stop: &Stop, stats: &CaptureStats) {
    let clock = out.clock();
    let mut pump = Pump::new(clock.now());
    let mut input = Input::from(input);
    while !stop.is_set() {
        let piece = match &input {
            Input::Nothing | Input::Over => {
                stop.wait(TICK);
                None
            }
            Input::Some(queue) => queue.recv_timeout(TICK).unwrap_or_else(|queue::Closed| {
                input = Input::Over;
                None
            }),
        };
        let now = clock.now();
        if let Some(piece) = piece {
            pump.push(now, &piece);
            stats.set_sound_jumps(pump.line.jumps());
        }
        if now.as_micros() - pump.line.next().as_micros() > PAUSE_MICROS {
            pump.line.skip_to(now);
        }
        let grace = match input {
            Input::Some(_) if !out.is_lost() => GRACE_MICROS,
            _ => NO_GRACE_MICROS,
        };
        // A source that is over has nothing to be replaced by silence.
        while !(matches!(input, Input::Over) && pump.line.is_empty()) {
            let Some((at, block)) = pump.line.poll(now, grace) else { break };
            if out.send(at, block).is_err() {
                return;
            }
        }
        if matches!(input, Input::Over) && pump.line.is_empty() {
            return;
        }
    }
}

/// Where sound comes from.
enum Input<'a> {
    /// Nowhere: silence.
    Nothing,
    /// From a device or a file.
    Some(&'a queue::Receiver<RawSound>),
    /// From a file that is over.
    Over,
}

impl<'a> From<Option<&'a queue::Receiver<RawSound>>> for Input<'a> {
    fn from(queue: Option<&'a queue::Receiver<RawSound>>) -> Self {
        queue.map_or(Self::Nothing, Self::Some)
    }
}

/// Resampling and timekeeping, without the thread.
struct Pump {
    line: Timeline,
    resampler: Option<Resampler>,
    stereo: Vec<f32>,
    output: Vec<f32>,
}

impl Pump {
    fn new(start: Timestamp) -> Self {
        Self { line: Timeline::new(start), resampler: None, stereo: Vec::new(), output: Vec::new() }
    }

    fn push(&mut self, now: Timestamp, piece: &RawSound) {
        self.stereo.clear();
        to_stereo(usize::from(piece.channels), &piece.samples, &mut self.stereo);
        if !piece.drifts && piece.rate == SAMPLE_RATE {
            self.line.push(now, piece.captured, &self.stereo);
            return;
        }
        if self.resampler.as_ref().is_none_or(|resampler| resampler.input_rate() != piece.rate) {
            match Resampler::new(piece.rate, SAMPLE_RATE) {
                Ok(resampler) => self.resampler = Some(resampler),
                Err(error) => {
                    tracing::warn!(%error, "sound left out");
                    return;
                }
            }
        }
        let Some(resampler) = &mut self.resampler else { return };
        // What comes out first was put in earlier than this piece, and the filter adds its delay.
        let waited = resampler.pending_frames() as f64 / f64::from(piece.rate) + resampler.delay_seconds();
        let captured = piece.captured.saturating_sub(Duration::from_secs_f64(waited));
        resampler.set_correction(self.line.correction());
        self.output.clear();
        resampler.push(&self.stereo, &mut self.output);
        if self.output.len() >= CHANNELS {
            self.line.push(now, captured, &self.output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::AudioFrame;
    use crate::testing::{BeepDetector, TestSound};

    #[test]
    fn a_mono_device_at_another_rate_keeps_its_time() {
        // The test sound as a 32 kHz mono device that runs 200 ppm fast would give it, in pieces of 20 ms.
        let mut pump = Pump::new(Timestamp::ZERO);
        let mut detector = BeepDetector::new();
        let mut onsets = Vec::new();
        let mut blocks = 0;
        let sound: Vec<f32> = (0..1300).flat_map(TestSound::samples).step_by(2).collect();
        for piece in 1..=620u32 {
            let start = (piece - 1) * 640;
            let at = |frame: u32| f64::from(frame) / 32_000.0 / 1.0002;
            let samples = (0..640).map(|frame| sound[(at(start + frame) * 48_000.0) as usize]).collect();
            let micros = |seconds: f64| Timestamp::from_micros((seconds * 1e6) as i64);
            let now = micros(at(start + 640));
            pump.push(now, &RawSound { captured: micros(at(start)), rate: 32_000, channels: 1, samples, drifts: true });
            while let Some((timestamp, samples)) = pump.line.poll(now, GRACE_MICROS) {
                assert_eq!(timestamp, Timestamp::from_micros(blocks * 10_000));
                blocks += 1;
                onsets.extend(detector.push(&samples, timestamp));
            }
        }
        assert!(blocks > 1220, "{blocks}");
        assert_eq!(pump.line.jumps(), 0);
        assert_eq!(onsets.len(), 12, "{onsets:?}");
        for (onset, second) in onsets.iter().zip(1..) {
            assert!((onset.as_micros() - second * 1_000_000).abs() < 4_000, "{onset:?}");
        }
    }

    #[test]
    fn nonsense_from_a_device_is_left_out() {
        let mut pump = Pump::new(Timestamp::ZERO);
        for (rate, channels) in [(0, 2), (u32::MAX, 2), (48_000, 0), (44_100, 300)] {
            pump.push(
                Timestamp::ZERO,
                &RawSound { captured: Timestamp::ZERO, rate, channels, samples: vec![0.1; 999], drifts: true },
            );
        }
        assert!(pump.line.poll(Timestamp::ZERO, 0).is_none());
    }

    #[test]
    fn silence_comes_in_real_time_and_ends_with_its_source() {
        let clock = crate::capture::CaptureClock::start();
        let (sender, audio) = queue::queue::<AudioFrame>(100);
        let (events, _told) = queue::queue(4);
        let out = AudioOut::new(sender, crate::capture::gate::Events::new(events), clock);
        let (raw, input) = queue::queue(4);
        let samples = vec![0.25; 2 * 480 * 3];
        raw.send(RawSound { captured: clock.now(), rate: 48_000, channels: 2, samples, drifts: false }).expect("open");
        drop(raw);
        run(Some(&input), &out, &Stop::default(), &CaptureStats::default());
        drop(out);
        let frames: Vec<AudioFrame> =
            std::iter::from_fn(|| audio.recv_timeout(Duration::from_secs(5)).ok().flatten()).collect();
        assert!((2..=4).contains(&frames.len()), "{}", frames.len());
        assert!(
            frames
                .windows(2)
                .all(|pair| pair[1].timestamp == pair[0].timestamp.saturating_add(Duration::from_millis(10)))
        );
        assert_eq!(
            frames[0].captured.as_micros() - frames[0].timestamp.as_micros(),
            clock.wall_clock(Timestamp::ZERO).as_micros()
        );
    }
}
