//! The broadcaster's node among the viewers.

use std::sync::Arc;

use backend_lite::api::PeerKind;
use runnel_p2p::node::{Node, NodeConfig, NodeEvent, NodeStats, ReachConfig};
use runnel_p2p::wire::SignedManifest;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::book::{Book, RENDITION};
use super::sitting::Sitting;
use super::{BroadcastConfig, BroadcastError};
use crate::session::announce::{Announcer, Tracked, peer_stats};
use crate::session::uplink::{Cap, Uplink};

/// A node with its announcements.
pub(super) struct Swarm {
    pub(super) node: Node,
    pub(super) tracked: watch::Receiver<Tracked>,
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
}

impl Swarm {
    /// Starts a node for one publishing run and announces it.
    pub(super) fn join(
        config: &BroadcastConfig,
        sitting: &Sitting,
        book: &Book,
        manifest: SignedManifest,
    ) -> Result<Self, BroadcastError> {
        let described = manifest.peek().ok();
        let stream_kbps = described.and_then(|it| Some(it.rendition(RENDITION)?.bitrate_kbps)).unwrap_or(0);
        let keys = [sitting.channel.keys.clone(), vec![config.key.public()]].concat();
        let mut node_config = NodeConfig::publisher(manifest, keys, RENDITION, book.broadcast_key().clone());
        node_config.upload_cap_kbps = config.swarm.upload_cap_kbps;
        node_config.community_key = Some(sitting.community_key);
        if config.swarm.near_only {
            node_config.reach = ReachConfig::lan();
        }
        if config.swarm.loopback {
            node_config = node_config.on_loopback();
        }
        let (node, events) = Node::start(node_config)?;
        let (stop, hungry) = (CancellationToken::new(), Arc::new(Notify::new()));
        let announcer = Announcer {
            client: sitting.client.clone(),
            broadcast: sitting.broadcast.id,
            node: node.clone(),
            role: PeerKind::Publisher,
            ticket: None,
            server: true,
            uplink: Uplink::new(Cap::new(config.swarm.upload_cap_kbps), stream_kbps),
            counters: Box::new({
                let node = node.clone();
                move || peer_stats(&node.stats())
            }),
            hungry: hungry.clone(),
        };
        let (announcing, tracked) = announcer.spawn(stop.clone());
        let tasks = [announcing, tokio::spawn(listen(events, hungry))];
        Ok(Self { node, tracked, stop, tasks })
    }

    /// Leaves in good order, and gives the final figures.
    pub(super) async fn leave(self) -> NodeStats {
        self.stop.cancel();
        self.node.shutdown().await;
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("a task of the swarm panicked");
            }
        }
        self.node.stats()
    }
}

/// Reads the node's events: a publisher needs few of them.
async fn listen(mut events: mpsc::Receiver<NodeEvent>, hungry: Arc<Notify>) {
    while let Some(event) = events.recv().await {
        match event {
            NodeEvent::Problem(problem) => tracing::info!(%problem, "the swarm has a problem"),
            NodeEvent::CandidatesWanted(_) => hungry.notify_one(),
            NodeEvent::Listening(address) => tracing::debug!(%address, "listening for viewers"),
            _ => {}
        }
    }
}
