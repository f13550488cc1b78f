//! Times every video encoder of this machine and looks at what it makes.
//!
//! ```text
//! cargo run -p runnel-media --example encode_bench -- [--clip FILE.y4m] [--size WxH] [--fps N] [--kbps N]
//!     [--frames N] [--encoder NAME]... [--out FOLDER] [--probe]
//! ```
//!
//! Without a clip the probe's own pictures are encoded. `--out` keeps each result as an `.mp4` for other tools (VMAF).
//! `--probe` runs the probe instead and prints its table.
//!
//! Columns: pictures a second on this machine; pictures per second of one core (right on a busy machine too);
//! rate against the rate asked; delay from picture to packet; largest chunk of 100 ms with a keyframe against the mean
//! chunk (the first one, which nothing can have been learnt for, apart); luma PSNR and SSIM.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use runnel_media::decode::VideoDecoder;
use runnel_media::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use runnel_media::encode::probe::{ProbeRequest, measure, pictures, run, ssim};
use runnel_media::encode::{EncoderChoice, VideoEncoderConfig, names};
use runnel_media::format::{ColorSpace, Size, Timestamp, WallClock};
use runnel_media::frame::{EncodedFrame, VideoFrame};
use runnel_media::package::{MediaChunk, PackageOutput, Packager, PackagerConfig, record::Recorder};

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Options {
    clip: Option<PathBuf>,
    size: Size,
    fps: u32,
    kbps: u32,
    frames: usize,
    encoders: Vec<String>,
    out: Option<PathBuf>,
    probe: bool,
}

fn options() -> Outcome<Options> {
    let size = Size::new(1280, 720)?;
    let mut options =
        Options { clip: None, size, fps: 30, kbps: 2500, frames: 120, encoders: Vec::new(), out: None, probe: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--clip" => options.clip = Some(value()?.into()),
            "--size" => options.size = value()?.parse()?,
            "--fps" => options.fps = value()?.parse()?,
            "--kbps" => options.kbps = value()?.parse()?,
            "--frames" => options.frames = value()?.parse()?,
            "--encoder" => options.encoders.push(value()?),
            "--out" => options.out = Some(value()?.into()),
            "--probe" => options.probe = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}

/// A YUV4MPEG2 clip of 8-bit 4:2:0.
fn read_clip(path: &Path, options: &mut Options) -> Outcome<Vec<VideoFrame>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut header = String::new();
    file.read_line(&mut header)?;
    let field = |key: char| header.split_whitespace().skip(1).find_map(|word| word.strip_prefix(key));
    let number = |key: char| field(key).ok_or(format!("no {key} in the clip's header"));
    options.size = Size::new(number('W')?.parse()?, number('H')?.parse()?)?;
    let (above, below) = number('F')?.split_once(':').ok_or("no rate")?;
    options.fps = (above.parse::<f64>()? / below.parse::<f64>()?).round() as u32;
    let mut frames = Vec::new();
    let mut line = Vec::new();
    while frames.len() < options.frames && file.read_until(b'\n', &mut line)? > 0 {
        line.clear();
        let mut plane = |bytes: usize| -> std::io::Result<Vec<u8>> {
            let mut data = vec![0; bytes];
            file.read_exact(&mut data)?;
            Ok(data)
        };
        let luma = options.size.pixels();
        let planes = [plane(luma)?, plane(luma / 4)?, plane(luma / 4)?];
        let (at, color) = (Timestamp::ZERO, ColorSpace::default());
        frames.push(VideoFrame::from_i420(at, WallClock::default(), options.size, color, planes));
    }
    Ok(frames)
}

fn package(frames: &[EncodedFrame], fps: u32) -> Outcome<(Vec<PackageOutput>, Vec<MediaChunk>)> {
    let mut packager = Packager::new(PackagerConfig { fps, ..Default::default() });
    for frame in frames {
        packager.push(frame.clone())?;
    }
    packager.flush()?;
    let outputs: Vec<_> = std::iter::from_fn(|| packager.poll()).collect();
    let chunk = |output: &PackageOutput| match output {
        PackageOutput::Chunk(chunk) => Some(chunk.clone()),
        PackageOutput::Init(_) => None,
    };
    let chunks = outputs.iter().filter_map(chunk).collect();
    Ok((outputs, chunks))
}

/// PSNR of the mean squared error and mean SSIM of luma.
fn fidelity(frames: &[EncodedFrame], source: impl Fn(usize) -> VideoFrame) -> Outcome<(f64, f64)> {
    let mut decoder = Dav1dDecoder::new(Dav1dConfig::default())?;
    let (mut error, mut similarity, mut count) = (0.0, 0.0, 0);
    for (number, frame) in frames.iter().enumerate() {
        decoder.push(frame)?;
        while let Some(picture) = decoder.poll()? {
            let wanted = source(number);
            let width = picture.size.width() as usize;
            for y in 0..picture.size.height() as usize {
                let [a, b] =
                    [&picture, &wanted].map(|frame| &frame.planes[0].data[y * frame.planes[0].stride..][..width]);
                error += a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
            }
            similarity += ssim(&picture, &wanted);
            count += 1;
        }
    }
    let count = f64::from(count.max(1));
    let pixels = frames.len() as f64 * source(0).size.pixels() as f64;
    Ok((10.0 * (255.0 * 255.0 / (error / pixels)).log10(), similarity / count))
}

fn main() -> Outcome<()> {
    let mut options = options()?;
    if options.probe {
        let choice = options.encoders.first().map_or(Ok(EncoderChoice::Auto), |name| name.parse())?;
        let table = run(&ProbeRequest::new(options.size, options.fps, options.kbps, choice), WallClock::default())?;
        for row in &table.rows {
            println!(
                "{:16} {:6.1} fps {:4.0} % cpu {:5.0} ms {:5.1} dB {:6.0} kb/s  {}",
                row.name,
                row.fps,
                row.cpu * 100.0,
                row.delay_ms,
                row.psnr,
                row.kbps,
                row.verdict
            );
        }
        println!("{}: {} (headroom {:.2})", table.chosen, table.reason, table.headroom());
        return Ok(());
    }
    let source = match options.clip.clone() {
        Some(path) => read_clip(&path, &mut options)?,
        None => {
            let few = pictures(options.size, options.fps);
            let turn = 2 * (few.len() - 1);
            (0..options.frames).map(|n| few[(n % turn).min(turn - n % turn)].clone()).collect()
        }
    };
    let config = VideoEncoderConfig::new(options.size, options.fps, options.kbps);
    println!("{} at {} fps, {} kb/s, {} pictures", options.size, options.fps, options.kbps, source.len());
    println!(
        "{:16} {:>6} {:>8} {:>6} {:>6} {:>8} {:>6} {:>6} {:>6} {:>7}",
        "", "fps", "fps/core", "kb/s", "of", "delay ms", "first", "key", "PSNR", "SSIM"
    );
    let wanted = |name: &&str| {
        options.encoders.is_empty() || options.encoders.iter().any(|asked| name.starts_with(asked.as_str()))
    };
    for name in names().into_iter().filter(wanted) {
        let measured = match measure(name, &config, source.len(), Duration::from_secs(600), |n| source[n].clone()) {
            Ok(measured) => measured,
            Err(error) => {
                println!("{name:16} {error}");
                continue;
            }
        };
        let (outputs, chunks) = package(&measured.frames, options.fps)?;
        let mean = chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>() as f64 / chunks.len() as f64;
        let keys: Vec<_> =
            chunks.iter().filter(|chunk| chunk.keyframe).map(|chunk| chunk.data.len() as f64 / mean).collect();
        let later = keys.iter().skip(1).copied().fold(0.0, f64::max);
        let (psnr, ssim) = fidelity(&measured.frames, |n| source[n].clone())?;
        println!(
            "{name:16} {:6.1} {:8.1} {:6.0} {:5.0}% {:8.0} {:6.2} {:6.2} {:6.2} {:7.4}",
            measured.fps,
            measured.cpu_per_frame.map_or(f64::NAN, f64::recip),
            measured.kbps(options.fps),
            measured.kbps(options.fps) * 100.0 / f64::from(options.kbps),
            measured.delay_ms(options.fps),
            keys.first().copied().unwrap_or_default(),
            later,
            psnr,
            ssim,
        );
        if let Some(folder) = &options.out {
            let mut recorder = Recorder::create(folder.join(format!("{}.mp4", name.replace(':', "-"))))?;
            for output in outputs {
                match output {
                    PackageOutput::Init(init) => recorder.init(init.id, &init.data)?,
                    PackageOutput::Chunk(chunk) => recorder.chunk(chunk.init, chunk.keyframe, &chunk.data)?,
                }
            }
        }
    }
    Ok(())
}
