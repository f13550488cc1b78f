//! Watching from the server alone: chunk after chunk by HTTP, each verified.

use std::time::Duration;

use backend_lite::api::{ChunkRange, Client, ClientError};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use runnel_p2p::verify::Verifier;
use runnel_p2p::wire::{Manifest, SignedChunk};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::find::Found;
use crate::session::Backoff;
use crate::session::broadcast::RENDITION;

/// Chunks that are asked for at once, so that a long way to the server costs delay once and not for each.
const AHEAD: usize = 3;
/// Chunks behind the newest from which on playing them all would only lead further away from live.
const FAR_BEHIND: u64 = 30;
/// Chunks that may wait for the session.
const QUEUE: usize = 32;

/// What the server gave.
pub(super) enum News {
    /// A verified chunk.
    Chunk(SignedChunk),
    /// A chunk that was not what was signed.
    Rejected(u64),
    /// A chunk that will not come.
    Missed(u64),
    /// Another manifest is in force.
    Manifest(Manifest),
}

/// Starts the loop; it ends with `stop`.
pub(super) fn follow(found: Found, stop: CancellationToken) -> mpsc::Receiver<News> {
    let (tell, news) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = Loop { found, tell }.run() => {}
        }
    });
    news
}

struct Loop {
    found: Found,
    tell: mpsc::Sender<News>,
}

/// The session is gone: nobody wants chunks any more.
struct Unwanted;

impl Loop {
    async fn run(self) {
        // Its only error is that nobody listens.
        let _ = self.fetch_all().await;
    }

    async fn fetch_all(self) -> Result<(), Unwanted> {
        let Ok(mut verifier) = Verifier::new(self.found.manifest.clone(), RENDITION) else { return Ok(()) };
        let client = &self.found.client;
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        let mut epoch = verifier.manifest().epoch.0;
        let mut next = self.newest_start(epoch).await;
        let mut under_way = FuturesOrdered::new();
        loop {
            while under_way.len() < AHEAD {
                under_way.push_back(get(client, epoch, next));
                next += 1;
            }
            let Some((sequence, outcome)) = under_way.next().await else { return Ok(()) };
            match outcome {
                Ok(chunk) => {
                    backoff.reset();
                    if chunk.header.manifest_version > verifier.manifest().version {
                        self.renew(&mut verifier).await?;
                    }
                    let news = match verifier.check_chunk(&chunk) {
                        Ok(_) => News::Chunk(chunk),
                        Err(error) => {
                            tracing::warn!(%error, sequence, "the server gave a chunk that is not what was signed");
                            News::Rejected(sequence)
                        }
                    };
                    self.say(news).await?;
                }
                Err(error) => {
                    tracing::debug!(%error, sequence, "a chunk did not come");
                    under_way = FuturesOrdered::new();
                    next = sequence;
                    tokio::time::sleep(backoff.wait()).await;
                    self.renew(&mut verifier).await?;
                    if verifier.manifest().epoch.0 != epoch {
                        epoch = verifier.manifest().epoch.0;
                        next = self.newest_start(epoch).await;
                        continue;
                    }
                    let Ok(range) = client.chunk_range(epoch, RENDITION.0).await else { continue };
                    if let Some(start) = leap(sequence, range) {
                        for missed in sequence..start {
                            self.say(News::Missed(missed)).await?;
                        }
                        next = start;
                    } else if error.is_not_found() && sequence < range.next {
                        // The server goes on without a chunk that it never got.
                        self.say(News::Missed(sequence)).await?;
                        next = sequence + 1;
                    }
                }
            }
        }
    }

    /// The newest chunk to start with; asked until the server answers.
    async fn newest_start(&self, epoch: u64) -> u64 {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        loop {
            match self.found.client.chunk_range(epoch, RENDITION.0).await {
                Ok(range) => return range.keyframe.unwrap_or(range.next),
                Err(error) => tracing::debug!(%error, "the server does not say where the broadcast is"),
            }
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    async fn renew(&self, verifier: &mut Verifier) -> Result<(), Unwanted> {
        match self.found.refresh().await {
            Ok(renewed) => {
                if verifier.update(renewed.manifest.clone()).is_ok() {
                    self.say(News::Manifest(renewed.manifest)).await?;
                }
            }
            Err(error) => tracing::debug!(%error, "the manifest could not be renewed"),
        }
        Ok(())
    }

    async fn say(&self, news: News) -> Result<(), Unwanted> {
        self.tell.send(news).await.map_err(|_| Unwanted)
    }
}

/// Where to go on instead of at `sequence`, where that is gone or so old that live is elsewhere by now.
fn leap(sequence: u64, range: ChunkRange) -> Option<u64> {
    let behind = range.next.saturating_sub(sequence);
    let start = range.keyframe.unwrap_or(range.first);
    (sequence < range.first || (behind > FAR_BEHIND && start > sequence)).then_some(start)
}

async fn get(client: &Client, epoch: u64, sequence: u64) -> (u64, Result<SignedChunk, ClientError>) {
    (sequence, client.chunk(epoch, RENDITION.0, sequence).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_outage_it_goes_on_live() {
        let range = |first, keyframe, next| ChunkRange { first, keyframe, next };
        assert_eq!(leap(100, range(0, Some(90), 101)), None, "live");
        assert_eq!(leap(100, range(0, Some(120), 125)), None, "a moment is caught up with");
        assert_eq!(leap(100, range(0, Some(280), 290)), Some(280));
        assert_eq!(leap(100, range(150, Some(160), 170)), Some(160), "gone");
        assert_eq!(leap(100, range(150, None, 151)), Some(150));
    }
}
