//! A publisher and a viewer with a bad network between them: chunks encoded beforehand still play.
//!
//! Encoding under emulation would be the bottleneck, so [`record`] runs on the host and writes signed chunks to a file.
//! The guest sets its clock back to the recording's, publishes the chunks at the pace they were made, and a viewer in
//! another network namespace plays them with the app's own parts.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use rand::SeedableRng;
use runnel_media::capture::output::AudioOutputSpec;
use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::encode::EncoderChoice;
use runnel_media::format::{Size, Timestamp, WallClock};
use runnel_media::package::{InitSegment, MediaChunk};
use runnel_media::pipeline::publish::{PublishConfig, PublishEvent, Publisher};
use runnel_media::pipeline::watch::{WatchChunk, WatchConfig, WatchEvent, Watcher};
use runnel_p2p::node::{Candidate, CandidateKind, Keypair, Node, NodeConfig, NodeEvent, ReachConfig};
use runnel_p2p::wire::{
    BroadcastId, BroadcastKey, ChannelId, ChannelKey, ChunkFlags, ChunkInfo, Epoch, Init, Manifest, PublicKey,
    Rendition, RenditionId, Sequence, SignedChunk, SignedManifest, Track, TrackKind, decode_chunk, encode_chunk,
    sign_chunk,
};

const FPS: u32 = 15;
const SECONDS: f64 = 12.0;
const CHUNK: Duration = Duration::from_millis(200);
/// The publisher's identity is part of the recording's arrangement, so that the viewer can name it.
const PUBLISHER_SEED: [u8; 32] = [7; 32];
const RECORD_LIMIT: usize = 8 << 20;

/// A broadcast that was made beforehand.
struct Recording {
    channel_key: PublicKey,
    broadcast_key: BroadcastKey,
    manifest: SignedManifest,
    chunks: Vec<SignedChunk>,
}

/// Encodes and signs a few seconds of the test source.
///
/// # Errors
/// What went wrong.
pub fn record(file: &Path) -> Result<String> {
    let size = Size::new(320, 180)?;
    let (sender, events) = sync_channel(1024);
    let mut config = PublishConfig::new(SourceSpec::Test, AudioSpec::Default, size, FPS);
    config.encoder = EncoderChoice::Named("rav1e:fast".to_owned());
    config.bitrate_kbps = 300;
    config.chunk = CHUNK;
    config.seconds = Some(SECONDS);
    let publisher = Publisher::start(
        config,
        Box::new(move |event| {
            // The receiver below outlives the publisher and the channel holds more than the recording.
            let _ = sender.try_send(event);
        }),
    )?;
    let (mut init, mut made) = (None::<InitSegment>, Vec::<MediaChunk>::new());
    loop {
        match events.recv_timeout(Duration::from_secs(60)).context("the publisher fell silent")? {
            PublishEvent::Init(segment) => init = Some(segment),
            PublishEvent::Chunk(chunk) => made.push(chunk),
            PublishEvent::Ended { .. } => break,
            _ => {}
        }
    }
    publisher.stop();
    let init = init.context("there is an init segment")?;
    ensure!(made.len() >= 40, "only {} chunks were made", made.len());

    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    let (channel_key, broadcast_key) = (ChannelKey::generate(&mut rng), BroadcastKey::generate(&mut rng));
    let manifest = Manifest {
        version: 1,
        channel: ChannelId([1; 16]),
        broadcast: BroadcastId([2; 16]),
        epoch: Epoch(1),
        broadcast_key: broadcast_key.public(),
        renditions: vec![Rendition {
            id: RenditionId(0),
            width: size.width(),
            height: size.height(),
            fps: FPS,
            bitrate_kbps: 300,
            codecs: init.codecs.clone(),
            tracks: vec![
                Track { kind: TrackKind::Video, codec: "av01".to_owned(), language: String::new() },
                Track { kind: TrackKind::Audio, codec: "opus".to_owned(), language: String::new() },
            ],
            inits: vec![Init { id: init.id, data: init.data.clone() }],
            chunk_millis: u32::try_from(CHUNK.as_millis())?,
            stripes: 1,
        }],
        created: u64::try_from(made[0].captured.as_micros())?,
    };
    let signed = manifest.sign(&channel_key)?;
    let mut out = BufWriter::new(File::create(file).with_context(|| file.display().to_string())?);
    let mut write = |bytes: &[u8]| -> Result<()> {
        out.write_all(&u32::try_from(bytes.len())?.to_be_bytes())?;
        Ok(out.write_all(bytes)?)
    };
    write(&channel_key.public().0)?;
    write(&broadcast_key.to_bytes())?;
    write(signed.bytes())?;
    for chunk in &made {
        let info = ChunkInfo {
            broadcast: manifest.broadcast,
            epoch: manifest.epoch,
            rendition: RenditionId(0),
            sequence: Sequence(chunk.sequence),
            manifest_version: manifest.version,
            init: chunk.init,
            start_micros: chunk.start.as_micros(),
            duration_micros: u32::try_from(chunk.duration.as_micros())?,
            captured_micros: chunk.captured.as_micros(),
            flags: ChunkFlags { keyframe: chunk.keyframe, discontinuity: chunk.discontinuity, end: false },
            key_id: None,
        };
        write(&encode_chunk(&sign_chunk(&broadcast_key, info, chunk.data.clone())?))?;
    }
    // The guest's clock must start where the recording does; a shell can read this file.
    std::fs::write(file.with_extension("start"), format!("{}\n", made[0].captured.as_micros() / 1_000_000))?;
    Ok(format!("{} chunks, {} bytes", made.len(), made.iter().map(|chunk| chunk.data.len()).sum::<usize>()))
}

fn load(file: &Path) -> Result<Recording> {
    let mut input = BufReader::new(File::open(file).with_context(|| file.display().to_string())?);
    let mut records = Vec::new();
    loop {
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
        let length = u32::from_be_bytes(length) as usize;
        ensure!(length <= RECORD_LIMIT, "a record of {length} bytes");
        let mut bytes = vec![0; length];
        input.read_exact(&mut bytes)?;
        records.push(Bytes::from(bytes));
    }
    let mut records = records.into_iter();
    let mut key = || -> Result<[u8; 32]> {
        let record = records.next().context("the file ends early")?;
        record.as_ref().try_into().context("a key has 32 bytes")
    };
    let (channel_key, broadcast_key) = (PublicKey(key()?), BroadcastKey::from_bytes(key()?));
    let manifest = SignedManifest::from_bytes(records.next().context("the file ends early")?)?;
    let chunks = records.map(decode_chunk).collect::<Result<Vec<_>, _>>()?;
    Ok(Recording { channel_key, broadcast_key, manifest, chunks })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn publisher_keypair() -> Result<Keypair> {
    Ok(Keypair::ed25519_from_bytes(PUBLISHER_SEED)?)
}

/// How long from now until a moment of the (shared, set back) wall clock.
#[expect(clippy::disallowed_methods, reason = "two processes meet by the guest's wall clock")]
fn until(micros: i64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    Duration::from_micros(u64::try_from(i128::from(micros) - now as i128).unwrap_or(0))
}

/// A moment of the wall clock as the runtime's clock has it.
fn clock(micros: i64) -> tokio::time::Instant {
    tokio::time::Instant::now() + until(micros)
}

/// Publishes the recording at the pace it was made; `start` is seconds to shift it by.
///
/// # Errors
/// What went wrong.
pub fn publish(file: &Path, address: &str, start: i64) -> Result<String> {
    let recording = load(file)?;
    runtime()?.block_on(async {
        let mut config = NodeConfig::publisher(
            recording.manifest,
            vec![recording.channel_key],
            RenditionId(0),
            recording.broadcast_key,
        );
        config.keypair = Some(publisher_keypair()?);
        config.listen = vec![format!("/ip4/{address}/udp/4001/quic-v1").parse()?];
        config.reach = ReachConfig::off();
        let (node, mut events) = Node::start(config)?;
        let mut neighbours = 0;
        let count = recording.chunks.len();
        for chunk in recording.chunks {
            let header = &chunk.header;
            let ready = header.captured_micros + i64::from(header.duration_micros) + start * 1_000_000;
            let next = clock(ready);
            while let Ok(event) = tokio::time::timeout_at(next, events.recv()).await {
                if let NodeEvent::NeighboursChanged(now) = event.context("the node ended early")? {
                    neighbours = now;
                }
            }
            node.publish(chunk)?;
        }
        // The last chunks still have a lossy way to go; the viewer leaves when it has them.
        let left = async {
            while neighbours > 0 {
                match events.recv().await {
                    Some(NodeEvent::NeighboursChanged(now)) => neighbours = now,
                    Some(_) => {}
                    None => return,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), left).await.context("the viewer did not leave")?;
        let stats = node.stats();
        node.shutdown().await;
        ensure!(stats.bytes_to_peers > 0, "nothing was sent: {stats:?}");
        Ok(format!("{count} chunks, {} bytes sent", stats.bytes_to_peers))
    })
}

/// Plays what the publisher at `address` publishes and checks that it was watchable.
///
/// # Errors
/// What was not as it should be.
pub fn watch(file: &Path, address: &str, start: i64) -> Result<String> {
    let recording = load(file)?;
    let manifest = recording.manifest.verify(&[recording.channel_key])?;
    let (sender, happened) = sync_channel(1024);
    let config = WatchConfig {
        target_delay: Duration::from_millis(1500),
        audio_output: AudioOutputSpec::Null,
        // The pictures were captured before they are published: the shift is the difference of the two clocks.
        clock_offset_micros: -start * 1_000_000,
        ..WatchConfig::default()
    };
    let watcher = Watcher::start(
        config,
        Box::new(move |event| {
            // Counted below from the watcher's own figures; a full channel loses nothing that matters.
            let _ = sender.try_send(event);
        }),
    )?;
    let rendition = manifest.rendition(RenditionId(0)).context("the recording has one rendition")?;
    for init in &rendition.inits {
        watcher.push_init(init.id, init.data.clone());
    }
    let last = recording.chunks.last().context("there are chunks")?.header.sequence;
    let end = recording.chunks.last().map_or(0, |chunk| chunk.header.captured_micros);
    runtime()?.block_on(async {
        let mut config = NodeConfig::viewer(recording.manifest, vec![recording.channel_key], RenditionId(0));
        config.listen = vec![];
        config.reach = ReachConfig::off();
        config.origin = false;
        let (node, mut events) = Node::start(config)?;
        node.add_candidates(vec![Candidate {
            peer: publisher_keypair()?.public().to_peer_id(),
            addresses: vec![format!("/ip4/{address}/udp/4001/quic-v1").parse()?],
            kind: CandidateKind::Publisher,
        }])?;
        let limit = until(end + start * 1_000_000) + Duration::from_secs(10);
        let received = tokio::time::timeout(limit, async {
            let mut received = 0;
            while let Some(event) = events.recv().await {
                match event {
                    NodeEvent::Chunk(chunk) => {
                        received += 1;
                        let done = chunk.header.sequence >= last;
                        watcher.push_chunk(for_watcher(&chunk));
                        if done {
                            break;
                        }
                    }
                    NodeEvent::Missed(sequence) => watcher.missing(sequence.0),
                    NodeEvent::Ended => break,
                    _ => {}
                }
            }
            received
        })
        .await
        .unwrap_or(0);
        watcher.ended(Some(last.0));
        node.shutdown().await;
        anyhow::Ok(received)
    })?;
    while let Ok(event) = happened.recv_timeout(Duration::from_secs(10)) {
        if matches!(event, WatchEvent::Ended) {
            break;
        }
    }
    let stats = watcher.stats();
    watcher.stop();
    let expected = SECONDS * f64::from(FPS);
    let shown = stats.frames_shown as f64;
    if shown < expected * 0.8 || stats.stall_ms > 1000 {
        bail!("{shown} of {expected} frames were shown, {} stalls of {} ms: {stats:?}", stats.stalls, stats.stall_ms);
    }
    Ok(format!(
        "{shown} of {expected} frames shown, {} stalls of {} ms, latency p95 {:.0} ms",
        stats.stalls, stats.stall_ms, stats.latency_ms.p95
    ))
}

fn for_watcher(chunk: &SignedChunk) -> WatchChunk {
    let info = &chunk.header.info;
    WatchChunk {
        init: info.init,
        sequence: info.sequence.0,
        start: Timestamp::from_micros(info.start_micros),
        duration: Duration::from_micros(info.duration_micros.into()),
        captured: WallClock::from_micros(info.captured_micros),
        keyframe: info.flags.keyframe,
        discontinuity: info.flags.discontinuity,
        data: chunk.payload.clone(),
    }
}
