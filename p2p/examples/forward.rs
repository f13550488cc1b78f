//! How much a node forwards for a second of CPU, against a bare `libp2p-stream` copy over the same transport.
//!
//! `cargo run -p runnel-p2p --example forward [-- MBITS [SECONDS]]`
//!
//! Three parties stand in a row in one thread: one sends, the middle one passes on, the last one receives. The swarm's
//! row signs, hashes, verifies, stores and schedules; the bare row copies bytes from stream to stream. Both send the same
//! bytes in real time, and the process's CPU time is divided by what arrived.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, swarm::SwarmEvent};
use runnel_p2p::{
    node::{Candidate, Node, NodeConfig, NodeEvent, Role},
    wire::{
        BroadcastId, BroadcastKey, ChannelId, ChannelKey, ChunkFlags, ChunkInfo, Epoch, Manifest, Rendition,
        RenditionId, Sequence, SignedManifest, sign_chunk,
    },
};
use tokio::sync::{mpsc, oneshot};

const CHUNK: Duration = Duration::from_millis(100);
const PROTOCOL: StreamProtocol = StreamProtocol::new("/runnel/bench/1");

/// What one row did.
struct Outcome {
    bytes: u64,
    cpu: Duration,
}

impl Outcome {
    fn mbits_per_cpu_second(&self) -> f64 {
        self.bytes as f64 * 8e-6 / self.cpu.as_secs_f64()
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mbits: f64 = arguments.next().map_or(Ok(20.0), |text| text.parse()).context("MBITS is a number")?;
    let seconds: f64 = arguments.next().map_or(Ok(5.0), |text| text.parse()).context("SECONDS is a number")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let chunks = (seconds / CHUNK.as_secs_f64()).ceil() as u64;
    let size = (mbits * 1e6 / 8.0 * CHUNK.as_secs_f64()) as usize;

    let bare = runtime.block_on(bare(chunks, size))?;
    let ours = runtime.block_on(swarm(chunks, size, mbits))?;
    println!("{mbits} Mbit/s for {seconds} s through three parties in one thread:");
    for (name, outcome) in [("bare libp2p-stream", &bare), ("runnel node", &ours)] {
        println!(
            "{name:>20}: {:7.1} Mbit arrived, {:6.2} s CPU, {:7.1} Mbit per CPU second",
            outcome.bytes as f64 * 8e-6,
            outcome.cpu.as_secs_f64(),
            outcome.mbits_per_cpu_second()
        );
    }
    println!("{:>20}: {:.2}", "ratio", ours.mbits_per_cpu_second() / bare.mbits_per_cpu_second());
    Ok(())
}

/// The process's CPU time so far.
fn cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("CPU time is read the Linux way")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|text| text.parse::<u64>().ok()).context("a count of ticks");
    // A tick is 10 ms on every Linux there is.
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

fn payload(sequence: u64, size: usize) -> Vec<u8> {
    (0..size as u64).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 7 ^ sequence) as u8).collect()
}

async fn bare(chunks: u64, size: usize) -> Result<Outcome> {
    let (_, _, mut out) = party().await?;
    let (middle_id, middle_address, mut pass) = party().await?;
    let (last_id, last_address, mut sink) = party().await?;

    let mut arriving = pass.accept(PROTOCOL).map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut ending = sink.accept(PROTOCOL).map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut first = out.open(middle_id, middle_address).await?;
    let mut second = pass.open(last_id, last_address).await?;

    let copy = tokio::spawn(async move {
        let (_, mut from) = arriving.next().await.context("the sender's stream")?;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let n = from.read(&mut buffer).await?;
            if n == 0 {
                return anyhow::Ok(second.close().await?);
            }
            second.write_all(&buffer[..n]).await?;
        }
    });
    let receive = tokio::spawn(async move {
        let (_, mut from) = ending.next().await.context("the middle's stream")?;
        let (mut buffer, mut bytes) = (vec![0; 16 * 1024], 0);
        loop {
            match from.read(&mut buffer).await? {
                0 => return anyhow::Ok(bytes),
                n => bytes += n as u64,
            }
        }
    });
    let payloads: Vec<_> = (0..chunks).map(|sequence| payload(sequence, size)).collect();
    let before = cpu()?;
    let mut pace = tokio::time::interval(CHUNK);
    for payload in &payloads {
        pace.tick().await;
        first.write_all(payload).await?;
        first.flush().await?;
    }
    first.close().await?;
    copy.await??;
    let bytes = receive.await??;
    Ok(Outcome { bytes, cpu: cpu()? - before })
}

/// A bare peer: its swarm runs in a task of its own.
struct Party {
    control: libp2p_stream::Control,
    dial: mpsc::Sender<(Multiaddr, oneshot::Sender<()>)>,
}

impl Party {
    fn accept(
        &mut self,
        protocol: StreamProtocol,
    ) -> Result<libp2p_stream::IncomingStreams, libp2p_stream::AlreadyRegistered> {
        self.control.accept(protocol)
    }

    async fn open(&mut self, peer: PeerId, address: Multiaddr) -> Result<libp2p::Stream> {
        let (connected, wait) = oneshot::channel();
        self.dial.send((address, connected)).await?;
        wait.await?;
        Ok(self.control.open_stream(peer, PROTOCOL).await?)
    }
}

async fn party() -> Result<(PeerId, Multiaddr, Party)> {
    let mut swarm: Swarm<libp2p_stream::Behaviour> = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic()
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    swarm.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse()?)?;
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address;
        }
    };
    let (id, control) = (*swarm.local_peer_id(), swarm.behaviour().new_control());
    let (dial, mut dials) = mpsc::channel::<(Multiaddr, oneshot::Sender<()>)>(1);
    tokio::spawn(async move {
        let mut waiting = None;
        loop {
            tokio::select! {
                Some((address, connected)) = dials.recv() => {
                    // Where the dial fails, who waits is let go with an error.
                    waiting = swarm.dial(address).is_ok().then_some(connected);
                }
                event = swarm.select_next_some() => {
                    if let SwarmEvent::ConnectionEstablished { .. } = event && let Some(connected) = waiting.take() {
                        let _ = connected.send(());
                    }
                }
            }
        }
    });
    Ok((id, address, Party { control, dial }))
}

async fn swarm(chunks: u64, size: usize, mbits: f64) -> Result<Outcome> {
    let (channel, broadcast) = (ChannelKey::from_bytes([1; 32]), BroadcastKey::from_bytes([2; 32]));
    let manifest = manifest(&channel, &broadcast, mbits)?;
    let keys = vec![channel.public()];
    let rendition = RenditionId(1);
    let wide =
        |config: NodeConfig| NodeConfig { upload_cap_kbps: Some(1_000_000), seed: Some(1), ..config }.on_loopback();
    let viewer = || NodeConfig { origin: false, ..NodeConfig::viewer(manifest.clone(), keys.clone(), rendition) };
    let publisher = NodeConfig::publisher(manifest.clone(), keys.clone(), rendition, broadcast.clone());
    let (first, _first_events) = Node::start(wide(publisher))?;
    let (middle, mut middle_events) = Node::start(wide(viewer()))?;
    let (last, mut events) = Node::start(wide(viewer()))?;
    middle.add_candidates(vec![candidate(&first, Role::Publisher).await])?;
    last.add_candidates(vec![candidate(&middle, Role::Viewer).await])?;
    wait(&mut middle_events, 2).await?;
    wait(&mut events, 1).await?;
    tokio::spawn(async move { while middle_events.recv().await.is_some() {} });

    let signed: Vec<_> = (0..chunks)
        .map(|sequence| {
            let info = ChunkInfo {
                broadcast: BroadcastId([4; 16]),
                epoch: Epoch(1),
                rendition,
                sequence: Sequence(sequence),
                manifest_version: 1,
                init: 0,
                start_micros: sequence as i64 * CHUNK.as_micros() as i64,
                duration_micros: CHUNK.as_micros() as u32,
                captured_micros: 1_790_000_000_000_000,
                flags: ChunkFlags { keyframe: sequence.is_multiple_of(20), ..ChunkFlags::default() },
                key_id: None,
            };
            sign_chunk(&broadcast, info, payload(sequence, size).into())
        })
        .collect::<Result<_, _>>()?;

    let before = cpu()?;
    let begun = clock();
    let send = tokio::spawn({
        let first = first.clone();
        async move {
            let mut pace = tokio::time::interval(CHUNK);
            for chunk in signed {
                pace.tick().await;
                first.publish(chunk)?;
            }
            anyhow::Ok(())
        }
    });
    let mut bytes = 0;
    let limit = tokio::time::Instant::now() + CHUNK * chunks as u32 + Duration::from_secs(5);
    loop {
        let Ok(event) = tokio::time::timeout_at(limit, events.recv()).await else {
            let all = [&first, &middle, &last].map(Node::stats);
            anyhow::bail!("the row stands still after {bytes} bytes: {all:#?}");
        };
        match event {
            Some(NodeEvent::Chunk(chunk)) => {
                bytes += chunk.payload.len() as u64;
                if chunk.header.sequence.0 + 1 == chunks {
                    break;
                }
            }
            Some(NodeEvent::Missed(sequence)) => {
                ensure!(sequence.0 + 1 < chunks, "the last chunk was missed");
            }
            Some(_) => {}
            None => break,
        }
    }
    let outcome = Outcome { bytes, cpu: cpu()? - before };
    send.await??;
    let lost = chunks - bytes / size as u64;
    println!("row of nodes: {lost} of {chunks} chunks lost, {:.2} s", (clock() - begun).as_secs_f64());
    for node in [&last, &middle, &first] {
        node.shutdown().await;
    }
    Ok(outcome)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is where time comes from")]
fn clock() -> Instant {
    Instant::now()
}

async fn candidate(node: &Node, kind: Role) -> Candidate {
    Candidate { peer: node.peer_id(), addresses: node.listening().await, kind }
}

async fn wait(events: &mut mpsc::Receiver<NodeEvent>, neighbours: usize) -> Result<()> {
    while let Some(event) = events.recv().await {
        if matches!(event, NodeEvent::NeighboursChanged(n) if n >= neighbours) {
            return Ok(());
        }
    }
    anyhow::bail!("the node ended")
}

fn manifest(channel: &ChannelKey, broadcast: &BroadcastKey, mbits: f64) -> Result<SignedManifest> {
    let rendition = Rendition {
        id: RenditionId(1),
        width: 1280,
        height: 720,
        fps: 30,
        bitrate_kbps: (mbits * 1e3) as u32,
        codecs: "av01.0.05M.08".into(),
        tracks: Vec::new(),
        inits: Vec::new(),
        chunk_millis: CHUNK.as_millis() as u32,
        stripes: 4,
    };
    let manifest = Manifest {
        version: 1,
        channel: ChannelId([5; 16]),
        broadcast: BroadcastId([4; 16]),
        epoch: Epoch(1),
        broadcast_key: broadcast.public(),
        renditions: vec![rendition],
        created: 0,
    };
    Ok(manifest.sign(channel)?)
}
