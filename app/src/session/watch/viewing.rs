//! One broadcast being watched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_lite::api::{BroadcastState, ChunkRange};
use runnel_media::format::{Timestamp, WallClock};
use runnel_media::pipeline::watch::{WatchChunk, WatchEvent};
use runnel_media::playout::PlayState;
use runnel_p2p::node::NodeEvent;
use runnel_p2p::wire::{Manifest, SignedChunk, SignedManifest};
use tokio::sync::mpsc;

use super::feed::{Feed, FeedEvent};
use super::find::Found;
use super::origin::News;
use super::presence::{self, Presence};
use super::questions::Answer;
use super::run::Session;
use super::{Ask, Phase, WatchError};
use crate::session::broadcast::RENDITION;
use crate::session::clock::{self, Drift};

/// Chunks that the player can be ahead of itself: a GOP and a little.
const AHEAD: u64 = 64;
/// How often the playhead is passed on and the status made anew.
const TICK: Duration = Duration::from_millis(100);
/// How old the newest published chunk of a live broadcast is at most: encoder, chunk and way to the server.
const NEWEST_AGE_MICROS: i64 = 400_000;
/// How long the rest may play out after the broadcast's end.
const PLAY_OUT: Duration = Duration::from_secs(8);

/// How a broadcast was over.
pub(super) enum Over {
    Asked,
    Ended,
    TakenDown,
    /// The channel shows another broadcast now.
    Superseded,
    /// It goes on, from elsewhere.
    Rejoin,
}

/// A broadcast being watched.
pub(super) struct Viewing<'a> {
    pub(super) session: &'a mut Session,
    pub(super) found: Found,
    pub(super) feed: Feed,
    pub(super) presence: Presence,
    pub(super) answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    /// Chunks of this run that arrived, for the start only.
    pub(super) arrived: BTreeSet<u64>,
    pub(super) start: Option<ChunkRange>,
    /// When what is left of an ended broadcast must have played out.
    pub(super) play_out: Option<Instant>,
    /// Whether the manifest is being asked for again.
    pub(super) renewing: bool,
    /// Whether chunks are to come from elsewhere.
    pub(super) rejoin: bool,
    /// Notices that the machine slept: who was known is gone then, and no clock is what it was.
    pub(super) awake: Drift,
}

impl<'a> Viewing<'a> {
    /// Joins the swarm, or starts to fetch from the server.
    pub(super) async fn join(session: &'a mut Session, found: Found) -> Result<Self, WatchError> {
        let state = session.player.stats().state;
        session.status.send_modify(|it| {
            // What is watched already plays on while its chunks begin to come from elsewhere.
            let same = it.broadcast.as_ref().is_some_and(|before| before.id == found.broadcast.id);
            let seen = it.first_frame_micros.filter(|_| same);
            it.phase = phase(seen, state);
            it.viewers = found.broadcast.viewers;
            it.broadcast = Some(found.broadcast.clone());
        });
        let feed = Feed::open(&session.config, found.clone()).await?;
        let mut viewing = Self {
            presence: Presence::new(clock::now()),
            answers: mpsc::channel(16),
            arrived: BTreeSet::new(),
            start: None,
            play_out: None,
            renewing: false,
            rejoin: false,
            awake: Drift::begin(clock::now(), clock::unix_micros()),
            session,
            found,
            feed,
        };
        let manifest = viewing.found.manifest.clone();
        viewing.enter(&manifest);
        if viewing.found.broadcast.state == BroadcastState::Live {
            // Without this the player would take the first chunk that comes for the newest and start too far behind.
            let now = clock::unix_micros().saturating_add(viewing.session.clock_offset.unwrap_or(0));
            viewing.session.player.live_edge(WallClock::from_micros(now - NEWEST_AGE_MICROS));
        }
        if matches!(viewing.feed, Feed::Swarm(_)) {
            viewing.ask_range();
        }
        Ok(viewing)
    }

    /// Follows it to its end.
    pub(super) async fn follow(mut self) -> Result<Over, WatchError> {
        let over = self.go_on().await;
        let delivery = self.feed.leave().await;
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
                () = clock::sleep_until(timeout) => self.present(presence::Input::Timeout),
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
            if self.rejoin && self.play_out.is_none() {
                return Ok(Over::Rejoin);
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
        if header.flags.end {
            self.present(presence::Input::LastChunk);
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
            NodeEvent::KeysWanted => self.renew(),
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

    pub(super) fn renewed(&mut self, signed: SignedManifest, manifest: Manifest) {
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
                if matches!(it.phase, Phase::Stalled { .. } | Phase::Opening) {
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
                tracing::warn!(sequence, reason, "a chunk could not be decoded");
            }
            WatchEvent::DecoderRestarted => tracing::info!("the decoder was started again"),
        }
        false
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::UploadCap(kbps) => {
                self.session.config.upload_cap_kbps = kbps;
                if let Feed::Swarm(swarm) = &self.feed {
                    swarm.set_upload_cap(kbps);
                }
            }
            Ask::Sharing { mode, near_only } => {
                let config = &mut self.session.config;
                self.rejoin |= (config.mode, config.near_only) != (mode, near_only);
                (config.mode, config.near_only) = (mode, near_only);
            }
        }
    }

    pub(super) fn present(&mut self, input: presence::Input) {
        self.presence.handle(clock::now(), input);
    }

    fn decide(&mut self) -> Option<Over> {
        while let Some(output) = self.presence.poll_output() {
            match output {
                presence::Output::AskServer => self.ask_state(),
                presence::Output::Away => self.session.status.send_modify(|it| it.phase = Phase::Away),
                presence::Output::Back => {
                    let state = self.session.player.stats().state;
                    self.session.status.send_modify(|it| it.phase = phase(it.first_frame_micros, state));
                }
                presence::Output::Ended => {
                    self.session.player.ended(self.session.timeline.newest());
                    self.play_out = Some(clock::now() + PLAY_OUT);
                }
                presence::Output::TakenDown => return Some(Over::TakenDown),
            }
        }
        None
    }

    /// Tells the node what the player needs next, and the world how it goes.
    fn tell(&mut self) {
        if self.awake.jumped(clock::now(), clock::unix_micros()) {
            tracing::info!("the machine slept or its clock was set: the broadcast is joined anew");
            (self.session.clock_offset, self.rejoin) = (None, true);
        }
        if let Feed::Swarm(swarm) = &self.feed
            && let Some(playhead) = self.session.player.playhead()
            && let Some(next) = self.session.timeline.chunk(playhead.next)
        {
            let ahead = playhead.next.saturating_sub(playhead.sequence).min(AHEAD) * self.chunk_micros();
            let captured = playhead.captured.as_micros().saturating_add(i64::try_from(ahead).unwrap_or(0));
            let at = self.session.player.deadline(WallClock::from_micros(captured));
            if let Err(error) = swarm.node.playhead(next, at) {
                tracing::debug!(%error, "the node was not told of the playhead");
            }
        }
        let (tracked, way) = (self.feed.tracked(), self.feed.way());
        let node = match &self.feed {
            Feed::Swarm(swarm) => Some(Arc::new(swarm.node.stats())),
            Feed::Origin { .. } => None,
        };
        let stats = self.session.player.stats();
        let delivery = self.session.before.plus(self.feed.delivery());
        self.session.status.send_modify(|it| {
            (it.player, it.delivery, it.node, it.way) = (stats, delivery, node, way);
            if tracked.state.is_some() {
                it.viewers = tracked.viewers;
            }
        });
    }
}

/// How far watching has come, from whether anything was seen yet and what the player does; it says itself when it moves again.
fn phase(first_frame_micros: Option<i64>, state: PlayState) -> Phase {
    match (first_frame_micros, state) {
        (None, _) => Phase::Opening,
        (Some(_), PlayState::Stalled | PlayState::Waiting) => Phase::Stalled { since: clock::now() },
        (Some(_), _) => Phase::Playing,
    }
}
