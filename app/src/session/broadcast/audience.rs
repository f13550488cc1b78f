//! Who watches, and what they give each other: asked of the community now and then, since a broadcaster who shares nothing has
//! no node to learn it from.

use std::time::Duration;

use backend_lite::api::{BroadcastId, Client, ClientError, PeerStats};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often it is asked; viewers tell the community as often.
const AGAIN: Duration = Duration::from_secs(5);

/// What the community said last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// How many watch.
    pub viewers: u32,
    /// What those who watch now got from where since each of them began.
    pub stats: PeerStats,
}

impl Audience {
    /// The share of all bytes that viewers gave each other, 0 to 1; `None` before the first byte.
    pub fn offload(&self) -> Option<f64> {
        let stats = &self.stats;
        let all = [stats.bytes_from_peers, stats.bytes_from_publisher, stats.bytes_from_origin]
            .into_iter()
            .fold(0_u64, u64::saturating_add);
        (all > 0).then(|| stats.bytes_from_peers as f64 / all as f64)
    }
}

/// Follows it until it is dropped.
pub(super) struct Following {
    told: watch::Receiver<Option<Audience>>,
    _stop: DropGuard,
}

impl Following {
    pub(super) fn start(client: Client, broadcast: BroadcastId) -> Self {
        let (tell, told) = watch::channel(None);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let follow = async {
                loop {
                    match ask(&client, broadcast).await {
                        Ok(audience) => {
                            tell.send_replace(Some(audience));
                        }
                        // What was said last is better than nothing until it answers again.
                        Err(error) => tracing::debug!(%error, "the community does not say who watches"),
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            };
            tokio::select! {
                () = stopped.cancelled() => {}
                () = follow => {}
            }
        });
        Self { told, _stop: stop.drop_guard() }
    }

    /// What the community said last, if it did.
    pub(super) fn now(&self) -> Option<Audience> {
        *self.told.borrow()
    }
}

async fn ask(client: &Client, broadcast: BroadcastId) -> Result<Audience, ClientError> {
    let (info, stats) = tokio::try_join!(client.broadcast(broadcast), client.swarm_stats(broadcast))?;
    Ok(Audience { viewers: info.viewers, stats })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_viewers_give_each_other_is_a_share_of_all_they_got() {
        assert_eq!(Audience::default().offload(), None);
        let stats = PeerStats {
            bytes_from_peers: 90,
            bytes_from_publisher: 4,
            bytes_from_origin: 6,
            bytes_to_peers: 90,
            ..PeerStats::default()
        };
        assert_eq!(Audience { viewers: 3, stats }.offload(), Some(0.9));
    }
}
