//! The task of a broadcast: moves what the pipeline makes to the origin and the swarm.

use std::sync::Arc;
use std::time::Duration;

use runnel_media::pipeline::publish::{PublishEvent, Publisher};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::delivery::Verdict;
use super::show::Show;
use super::sitting::Sitting;
use super::{Ask, BroadcastConfig, BroadcastError, BroadcastStatus, EndReason, Phase, Recording, SharedPublisher};
use crate::session::clock;

/// Events of the pipeline that may wait: far more than a moment's work, so that only a hang loses any.
const EVENTS: usize = 256;
/// How often the status is made anew.
const TICK: Duration = Duration::from_millis(250);
/// How long the pipeline may take to end when it is asked to.
const LAST_CALL: Duration = Duration::from_secs(3);

/// Where the status is told.
pub(super) type Status = watch::Sender<BroadcastStatus>;

/// Runs a broadcast to its end; the last status says how it ended.
pub(super) async fn run(
    config: BroadcastConfig,
    status: Status,
    mut asks: mpsc::Receiver<Ask>,
    stop: CancellationToken,
    publisher: SharedPublisher,
) {
    let outcome = broadcast(config, &status, &mut asks, &stop, &publisher).await;
    if let Some(pipeline) = publisher.lock().as_ref() {
        status.send_modify(|it| it.media = pipeline.stats());
    }
    if stop_pipeline(&publisher).await.is_err() {
        tracing::error!("the pipeline panicked while it ended");
    }
    publisher.lock().take();
    let reason = outcome.unwrap_or_else(|error| {
        tracing::warn!(%error, "the broadcast failed");
        EndReason::Failed(Arc::new(error))
    });
    status.send_modify(|it| it.phase = Phase::Ended(reason));
}

async fn broadcast(
    config: BroadcastConfig,
    status: &Status,
    asks: &mut mpsc::Receiver<Ask>,
    stop: &CancellationToken,
    publisher: &SharedPublisher,
) -> Result<EndReason, BroadcastError> {
    let Some(sitting) = open(&config, status, stop).await? else { return Ok(EndReason::Asked) };
    let recording = config.record.clone().map(Recording::start).transpose()?;
    let mut show = Show::new(config, sitting, status, recording)?;
    let (tell, mut events) = mpsc::channel(EVENTS);
    let publish = show.timed_by_the_server();
    let started = tokio::task::spawn_blocking(move || {
        Publisher::start(
            publish,
            Box::new(move |event| {
                if let Err(TrySendError::Full(_)) = tell.try_send(event) {
                    tracing::warn!("the broadcast's task is too slow: something of the stream was lost");
                }
            }),
        )
    });
    let pipeline = started.await.map_err(|_| BroadcastError::Died("pipeline"))??;
    *publisher.lock() = Some(Arc::new(pipeline));
    let outcome = show.go_on(&mut events, asks, stop, publisher).await;
    show.close(matches!(outcome, Ok(EndReason::TakenOver))).await;
    outcome
}

pub(super) async fn open(
    config: &BroadcastConfig,
    status: &Status,
    stop: &CancellationToken,
) -> Result<Option<Sitting>, BroadcastError> {
    let waiting = |error: &backend_lite::api::ClientError| {
        status.send_modify(|it| {
            if matches!(it.phase, Phase::Connecting { .. }) {
                it.phase = Phase::Connecting { problem: error.to_string() };
            }
        });
    };
    Ok(Sitting::open_patiently(config, stop, waiting).await?)
}

impl Show<'_> {
    async fn go_on(
        &mut self,
        events: &mut mpsc::Receiver<PublishEvent>,
        asks: &mut mpsc::Receiver<Ask>,
        stop: &CancellationToken,
        publisher: &SharedPublisher,
    ) -> Result<EndReason, BroadcastError> {
        let mut tick = tokio::time::interval(TICK);
        let mut last_call = None;
        loop {
            let verdict = tokio::select! {
                event = events.recv() => {
                    match event {
                        Some(event) => self.media(event)?,
                        None => self.finished = true,
                    }
                    if self.finished {
                        self.let_go(true);
                        return Ok(if self.ending { EndReason::Asked } else { EndReason::Finished });
                    }
                    Verdict::GoOn
                }
                verdict = self.delivery.next() => verdict,
                Some(ask) = asks.recv() => {
                    self.ask(ask);
                    Verdict::GoOn
                }
                _ = tick.tick() => {
                    self.tell(publisher);
                    if self.woke() && !self.ending {
                        tracing::info!("the machine slept or its clock was set: another run is begun");
                        if !self.reopen(stop, publisher).await? {
                            return Ok(EndReason::Asked);
                        }
                        // Waiting for a network that comes back is no sleep.
                        self.woke();
                    }
                    Verdict::GoOn
                }
                () = stop.cancelled(), if !self.ending => {
                    // What the encoder still holds comes out, and then the pipeline's end.
                    self.ending = true;
                    last_call = Some(clock::now() + LAST_CALL);
                    drop(stop_pipeline(publisher));
                    Verdict::GoOn
                }
                () = clock::sleep_until(last_call) => return Ok(EndReason::Asked),
            };
            match verdict {
                Verdict::GoOn => {}
                Verdict::DiskFull => {
                    tracing::warn!("the server's disk is full: the show goes on, but it will not be kept");
                }
                Verdict::TakenOver => return Ok(EndReason::TakenOver),
                Verdict::TakenDown => return Ok(EndReason::TakenDown),
                Verdict::Hopeless(error) => return Err(error.into()),
                Verdict::Broken(error) => {
                    tracing::error!(error, "a try to reach the server panicked");
                    return Err(BroadcastError::Died("delivery"));
                }
                Verdict::Reopen(_) if self.ending => return Ok(EndReason::Asked),
                Verdict::Reopen(error) => {
                    tracing::warn!(%error, "the server lost this run: another one is begun");
                    if !self.reopen(stop, publisher).await? {
                        return Ok(EndReason::Asked);
                    }
                }
            }
        }
    }
}

/// Asks the pipeline to end, on a thread that may wait for its threads.
fn stop_pipeline(publisher: &SharedPublisher) -> tokio::task::JoinHandle<()> {
    let pipeline = publisher.lock().clone();
    tokio::task::spawn_blocking(move || {
        if let Some(pipeline) = pipeline {
            pipeline.stop();
        }
    })
}
