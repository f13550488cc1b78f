//! Keeps a node known to the tracker, and gives it the peers that the tracker names.

use std::sync::Arc;
use std::time::Duration;

use backend_lite::api::{
    Announce, Announced, BroadcastId, BroadcastState, Client, ClientError, PeerEntry, PeerKind, PeerStats,
};
use bytes::Bytes;
use runnel_p2p::node::{Candidate, CandidateKind, Node, NodeError, NodeStats};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::broadcast::RENDITION;
use super::uplink::Uplink;
use super::{Backoff, clock};

/// Most addresses that the tracker takes of one peer.
const MOST_ADDRESSES: usize = 8;
/// How soon to ask again while nobody is known.
const LONELY: Duration = Duration::from_secs(1);
/// Longest interval that is believed: beyond it tickets would die.
const LONGEST: Duration = Duration::from_secs(300);
/// How long saying good-bye may take.
const GOOD_BYE: Duration = Duration::from_millis(800);

/// What the tracker said last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tracked {
    /// How many watch.
    pub(crate) viewers: u32,
    /// Where the broadcast stands.
    pub(crate) state: Option<BroadcastState>,
}

/// Counters for the tracker, read when it is asked.
pub(crate) type Counters = Box<dyn Fn() -> PeerStats + Send + Sync>;

/// A node and where it is announced.
pub(crate) struct Announcer {
    pub(crate) client: Client,
    pub(crate) broadcast: BroadcastId,
    pub(crate) node: Node,
    pub(crate) role: PeerKind,
    pub(crate) ticket: Option<String>,
    /// Whether the server's node may be a neighbour.
    pub(crate) server: bool,
    /// What is known of our uplink.
    pub(crate) uplink: Uplink,
    pub(crate) counters: Counters,
    /// Rung when the node wants more candidates than it has.
    pub(crate) hungry: Arc<Notify>,
}

impl Announcer {
    /// Announces until `stop`, then says good-bye.
    pub(crate) fn spawn(self, stop: CancellationToken) -> (JoinHandle<()>, watch::Receiver<Tracked>) {
        let (tell, tracked) = watch::channel(Tracked::default());
        (tokio::spawn(self.run(tell, stop)), tracked)
    }

    async fn run(mut self, tell: watch::Sender<Tracked>, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        // The first announce is worth little without an address to be reached at.
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tokio::time::timeout(Duration::from_secs(2), self.node.listening()) => {}
        }
        loop {
            let wait = match self.announce(false).await {
                Ok(announced) => {
                    backoff.reset();
                    tell.send_replace(Tracked { viewers: announced.viewers, state: Some(announced.state) });
                    let lonely = announced.peers.is_empty() && self.node.stats().neighbours.is_empty();
                    if let Err(error) = self.pass_on(&announced) {
                        tracing::debug!(%error, "the node did not take the tracker's word");
                    }
                    let interval = interval(announced.interval_seconds);
                    self.ticket = Some(announced.ticket);
                    if lonely { interval.min(LONELY) } else { interval }
                }
                Err(error) => {
                    tracing::debug!(%error, "the tracker did not answer");
                    backoff.wait()
                }
            };
            let hungry = async {
                // However hungry, the tracker is left in peace for a moment.
                tokio::time::sleep(LONELY).await;
                self.hungry.notified().await;
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                () = hungry => {}
            }
        }
        if let Ok(Err(error)) = tokio::time::timeout(GOOD_BYE, self.announce(true)).await {
            tracing::debug!(%error, "the tracker was not told that we left");
        }
    }

    fn pass_on(&self, announced: &Announced) -> Result<(), NodeError> {
        if let Some(ticket) = ticket_bytes(&announced.ticket) {
            self.node.set_ticket(ticket)?;
        }
        self.node.swarm_size(usize::try_from(announced.viewers).unwrap_or(usize::MAX))?;
        self.node.add_candidates(candidates(&announced.peers, self.server))
    }

    async fn announce(&mut self, leaving: bool) -> Result<Announced, ClientError> {
        let stats = (self.counters)();
        self.uplink.gave(clock::now(), stats.bytes_to_peers);
        let announce = Announce {
            peer_id: self.node.peer_id().to_string(),
            addresses: self.node.addresses().iter().take(MOST_ADDRESSES).map(ToString::to_string).collect(),
            role: self.role,
            rendition: RENDITION.0,
            ticket: self.ticket.clone(),
            leaving,
            uplink_kbps: self.uplink.kbps(),
            stats: Some(stats),
        };
        self.client.announce(self.broadcast, &announce).await
    }
}

/// A node's counters as the tracker wants them.
pub(crate) fn peer_stats(stats: &NodeStats) -> PeerStats {
    PeerStats {
        bytes_from_peers: stats.bytes_from_peers,
        bytes_from_publisher: stats.bytes_from_publisher,
        bytes_from_origin: stats.bytes_from_origin + stats.bytes_from_server,
        bytes_to_peers: stats.bytes_to_peers,
        chunks_rejected: stats.chunks_rejected,
        stalls: 0,
    }
}

/// The tracker's word on when to ask again, within what makes sense.
pub(crate) fn interval(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).clamp(LONELY, LONGEST)
}

/// Those of the tracker's peers that can be understood, the server's own node among them where that is wanted.
pub(crate) fn candidates(peers: &[PeerEntry], server: bool) -> Vec<Candidate> {
    let parse = |entry: &PeerEntry| {
        let addresses: Vec<_> = entry.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let kind = match entry.kind {
            PeerKind::Viewer => CandidateKind::Viewer,
            PeerKind::Publisher => CandidateKind::Publisher,
            PeerKind::Server => CandidateKind::Server,
        };
        let peer = entry.peer_id.parse().ok()?;
        (!addresses.is_empty()).then_some(Candidate { peer, addresses, kind })
    };
    peers.iter().filter(|entry| server || entry.kind != PeerKind::Server).filter_map(parse).collect()
}

/// A ticket as neighbours want it.
pub(crate) fn ticket_bytes(ticket: &str) -> Option<Bytes> {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    engine.decode(ticket).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trackers_interval_is_believed_within_reason() {
        let cases = [(12.5, 12_500), (0.0, 1_000), (-3.0, 300_000), (f64::NAN, 300_000), (1e12, 300_000)];
        for (seconds, millis) in cases {
            assert_eq!(interval(seconds), Duration::from_millis(millis), "{seconds}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_left_out() {
        let peer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        let entry = |peer: &str, address: &str| PeerEntry {
            peer_id: peer.to_owned(),
            addresses: vec![address.to_owned(), "junk".to_owned()],
            kind: PeerKind::Publisher,
        };
        let entries = [entry(peer, "/ip4/127.0.0.1/tcp/1"), entry("x", "/ip4/127.0.0.1/tcp/1"), entry(peer, "nowhere")];
        let found = candidates(&entries, true);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].addresses.len(), found[0].kind), (1, CandidateKind::Publisher));
        let server = PeerEntry { kind: PeerKind::Server, ..entry(peer, "/ip4/127.0.0.1/tcp/1") };
        let server = [server];
        assert_eq!((candidates(&server, true).len(), candidates(&server, false).len()), (1, 0));
    }
}
