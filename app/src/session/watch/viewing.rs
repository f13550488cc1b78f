//! One broadcast being watched.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use backend_lite::api::{BroadcastState, ChunkRange, ClientError};
use runnel_media::format::{Timestamp, WallClock};
use runnel_media::pipeline::watch::{WatchChunk, WatchEvent};
use runnel_p2p::node::NodeEvent;
use runnel_p2p::wire::{Manifest, SignedChunk, SignedManifest};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::find::Found;
use super::origin::{self, News};
use super::presence::{self, Presence};
use super::run::Session;
use super::swarm::Swarm;
use super::{Ask, Delivery, Phase, WatchError};
use crate::session::broadcast::RENDITION;
use crate::session::clock;
use crate::settings::P2pMode;

/// How often the playhead is passed on and the status made anew.
const TICK: Duration = Duration::from_millis(100);
/// How long peers have to give the start before the server is asked for it.
const PEERS_FIRST: Duration = Duration::from_millis(150);
/// Longest start that the server gives: one GOP and a little.
const LONGEST_START: u64 = 64;
/// How long a question to the server may take.
const QUESTION: Duration = Duration::from_secs(3);
/// How long the rest may play out after the broadcast's end.
const PLAY_OUT: Duration = Duration::from_secs(8);

/// How a broadcast was over.
pub(super) enum Over {
    Asked,
    Ended,
    TakenDown,
    /// The channel shows another broadcast now.
    Superseded,
}

/// What a question to the server brought.
enum Answer {
    Range(Result<ChunkRange, ClientError>),
    /// Where the broadcast stands, and whether the channel shows another one.
    State {
        state: Option<BroadcastState>,
        superseded: bool,
    },
    Manifest(Result<(SignedManifest, Manifest), WatchError>),
    /// Peers had their chance to give the start.
    StartDue,
}

enum Feed {
    Swarm(Box<Swarm>),
    Origin { news: mpsc::Receiver<News>, stop: CancellationToken, delivery: Delivery },
}

enum FeedEvent {
    Node(NodeEvent),
    Origin(News),
    Gone,
}

impl Feed {
    async fn next(&mut self) -> FeedEvent {
        match self {
            Self::Swarm(swarm) => swarm.next().await.map_or(FeedEvent::Gone, FeedEvent::Node),
            Self::Origin { news, .. } => news.recv().await.map_or(FeedEvent::Gone, FeedEvent::Origin),
        }
    }

    fn delivery(&self) -> Delivery {
        match self {
            Self::Swarm(swarm) => swarm.delivery(),
            Self::Origin { delivery, .. } => *delivery,
        }
    }
}

/// A broadcast being watched.
pub(super) struct Viewing<'a> {
    session: &'a mut Session,
    found: Found,
    feed: Feed,
    presence: Presence,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    /// Chunks of this run that arrived, for the start only.
    arrived: BTreeSet<u64>,
    start: Option<ChunkRange>,
    /// When what is left of an ended broadcast must have played out.
    play_out: Option<Instant>,
    /// Whether the manifest is being asked for again.
    renewing: bool,
}

impl<'a> Viewing<'a> {
    /// Joins the swarm, or starts to fetch from the server.
    pub(super) async fn join(session: &'a mut Session, found: Found) -> Result<Self, WatchError> {
        session.status.send_modify(|it| {
            it.phase = Phase::Opening;
            it.viewers = found.broadcast.viewers;
            it.broadcast = Some(found.broadcast.clone());
        });
        let feed = match session.config.mode {
            P2pMode::Assist | P2pMode::Only => {
                Feed::Swarm(Box::new(Swarm::join(&session.config, found.clone()).await?))
            }
            P2pMode::Off => {
                let stop = CancellationToken::new();
                Feed::Origin { news: origin::follow(found.clone(), stop.clone()), stop, delivery: Delivery::default() }
            }
        };
        let mut viewing = Self {
            presence: Presence::new(clock::now()),
            answers: mpsc::channel(16),
            arrived: BTreeSet::new(),
            start: None,
            play_out: None,
            renewing: false,
            session,
            found,
            feed,
        };
        let manifest = viewing.found.manifest.clone();
        viewing.enter(&manifest);
        if matches!(viewing.feed, Feed::Swarm(_)) {
            viewing.ask_range();
        }
        Ok(viewing)
    }

    /// Follows it to its end.
    pub(super) async fn follow(mut self) -> Result<Over, WatchError> {
        let over = self.go_on().await;
        let delivery = match self.feed {
            Feed::Swarm(swarm) => swarm.leave().await,
            Feed::Origin { stop, delivery, .. } => {
                stop.cancel();
                delivery
            }
        };
        self.session.before = self.session.before.plus(delivery);
        over
    }

    async fn go_on(&mut self) -> Result<Over, WatchError> {
        let stop = self.session.stop.clone();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let timeout = self.presence.poll_timeout();
            tokio::select! {
                event = self.feed.next() => match event {
                    FeedEvent::Node(event) => {
                        if let Some(over) = self.node(event) {
                            return Ok(over);
                        }
                    }
                    FeedEvent::Origin(news) => self.origin(news),
                    FeedEvent::Gone => return Err(WatchError::Died),
                },
                Some(event) = self.session.events.recv() => {
                    if self.played(event) {
                        return Ok(Over::Ended);
                    }
                }
                Some(answer) = self.answers.1.recv() => {
                    if let Some(over) = self.answered(answer) {
                        return Ok(over);
                    }
                }
                Some(ask) = self.session.asks.recv() => self.ask(ask),
                () = sleep_until(timeout) => self.present(presence::Input::Timeout),
                _ = tick.tick() => {
                    self.tell();
                    if self.play_out.is_some_and(|at| clock::now() >= at) {
                        return Ok(Over::Ended);
                    }
                }
                () = stop.cancelled() => return Ok(Over::Asked),
            }
            if let Some(over) = self.decide() {
                return Ok(over);
            }
        }
    }

    /// A manifest is in force: the player gets its init segments.
    fn enter(&mut self, manifest: &Manifest) {
        self.session.timeline.enter(manifest);
        let Some(rendition) = manifest.rendition(RENDITION) else { return };
        for init in &rendition.inits {
            let id = self.session.timeline.init(init.id);
            self.session.player.push_init(id, init.data.clone());
            if let Some(recording) = &mut self.session.recording {
                recording.init(id, init.data.clone());
            }
        }
        self.session.status.send_modify(|it| it.codecs.clone_from(&rendition.codecs));
    }

    fn chunk(&mut self, chunk: SignedChunk) {
        let header = &chunk.header;
        let wire = header.sequence.0;
        let (fresh, breaks) = self.session.timeline.note(wire, header.flags.discontinuity);
        if self.start.is_none() || self.arrived.len() < 1000 {
            self.arrived.insert(wire);
        }
        let (init, sequence) = (self.session.timeline.init(header.init), self.session.timeline.sequence(wire));
        let known = self
            .found
            .manifest
            .rendition(RENDITION)
            .is_some_and(|it| it.inits.iter().any(|known| known.id == header.init));
        if !known {
            self.renew();
        }
        let captured = WallClock::from_micros(header.captured_micros);
        if fresh {
            self.session.player.live_edge(captured);
        }
        let duration = Duration::from_micros(header.duration_micros.into());
        self.session.player.push_chunk(WatchChunk {
            init,
            sequence,
            start: Timestamp::from_micros(header.start_micros),
            duration,
            captured,
            keyframe: header.flags.keyframe,
            discontinuity: breaks,
            data: chunk.payload.clone(),
        });
        if let Some(recording) = &mut self.session.recording {
            recording.chunk(sequence, init, header.flags.keyframe, chunk.payload.clone());
        }
        if fresh {
            self.present(presence::Input::Chunk);
        }
    }

    fn chunk_micros(&self) -> u64 {
        self.found.manifest.rendition(RENDITION).map_or(100_000, |it| u64::from(it.chunk_millis) * 1000)
    }

    fn missed(&mut self, wire: u64) {
        let sequence = self.session.timeline.sequence(wire);
        self.session.player.missing(sequence);
        if let Some(recording) = &mut self.session.recording {
            recording.missing(sequence);
        }
    }

    fn node(&mut self, event: NodeEvent) -> Option<Over> {
        match event {
            NodeEvent::Chunk(chunk) => self.chunk(chunk),
            NodeEvent::ManifestChanged(manifest, signed) => self.renewed(signed, (*manifest).clone()),
            NodeEvent::OriginWanted { sequence, deadline } => {
                if let Feed::Swarm(swarm) = &mut self.feed {
                    swarm.fetch(sequence.0, deadline);
                }
            }
            NodeEvent::Missed(sequence) => self.missed(sequence.0),
            NodeEvent::Revoked(_) => return Some(Over::TakenDown),
            NodeEvent::Problem(problem) => tracing::info!(%problem, "the swarm has a problem"),
            NodeEvent::Listening(address) => tracing::debug!(%address, "listening for other viewers"),
            NodeEvent::NeighboursChanged(count) => tracing::debug!(count, "neighbours"),
            _ => {}
        }
        None
    }

    fn origin(&mut self, news: News) {
        let Feed::Origin { delivery, .. } = &mut self.feed else { return };
        match news {
            News::Chunk(chunk) => {
                delivery.from_origin += chunk.payload.len() as u64;
                self.chunk(chunk);
            }
            News::Rejected(sequence) => {
                delivery.rejected += 1;
                self.missed(sequence);
            }
            News::Missed(sequence) => self.missed(sequence),
            News::Manifest(manifest) => {
                let signed = self.found.signed.clone();
                self.renewed(signed, manifest);
            }
        }
    }

    fn renewed(&mut self, signed: SignedManifest, manifest: Manifest) {
        self.enter(&manifest);
        (self.found.signed, self.found.manifest) = (signed, manifest);
        if let Feed::Swarm(swarm) = &mut self.feed {
            swarm.set_manifest(self.found.clone());
        }
    }

    /// The player says something; true when the rest of an ended broadcast has played out.
    fn played(&mut self, event: WatchEvent) -> bool {
        match event {
            WatchEvent::FirstFrame { .. } => self.session.status.send_modify(|it| {
                it.first_frame_micros.get_or_insert_with(clock::unix_micros);
                if matches!(it.phase, Phase::Opening) {
                    it.phase = Phase::Playing;
                }
            }),
            WatchEvent::Stalled => self.session.status.send_modify(|it| {
                if matches!(it.phase, Phase::Playing) {
                    it.phase = Phase::Stalled { since: clock::now() };
                }
            }),
            WatchEvent::Resumed { .. } | WatchEvent::JumpedToLive { .. } => self.session.status.send_modify(|it| {
                if matches!(it.phase, Phase::Stalled { .. }) {
                    it.phase = Phase::Playing;
                }
            }),
            WatchEvent::AudioLost { reason } => {
                tracing::info!(reason, "the sound has no output");
                self.session.status.send_modify(|it| it.sound_lost = true);
            }
            WatchEvent::AudioRecovered => self.session.status.send_modify(|it| it.sound_lost = false),
            WatchEvent::Ended => return self.play_out.is_some(),
            WatchEvent::DecodeError { sequence, reason } => {
                tracing::warn!(sequence, reason, "a chunk could not be decoded")
            }
            WatchEvent::DecoderRestarted => tracing::info!("the decoder was started again"),
        }
        false
    }

    fn ask(&mut self, ask: Ask) {
        let Ask::UploadCap(kbps) = ask;
        self.session.config.upload_cap_kbps = kbps;
        if let Feed::Swarm(swarm) = &self.feed
            && let Err(error) = swarm.node.set_upload_cap(kbps)
        {
            tracing::warn!(%error, "the upload cap could not be changed");
        }
    }

    fn present(&mut self, input: presence::Input) {
        self.presence.handle(clock::now(), input);
    }

    fn decide(&mut self) -> Option<Over> {
        while let Some(output) = self.presence.poll_output() {
            match output {
                presence::Output::AskServer => self.ask_state(),
                presence::Output::Away => self.session.status.send_modify(|it| it.phase = Phase::Away),
                presence::Output::Back => self.session.status.send_modify(|it| {
                    let shown = it.first_frame_micros.is_some();
                    it.phase = if shown { Phase::Playing } else { Phase::Opening };
                }),
                presence::Output::Ended => {
                    self.session.player.ended(self.session.timeline.newest());
                    self.play_out = Some(clock::now() + PLAY_OUT);
                }
                presence::Output::TakenDown => return Some(Over::TakenDown),
            }
        }
        None
    }

    fn ask_range(&self) {
        let (client, epoch, tell) = (self.found.client.clone(), self.found.manifest.epoch.0, self.answers.0.clone());
        tokio::spawn(async move {
            let range = client.chunk_range(epoch, RENDITION.0).await;
            // The viewing may be over by now.
            if tell.send(Answer::Range(range)).await.is_ok() {
                tokio::time::sleep(PEERS_FIRST).await;
                let _ = tell.send(Answer::StartDue).await;
            }
        });
    }

    fn ask_state(&self) {
        let (client, tell) = (self.found.client.clone(), self.answers.0.clone());
        let (id, channel) = (self.found.broadcast.id, self.found.broadcast.channel);
        tokio::spawn(async move {
            let question = async {
                let state = client.broadcast(id).await.map(|info| info.state).ok();
                let over = !state.is_some_and(BroadcastState::is_open);
                let superseded = over
                    && matches!(client.channel(&channel.to_string()).await, Ok(channel) if channel.live.as_ref().is_some_and(|live| live.id != id));
                Answer::State { state, superseded }
            };
            if let Ok(answer) = tokio::time::timeout(QUESTION, question).await {
                let _ = tell.send(answer).await;
            }
        });
    }

    fn renew(&mut self) {
        if std::mem::replace(&mut self.renewing, true) {
            return;
        }
        let (found, tell) = (self.found.clone(), self.answers.0.clone());
        tokio::spawn(async move {
            let renewed = found.refresh().await;
            let _ = tell.send(Answer::Manifest(renewed)).await;
        });
    }

    fn answered(&mut self, answer: Answer) -> Option<Over> {
        match answer {
            Answer::Range(Ok(range)) => {
                self.start = Some(range);
                if let (Feed::Swarm(swarm), Some(keyframe)) = (&self.feed, range.keyframe)
                    && let Err(error) = swarm.node.live_edge(keyframe, range.next.saturating_sub(1))
                {
                    tracing::debug!(%error, "the node was not told where the broadcast is");
                }
            }
            Answer::Range(Err(error)) => tracing::debug!(%error, "the server does not say where the broadcast is"),
            Answer::StartDue => self.fetch_start(),
            Answer::State { superseded: true, .. } => return Some(Over::Superseded),
            Answer::State { state: Some(state), .. } => self.present(presence::Input::State(state)),
            Answer::State { state: None, .. } => {}
            Answer::Manifest(renewed) => {
                self.renewing = false;
                match renewed {
                    Ok((signed, manifest)) => {
                        if let Feed::Swarm(swarm) = &self.feed
                            && let Err(error) = swarm.node.update_manifest(signed.clone())
                        {
                            tracing::debug!(%error, "the node did not take the manifest");
                        }
                        self.renewed(signed, manifest);
                    }
                    Err(error) => tracing::info!(%error, "the manifest could not be renewed"),
                }
            }
        }
        None
    }

    /// Fetches from the server what peers have not given of the GOP to start with.
    fn fetch_start(&mut self) {
        let Some(range) = self.start.filter(|_| self.session.config.mode == P2pMode::Assist) else { return };
        let start = range.keyframe.unwrap_or(range.first).max(range.next.saturating_sub(LONGEST_START));
        let Feed::Swarm(swarm) = &mut self.feed else { return };
        let deadline = clock::now() + QUESTION;
        for sequence in (start..range.next).filter(|sequence| !self.arrived.contains(sequence)) {
            swarm.fetch(sequence, deadline);
        }
    }

    /// Tells the node what the player needs next, and the world how it goes.
    fn tell(&mut self) {
        if let Feed::Swarm(swarm) = &self.feed
            && let Some(playhead) = self.session.player.playhead()
            && let Some(next) = self.session.timeline.chunk(playhead.next)
        {
            let ahead = playhead.next.saturating_sub(playhead.sequence).min(LONGEST_START) * self.chunk_micros();
            let captured = playhead.captured.as_micros().saturating_add(i64::try_from(ahead).unwrap_or(0));
            let at = self.session.player.deadline(WallClock::from_micros(captured));
            if let Err(error) = swarm.node.playhead(next, at) {
                tracing::debug!(%error, "the node was not told of the playhead");
            }
        }
        let tracked = match &self.feed {
            Feed::Swarm(swarm) => Some(*swarm.tracked.borrow()),
            Feed::Origin { .. } => None,
        };
        let stats = self.session.player.stats();
        let delivery = self.session.before.plus(self.feed.delivery());
        self.session.status.send_modify(|it| {
            (it.player, it.delivery) = (stats, delivery);
            if let Some(tracked) = tracked.filter(|tracked| tracked.state.is_some()) {
                it.viewers = tracked.viewers;
            }
        });
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
