//! Three bare libp2p peers in a row: the middle one copies from stream to stream.

use std::{rc::Rc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, swarm::SwarmEvent};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{CHUNK, Load, Outcome, cpu, done, party};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/runnel/bench/1");

/// What the copies read at a time.
const BUFFER: usize = 16 * 1024;

type Place = (PeerId, Multiaddr);

/// Sends the load through a row.
pub(crate) fn row(load: Load) -> Result<Outcome> {
    let (tell_middle, middle_at) = oneshot::channel();
    let (tell_last, last_at) = oneshot::channel();
    // Nobody leaves before all has arrived: a peer that ends takes along what it has not sent yet.
    let end = CancellationToken::new();
    let ends = || end.clone().drop_guard();
    let (first_end, middle_end, last_end) = (ends(), ends(), ends());
    let last = party("bare-last", move || last(load, tell_last, last_end))?;
    let middle = party("bare-middle", move || middle(load, tell_middle, last_at, middle_end))?;
    let first = party("bare-first", move || first(load, middle_at, first_end))?;
    done(first)?;
    let cpu = done(middle)?;
    Ok(Outcome { bytes: done(last)?, cpu })
}

async fn first(load: Load, middle_at: oneshot::Receiver<Place>, end: DropGuard) -> Result<()> {
    let peer = Peer::start().await?;
    let payloads: Vec<_> = (0..load.chunks).map(|sequence| load.payload(sequence)).collect();
    let mut stream = peer.open(middle_at.await?).await?;
    let mut pace = tokio::time::interval(CHUNK);
    for payload in &payloads {
        pace.tick().await;
        stream.write_all(payload).await?;
        stream.flush().await?;
    }
    end.disarm().cancelled().await;
    Ok(())
}

async fn middle(
    load: Load,
    tell: oneshot::Sender<Place>,
    last_at: oneshot::Receiver<Place>,
    end: DropGuard,
) -> Result<Duration> {
    let mut peer = Peer::start().await?;
    let mut arriving = peer.accept()?;
    let mut to = peer.open(last_at.await?).await?;
    let _ = tell.send(peer.place.clone());
    let (_, mut from) = arriving.next().await.context("the sender's stream")?;
    let (tell_warm, mut warm) = oneshot::channel();
    let copy = async move {
        let (mut buffer, mut bytes, mut warm) = (vec![0; BUFFER], 0, Some(tell_warm));
        loop {
            if bytes >= load.warm_up * load.size as u64
                && let Some(warm) = warm.take()
            {
                let _ = warm.send(cpu()?);
            }
            let n = from.read(&mut buffer).await?;
            ensure!(n > 0, "the sender left");
            to.write_all(&buffer[..n]).await?;
            bytes += n as u64;
        }
    };
    let end = end.disarm();
    tokio::select! {
        failed = tokio::task::spawn_local(copy) => failed??,
        () = end.cancelled() => {}
    }
    Ok(cpu()? - warm.try_recv()?)
}

async fn last(load: Load, tell: oneshot::Sender<Place>, end: DropGuard) -> Result<u64> {
    let mut peer = Peer::start().await?;
    let mut arriving = peer.accept()?;
    let _ = tell.send(peer.place.clone());
    let (_, mut from) = arriving.next().await.context("the middle's stream")?;
    let (mut buffer, mut bytes) = (vec![0; BUFFER], 0);
    while bytes < load.chunks * load.size as u64 {
        let n = from.read(&mut buffer).await?;
        ensure!(n > 0, "the middle left");
        bytes += n as u64;
    }
    drop(end);
    Ok(load.counted())
}

/// A bare peer: its swarm runs in a task of its own.
struct Peer {
    control: libp2p_stream::Control,
    dial: tokio::sync::mpsc::Sender<Multiaddr>,
    connected: Rc<Notify>,
    place: Place,
}

impl Peer {
    async fn start() -> Result<Self> {
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
        let (place, control) = ((*swarm.local_peer_id(), address), swarm.behaviour().new_control());
        let (dial, mut dials) = tokio::sync::mpsc::channel::<Multiaddr>(1);
        let connected = Rc::new(Notify::new());
        tokio::task::spawn_local({
            let connected = connected.clone();
            async move {
                loop {
                    tokio::select! {
                        Some(address) = dials.recv() => {
                            if let Err(error) = swarm.dial(address) {
                                eprintln!("forward: {error}");
                            }
                        }
                        event = swarm.select_next_some() => {
                            if let SwarmEvent::ConnectionEstablished { .. } = event {
                                connected.notify_one();
                            }
                        }
                    }
                }
            }
        });
        Ok(Self { control, dial, connected, place })
    }

    fn accept(&mut self) -> Result<libp2p_stream::IncomingStreams> {
        self.control.accept(PROTOCOL).map_err(|e| anyhow::anyhow!("{e}"))
    }

    async fn open(&self, (peer, address): Place) -> Result<libp2p::Stream> {
        self.dial.send(address).await?;
        self.connected.notified().await;
        Ok(self.control.clone().open_stream(peer, PROTOCOL).await?)
    }
}
