//! A node of the swarm: one tokio task that owns the sockets, the mesh and the store, and a handle to talk to it.

mod bucket;
mod config;
mod core;
mod driver;
mod event;
mod stats;
mod watchdog;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
pub use libp2p::{Multiaddr, PeerId, identity::Keypair};
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

pub use self::{
    config::{Candidate, CandidateKind, NodeConfig, RoleKey},
    event::{NodeEvent, NodeProblem},
    stats::{NeighbourStats, NodeStats},
};
use self::{driver::Driver, event::Command};
pub use crate::{reach::ReachConfig, wire::Role};
use crate::{
    verify::VerifyError,
    wire::{ManifestError, PublicKey, Sequence, SignedChunk, SignedManifest, SignedRevocation},
};

/// How many commands may wait for the node.
const COMMANDS: usize = 256;

/// How many events may wait for the owner.
const EVENTS: usize = 256;

/// Why a node did not start, or did not take a command.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The manifest to begin with is none of this channel's.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest to begin with does not offer the rendition.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The node cannot listen there.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// Why.
        reason: String,
    },
    /// The network stack could not be built.
    #[error("cannot build the network stack: {0}")]
    Network(String),
    /// A node runs on tokio.
    #[error("a node must be started inside a tokio runtime")]
    NoRuntime,
    /// The node is behind with its work.
    #[error("{COMMANDS} commands wait for the node, no more are taken")]
    Busy,
    /// The node has ended.
    #[error("the node has ended")]
    Ended,
}

/// A handle of a running node: cheap to clone; when the last one is dropped, the node ends.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    peer_id: PeerId,
    commands: mpsc::Sender<Command>,
    addresses: watch::Receiver<Vec<Multiaddr>>,
    stats: watch::Receiver<NodeStats>,
    task: Mutex<Option<JoinHandle<()>>>,
    ended: watch::Receiver<bool>,
}

impl Node {
    /// Starts a node on the current tokio runtime; a port that is taken or a manifest that is not the channel's is an error
    /// here.
    pub fn start(config: NodeConfig) -> Result<(Self, mpsc::Receiver<NodeEvent>), NodeError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| NodeError::NoRuntime)?;
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (address_sender, addresses) = watch::channel(Vec::new());
        let (stats_sender, stats) = watch::channel(NodeStats::default());
        let (ended_sender, ended) = watch::channel(false);
        let ends = driver::Ends {
            commands: command_receiver,
            events: event_sender,
            addresses: address_sender,
            stats: stats_sender,
            ended: ended_sender,
        };
        let driver = Driver::new(config, ends)?;
        let peer_id = driver.peer_id();
        let task = Mutex::new(Some(runtime.spawn(driver.run())));
        Ok((Self { inner: Arc::new(Inner { peer_id, commands, addresses, stats, task, ended }) }, events))
    }

    /// The node's id.
    pub fn peer_id(&self) -> PeerId {
        self.inner.peer_id
    }

    /// Where the node can be reached: what to tell the tracker, the best first.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.inner.addresses.borrow().clone()
    }

    /// Waits until the node can be reached somewhere; nothing if it ends before.
    pub async fn listening(&self) -> Vec<Multiaddr> {
        let mut addresses = self.inner.addresses.clone();
        match addresses.wait_for(|all| !all.is_empty()).await {
            Ok(all) => all.clone(),
            Err(_) => Vec::new(),
        }
    }

    /// What the node counted: at most 300 ms old while it runs, exact after it ended.
    pub fn stats(&self) -> NodeStats {
        self.inner.stats.borrow().clone()
    }

    /// Waits until `fits` is true of what the node counted, and gives that; nothing if the node ends before.
    pub async fn stats_when(&self, fits: impl FnMut(&NodeStats) -> bool) -> Option<NodeStats> {
        self.inner.stats.clone().wait_for(fits).await.ok().map(|stats| stats.clone())
    }

    /// Gives the swarm a chunk: the publisher's own, or on the server one that the publisher put there.
    pub fn publish(&self, chunk: SignedChunk) -> Result<(), NodeError> {
        self.tell(Command::Publish(chunk))
    }

    /// Sets the key that proves this node's role; the publisher needs a new one with each epoch, before its manifest.
    pub fn set_role_key(&self, key: RoleKey) -> Result<(), NodeError> {
        self.tell(Command::RoleKey(key))
    }

    /// Sets the tracker's ticket, which is renewed now and then.
    pub fn set_ticket(&self, ticket: Bytes) -> Result<(), NodeError> {
        self.tell(Command::Ticket(ticket))
    }

    /// Changes to a newer manifest and passes it on.
    pub fn update_manifest(&self, manifest: SignedManifest) -> Result<(), NodeError> {
        self.tell(Command::Manifest(manifest))
    }

    /// Says which keys the channel has now, 64 at most: manifests signed by others are not taken in any more.
    ///
    /// What is in force stays in force; a manifest that a neighbour passed on and whose key was missing is looked at again.
    pub fn set_channel_keys(&self, keys: Vec<PublicKey>) -> Result<(), NodeError> {
        self.tell(Command::ChannelKeys(keys))
    }

    /// Tells of peers that could become neighbours.
    pub fn add_candidates(&self, candidates: Vec<Candidate>) -> Result<(), NodeError> {
        self.tell(Command::Candidates(candidates))
    }

    /// Hands over a chunk that was fetched over HTTP, asked for or not.
    pub fn supply_origin(&self, chunk: SignedChunk) -> Result<(), NodeError> {
        self.tell(Command::Origin(chunk))
    }

    /// Says that a chunk could not be fetched over HTTP.
    pub fn origin_failed(&self, sequence: impl Into<Sequence>) -> Result<(), NodeError> {
        self.tell(Command::OriginFailed(sequence.into()))
    }

    /// Says which chunk playout needs next, and when.
    pub fn playhead(&self, sequence: impl Into<Sequence>, at: Instant) -> Result<(), NodeError> {
        self.tell(Command::Playhead(sequence.into(), at))
    }

    /// Says where the broadcast is, as the server knows it.
    pub fn live_edge(&self, keyframe: impl Into<Sequence>, newest: impl Into<Sequence>) -> Result<(), NodeError> {
        self.tell(Command::LiveEdge { keyframe: keyframe.into(), newest: newest.into() })
    }

    /// Says how many viewers there are, as the tracker knows it.
    pub fn swarm_size(&self, viewers: usize) -> Result<(), NodeError> {
        self.tell(Command::SwarmSize(viewers))
    }

    /// Sets the most upload in kilobits a second: nothing leaves it to the node, 0 forbids it.
    pub fn set_upload_cap(&self, kbps: Option<u32>) -> Result<(), NodeError> {
        self.tell(Command::UploadCap(kbps))
    }

    /// Passes a revocation on and obeys it, if the community signed it.
    pub fn revoke(&self, revocation: SignedRevocation) -> Result<(), NodeError> {
        self.tell(Command::Revoke(revocation))
    }

    /// Says good-bye to the neighbours, closes everything and waits until nothing is left running.
    pub async fn shutdown(&self) {
        // A full queue is emptied soon; a closed one belongs to a node that has ended.
        let _ = self.inner.commands.send(Command::Shutdown).await;
        let task = self.inner.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task {
            // A node that panicked has ended as well.
            Some(task) => drop(task.await),
            None => drop(self.inner.ended.clone().wait_for(|ended| *ended).await),
        }
    }

    fn tell(&self, command: Command) -> Result<(), NodeError> {
        self.inner.commands.try_send(command).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => NodeError::Busy,
            mpsc::error::TrySendError::Closed(_) => NodeError::Ended,
        })
    }
}
