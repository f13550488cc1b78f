//! The tasks of a node's connections, so that none of them outlives the node.

use std::{future::Future, pin::Pin, time::Duration};

use libp2p::swarm::Executor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long tasks may take to end by themselves, so that farewells get through.
const GRACE: Duration = Duration::from_millis(300);

/// Every task that libp2p starts for a node.
#[derive(Debug)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self { tracker: TaskTracker::new(), cancel: CancellationToken::new() }
    }

    /// Starts tasks that end with the node.
    pub(super) fn executor(&self) -> impl Executor + Clone + Send + 'static {
        let (tracker, cancel) = (self.tracker.clone(), self.cancel.clone());
        move |future: Pin<Box<dyn Future<Output = ()> + Send>>| {
            let cancel = cancel.clone();
            tracker.spawn(async move {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = future => {}
                }
            });
        }
    }

    /// Waits until all have ended, cancelling what is left after a moment.
    pub(super) async fn end(self) {
        self.tracker.close();
        if tokio::time::timeout(GRACE, self.tracker.wait()).await.is_err() {
            self.cancel.cancel();
            self.tracker.wait().await;
        }
    }
}
