//! Where chunks come from: the swarm, or the server alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runnel_p2p::node::NodeEvent;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::find::Found;
use super::origin::{self, News};
use super::swarm::Swarm;
use super::way::Way;
use super::{Delivery, WatchConfig, WatchError, counted};
use crate::session::announce::Tracked;
use crate::settings::P2pMode;

/// Where chunks come from.
pub(super) enum Feed {
    Swarm(Box<Swarm>),
    Origin {
        news: mpsc::Receiver<News>,
        stop: CancellationToken,
        delivery: Delivery,
        tracked: watch::Receiver<Tracked>,
        /// What the community's statistics are told of `delivery`.
        received: Arc<AtomicU64>,
    },
}

/// What a feed tells.
pub(super) enum FeedEvent {
    Node(NodeEvent),
    Origin(News),
    Gone,
}

impl Feed {
    /// Joins the swarm, or starts to fetch from the server.
    pub(super) async fn open(config: &WatchConfig, found: Found) -> Result<Self, WatchError> {
        Ok(match config.mode {
            P2pMode::Assist | P2pMode::Only => Self::Swarm(Box::new(Swarm::join(config, found).await?)),
            P2pMode::Off => {
                let (stop, received) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
                let tracked = counted::follow(&found, received.clone(), stop.clone());
                let (news, delivery) = (origin::follow(found, stop.clone()), Delivery::default());
                Self::Origin { news, stop, delivery, tracked, received }
            }
        })
    }

    /// The next event; cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> FeedEvent {
        match self {
            Self::Swarm(swarm) => swarm.next().await.map_or(FeedEvent::Gone, FeedEvent::Node),
            Self::Origin { news, .. } => news.recv().await.map_or(FeedEvent::Gone, FeedEvent::Origin),
        }
    }

    /// Where the bytes came from so far.
    pub(super) fn delivery(&self) -> Delivery {
        match self {
            Self::Swarm(swarm) => swarm.delivery(),
            Self::Origin { delivery, .. } => *delivery,
        }
    }

    /// What the tracker said last.
    pub(super) fn tracked(&self) -> Tracked {
        match self {
            Self::Swarm(swarm) => *swarm.tracked.borrow(),
            Self::Origin { delivery, tracked, received, .. } => {
                received.store(delivery.from_origin, Ordering::Relaxed);
                *tracked.borrow()
            }
        }
    }

    /// How others are reached.
    pub(super) fn way(&self) -> Way {
        match self {
            Self::Swarm(swarm) => swarm.way(),
            Self::Origin { .. } => Way::Off,
        }
    }

    /// Leaves in good order, and gives the final figures.
    pub(super) async fn leave(self) -> Delivery {
        match self {
            Self::Swarm(swarm) => swarm.leave().await,
            Self::Origin { stop, delivery, .. } => {
                stop.cancel();
                delivery
            }
        }
    }
}
