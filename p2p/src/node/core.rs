//! What a node decides: who is let in, what is believed, what is passed on. Pure: it is told what arrived on which
//! connection and says what to send; sockets, clocks and tasks are the driver's.

mod greeting;
mod media;
mod neighbour;
mod news;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

use self::{neighbour::Neighbour, news::Strange};
use super::{NeighbourStats, NodeConfig, NodeError, NodeEvent, NodeProblem, NodeStats, RoleKey, event::Command};
use crate::{
    behaviour::lane::Lane,
    mesh::{self, Mesh, NeighbourId},
    store::{ChunkStore, StoreConfig},
    verify::Verifier,
    wire::{
        Bye, Control, Epoch, Message, PublicKey, Refuse, RenditionId, Role, Sequence, SignedManifest, SignedRevocation,
        Version,
    },
};

/// How often old chunks are thrown away and silent newcomers are turned out.
const HOUSEKEEPING: Duration = Duration::from_millis(250);

/// How long a connection may take to greet, and how long a neighbour may stay in another epoch.
const GREETING: Duration = Duration::from_secs(5);

/// How long chunks are kept for others.
const STORE_AGE: Duration = Duration::from_secs(30);

/// The most peers of which the tracker's word is remembered.
const TOLD: usize = 512;

/// What the driver tells the core.
#[derive(Debug)]
pub(crate) enum Input {
    /// A direct connection has its lanes.
    Opened { connection: ConnectionId, peer: PeerId, address: Multiaddr, dialed: bool },
    /// A connection is gone.
    Closed { connection: ConnectionId },
    /// A connection failed, or its peer did what no honest program does.
    Fault { connection: ConnectionId, hostile: bool, reason: String },
    /// A frame arrived.
    Frame { connection: ConnectionId, lane: Lane, frame: Bytes },
    /// A round trip was measured.
    Rtt { connection: ConnectionId, rtt: Duration },
    /// The owner wants something.
    Command(Command),
    /// The time that `poll_timeout` gave has come.
    Timeout,
}

/// What the core wants the driver to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a frame, which carries its length already.
    Send { connection: ConnectionId, lane: Lane, framed: Bytes },
    /// Close a connection once what was sent is through.
    Close { connection: ConnectionId },
    /// Close every connection to a peer and take none from it again.
    Ban { peer: PeerId },
    /// Tell the owner.
    Event(NodeEvent),
    /// So many more neighbours are wanted.
    Want { count: usize },
}

/// The wall clock at one instant, from which other times follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    pub(crate) at: Instant,
    /// Microseconds since the Unix epoch.
    pub(crate) micros: u64,
}

/// The decisions of one node.
#[derive(Debug)]
pub(crate) struct Core {
    me: PeerId,
    role: Role,
    rendition: RenditionId,
    channel_keys: Vec<PublicKey>,
    /// The newest manifest that was signed by a key we were not told of, from whom, and when the owner was last told.
    strange: Option<Strange>,
    community_key: Option<PublicKey>,
    role_key: Option<RoleKey>,
    ticket: Bytes,
    /// Until when the ticket holds that neighbours know, in microseconds since the Unix epoch.
    ticket_shown: u64,
    require_ticket: bool,
    target_delay: Duration,
    origin: bool,
    upload_cap_kbps: Option<u32>,
    max_neighbours: usize,
    viewers: Option<usize>,
    seed: u64,
    clock: WallClock,
    manifest: SignedManifest,
    verifier: Verifier,
    store: ChunkStore,
    mesh: Mesh,
    neighbours: BTreeMap<ConnectionId, Neighbour>,
    members: HashMap<NeighbourId, ConnectionId>,
    next_member: u64,
    /// What the tracker said of peers that are more than viewers.
    told: HashMap<PeerId, Role>,
    /// The newest chunks that the owner has got.
    delivered: BTreeSet<Sequence>,
    revocations: VecDeque<SignedRevocation>,
    /// The broadcast was taken down or the node is leaving: nobody is let in.
    over: bool,
    counted: NodeStats,
    housekeeping: Instant,
    outputs: VecDeque<Output>,
    /// Who is to be told how many bytes came from it.
    acks: BTreeMap<NeighbourId, u64>,
    /// The piece that was sent last, as it travels: the other children get it next.
    framed: Option<((Epoch, Sequence, u16), Bytes)>,
}

impl Core {
    pub(crate) fn new(config: &NodeConfig, me: PeerId, seed: u64, clock: WallClock) -> Result<Self, NodeError> {
        let now = clock.at;
        let manifest = config.manifest.verify(&config.channel_keys)?;
        let verifier = Verifier::new(manifest, config.rendition)?;
        let store = ChunkStore::new(StoreConfig { bytes: config.store_bytes, age: STORE_AGE });
        let mesh = Mesh::new(mesh_config(config.role, &verifier, config.max_neighbours), seed, now);
        let mut core = Self {
            me,
            role: config.role,
            rendition: config.rendition,
            channel_keys: config.channel_keys.clone(),
            strange: None,
            community_key: config.community_key,
            role_key: config.role_key.clone(),
            ticket: config.ticket.clone().unwrap_or_default(),
            ticket_shown: 0,
            require_ticket: config.require_ticket,
            target_delay: config.target_delay,
            origin: config.origin,
            upload_cap_kbps: config.upload_cap_kbps,
            max_neighbours: config.max_neighbours,
            viewers: None,
            seed,
            clock,
            manifest: config.manifest.clone(),
            verifier,
            store,
            mesh,
            neighbours: BTreeMap::new(),
            members: HashMap::new(),
            next_member: 0,
            told: HashMap::new(),
            delivered: BTreeSet::new(),
            revocations: VecDeque::new(),
            over: false,
            counted: NodeStats { peer_id: me.to_string(), ..NodeStats::default() },
            housekeeping: now + HOUSEKEEPING,
            outputs: VecDeque::new(),
            acks: BTreeMap::new(),
            framed: None,
        };
        core.renew_mesh(now);
        Ok(core)
    }

    /// Starts the mesh afresh, as each epoch does.
    fn renew_mesh(&mut self, now: Instant) {
        let mut config = mesh_config(self.role, &self.verifier, self.max_neighbours);
        config.target_delay = self.target_delay;
        config.origin = self.origin;
        config.upload = self.upload_cap_kbps.map(bits);
        // Each epoch draws anew, and still the same from the same seed.
        let seed = self.seed ^ self.verifier.manifest().epoch.0.rotate_left(32);
        self.mesh = Mesh::new(config, seed, now);
        if let Some(viewers) = self.viewers {
            self.mesh.handle(now, mesh::Input::SwarmSize { viewers });
        }
    }

    /// Takes in what happened.
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Opened { connection, peer, address, dialed } => self.opened(now, connection, peer, address, dialed),
            Input::Closed { connection } => self.part(now, connection, true),
            Input::Fault { connection, hostile, reason } => self.cut(now, connection, hostile, &reason),
            Input::Frame { connection, lane, frame } => self.frame(now, connection, lane, frame),
            Input::Rtt { connection, rtt } => self.measured(now, connection, rtt),
            Input::Command(command) => self.command(now, command),
            Input::Timeout => self.timeout(now),
        }
        self.drain_mesh(now);
    }

    /// What to do next; to be called until it gives nothing.
    ///
    /// Acknowledgements come last: the later this is called after many pieces, the fewer there are.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            for (to, bytes) in std::mem::take(&mut self.acks) {
                self.send_member(to, Lane::Control, &Message::Control(Control::Ack { bytes }));
            }
        }
        self.outputs.pop_front()
    }

    /// When `Input::Timeout` is due.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.mesh.poll_timeout().map_or(self.housekeeping, |at| at.min(self.housekeeping))
    }

    /// How many neighbours take part.
    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is let in any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// What was counted, with the neighbours of now.
    pub(crate) fn stats(&self) -> NodeStats {
        let joined = self.neighbours.values().filter(|n| n.member.is_some());
        let neighbours = joined.map(|n| NeighbourStats {
            peer: n.shown.0.clone(),
            kind: n.role,
            address: n.shown.1.clone(),
            outbound: n.dialed,
            punched: false,
            rtt_ms: n.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
            bytes_in: n.bytes_in,
            bytes_out: n.bytes_out,
        });
        NodeStats { neighbours: neighbours.collect(), ..self.counted.clone() }
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Publish(chunk) => self.publish(now, &chunk),
            Command::Manifest(manifest) => self.own_manifest(now, manifest),
            Command::ChannelKeys(keys) => self.set_channel_keys(now, keys),
            Command::RoleKey(key) => self.role_key = Some(key),
            Command::Ticket(ticket) => self.set_ticket(now, ticket),
            Command::Candidates(candidates) => {
                for candidate in candidates {
                    self.told(now, candidate.peer, candidate.kind);
                }
            }
            Command::Origin(chunk) => self.take_origin(now, &chunk),
            Command::OriginFailed(sequence) => self.mesh.handle(now, mesh::Input::OriginDone { sequence, ok: false }),
            Command::Playhead(sequence, at) => self.mesh.handle(now, mesh::Input::Playhead { sequence, at }),
            Command::LiveEdge { keyframe, newest } => {
                self.mesh.handle(now, mesh::Input::LiveEdge { keyframe, newest });
            }
            Command::SwarmSize(viewers) => {
                self.viewers = Some(viewers);
                self.mesh.handle(now, mesh::Input::SwarmSize { viewers });
            }
            Command::UploadCap(kbps) => {
                self.upload_cap_kbps = kbps;
                self.mesh.handle(now, mesh::Input::UploadBudget { bits_per_second: kbps.map(bits) });
            }
            Command::Revoke(revocation) => self.revocation(now, revocation, None),
            Command::Shutdown => self.leave(now, Bye::Leaving),
        }
    }

    fn timeout(&mut self, now: Instant) {
        if self.mesh.poll_timeout().is_some_and(|at| at <= now) {
            self.mesh.handle(now, mesh::Input::Timeout);
        }
        if now < self.housekeeping {
            return;
        }
        self.housekeeping = now + HOUSEKEEPING;
        self.store.expire(now);
        let late: Vec<_> = self
            .neighbours
            .iter()
            .filter(|(_, n)| n.member.is_none() && now.saturating_duration_since(n.outside_since) >= GREETING)
            .map(|(connection, _)| *connection)
            .collect();
        for connection in late {
            self.cut(now, connection, false, "it did not greet in time, or stayed in another epoch");
        }
        self.turn_out_expired(now);
    }

    /// Says good-bye to everybody and lets nobody in any more.
    fn leave(&mut self, now: Instant, bye: Bye) {
        self.over = true;
        for connection in self.neighbours.keys().copied().collect::<Vec<_>>() {
            self.send(connection, Lane::Control, &Message::Bye(bye));
            self.close(now, connection);
        }
    }

    /// Closes a connection in good order.
    fn close(&mut self, now: Instant, connection: ConnectionId) {
        self.outputs.push_back(Output::Close { connection });
        self.part(now, connection, true);
    }

    /// Closes a connection because of what its peer did; `hostile` peers do not come back.
    fn cut(&mut self, now: Instant, connection: ConnectionId, hostile: bool, reason: &str) {
        let Some(neighbour) = self.neighbours.get(&connection) else { return };
        let peer = neighbour.peer;
        tracing::debug!(%peer, hostile, reason, "neighbour is cut");
        self.outputs.push_back(Output::Close { connection });
        if hostile {
            self.counted.peers_dropped += 1;
            self.outputs.push_back(Output::Ban { peer });
            self.problem(NodeProblem::NeighbourDropped { peer, reason: reason.to_owned(), banned: true });
        }
        self.part(now, connection, true);
    }

    /// Tells a peer why it is not wanted, and closes.
    fn refuse(&mut self, now: Instant, connection: ConnectionId, refuse: Refuse) {
        self.send(connection, Lane::Control, &Message::Refuse(refuse));
        self.close(now, connection);
    }

    /// Forgets a connection.
    fn part(&mut self, now: Instant, connection: ConnectionId, tell_mesh: bool) {
        let Some(neighbour) = self.neighbours.remove(&connection) else { return };
        if let Some(member) = neighbour.member {
            self.unjoin(now, member, tell_mesh);
        }
    }

    fn unjoin(&mut self, now: Instant, member: NeighbourId, tell_mesh: bool) {
        self.members.remove(&member);
        self.store.release(member.0);
        if tell_mesh {
            self.mesh.handle(now, mesh::Input::Left { neighbour: member });
        }
        self.event(NodeEvent::NeighboursChanged(self.members.len()));
    }

    fn event(&mut self, event: NodeEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    fn problem(&mut self, problem: NodeProblem) {
        self.event(NodeEvent::Problem(problem));
    }

    /// Sends a message in the version agreed on; what that version does not have is left unsaid.
    fn send(&mut self, connection: ConnectionId, lane: Lane, message: &Message) {
        let Some(neighbour) = self.neighbours.get(&connection) else { return };
        let Some(framed) = message.to_frame(neighbour.version.unwrap_or(Version::V1)) else { return };
        self.counted.control_bytes_out += framed.len() as u64;
        self.outputs.push_back(Output::Send { connection, lane, framed });
    }
}

fn bits(kbps: u32) -> u64 {
    u64::from(kbps) * 1000
}

fn mesh_config(role: Role, verifier: &Verifier, max_neighbours: usize) -> mesh::Config {
    let rendition = verifier.rendition();
    let chunk = Duration::from_millis(rendition.chunk_millis.into());
    let mut config = mesh::Config::new(role, rendition.stripes, chunk);
    config.max_neighbours = max_neighbours;
    config
}
