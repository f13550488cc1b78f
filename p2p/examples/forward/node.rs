//! Nodes of the swarm: in a row, and one that feeds many.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use runnel_p2p::{
    node::{Candidate, Node, NodeConfig, NodeEvent, Role},
    wire::{
        BroadcastId, BroadcastKey, ChannelId, ChannelKey, ChunkFlags, ChunkInfo, Epoch, Manifest, Rendition,
        RenditionId, Sequence, SignedChunk, SignedManifest, sign_chunk,
    },
};
use tokio::sync::{mpsc, oneshot};

use super::{CHUNK, Load, Outcome, cpu, done, party};

const RENDITION: RenditionId = RenditionId(1);

/// How long the last chunk may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends the load through a publisher, a viewer and a viewer.
pub(crate) fn row(load: Load) -> Result<Outcome> {
    send("row", load, 1)
}

/// Sends the load through a publisher, a viewer, and so many viewers that have no other neighbour. The bytes are those of
/// one of them.
pub(crate) fn fan(load: Load, children: usize) -> Result<Outcome> {
    send("fan", load, children)
}

fn send(name: &str, load: Load, children: usize) -> Result<Outcome> {
    let show = Show::new(load)?;
    let (tell_first, first_at) = oneshot::channel();
    let (tell_middle, middle_at) = oneshot::channel();
    let (tell_ready, ready) = oneshot::channel();
    let (tell_end, end) = oneshot::channel();
    let chunks = show.chunks()?;
    let first = party(&format!("{name}-first"), {
        let show = show.clone();
        move || first(show, chunks, tell_first, ready)
    })?;
    let middle = party(&format!("{name}-middle"), {
        let show = show.clone();
        move || middle(show, first_at, children, tell_middle, tell_ready, end)
    })?;
    let last = party(&format!("{name}-last"), move || last(show, middle_at, children, tell_end))?;
    done(first)?;
    let bytes = done(last)?;
    Ok(Outcome { bytes, cpu: done(middle)? })
}

/// The publisher.
async fn first(
    show: Show,
    chunks: Vec<SignedChunk>,
    tell: oneshot::Sender<Candidate>,
    ready: oneshot::Receiver<()>,
) -> Result<()> {
    let config = NodeConfig::publisher(show.manifest.clone(), show.keys.clone(), RENDITION, show.broadcast.clone());
    let (node, mut events) = Node::start(wide(config))?;
    let _ = tell.send(candidate(&node, Role::Publisher).await);
    ready.await?;
    let mut pace = tokio::time::interval(CHUNK);
    for chunk in chunks {
        pace.tick().await;
        node.publish(chunk)?;
    }
    // The middle leaves when all has arrived.
    while !matches!(events.recv().await, None | Some(NodeEvent::NeighboursChanged(0))) {}
    node.shutdown().await;
    Ok(())
}

/// The one whose CPU time counts, from when all are connected until all has arrived.
async fn middle(
    show: Show,
    first: oneshot::Receiver<Candidate>,
    children: usize,
    tell: oneshot::Sender<Candidate>,
    ready: oneshot::Sender<()>,
    mut end: oneshot::Receiver<()>,
) -> Result<Duration> {
    let (node, mut events) = Node::start(wide(show.viewer()))?;
    node.add_candidates(vec![first.await?])?;
    let _ = tell.send(candidate(&node, Role::Viewer).await);
    while let Some(event) = events.recv().await {
        if matches!(event, NodeEvent::NeighboursChanged(n) if n > children) {
            break;
        }
    }
    let _ = ready.send(());
    let mut before = cpu()?;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(NodeEvent::Chunk(chunk)) if chunk.header.sequence.0 < show.load.warm_up => before = cpu()?,
                event => ensure!(event.is_some(), "the node ended"),
            },
            told = &mut end => {
                told?;
                break;
            }
        }
    }
    let used = cpu()? - before;
    node.shutdown().await;
    Ok(used)
}

/// Those at the end; gives what one of them got.
async fn last(
    show: Show,
    middle: oneshot::Receiver<Candidate>,
    children: usize,
    end: oneshot::Sender<()>,
) -> Result<u64> {
    let middle = middle.await?;
    let mut nodes = Vec::new();
    for _ in 0..children {
        let (node, events) = Node::start(wide(show.viewer()))?;
        node.add_candidates(vec![middle.clone()])?;
        nodes.push((node, events));
    }
    let limit = tokio::time::Instant::now() + CHUNK * show.load.chunks as u32 + 2 * PATIENCE;
    let all = nodes.iter_mut().map(|(_, events)| receive(events, show.load));
    let Ok(received) = tokio::time::timeout_at(limit, futures::future::join_all(all)).await else {
        bail!("somebody stands still: {:#?}", nodes.iter().map(|(node, _)| node.stats()).collect::<Vec<_>>());
    };
    for (bytes, (node, _)) in received.iter().zip(&nodes) {
        if *bytes < show.load.counted() {
            eprintln!("forward: a receiver got {bytes} of {} bytes: {:#?}", show.load.counted(), node.stats());
        }
    }
    let _ = end.send(());
    for (node, _) in nodes {
        node.shutdown().await;
    }
    Ok(received.into_iter().max().unwrap_or_default())
}

/// Takes chunks until the last one, and says how many bytes came that count.
async fn receive(events: &mut mpsc::Receiver<NodeEvent>, load: Load) -> u64 {
    let mut bytes = 0;
    while let Some(event) = events.recv().await {
        let sequence = match event {
            NodeEvent::Chunk(chunk) => {
                let sequence = chunk.header.sequence;
                bytes += if sequence.0 < load.warm_up { 0 } else { chunk.payload.len() as u64 };
                sequence
            }
            NodeEvent::Missed(sequence) => sequence,
            _ => continue,
        };
        if sequence.0 + 1 == load.chunks {
            break;
        }
    }
    bytes
}

/// Nobody is held back by a cap.
fn wide(config: NodeConfig) -> NodeConfig {
    NodeConfig { upload_cap_kbps: Some(1_000_000), seed: Some(1), ..config }.on_loopback()
}

async fn candidate(node: &Node, kind: Role) -> Candidate {
    Candidate { peer: node.peer_id(), addresses: node.listening().await, kind }
}

/// A broadcast.
#[derive(Clone)]
struct Show {
    load: Load,
    broadcast: BroadcastKey,
    manifest: SignedManifest,
    keys: Vec<runnel_p2p::wire::PublicKey>,
}

impl Show {
    fn new(load: Load) -> Result<Self> {
        let (channel, broadcast) = (ChannelKey::from_bytes([1; 32]), BroadcastKey::from_bytes([2; 32]));
        let rendition = Rendition {
            id: RENDITION,
            width: 1280,
            height: 720,
            fps: 30,
            bitrate_kbps: (load.mbits * 1e3) as u32,
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
        Ok(Self { load, broadcast, manifest: manifest.sign(&channel)?, keys: vec![channel.public()] })
    }

    fn viewer(&self) -> NodeConfig {
        NodeConfig { origin: false, ..NodeConfig::viewer(self.manifest.clone(), self.keys.clone(), RENDITION) }
    }

    /// All chunks, signed beforehand: that is the encoder's side and no part of forwarding.
    fn chunks(&self) -> Result<Vec<SignedChunk>> {
        let sign = |sequence| {
            let info = ChunkInfo {
                broadcast: BroadcastId([4; 16]),
                epoch: Epoch(1),
                rendition: RENDITION,
                sequence: Sequence(sequence),
                manifest_version: 1,
                init: 0,
                start_micros: sequence as i64 * CHUNK.as_micros() as i64,
                duration_micros: CHUNK.as_micros() as u32,
                captured_micros: 1_790_000_000_000_000,
                flags: ChunkFlags { keyframe: sequence.is_multiple_of(20), ..ChunkFlags::default() },
                key_id: None,
            };
            Ok(sign_chunk(&self.broadcast, info, self.load.payload(sequence).into())?)
        };
        (0..self.load.chunks).map(sign).collect()
    }
}
