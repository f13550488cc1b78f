//! A peer that is no node of ours: it speaks libp2p and says whatever a test makes it say.

use std::time::Duration;

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{PeerId, Stream, StreamProtocol, SwarmBuilder, noise, swarm::SwarmEvent, tcp, yamux};
use runnel_p2p::wire::{
    Control, Epoch, HaveEntry, Hello, Message, Piece, Role, Sequence, SignedChunk, Version, VersionRange,
};
use tokio::task::JoinHandle;

use super::fixture::{Actor, LIMIT, RENDITION, Show};

/// The control lane and the media lanes, as the other side names them.
const LANES: [&str; 5] = [
    "/runnel/swarm/1/control",
    "/runnel/swarm/1/media/0",
    "/runnel/swarm/1/media/1",
    "/runnel/swarm/1/media/2",
    "/runnel/swarm/1/media/3",
];

pub(crate) struct Stranger {
    pub(crate) peer: PeerId,
    control: libp2p_stream::Control,
    task: JoinHandle<()>,
    closed: tokio::sync::mpsc::Receiver<()>,
    victim: PeerId,
    pub(crate) lanes: Vec<Stream>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stranger {
    /// Connects to a node and opens nothing.
    pub(crate) async fn connect(victim: &Actor) -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_quic()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
            .build();
        let control = swarm.behaviour().new_control();
        let (peer, id) = (*swarm.local_peer_id(), victim.node.peer_id());
        swarm.dial(victim.addresses[0].clone().with_p2p(id).unwrap()).unwrap();
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => break,
                SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        let (sender, closed) = tokio::sync::mpsc::channel(8);
        let task = tokio::spawn(async move {
            loop {
                if let SwarmEvent::ConnectionClosed { .. } = swarm.select_next_some().await {
                    let _ = sender.try_send(());
                }
            }
        });
        Self { peer, control, task, closed, victim: id, lanes: Vec::new() }
    }

    /// Opens the lanes, the control lane first.
    pub(crate) async fn open(&mut self) {
        for lane in LANES {
            let stream = self.stream(lane).await;
            self.lanes.push(stream);
        }
    }

    pub(crate) async fn stream(&mut self, protocol: &'static str) -> Stream {
        self.control.open_stream(self.victim, StreamProtocol::new(protocol)).await.unwrap()
    }

    pub(crate) fn hello(&self, show: &Show) -> Hello {
        Hello {
            versions: VersionRange::ours(),
            broadcast: show.id,
            epoch: Epoch(show.epoch),
            rendition: RENDITION,
            manifest_version: 1,
            role: Role::Viewer,
            proof: Bytes::new(),
            ticket: Bytes::new(),
        }
    }

    /// Opens the lanes and greets as a viewer does.
    pub(crate) async fn greet(&mut self, show: &Show) {
        self.open().await;
        let hello = self.hello(show);
        self.say(0, &Message::Hello(hello)).await;
        for lane in 1..LANES.len() {
            self.say(lane, &Message::Epoch(Epoch(show.epoch))).await;
        }
    }

    pub(crate) async fn say(&mut self, lane: usize, message: &Message) {
        let frame = message.to_frame(Version::V2).unwrap();
        self.write(lane, &frame).await;
    }

    /// Writes bytes; an error only says that the other side has had enough.
    pub(crate) async fn write(&mut self, lane: usize, bytes: &[u8]) {
        let stream = &mut self.lanes[lane];
        if stream.write_all(bytes).await.is_ok() {
            let _ = stream.flush().await;
        }
    }

    /// The lane on which a chunk travels.
    pub(crate) fn lane_of(sequence: u64) -> usize {
        1 + (sequence % 4) as usize
    }

    /// Claims to hold these chunks.
    pub(crate) async fn claim(&mut self, chunks: std::ops::Range<u64>) {
        let count = (chunks.end - chunks.start) as u32;
        let have = Control::Have {
            entries: vec![HaveEntry::Complete { first: Sequence(chunks.start), count }],
            keyframe: Some(Sequence(chunks.start)),
            newest: Some(Sequence(chunks.end - 1)),
        };
        self.say(0, &Message::Control(have)).await;
    }

    pub(crate) async fn header(&mut self, chunk: &SignedChunk) {
        let lane = Self::lane_of(chunk.header.sequence.0);
        self.say(lane, &Message::Header(chunk.signed.clone())).await;
    }

    pub(crate) async fn piece(&mut self, chunk: &SignedChunk, index: u16, data: Bytes) {
        let sequence = chunk.header.sequence;
        self.say(Self::lane_of(sequence.0), &Message::Piece(Piece { sequence, index, data })).await;
    }

    /// Reads messages of the control lane until one fits; nothing if the lane ends before.
    pub(crate) async fn hears(&mut self, mut fits: impl FnMut(&Message) -> bool) -> Option<Message> {
        let read = async {
            loop {
                let mut length = [0; 4];
                self.lanes[0].read_exact(&mut length).await.ok()?;
                let mut frame = vec![0; u32::from_be_bytes(length) as usize];
                self.lanes[0].read_exact(&mut frame).await.ok()?;
                let message = Message::decode(frame.into(), Version::V2).unwrap();
                if fits(&message) {
                    return Some(message);
                }
            }
        };
        tokio::time::timeout(LIMIT, read).await.expect("words or an end")
    }

    /// Waits until the node has closed the connection.
    pub(crate) async fn is_cut(&mut self) {
        tokio::time::timeout(LIMIT, self.closed.recv()).await.expect("the connection ends");
    }

    /// Tries to connect once more and tells whether that worked for longer than a handshake.
    pub(crate) async fn can_return(&mut self) -> bool {
        self.control.open_stream(self.victim, StreamProtocol::new(LANES[0])).await.is_ok()
    }
}
