//! Encoders at 720p on a real film clip: do they keep up, and how good is the picture.
//!
//! The clip is `RUNNEL_BENCH_CLIP`; without it these measurements say that they could not be made.
//! VMAF needs an ffmpeg with libvmaf (`RUNNEL_BENCH_FFMPEG`, for instance the one in the PyPI package imageio-ffmpeg);
//! without it SSIM by the system's ffmpeg is printed instead.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Bound, Table};
use crate::demo::isolate;
use crate::process::{binary, run};
use crate::tools;

const LIMIT: Duration = Duration::from_secs(240);

/// The film clip that `RUNNEL_BENCH_CLIP` names.
pub(super) fn clip() -> Result<PathBuf> {
    let path = std::env::var_os("RUNNEL_BENCH_CLIP").map(PathBuf::from);
    let path = path.context("set RUNNEL_BENCH_CLIP to a film clip of at least 1280x720 with sound")?;
    if !path.is_file() {
        bail!("there is no file {}", path.display());
    }
    Ok(path)
}

/// 720p30 at 2,500 kb/s with the encoder that the probe picks, publisher alone.
pub(super) fn probed_720p30(table: &mut Table) -> Result<()> {
    measure(table, "720p30", "auto", 30, 92.0)
}

/// 720p25 at 2,500 kb/s by rav1e alone.
pub(super) fn rav1e_720p25(table: &mut Table) -> Result<()> {
    measure(table, "720p25-rav1e", "rav1e", 25, 89.0)
}

fn measure(table: &mut Table, name: &'static str, encoder: &str, fps: u32, least_vmaf: f64) -> Result<()> {
    let clip = clip()?;
    let home = tempfile::tempdir()?;
    let recording = home.path().join("recording.mp4");
    let report = publish(&home, &clip, encoder, fps, &recording)?;
    let publisher = &report["publisher"];
    let captured = publisher["frames_captured"].as_f64().context("frames are counted")?;
    let dropped: f64 = publisher["dropped"]
        .as_object()
        .map_or(0.0, |stages| stages.values().filter_map(serde_json::Value::as_f64).sum());
    let used = report.pointer("/encoder/name").and_then(serde_json::Value::as_str).unwrap_or("?");
    table.add(name, format!("frames dropped, share ({used})"), dropped / captured.max(1.0), Bound::Most(0.01));
    let (measure, value) = compare(&clip, &recording, fps)?;
    let bound = if measure == "VMAF" { Bound::Least(least_vmaf) } else { Bound::None };
    table.add(name, format!("{measure} against the clip"), value, bound);
    let bits = std::fs::metadata(&recording)?.len() as f64 * 8.0 / 1e3;
    table.add(name, "kb/s with sound", bits / duration(&recording)?, Bound::None);
    Ok(())
}

/// Publishes the clip to a server of its own and records what is published.
fn publish(
    home: &tempfile::TempDir,
    clip: &Path,
    encoder: &str,
    fps: u32,
    recording: &Path,
) -> Result<serde_json::Value> {
    let file = home.path().join("publisher.json");
    let mut command = Command::new(binary("runnel")?);
    command
        .args(["publish", "--embedded", "--channel", "bench", "--encoder", encoder, "--size", "1280x720"])
        .args(["--bitrate", "2500", "--seconds", "15", "--fps", &fps.to_string()])
        .arg("--source")
        .arg(format!("file:{}?loop", clip.display()))
        .arg("--record")
        .arg(recording)
        .arg("--report")
        .arg(&file);
    isolate(&mut command, home);
    let (status, out, err) = run(&mut command, LIMIT)?;
    if !status.success() {
        bail!("publishing failed:\n{out}\n{err}");
    }
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// The recording against the clip, both at the recording's size and rate, from their first pictures on.
fn compare(clip: &Path, recording: &Path, fps: u32) -> Result<(&'static str, f64)> {
    let filters = |metric: &str| {
        format!(
            "[0:v]settb=AVTB,setpts=PTS-STARTPTS,fps={fps}[a];\
             [1:v]scale=1280:720:flags=bicubic,settb=AVTB,setpts=PTS-STARTPTS,fps={fps}[b];[a][b]{metric}"
        )
    };
    let given = std::env::var_os("RUNNEL_BENCH_FFMPEG").map(PathBuf::from);
    let (ffmpeg, metric, label) = match given {
        Some(path) => (path, "libvmaf", "VMAF"),
        None => (tools::find("ffmpeg").context("ffmpeg is not installed")?, "ssim", "SSIM"),
    };
    let (status, _, log) = run(
        Command::new(ffmpeg)
            .args(["-hide_banner", "-i"])
            .arg(recording)
            .args(["-stream_loop", "-1", "-i"])
            .arg(clip)
            .args(["-lavfi", &format!("{}:shortest=1", filters(metric)), "-t", "4", "-f", "null", "-"]),
        LIMIT,
    )?;
    if !status.success() {
        bail!("{log}");
    }
    let after = if label == "VMAF" { "VMAF score: " } else { "All:" };
    let score =
        log.rsplit(after).next().and_then(|rest| rest.split_whitespace().next()).context("a score is printed")?;
    Ok((label, score.parse()?))
}

fn duration(recording: &Path) -> Result<f64> {
    let ffprobe = tools::find("ffprobe").context("ffprobe is not installed")?;
    let (_, out, _) = run(
        Command::new(ffprobe)
            .args(["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"])
            .arg(recording),
        LIMIT,
    )?;
    out.trim().parse().context("a duration")
}
