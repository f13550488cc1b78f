//! Encoders at 720p on a real film clip: do they keep up, and how good is the picture.
//!
//! The clip is `RUNNEL_BENCH_CLIP`; without it these measurements say that they could not be made.
//! VMAF needs an ffmpeg with libvmaf (`RUNNEL_BENCH_FFMPEG`, for instance the one in the PyPI package imageio-ffmpeg);
//! without it SSIM by the system's ffmpeg is printed instead.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use runnel_media::encode::{VideoEncoderConfig, probe};
use runnel_media::format::{ColorSpace, Size, Timestamp, WallClock};
use runnel_media::frame::{EncodedFrame, VideoFrame};
use runnel_media::package::{PackageOutput, Packager, PackagerConfig, record::Recorder};

use super::{Bound, Table};
use crate::demo::isolate;
use crate::process::{binary, run};
use crate::tools;

const LIMIT: Duration = Duration::from_secs(240);
/// Rate of the pictures, in kbit/s.
const KBPS: u32 = 2500;
/// How many pictures are compared: four seconds and more, so that rate control has settled.
const PICTURES: usize = 125;

fn size() -> Result<Size> {
    Ok(Size::new(1280, 720)?)
}

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
    let report = publish(&home, &clip, encoder, fps)?;
    let publisher = &report["publisher"];
    let captured = publisher["frames_captured"].as_f64().context("frames are counted")?;
    let dropped: f64 = publisher["dropped"]
        .as_object()
        .map_or(0.0, |stages| stages.values().filter_map(serde_json::Value::as_f64).sum());
    let used = report.pointer("/encoder/name").and_then(serde_json::Value::as_str).context("the encoder is named")?;
    table.add(name, format!("frames dropped live, share ({used})"), dropped / captured.max(1.0), Bound::Most(0.01));

    // Live, the first picture is whichever was due when the encoder was ready; to compare picture by picture, the same
    // encoder with the same settings is given the clip's first pictures.
    let raw = home.path().join("clip.yuv");
    let pictures = pictures(&clip, &raw)?;
    let config = VideoEncoderConfig::new(size()?, fps, KBPS);
    let made = probe::measure(used, &config, pictures.len(), LIMIT, |number| pictures[number].clone())?;
    let recording = home.path().join("made.mp4");
    let ratio = record(&made.frames, fps, &recording)?;
    let (measure, value) = compare(&recording, &raw, fps)?;
    let bound = if measure == "VMAF" { Bound::Least(least_vmaf) } else { Bound::None };
    table.add(name, format!("{measure} against the clip ({used})"), value, bound);
    table.add(name, "kb/s of pictures", made.kbps(fps), Bound::None);
    table.add(name, "largest keyframe chunk after the first / mean chunk", ratio, Bound::Most(2.5));
    Ok(())
}

/// The clip's first pictures at the size that is published, which stay in the file `raw` too.
fn pictures(clip: &Path, raw: &Path) -> Result<Vec<VideoFrame>> {
    let ffmpeg = tools::find("ffmpeg").context("ffmpeg is not installed")?;
    let size = size()?;
    let (status, _, log) = run(
        Command::new(ffmpeg)
            .args(["-hide_banner", "-nostats", "-y", "-i"])
            .arg(clip)
            .args(["-vf", &format!("scale={}:{}:flags=bicubic", size.width(), size.height())])
            .args(["-frames:v", &PICTURES.to_string(), "-pix_fmt", "yuv420p", "-f", "rawvideo"])
            .arg(raw),
        LIMIT,
    )?;
    if !status.success() {
        bail!("{log}");
    }
    let bytes = std::fs::read(raw)?;
    let luma = size.pixels();
    let pictures = bytes.chunks_exact(luma * 3 / 2).map(|picture| {
        let (y, chroma) = picture.split_at(luma);
        let (u, v) = chroma.split_at(luma / 4);
        let planes = [y.to_vec(), u.to_vec(), v.to_vec()];
        VideoFrame::from_i420(Timestamp::ZERO, WallClock::default(), size, ColorSpace::default(), planes)
    });
    Ok(pictures.collect())
}

/// Writes a file of what was encoded; gives the size of its largest keyframe chunk but the first against its mean chunk.
fn record(frames: &[EncodedFrame], fps: u32, path: &Path) -> Result<f64> {
    let mut packager = Packager::new(PackagerConfig { fps, ..PackagerConfig::default() });
    for frame in frames {
        packager.push(frame.clone())?;
    }
    packager.flush()?;
    let mut recorder = Recorder::create(path)?;
    let mut chunks = Vec::new();
    while let Some(output) = packager.poll() {
        match output {
            PackageOutput::Init(init) => recorder.init(init.id, &init.data)?,
            PackageOutput::Chunk(chunk) => {
                recorder.chunk(chunk.init, chunk.keyframe, &chunk.data)?;
                chunks.push((chunk.keyframe, chunk.data.len() as f64));
            }
        }
    }
    let mean = chunks.iter().map(|(_, bytes)| bytes).sum::<f64>() / chunks.len() as f64;
    let later = chunks.iter().filter(|(keyframe, _)| *keyframe).skip(1).map(|(_, bytes)| bytes / mean);
    Ok(later.fold(0.0, f64::max))
}

/// Publishes the clip to a server of its own.
fn publish(home: &tempfile::TempDir, clip: &Path, encoder: &str, fps: u32) -> Result<serde_json::Value> {
    let file = home.path().join("publisher.json");
    let mut command = Command::new(binary("runnel")?);
    command
        .args(["publish", "--embedded", "--channel", "bench", "--encoder", encoder, "--size", "1280x720"])
        .args(["--bitrate", &KBPS.to_string(), "--seconds", "15", "--fps", &fps.to_string()])
        .arg("--source")
        .arg(format!("file:{}?loop", clip.display()))
        .arg("--report")
        .arg(&file);
    isolate(&mut command, home);
    let (status, out, err) = run(&mut command, LIMIT)?;
    if !status.success() {
        bail!("publishing failed:\n{out}\n{err}");
    }
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// The recording against the raw pictures that it was made of.
fn compare(recording: &Path, raw: &Path, fps: u32) -> Result<(&'static str, f64)> {
    let given = std::env::var_os("RUNNEL_BENCH_FFMPEG").map(PathBuf::from);
    let (ffmpeg, metric, label) = match given {
        Some(path) => (path, "libvmaf", "VMAF"),
        None => (tools::find("ffmpeg").context("ffmpeg is not installed")?, "ssim", "SSIM"),
    };
    let size = size()?;
    // Said to be alike, or ffmpeg converts one of them.
    let color = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv";
    let alike = format!("{color},settb=1/{fps},setpts=N");
    let (status, _, log) = run(
        Command::new(ffmpeg)
            .args(["-hide_banner", "-nostats", "-i"])
            .arg(recording)
            .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", &size.to_string(), "-r", &fps.to_string(), "-i"])
            .arg(raw)
            .args(["-lavfi", &format!("[0:v]{alike}[a];[1:v]{alike}[b];[a][b]{metric}=shortest=1")])
            .args(["-f", "null", "-"]),
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
