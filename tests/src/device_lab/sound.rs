//! A real ALSA card whose output comes back as its input: a tone must come through unharmed at any rate.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use runnel_media::capture::output::{AudioOutput, AudioOutputSpec, OutputState, OutputTiming};
use runnel_media::capture::{self, AudioSpec, CaptureClock, CaptureConfig, SourceSpec};
use runnel_media::format::{CHANNELS, SAMPLE_RATE, Size};

/// Hertz.
const TONE: f64 = 1000.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// Frequencies that pass for the tone: half a percent, a twelfth of a semitone, is what following a card's crystal costs.
const NEAR: [f64; 11] = [995.0, 996.0, 997.0, 998.0, 999.0, 1000.0, 1001.0, 1002.0, 1003.0, 1004.0, 1005.0];
/// A tenth of a second counts as unharmed when so much of its power lies in the tone; a click or a gap costs far more.
const PURE: f64 = 0.98;
/// How much of the sound must be unharmed: an emulated machine that shares its host misses a beat now and then.
const UNHARMED: f64 = 0.8;

/// How much of a signal's power lies in a frequency, from 0 to 1 (Goertzel's algorithm over the whole length).
fn purity(samples: &[f64], frequency: f64, rate: u32) -> f64 {
    let step = std::f64::consts::TAU * frequency / f64::from(rate);
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

/// The part of a recording in which the tone is unharmed, from its first sound to the last.
///
/// # Errors
/// When fewer than three seconds were heard.
fn unharmed(samples: &[f64], rate: u32) -> Result<f64> {
    let audible = |sample: &f64| sample.abs() > 0.01;
    let first = samples.iter().position(audible).context("only silence was recorded")?;
    let last = samples.iter().rposition(audible).unwrap_or(first);
    // The edges hold what the card had left over.
    let tenth = rate as usize / 10;
    let inner = samples.get(first + tenth..last.saturating_sub(tenth)).unwrap_or_default();
    let windows = inner.chunks_exact(tenth);
    ensure!(windows.len() >= 30, "only {} tenths of a second were heard", windows.len());
    let all = windows.len() as f64;
    let pure = windows.filter(|window| NEAR.iter().any(|near| purity(window, *near, rate) > PURE)).count();
    Ok(pure as f64 / all)
}

/// Says how much was unharmed.
///
/// # Errors
/// When it was too little.
fn judge(samples: &[f64], rate: u32, what: &str) -> Result<String> {
    let unharmed = unharmed(samples, rate)?;
    ensure!(unharmed >= UNHARMED, "{what}: the tone is unharmed in only {:.1} % of the time", unharmed * 100.0);
    Ok(format!("{what}, unharmed in {:.1} % of the time", unharmed * 100.0))
}

/// Plays the tone to the default output until the value is dropped.
fn play_tone() -> Result<AudioOutput> {
    let mut phase = 0_u64;
    let tone = move |block: &mut [f32], _: OutputTiming| {
        for frame in block.chunks_exact_mut(CHANNELS) {
            let value = (std::f64::consts::TAU * TONE * phase as f64 / f64::from(SAMPLE_RATE)).sin() * 0.5;
            frame.fill(value as f32);
            phase += 1;
        }
    };
    Ok(AudioOutput::open(AudioOutputSpec::Default, Box::new(tone))?)
}

/// Records eight seconds.
///
/// # Errors
/// When the source ends or gives too little in [`PATIENCE`].
#[expect(clippy::disallowed_methods, reason = "devices live in real time")]
fn record(spec: &AudioSpec) -> Result<Vec<f64>> {
    let config = CaptureConfig { size: Size::new(160, 90)?, fps: 5, clock: CaptureClock::start(), grants: None };
    let input = capture::open(&SourceSpec::None, spec, config)?;
    let mut left = Vec::new();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && left.len() < 8 * SAMPLE_RATE as usize {
        let Some(block) = input.audio.recv_timeout(Duration::from_millis(500))? else { continue };
        left.extend(block.samples.chunks_exact(CHANNELS).map(|frame| f64::from(frame[0])));
    }
    Ok(left)
}

/// Our output plays a tone into a sound server; our desktop sound hears it.
///
/// # Errors
/// What was not as it should be.
pub fn returns() -> Result<String> {
    let output = play_tone()?;
    let left = record(&AudioSpec::DesktopAudio)?;
    let state = output.state();
    ensure!(matches!(state, OutputState::Device { .. }), "nothing was played: {state:?}");
    judge(&left, SAMPLE_RATE, &format!("{state:?}"))
}

/// Our output plays a tone into the card; `arecord` at the other end dictates the rate.
///
/// # Errors
/// What was not as it should be.
pub fn plays(rate: u32) -> Result<String> {
    let mut recorder = Command::new("arecord")
        .args(["-q", "-D", "hw:0,1,0", "-f", "S16_LE", "-c", "2", "-t", "raw", "-d", "8", "-r", &rate.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .context("arecord")?;
    let mut out = recorder.stdout.take().context("stdout is piped")?;
    let output = play_tone()?;
    let mut bytes = Vec::new();
    out.read_to_end(&mut bytes)?;
    recorder.wait()?;
    let state = output.state();
    drop(output);
    ensure!(matches!(state, OutputState::Device { .. }), "no card was opened: {state:?}");
    let left: Vec<f64> =
        bytes.chunks_exact(4).map(|frame| f64::from(i16::from_le_bytes([frame[0], frame[1]])) / 32768.0).collect();
    judge(&left, rate, &format!("{state:?}"))
}

/// `aplay` plays a tone into the card at its rate; our microphone records it.
///
/// # Errors
/// What was not as it should be.
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
    let left = record(&AudioSpec::Microphone { name: Some(name.clone()) });
    // The player would go on for a minute.
    let _ = player.kill();
    let _ = player.wait();
    judge(&left?, SAMPLE_RATE, &name)
}
