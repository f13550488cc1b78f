//! Carries what the outbox offers to the origin, and says what the origin's answers mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_lite::api::{BroadcastId, Client, ClientError, ErrorCode, PutOutcome};
use bytes::Bytes;
use runnel_p2p::wire::{SignedChunk, SignedManifest};
use tokio::task::JoinSet;

use super::outbox::{Flow, Input, ItemId, Outbox, OutboxConfig, Output};
use crate::session::clock;

/// How long one try may take: a chunk is small, and a silent server must be noticed.
const TRY: Duration = Duration::from_secs(5);

/// Something that has to reach the origin.
#[derive(Clone)]
enum Payload {
    Manifest(SignedManifest),
    Chunk(Arc<SignedChunk>),
}

/// What the origin's answer means for the broadcast.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing special.
    GoOn,
    /// The server lives, but its disk is full.
    DiskFull,
    /// The run is not valid any more: ask for another one.
    Reopen(ClientError),
    /// Somebody else publishes now.
    TakenOver,
    /// A moderator removed the broadcast.
    TakenDown,
    /// It will never work.
    Hopeless(ClientError),
    /// A fault of ours, in words for the log.
    Broken(String),
}

/// What an answer means for the thing that was put.
enum Fate {
    Done,
    Retry,
}

/// Delivery of one publishing run.
pub(super) struct Delivery {
    client: Client,
    broadcast: BroadcastId,
    fence: u64,
    outbox: Outbox,
    payloads: HashMap<ItemId, Payload>,
    next_id: ItemId,
    tries: JoinSet<(ItemId, Result<Taken, ClientError>)>,
}

/// What the origin took.
enum Taken {
    Chunk(PutOutcome),
    Manifest,
}

impl Delivery {
    pub(super) fn new(client: Client, broadcast: BroadcastId, fence: u64) -> Self {
        Self {
            client,
            broadcast,
            fence,
            outbox: Outbox::new(OutboxConfig::default()),
            payloads: HashMap::new(),
            next_id: 0,
            tries: JoinSet::new(),
        }
    }

    pub(super) fn manifest(&mut self, now: Instant, manifest: SignedManifest) {
        let id = self.keep(Payload::Manifest(manifest));
        self.handle(now, Input::Manifest { id });
    }

    pub(super) fn chunk(&mut self, now: Instant, chunk: SignedChunk) {
        let header = &chunk.header;
        let (bytes, keyframe) = (chunk.payload.len(), header.flags.keyframe);
        let duration = Duration::from_micros(header.duration_micros.into());
        let id = self.keep(Payload::Chunk(Arc::new(chunk)));
        self.handle(now, Input::Chunk { id, bytes, duration, keyframe });
    }

    fn keep(&mut self, payload: Payload) -> ItemId {
        let id = self.next_id;
        self.next_id += 1;
        self.payloads.insert(id, payload);
        id
    }

    fn handle(&mut self, now: Instant, input: Input) {
        self.outbox.handle(now, input);
        while let Some(output) = self.outbox.poll_output() {
            match output {
                Output::Put(id) => self.put(id),
                Output::Dropped(id) => drop(self.payloads.remove(&id)),
            }
        }
    }

    fn put(&mut self, id: ItemId) {
        let Some(payload) = self.payloads.get(&id).cloned() else { return };
        let (client, broadcast, fence) = (self.client.clone(), self.broadcast, self.fence);
        self.tries.spawn(async move {
            let attempt = async {
                match payload {
                    Payload::Manifest(manifest) => {
                        client.put_manifest(broadcast, fence, &manifest).await.map(|()| Taken::Manifest)
                    }
                    Payload::Chunk(chunk) => client.put_chunk(fence, &chunk).await.map(Taken::Chunk),
                }
            };
            let late = |_| Err(ClientError::Answer("the server did not answer in time".to_owned()));
            (id, tokio::time::timeout(TRY, attempt).await.unwrap_or_else(late))
        });
    }

    /// Waits for the next answer, or for the moment of the next try; cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Verdict {
        let at = self.outbox.poll_timeout();
        let (input, verdict) = tokio::select! {
            Some(joined) = self.tries.join_next() => match joined {
                Ok((id, outcome)) => self.judge(id, outcome),
                // A try is cancelled only together with all of this, so this is a panic in it.
                Err(error) => return Verdict::Broken(error.to_string()),
            },
            () = clock::sleep_until(at) => (Input::Timeout, Verdict::GoOn),
            else => std::future::pending().await,
        };
        self.handle(clock::now(), input);
        verdict
    }

    fn judge(&mut self, id: ItemId, outcome: Result<Taken, ClientError>) -> (Input, Verdict) {
        let manifest = matches!(self.payloads.get(&id), Some(Payload::Manifest(_)));
        let (fate, verdict) = match outcome {
            Ok(Taken::Chunk(PutOutcome::LiveOnly(_))) => (Fate::Done, Verdict::DiskFull),
            Ok(_) => (Fate::Done, Verdict::GoOn),
            Err(error) => meaning(error, manifest),
        };
        match fate {
            Fate::Done => {
                self.payloads.remove(&id);
                (Input::Done(id), verdict)
            }
            Fate::Retry => (Input::Failed(id), verdict),
        }
    }

    pub(super) fn flow(&self) -> Flow {
        self.outbox.flow()
    }

    pub(super) fn buffered(&self) -> Duration {
        self.outbox.buffered()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.outbox.dropped()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Sends a picture of the show; nothing depends on it, so a failure is only logged.
    pub(super) fn thumbnail(&self, jpeg: Bytes) {
        let (client, broadcast, fence) = (self.client.clone(), self.broadcast, self.fence);
        tokio::spawn(async move {
            if let Err(error) = client.put_thumbnail(broadcast, fence, jpeg).await {
                tracing::debug!(%error, "the show's picture did not reach the server");
            }
        });
    }
}

/// What an error means: for the thing that was put, and for the broadcast.
fn meaning(error: ClientError, manifest: bool) -> (Fate, Verdict) {
    match error.code() {
        Some(ErrorCode::StaleFence) => (Fate::Done, Verdict::TakenOver),
        Some(ErrorCode::TakenDown) => (Fate::Done, Verdict::TakenDown),
        Some(ErrorCode::BroadcastEnded | ErrorCode::NotFound | ErrorCode::Gone | ErrorCode::Conflict) => {
            (Fate::Done, Verdict::Reopen(error))
        }
        Some(ErrorCode::Unauthenticated | ErrorCode::Forbidden | ErrorCode::Banned) => {
            (Fate::Done, Verdict::Hopeless(error))
        }
        Some(ErrorCode::BadRequest | ErrorCode::BadValue | ErrorCode::BadSignature | ErrorCode::TooLarge) => {
            if manifest {
                return (Fate::Done, Verdict::Hopeless(error));
            }
            tracing::warn!(%error, "the server refused a chunk");
            (Fate::Done, Verdict::GoOn)
        }
        _ => {
            tracing::debug!(%error, "the server did not take it; it will be tried again");
            (Fate::Retry, Verdict::GoOn)
        }
    }
}
