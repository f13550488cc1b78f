//! A broadcast under way: signs what the pipeline makes, gives it to the server and the swarm, and ends it.

use std::time::{Duration, Instant};

use backend_lite::api::BroadcastPatch;
use runnel_media::package::{InitSegment, MediaChunk};
use runnel_media::pipeline::publish::{PublishConfig, PublishEvent};
use runnel_p2p::wire::BroadcastKey;
use tokio_util::sync::CancellationToken;

use super::audience::Following;
use super::book::Book;
use super::delivery::{Delivery, Verdict};
use super::outbox::Flow;
use super::run::{Status, open};
use super::sitting::Sitting;
use super::swarm::Swarm;
use super::{Ask, BroadcastConfig, BroadcastError, Phase, Recording, SharedPublisher};
use crate::report::EncoderReport;
use crate::session::clock::{self, Drift};

/// Silence of the server that is worth a word.
const NOTICEABLE: Duration = Duration::from_millis(1500);
/// Media time before the planned end from which chunks are held back, in seconds.
const NEAR_END: f64 = 0.35;
/// How long the last chunks may take to reach the server.
const DRAIN: Duration = Duration::from_secs(5);
/// Chunks whose signing is remembered.
const SIGNED: usize = 64;

/// A broadcast under way.
pub(super) struct Show<'a> {
    pub(super) config: BroadcastConfig,
    status: &'a Status,
    pub(super) sitting: Sitting,
    book: Book,
    pub(super) delivery: Delivery,
    swarm: Option<Swarm>,
    audience: Following,
    /// The newest init segment: a new run begins with it.
    init: Option<InitSegment>,
    /// Media events after the pipeline's end are none.
    pub(super) finished: bool,
    /// What is published, as a file.
    recording: Option<Recording>,
    /// When the first chunk was published.
    live_since: Option<Instant>,
    /// The server's clock minus ours when the pipeline started, in microseconds; its capture times are the server's.
    clock_offset: i64,
    /// Notices that the machine slept or that its clock was set.
    awake: Drift,
    /// How far the wall clock had come away from the pipeline's, which reads it once, when this run began, in microseconds.
    drift: i64,
    /// The show is about to end, so each chunk waits for the next: the last one says that it is the last.
    held: Option<MediaChunk>,
    pub(super) ending: bool,
}

impl<'a> Show<'a> {
    pub(super) fn new(
        config: BroadcastConfig,
        sitting: Sitting,
        status: &'a Status,
        recording: Option<Recording>,
    ) -> Result<Self, BroadcastError> {
        let book = new_book(&config, &sitting)?;
        let delivery = Delivery::new(sitting.client.clone(), sitting.broadcast.id, sitting.session.fence);
        status.send_modify(|it| {
            it.phase = Phase::Starting;
            (it.broadcast, it.channel) = (Some(sitting.broadcast.id), Some(sitting.channel.id));
        });
        Ok(Self {
            clock_offset: sitting.clock_offset,
            audience: Following::start(sitting.client.clone(), sitting.broadcast.id),
            config,
            status,
            sitting,
            book,
            delivery,
            swarm: None,
            init: None,
            finished: false,
            recording,
            live_since: None,
            awake: Drift::begin(clock::now(), clock::unix_micros()),
            drift: 0,
            held: None,
            ending: false,
        })
    }

    /// What the pipeline is started with.
    pub(super) fn timed_by_the_server(&self) -> PublishConfig {
        PublishConfig { clock_offset_micros: self.clock_offset, ..self.config.publish.clone() }
    }

    /// By how much the server's clock has been found to differ from what the pipeline goes by, in microseconds.
    fn clock_change(&self) -> i64 {
        self.sitting.clock_offset.saturating_add(self.drift).saturating_sub(self.clock_offset)
    }

    /// Whether the machine slept or its clock was set since this was asked last: who was known is gone then, and no clock is
    /// what it was.
    pub(super) fn woke(&mut self) -> bool {
        self.awake.jumped(clock::now(), clock::unix_micros())
    }

    /// Takes what the pipeline says.
    pub(super) fn media(&mut self, event: PublishEvent) -> Result<(), BroadcastError> {
        match event {
            PublishEvent::Encoder { name, reason } => {
                self.status.send_modify(|it| it.encoder = Some(EncoderReport { name, reason }));
            }
            PublishEvent::Init(init) => {
                if let Some(recording) = &mut self.recording {
                    recording.init(init.id, init.data.clone());
                }
                self.enter_init(&init)?;
                self.init = Some(init);
            }
            PublishEvent::Chunk(chunk) => {
                if let Some(recording) = &mut self.recording {
                    recording.chunk(chunk.sequence, chunk.init, chunk.keyframe, chunk.data.clone());
                }
                self.hold_or_enter(chunk);
            }
            PublishEvent::Thumbnail(jpeg) => self.delivery.thumbnail(jpeg),
            PublishEvent::Problem(problem) => {
                tracing::info!(%problem, "the pipeline has a problem");
                self.status.send_modify(|it| {
                    if !it.problems.contains(&problem) {
                        it.problems.push(problem);
                    }
                });
            }
            PublishEvent::Solved(problem) => {
                self.status.send_modify(|it| it.problems.retain(|other| *other != problem));
            }
            PublishEvent::Ladder { size, fps, bitrate_kbps, reason } => {
                let asked = &self.config.publish;
                tracing::info!(%size, fps, bitrate_kbps, reason, "another step of the ladder");
                let below = (size, fps) != (asked.size, asked.fps);
                self.status.send_modify(|it| {
                    (it.picture, it.ladder) = (Some((size, fps, bitrate_kbps)), below.then_some(reason));
                });
            }
            PublishEvent::Ended { reason } => {
                tracing::debug!(%reason, "the pipeline ended");
                if let runnel_media::pipeline::publish::EndReason::Failed(reason) = reason {
                    return Err(BroadcastError::Pipeline(reason));
                }
                self.finished = true;
            }
        }
        Ok(())
    }

    fn enter_init(&mut self, init: &InitSegment) -> Result<(), BroadcastError> {
        let manifest = self.book.init(init, u64::try_from(clock::unix_micros()).unwrap_or(0))?;
        self.delivery.manifest(clock::now(), manifest.clone());
        let bitrate = self.config.publish.bitrate_kbps;
        self.status.send_modify(|it| {
            it.picture = Some((init.size, init.fps, it.picture.map_or(bitrate, |picture| picture.2)));
        });
        match &self.swarm {
            Some(swarm) => {
                if let Err(error) = swarm.node.update_manifest(manifest) {
                    tracing::warn!(%error, "the swarm did not get the new description");
                }
            }
            None if self.config.swarm.enabled => match Swarm::join(&self.config, &self.sitting, &self.book, manifest) {
                Ok(swarm) => self.swarm = Some(swarm),
                // The server can carry the show alone.
                Err(error) => tracing::warn!(%error, "the swarm could not be joined"),
            },
            None => {}
        }
        Ok(())
    }

    /// Towards the end each chunk waits for the next, which costs viewers nothing: they have a second in hand.
    fn hold_or_enter(&mut self, chunk: MediaChunk) {
        let end = (chunk.start.as_micros() as f64) / 1e6 + chunk.duration.as_secs_f64();
        let near_end = self.config.publish.seconds.is_some_and(|seconds| end + NEAR_END >= seconds);
        if !self.ending && !near_end {
            return self.enter_chunk(&chunk, false);
        }
        self.let_go(false);
        self.held = Some(chunk);
    }

    pub(super) fn let_go(&mut self, last: bool) {
        if let Some(chunk) = self.held.take() {
            self.enter_chunk(&chunk, last);
        }
    }

    fn enter_chunk(&mut self, chunk: &MediaChunk, last: bool) {
        if !self.book.is_open() {
            return;
        }
        let signed = match self.book.chunk(chunk, self.clock_change(), last) {
            Ok(signed) => signed,
            Err(error) => {
                tracing::warn!(%error, sequence = chunk.sequence, "a chunk could not be signed and is left out");
                return;
            }
        };
        // Told with the next change of the status: nobody waits for this alone.
        self.status.send_if_modified(|it| {
            if it.signed.len() == SIGNED {
                it.signed.pop_front();
            }
            it.signed.push_back((signed.header.sequence.0, clock::unix_micros()));
            false
        });
        if let Some(swarm) = &self.swarm
            && let Err(error) = swarm.node.publish(signed.clone())
        {
            tracing::warn!(%error, "the swarm did not get a chunk");
        }
        self.delivery.chunk(clock::now(), signed);
        if self.live_since.is_none() {
            let now = clock::now();
            self.live_since = Some(now);
            self.status.send_modify(|it| {
                it.first_chunk_micros = Some(clock::unix_micros());
                it.phase = Phase::Live { since: now };
            });
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::UploadCap(kbps) => {
                self.config.swarm.upload_cap_kbps = kbps;
                if let Some(swarm) = &self.swarm
                    && let Err(error) = swarm.node.set_upload_cap(kbps)
                {
                    tracing::warn!(%error, "the upload cap could not be changed");
                }
            }
            Ask::Title(title) => {
                let (client, id) = (self.sitting.client.clone(), self.sitting.broadcast.id);
                self.config.about.title.clone_from(&title);
                tokio::spawn(async move {
                    let patch = BroadcastPatch { title: Some(title), ..BroadcastPatch::default() };
                    if let Err(error) = client.update_broadcast(id, &patch).await {
                        tracing::warn!(%error, "the show's title did not reach the server");
                    }
                });
            }
        }
    }

    /// Begins another run on the server while the pipeline goes on; false when stopped meanwhile.
    pub(super) async fn reopen(
        &mut self,
        stop: &CancellationToken,
        publisher: &SharedPublisher,
    ) -> Result<bool, BroadcastError> {
        self.leave().await;
        let Some(sitting) = open(&self.config, self.status, stop).await? else { return Ok(false) };
        self.book = new_book(&self.config, &sitting)?;
        self.delivery = Delivery::new(sitting.client.clone(), sitting.broadcast.id, sitting.session.fence);
        self.drift = self.awake.micros(clock::now(), clock::unix_micros());
        self.audience = Following::start(sitting.client.clone(), sitting.broadcast.id);
        self.sitting = sitting;
        let (broadcast, channel) = (self.sitting.broadcast.id, self.sitting.channel.id);
        self.status.send_modify(|it| (it.broadcast, it.channel) = (Some(broadcast), Some(channel)));
        if let Some(init) = self.init.clone() {
            self.enter_init(&init)?;
        }
        let pipeline = publisher.lock().clone();
        if let Some(pipeline) = pipeline {
            pipeline.force_keyframe();
        }
        Ok(true)
    }

    /// Makes the status anew.
    pub(super) fn tell(&self, publisher: &SharedPublisher) {
        let now = clock::now();
        let media = publisher.lock().as_ref().map(|pipeline| pipeline.stats());
        let node = self.swarm.as_ref().map(|swarm| swarm.node.stats());
        let audience = self.audience.now();
        let viewers = match (&self.swarm, audience) {
            (Some(swarm), _) => swarm.tracked.borrow().viewers,
            (None, Some(audience)) => audience.viewers,
            (None, None) => 0,
        };
        let blocked = match self.delivery.flow() {
            Flow::Blocked { since } if now - since >= NOTICEABLE => Some(since),
            _ => None,
        };
        self.status.send_modify(|it| {
            it.media = media.unwrap_or_else(|| std::mem::take(&mut it.media));
            (it.node, it.viewers, it.audience) = (node, viewers, audience);
            (it.buffered, it.upload_dropped) = (self.delivery.buffered(), self.delivery.dropped());
            it.phase = match (&it.phase, blocked) {
                (Phase::Live { .. } | Phase::Reconnecting { .. }, Some(since)) => {
                    Phase::Reconnecting { since, buffered: self.delivery.buffered() }
                }
                (Phase::Reconnecting { .. }, None) => Phase::Live { since: self.live_since.unwrap_or(now) },
                (phase, _) => phase.clone(),
            };
        });
    }

    /// Sends what is left, ends the show on the server unless it is another's now, and leaves the swarm.
    pub(super) async fn close(mut self, taken_over: bool) {
        self.status.send_modify(|it| it.phase = Phase::Ending);
        if !taken_over {
            let drained = tokio::time::timeout(DRAIN, async {
                while !self.delivery.is_empty() {
                    if !matches!(self.delivery.next().await, Verdict::GoOn | Verdict::DiskFull) {
                        break;
                    }
                }
            });
            if drained.await.is_err() {
                tracing::warn!("the last chunks did not reach the server in time");
            }
            let ending = self.sitting.client.end_broadcast(self.sitting.broadcast.id);
            match tokio::time::timeout(DRAIN, ending).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the server was not told that the show is over"),
                Err(_) => tracing::warn!("the server was not told that the show is over: it does not answer"),
            }
        }
        self.leave().await;
        let dropped = self.delivery.dropped();
        self.status.send_modify(|it| it.upload_dropped = dropped);
        if let Some(recording) = self.recording.take() {
            // Finishing a file may wait for the disk.
            let files = tokio::task::spawn_blocking(move || recording.finish()).await.unwrap_or_default();
            for file in files {
                tracing::info!(file = %file.display(), "recorded");
            }
        }
    }

    async fn leave(&mut self) {
        if let Some(swarm) = self.swarm.take() {
            let stats = swarm.leave().await;
            self.status.send_modify(|it| it.node = Some(stats));
        }
    }
}

fn new_book(config: &BroadcastConfig, sitting: &Sitting) -> Result<Book, BroadcastError> {
    let key = BroadcastKey::from_bytes(crate::keys::random_secret()?);
    let chunk_millis = u32::try_from(config.publish.chunk.as_millis()).unwrap_or(200);
    Ok(Book::new(sitting.start(), config.key.clone(), key, chunk_millis, config.publish.bitrate_kbps))
}
