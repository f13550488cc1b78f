//! Watching from the server alone: chunk after chunk by HTTP, each verified.

use std::time::Duration;

use backend_lite::api::{Client, ClientError};
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
                    if let Ok(range) = client.chunk_range(epoch, RENDITION.0).await
                        && sequence < range.first
                    {
                        let start = range.keyframe.unwrap_or(range.first);
                        for missed in sequence..start {
                            self.say(News::Missed(missed)).await?;
                        }
                        next = start;
                    } else if error.is_not_found() && self.was_given_up(epoch, sequence).await {
                        self.say(News::Missed(sequence)).await?;
                        next = sequence + 1;
                    }
                }
            }
        }
    }

    /// Whether the server goes on without a chunk that it never got.
    async fn was_given_up(&self, epoch: u64, sequence: u64) -> bool {
        matches!(self.found.client.chunk_range(epoch, RENDITION.0).await, Ok(range) if sequence < range.next)
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
            Ok((_, manifest)) => {
                if verifier.update(manifest.clone()).is_ok() {
                    self.say(News::Manifest(manifest)).await?;
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

async fn get(client: &Client, epoch: u64, sequence: u64) -> (u64, Result<SignedChunk, ClientError>) {
    (sequence, client.chunk(epoch, RENDITION.0, sequence).await)
}
