//! Publishes for a while and looks at what came out: losses, times of the stages, chunk sizes, readable strips.
//!
//! ```text
//! cargo run -p runnel-media --example publish_bench -- [--source SPEC] [--encoder NAME] [--size WxH] [--fps N]
//!     [--bitrate KBPS] [--seconds S] [--chunk MS] [--record FILE.mp4]
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::decode::VideoDecoder;
use runnel_media::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use runnel_media::encode::EncoderChoice;
use runnel_media::format::Size;
use runnel_media::frame::TrackKind;
use runnel_media::package::demux::{parse_chunk, parse_init};
use runnel_media::package::record::Recorder;
use runnel_media::pipeline::publish::{PublishConfig, PublishEvent, Publisher};
use runnel_media::testing::Strip;

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = PublishConfig::new(SourceSpec::Test, AudioSpec::Default, Size::new(640, 360)?, 30);
    (config.bitrate_kbps, config.seconds) = (1000, Some(10.0));
    let mut record: Option<PathBuf> = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(format!("{argument} wants a value"))?;
        match argument.as_str() {
            "--source" => config.source = value.parse()?,
            "--encoder" => config.encoder = value.parse::<EncoderChoice>()?,
            "--size" => config.size = value.parse()?,
            "--fps" => config.fps = value.parse()?,
            "--bitrate" => config.bitrate_kbps = value.parse()?,
            "--seconds" => config.seconds = Some(value.parse()?),
            "--chunk" => config.chunk = Duration::from_millis(value.parse()?),
            "--record" => record = Some(value.into()),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let (events, told) = sync_channel(10_000);
    let publisher = Publisher::start(config, Box::new(move |event| drop(events.try_send(event))))?;
    let (mut inits, mut chunks) = (Vec::new(), Vec::new());
    loop {
        match told.recv()? {
            PublishEvent::Init(init) => {
                println!(
                    "init {}: {} {} at {} fps, {} bytes",
                    init.id,
                    init.codecs,
                    init.size,
                    init.fps,
                    init.data.len()
                );
                inits.push(init);
            }
            PublishEvent::Chunk(chunk) => chunks.push(chunk),
            PublishEvent::Thumbnail(jpeg) => println!("thumbnail: {} bytes", jpeg.len()),
            PublishEvent::Ended { reason } => {
                println!("ended: {reason}");
                break;
            }
            other => println!("{other:?}"),
        }
    }
    let stats = publisher.stats();
    publisher.stop();
    println!("{stats:#?}");
    if let Some(table) = publisher.probe() {
        for row in table.rows {
            println!(
                "{:16} {:6.1} fps {:3.0} % {:4.0} ms  {}",
                row.name,
                row.fps,
                row.cpu * 100.0,
                row.delay_ms,
                row.verdict
            );
        }
    }

    let mean = chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>() as f64 / chunks.len().max(1) as f64;
    let ratio = |bytes: usize| bytes as f64 / mean;
    let keys: Vec<_> = chunks.iter().filter(|chunk| chunk.keyframe).map(|chunk| ratio(chunk.data.len())).collect();
    let largest = chunks.iter().map(|chunk| ratio(chunk.data.len())).fold(0.0, f64::max);
    println!("{} chunks of {mean:.0} bytes; keyframe chunks {keys:.2?} times that; largest {largest:.2}", chunks.len());

    let mut recorder = record.map(Recorder::create).transpose()?;
    let mut decoder = Dav1dDecoder::new(Dav1dConfig::default())?;
    let (mut pictures, mut readable, mut packets) = (0, 0, 0);
    for chunk in &chunks {
        let init = inits.iter().find(|init| init.id == chunk.init).ok_or("a chunk without its init segment")?;
        if let Some(recorder) = &mut recorder {
            recorder.init(init.id, &init.data)?;
            recorder.chunk(chunk.init, chunk.keyframe, &chunk.data)?;
        }
        for frame in parse_chunk(&parse_init(&init.data)?, &chunk.data)?.frames {
            if frame.kind == TrackKind::Audio {
                packets += 1;
                continue;
            }
            decoder.push(&frame)?;
            while let Some(picture) = decoder.poll()? {
                pictures += 1;
                readable += u32::from(Strip::read(&picture).is_some());
            }
        }
    }
    println!("{pictures} pictures decoded, {readable} strips readable, {packets} packets of sound");
    Ok(())
}
