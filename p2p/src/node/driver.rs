//! The task: reads the clock, moves frames between connections and the core, dials, and ends cleanly.

mod network;
mod tasks;
mod ways;

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::{StreamExt as _, channel::mpsc as futures_mpsc};
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::transport::ListenerId,
    identity::Keypair,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::{mpsc, watch};

use self::{tasks::Tasks, ways::Ways};
use super::{
    Candidate, NodeConfig, NodeError, NodeEvent, NodeStats,
    core::{Core, Input, Output, WallClock},
    event::Command,
    watchdog::Watchdog,
};
use crate::{
    behaviour::{
        self, Behaviour,
        lane::Lane,
        link::{Arrived, Incoming, LinkSender, SendError},
    },
    reach::{address, book::Book},
    wire::Role,
};

/// How often the meters of all connections are looked at.
const WATCH: Duration = Duration::from_secs(1);

/// How old what the owner sees of the counters may be.
const STATS: Duration = Duration::from_millis(100);

/// How long a connection may take to send what is left when it is closed.
const DRAIN: Duration = Duration::from_millis(500);

/// How many frames are handled before the outputs' effects are looked at.
const BATCH: usize = 64;

/// The most dials at a time.
const DIALS: usize = 8;

/// How many neighbours a node looks for on its own accord; the mesh may ask for more.
const WANTED: usize = 8;

/// After so long with a neighbour its earlier failures are forgotten.
const PROVED: Duration = Duration::from_secs(10);

/// The node's ends of the channels to its owner.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Sender<NodeEvent>,
    pub(super) addresses: watch::Sender<Vec<Multiaddr>>,
    pub(super) stats: watch::Sender<NodeStats>,
    pub(super) ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct Link {
    peer: PeerId,
    sender: LinkSender,
    watchdog: Watchdog,
    since: Instant,
}

/// A node's task.
pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    incoming: futures_mpsc::Receiver<Incoming>,
    tasks: Tasks,
    core: Core,
    book: Book,
    links: HashMap<ConnectionId, Link>,
    /// Connections that send what is left, and until when they may.
    draining: HashMap<ConnectionId, Instant>,
    listeners: HashMap<ListenerId, Vec<Multiaddr>>,
    relay: bool,
    /// How many connections to a peer are direct ones.
    direct: HashMap<PeerId, u32>,
    ways: Ways,
    /// Whose relay we use, and when it was last asked for a place.
    relay_server: Option<Candidate>,
    reserved: Option<Instant>,
    serve: bool,
    near_only: bool,
    ends: Ends,
    max_neighbours: usize,
    wanted: usize,
    events_dropped: u64,
    last_stats: Instant,
    next_watch: Instant,
    leaving: bool,
}

#[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
fn clock() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
fn wall_clock() -> WallClock {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    WallClock { at: clock(), micros }
}

impl Driver {
    pub(super) fn new(config: NodeConfig, ends: Ends) -> Result<Self, NodeError> {
        let keypair = config.keypair.clone().unwrap_or_else(Keypair::generate_ed25519);
        let peer = keypair.public().to_peer_id();
        let seed = config.seed.unwrap_or_else(rand::random);
        let time = wall_clock();
        let core = Core::new(&config, peer, seed, time)?;
        let tasks = Tasks::new();
        let (mut swarm, incoming) = behaviour::build(&keypair, &config.reach, config.max_neighbours, tasks.executor())
            .map_err(|e| NodeError::Network(e.to_string()))?;
        for address in &config.listen {
            swarm
                .listen_on(address.clone())
                .map_err(|e| NodeError::Listen { address: address.clone(), reason: e.to_string() })?;
        }
        for address in &config.external {
            swarm.add_external_address(address.clone());
        }
        Ok(Self {
            swarm,
            incoming,
            tasks,
            core,
            book: Book::new(peer, seed).near_only(config.reach.near_only),
            near_only: config.reach.near_only,
            links: HashMap::new(),
            draining: HashMap::new(),
            listeners: HashMap::new(),
            relay: config.reach.relay,
            relay_server: None,
            direct: HashMap::new(),
            ways: Ways::default(),
            reserved: None,
            serve: config.reach.serve,
            ends,
            max_neighbours: config.max_neighbours,
            wanted: WANTED.min(config.max_neighbours),
            events_dropped: 0,
            last_stats: time.at,
            next_watch: time.at + WATCH,
            leaving: false,
        })
    }

    pub(super) fn peer_id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// Runs until the owner wants an end and everybody has been told.
    pub(super) async fn run(mut self) {
        while !(self.leaving && self.draining.is_empty()) {
            let deadline = tokio::time::Instant::from_std(self.deadline());
            tokio::select! {
                command = self.ends.commands.recv(), if !self.leaving => self.command(command),
                Some(incoming) = self.incoming.next() => self.arrived(incoming),
                event = self.swarm.select_next_some() => self.swarm_event(event),
                () = tokio::time::sleep_until(deadline) => {}
            }
            // What is here already is taken along: one look at the clock and one round of outputs for all of it.
            for _ in 0..BATCH {
                let Ok(incoming) = self.incoming.try_recv() else { break };
                self.arrived(incoming);
            }
            let now = clock();
            if self.core.poll_timeout() <= now {
                self.core.handle(now, Input::Timeout);
            }
            self.watch(now);
            self.outputs(now);
            self.dial(now);
            self.show(now, false);
        }
        self.end().await;
    }

    async fn end(self) {
        let stats = self.stats();
        let Self { swarm, incoming, tasks, links, ends, .. } = self;
        drop((swarm, incoming, links));
        tasks.end().await;
        ends.stats.send_replace(stats);
        // An owner that let its events pile up finds the channel closed instead.
        let _ = ends.events.try_send(NodeEvent::Ended);
        ends.ended.send_replace(true);
    }

    fn deadline(&self) -> Instant {
        let mut at = self.core.poll_timeout().min(self.next_watch);
        if self.wants_more() {
            at = self.book.next_retry().map_or(at, |retry| at.min(retry));
        }
        self.draining.values().fold(at, |at, until| at.min(*until))
    }

    fn command(&mut self, command: Option<Command>) {
        let now = clock();
        let command = command.unwrap_or(Command::Shutdown);
        match &command {
            Command::Candidates(candidates) => {
                for candidate in candidates {
                    self.candidate(candidate.clone());
                }
            }
            Command::Shutdown => self.leaving = true,
            _ => {}
        }
        self.core.handle(now, Input::Command(command));
    }

    fn candidate(&mut self, candidate: Candidate) {
        if self.relay && candidate.kind == Role::Server && candidate.addresses.iter().any(address::is_dialable) {
            self.relay_server = Some(candidate.clone());
        }
        self.book.add(candidate);
    }

    fn arrived(&mut self, Incoming { connection, peer, what }: Incoming) {
        let now = clock();
        match what {
            Arrived::Opened { link, address, dialed } => {
                if link.is_gone() || self.leaving {
                    return;
                }
                let link = Link { peer, sender: link, watchdog: Watchdog::new(now), since: now };
                self.links.insert(connection, link);
                self.core.handle(now, Input::Opened { connection, peer, address, dialed });
            }
            Arrived::Frame(lane, frame) => {
                if self.links.contains_key(&connection) {
                    self.core.handle(now, Input::Frame { connection, lane, frame });
                }
            }
            Arrived::Fault(fault) => {
                if self.links.contains_key(&connection) {
                    let (hostile, reason) = (fault.is_hostile(), fault.to_string());
                    self.core.handle(now, Input::Fault { connection, hostile, reason });
                } else if self.draining.remove(&connection).is_some() {
                    self.swarm.close_connection(connection);
                }
            }
        }
    }

    /// Does what the core wants.
    fn outputs(&mut self, now: Instant) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send { connection, lane, framed } => self.send(now, connection, lane, framed),
                Output::Close { connection } => self.close(now, connection),
                Output::Ban { peer } => self.ban(peer),
                Output::Event(event) => self.event(event),
                Output::Want { count } => self.want(count),
            }
        }
    }

    fn send(&mut self, now: Instant, connection: ConnectionId, lane: Lane, framed: bytes::Bytes) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        let Err(error) = link.sender.send(lane, framed) else { return };
        // Gone connections are closed by libp2p; one that does not read is cut here.
        if error == SendError::Full {
            self.links.remove(&connection);
            self.swarm.close_connection(connection);
            self.core.handle(now, Input::Fault { connection, hostile: false, reason: error.to_string() });
        }
    }

    fn close(&mut self, now: Instant, connection: ConnectionId) {
        // Letting go of the link makes the connection send what is left; it fails once the other side has ended it too.
        if self.links.remove(&connection).is_some() {
            self.draining.insert(connection, now + DRAIN);
        } else if !self.draining.contains_key(&connection) {
            self.swarm.close_connection(connection);
        }
    }

    fn ban(&mut self, peer: PeerId) {
        let forgiven = self.book.block(peer);
        let blocked = &mut self.swarm.behaviour_mut().blocked;
        blocked.block_peer(peer);
        if let Some(forgiven) = forgiven {
            blocked.unblock_peer(forgiven);
        }
    }

    fn want(&mut self, count: usize) {
        self.wanted = (self.core.members() + count).clamp(WANTED.min(self.max_neighbours), self.max_neighbours);
        if self.book.is_exhausted() {
            self.event(NodeEvent::CandidatesWanted(count));
        }
    }

    fn wants_more(&self) -> bool {
        self.links.len() + self.book.dialing() < self.wanted
    }

    fn dial(&mut self, now: Instant) {
        while !self.core.is_over() && self.book.dialing() < DIALS {
            // The sources must find each other however many viewers came first, or both would seed.
            let viewers = self.wants_more();
            let Some((peer, addresses)) = self.book.next(now, viewers) else { return };
            if self.swarm.is_connected(&peer) {
                self.book.connected(&peer);
                continue;
            }
            let options = DialOpts::peer_id(peer)
                .addresses(addresses)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .build();
            if let Err(e) = self.swarm.dial(options) {
                tracing::debug!(%peer, error = %e, "not dialed");
                self.book.lost(now, &peer);
            }
        }
    }

    /// Cuts who does not read or does not end what it began, and connections that take too long to close.
    fn watch(&mut self, now: Instant) {
        let late: Vec<_> = self.draining.iter().filter(|(_, until)| **until <= now).map(|(c, _)| *c).collect();
        for connection in late {
            self.draining.remove(&connection);
            self.swarm.close_connection(connection);
        }
        if now < self.next_watch {
            return;
        }
        self.next_watch = now + WATCH;
        self.reserve(now);
        let mut cut = Vec::new();
        for (connection, link) in &mut self.links {
            if let Some(reason) = link.watchdog.check(now, &link.sender.reading()) {
                cut.push((*connection, reason));
            }
            if now.saturating_duration_since(link.since) >= PROVED {
                self.book.proved(&link.peer);
            }
        }
        for (connection, reason) in cut {
            self.links.remove(&connection);
            self.swarm.close_connection(connection);
            self.core.handle(now, Input::Fault { connection, hostile: false, reason: reason.to_string() });
        }
    }

    fn event(&mut self, event: NodeEvent) {
        let wanted = match &event {
            NodeEvent::OriginWanted { sequence, .. } => Some(*sequence),
            _ => None,
        };
        if self.ends.events.try_send(event).is_err() {
            self.events_dropped += 1;
            // Nobody will answer, so the mesh has to know.
            if let Some(sequence) = wanted {
                self.core.handle(clock(), Input::Command(Command::OriginFailed(sequence)));
            }
        }
    }

    fn show(&mut self, now: Instant, force: bool) {
        if force || now.saturating_duration_since(self.last_stats) >= STATS {
            self.last_stats = now;
            self.ends.stats.send_replace(self.stats());
        }
    }

    fn stats(&self) -> NodeStats {
        let (events_dropped, candidates_dropped) = (self.events_dropped, self.book.dropped);
        let mut stats = NodeStats { events_dropped, candidates_dropped, ..self.core.stats() };
        self.ways.tell(&mut stats);
        stats
    }
}
