//! Going live, being live, and its end.

use std::time::Instant;

use super::News;
use super::prepare::{self, Ready};
use crate::engine::{Core, Tell, problem, reports};
use crate::session::broadcast::{About, Broadcast, BroadcastConfig, BroadcastStatus, EndReason, Phase, SwarmConfig};
use crate::session::clock;
use crate::session::sharing::Reach;
use crate::state::{BroadcastSummary, ChannelId, CommunityId, Event, Feed, Health, Level, Problem, StudioPhase};

/// A broadcast on air, or ending.
pub(super) struct Live {
    pub(super) broadcast: Option<Broadcast>,
    pub(super) community: CommunityId,
    pub(super) channel: ChannelId,
    address: String,
    since: Instant,
    phase: Option<StudioPhase>,
    health: Health,
    previewed: bool,
    peak_viewers: u64,
    counted: (Instant, u64),
    losses: reports::Losses,
    copies: reports::Copies,
    /// What viewers may be sent at most, as it was put in force last.
    pub(super) upload_cap: Option<u32>,
}

impl Core {
    pub(in crate::engine) fn go_live(&mut self, community: CommunityId, title: String) {
        if self.studio.live.is_some() || self.studio.starting.is_some() {
            return;
        }
        let Some(member) = self.communities.get(&community) else { return };
        let since = clock::now();
        let Ok(client) = member.client() else { return };
        let (paths, embedded, tell, keys) = (self.paths.clone(), member.embedded, self.tell.clone(), self.keys.clone());
        let (id, address) = (community.0.clone(), member.address.clone());
        // The camera is let go, so that the broadcast can have it.
        self.drop_preview();
        let attempt = self.studio.attempt;
        self.studio.starting = Some((community, title, since));
        self.outlet.emit(Event::StudioPhase(StudioPhase::Starting { since }));
        tokio::spawn(async move {
            let outcome = prepare::prepare(&paths, client, &id, &address, embedded, keys, &tell).await.map(Box::new);
            let _ = tell.send(crate::engine::News::Studio(News::Ready { attempt, outcome })).await;
        });
    }

    pub(in crate::engine) fn end_broadcast(&mut self) {
        if self.studio.starting.take().is_some() {
            self.studio.attempt += 1;
            self.outlet.emit(Event::StudioPhase(StudioPhase::Idle));
        }
        let Some(live) = &mut self.studio.live else { return };
        let Some(broadcast) = live.broadcast.take() else { return };
        self.outlet.emit(Event::StudioPhase(StudioPhase::Ending));
        self.outlet.emit(Event::StudioPreview(None));
        broadcast.stop();
        await_end(broadcast, self.tell.clone());
    }

    pub(super) fn start_broadcast(&mut self, ready: Ready) {
        let Some((community, title, since)) = self.studio.starting.take() else { return };
        self.signed_in(&community, Some(ready.token.clone()), Some(ready.person.clone()));
        let Some(member) = self.communities.get(&community) else { return };
        let address = member.address.clone();
        // Serving viewers tells them one's address, so it takes the same consent as sharing what one watches; who shares in a
        // crowd only leaves the first copies to the server.
        let ruling = self.ruling(&community, 0);
        let (enabled, near_only) = (ruling.reach != Reach::Nobody, ruling.near_only());
        let upload_cap_kbps = ruling.upload_kbps;
        let config = BroadcastConfig {
            server: address.clone(),
            token: ready.token,
            channel: ready.channel.0.clone(),
            about: About { title: title.clone(), ..About::default() },
            key: ready.key,
            publish: self.studio.publish_config(&self.paths),
            swarm: SwarmConfig { enabled, upload_cap_kbps, near_only, loopback: false },
            record: None,
        };
        self.studio.live = Some(Live {
            broadcast: Some(Broadcast::start(config)),
            community: community.clone(),
            channel: ready.channel.clone(),
            address,
            since,
            phase: None,
            health: Health::Idle,
            previewed: false,
            peak_viewers: 0,
            counted: (since, 0),
            losses: reports::Losses::default(),
            copies: reports::Copies::default(),
            upload_cap: upload_cap_kbps,
        });
        let mut settings = self.settings.get().clone();
        settings.studio.title = title;
        self.save(settings);
        self.outlet.emit(Event::StudioChannel { community: community.clone(), channel: ready.channel.clone() });
        self.enter_room(&community, &ready.channel);
    }

    pub(in crate::engine) async fn tick_studio(&mut self) {
        let source = self.studio.source_spec();
        let Some(live) = &mut self.studio.live else { return };
        let Some(broadcast) = &live.broadcast else { return };
        let status = broadcast.status().borrow().clone();
        if !live.previewed
            && let Some(frames) = broadcast.preview()
        {
            live.previewed = true;
            self.outlet.emit(Event::StudioPreview(Some(Feed::new(frames))));
        }
        let over = broadcast.is_over();
        live.peak_viewers = live.peak_viewers.max(status.viewers.into());
        if let Some(phase) = reports::studio_phase(&status, live.since)
            && live.phase.as_ref() != Some(&phase)
        {
            live.phase = Some(phase.clone());
            self.outlet.emit(Event::StudioPhase(phase));
        }
        let device = status.problems.first().and_then(|problem| prepare::device_problem(problem, &source));
        let now = clock::now();
        let lately = live.losses.note(now, reports::Totals::of(&status));
        let health = reports::health(&status, device, lately);
        if health != live.health {
            live.health = health.clone();
            self.outlet.emit(Event::StudioHealth(health));
        }
        let sent = status.media.bytes_out + status.node.as_ref().map_or(0, |node| node.bytes_to_peers);
        let upload = reports::kbps(live.counted.1, sent, now - live.counted.0);
        live.counted = (now, sent);
        let to_peers = status.node.as_ref().map_or(0, |node| node.bytes_to_peers);
        // What waits for the server has not left the house.
        let away = matches!(status.phase, Phase::Reconnecting { .. });
        let copies = live.copies.note(now, status.media.bytes_out, to_peers).filter(|_| !away);
        self.outlet.measure(Event::StudioTelemetry(reports::studio_telemetry(&status, upload, copies)));
        if over && let Some(broadcast) = live.broadcast.take() {
            await_end(broadcast, self.tell.clone());
        }
    }

    pub(super) fn broadcast_over(&mut self, status: &BroadcastStatus) {
        let source = self.studio.source_spec();
        let Some(live) = self.studio.live.take() else { return };
        let phase = match &status.phase {
            Phase::Ended(EndReason::Failed(error)) => {
                StudioPhase::Failed(problem::broadcast(error, &live.address, &source))
            }
            Phase::Ended(EndReason::TakenDown) => StudioPhase::Failed(Problem::TakenDown),
            _ => StudioPhase::Ended(BroadcastSummary {
                length: status.first_chunk_micros.map_or_else(Default::default, |start| {
                    std::time::Duration::from_micros(u64::try_from(clock::unix_micros() - start).unwrap_or(0))
                }),
                peak_viewers: live.peak_viewers,
                dropped: status.media.dropped.values().sum(),
                captured: status.media.frames_captured,
            }),
        };
        self.outlet.emit(Event::StudioHealth(Health::Idle));
        self.outlet.emit(Event::StudioPhase(phase));
        self.outlet.emit(Event::StudioPreview(None));
        self.leave_rooms();
        self.resume_preview();
    }
}

fn await_end(broadcast: Broadcast, tell: Tell) {
    tokio::spawn(async move {
        let status = broadcast.ended().await;
        let _ = tell.send(crate::engine::News::Studio(News::Over(Box::new(status)))).await;
    });
}

pub(super) fn level(level: runnel_media::preprocess::level::Level) -> Level {
    Level { peak: [level.peak_dbfs; 2], loudness: [level.loudness_dbfs; 2] }
}
