//! A real ALSA card whose output comes back as its input: a tone must come through unharmed at any rate.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use runnel_media::capture::output::{AudioOutput, AudioOutputSpec, OutputState};
use runnel_media::capture::{self, AudioSpec, CaptureClock, CaptureConfig, SourceSpec};
use runnel_media::format::{CHANNELS, SAMPLE_RATE, Size};

const TONE: f64 = 1000.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of a signal's power lies in the tone, from 0 to 1 (Goertzel's algorithm over the whole length).
fn purity(samples: &[f64], rate: u32) -> f64 {
    let step = std::f64::consts::TAU * TONE / f64::from(rate);
    let coefficient = 2.0 * step.cos();
    let (mut one, mut two) = (0.0, 0.0);
    let mut power = 0.0;
    for sample in samples {
        let next = sample + coefficient * one - two;
        (one, two) = (next, one);
        power += sample * sample;
    }
    let tone = one * one + two * two - coefficient * one * two;
    tone / (power * samples.len() as f64 / 2.0).max(f64::MIN_POSITIVE)
}

/// The loudest second of a recording is looked at: its ends hold what the card had left over.
fn best_purity(samples: &[f64], rate: u32) -> Result<f64> {
    let second = rate as usize;
    ensure!(samples.len() >= second, "only {} samples were recorded", samples.len());
    let starts = (0..=samples.len() - second).step_by(second / 10);
    Ok(starts.map(|start| purity(&samples[start..start + second], rate)).fold(0.0, f64::max))
}

/// Our output plays a tone into the card; `arecord` at the other end dictates the rate.
///
/// # Errors
/// What was not as it should be.
#[expect(clippy::disallowed_methods, reason = "devices live in real time")]
pub fn plays(rate: u32) -> Result<String> {
    let mut recorder = Command::new("arecord")
        .args(["-q", "-D", "hw:0,1,0", "-f", "S16_LE", "-c", "2", "-t", "raw", "-d", "8", "-r", &rate.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .context("arecord")?;
    let mut out = recorder.stdout.take().context("stdout is piped")?;
    let mut phase = 0_u64;
    let output = AudioOutput::open(
        AudioOutputSpec::Default,
        Box::new(move |block, _| {
            for frame in block.chunks_exact_mut(CHANNELS) {
                let value = (std::f64::consts::TAU * TONE * phase as f64 / f64::from(SAMPLE_RATE)).sin() * 0.5;
                frame.fill(value as f32);
                phase += 1;
            }
        }),
    )?;
    let end = Instant::now() + PATIENCE;
    while !matches!(output.state(), OutputState::Device { .. }) && Instant::now() < end {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let state = output.state();
    ensure!(matches!(state, OutputState::Device { .. }), "no card was opened: {state:?}");
    let mut bytes = Vec::new();
    out.read_to_end(&mut bytes)?;
    recorder.wait()?;
    drop(output);
    let left: Vec<f64> =
        bytes.chunks_exact(4).map(|frame| f64::from(i16::from_le_bytes([frame[0], frame[1]])) / 32768.0).collect();
    let purity = best_purity(&left, rate)?;
    ensure!(purity > 0.98, "only {purity:.3} of what was heard is the tone");
    Ok(format!("{state:?}, {:.1} % of the power is the tone", purity * 100.0))
}

/// `aplay` plays a tone into the card at its rate; our microphone records it.
///
/// # Errors
/// What was not as it should be.
#[expect(clippy::disallowed_methods, reason = "devices live in real time")]
pub fn records(rate: u32) -> Result<String> {
    let mut player = Command::new("aplay")
        .args(["-q", "-D", "hw:0,0,0", "-f", "S16_LE", "-c", "2", "-t", "raw", "-r", &rate.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .context("aplay")?;
    let mut pipe = player.stdin.take().context("stdin is piped")?;
    std::thread::Builder::new().name("tone".into()).spawn(move || {
        for phase in 0..u64::from(rate) * 60 {
            let value = ((std::f64::consts::TAU * TONE * phase as f64 / f64::from(rate)).sin() * 16000.0) as i16;
            let [low, high] = value.to_le_bytes();
            // aplay's end ends the tone.
            if pipe.write_all(&[low, high, low, high]).is_err() {
                break;
            }
        }
    })?;
    let name = capture::devices()
        .microphones
        .into_iter()
        .map(|device| device.id)
        .find(|id| id.contains("DEV=1") || id.contains(",1"))
        .context("the card's input is not listed")?;
    let config = CaptureConfig { size: Size::new(160, 90)?, fps: 5, clock: CaptureClock::start() };
    let spec = AudioSpec::Microphone { name: Some(name.clone()) };
    let microphone = capture::open(&SourceSpec::None, &spec, config)?;
    let mut left = Vec::new();
    let end = Instant::now() + PATIENCE;
    let mut best = 0.0_f64;
    while Instant::now() < end && best < 0.98 {
        let Some(block) = microphone.audio.recv_timeout(Duration::from_millis(500))? else { continue };
        left.extend(block.samples.chunks_exact(CHANNELS).map(|frame| f64::from(frame[0])));
        if left.len() >= SAMPLE_RATE as usize {
            best = best.max(best_purity(&left, SAMPLE_RATE)?);
            left.drain(..SAMPLE_RATE as usize / 2);
        }
    }
    // The player would go on for a minute.
    let _ = player.kill();
    let _ = player.wait();
    ensure!(best > 0.98, "only {best:.3} of what was recorded from {name} is the tone");
    Ok(format!("{name}, {:.1} % of the power is the tone", best * 100.0))
}
