//! Being counted among the viewers without taking part in the swarm: the tracker is told that somebody watches, and no address.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_lite::api::{Announce, ClientError, PeerStats};
use runnel_p2p::node::Keypair;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::find::Found;
use crate::session::Backoff;
use crate::session::announce::{Tracked, interval};
use crate::session::broadcast::RENDITION;

/// How long saying good-bye may take.
const GOOD_BYE: Duration = Duration::from_millis(800);

/// Announces until `stop`, then says good-bye; what the tracker answers is told.
///
/// `received` holds the bytes that came from the server so far, for the community's statistics.
pub(super) fn follow(found: &Found, received: Arc<AtomicU64>, stop: CancellationToken) -> watch::Receiver<Tracked> {
    let (tell, tracked) = watch::channel(Tracked::default());
    // As fresh as a node's, so that nobody can follow a viewer from broadcast to broadcast.
    let peer_id = Keypair::generate_ed25519().public().to_peer_id().to_string();
    let announce = Announce { peer_id, rendition: RENDITION.0, ..Announce::default() };
    let mut counted = Counted { found: found.clone(), announce, received };
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = counted.announce_all(&tell) => {}
        }
        counted.announce.leaving = true;
        if let Ok(Err(error)) = tokio::time::timeout(GOOD_BYE, counted.once()).await {
            tracing::debug!(%error, "the tracker was not told that we left");
        }
    });
    tracked
}

struct Counted {
    found: Found,
    announce: Announce,
    received: Arc<AtomicU64>,
}

impl Counted {
    async fn announce_all(&mut self, tell: &watch::Sender<Tracked>) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        while !tell.is_closed() {
            let wait = match self.once().await {
                Ok((tracked, wait)) => {
                    backoff.reset();
                    tell.send_replace(tracked);
                    wait
                }
                Err(error) => {
                    tracing::debug!(%error, "the tracker did not answer");
                    backoff.wait()
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&mut self) -> Result<(Tracked, Duration), ClientError> {
        let bytes_from_origin = self.received.load(Ordering::Relaxed);
        self.announce.stats = Some(PeerStats { bytes_from_origin, ..PeerStats::default() });
        let announced = self.found.client.announce(self.found.broadcast.id, &self.announce).await?;
        self.announce.ticket = Some(announced.ticket);
        let tracked = Tracked { viewers: announced.viewers, state: Some(announced.state) };
        Ok((tracked, interval(announced.interval_seconds)))
    }
}
