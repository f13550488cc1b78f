//! One's own broadcast: preview, going live, health.

mod belongings;
mod prepare;
mod preview;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::encode::EncoderChoice;
use runnel_media::frame::TrackKind;
use runnel_media::pipeline::publish::PublishConfig;

use super::{Core, problem, reports};
use crate::keys::Keys;
use crate::session::broadcast::{
    About, Broadcast, BroadcastConfig, BroadcastStatus, EndReason, Phase, SwarmConfig, chunk_duration,
};
use crate::session::clock;
use crate::settings::{P2pMode, Settings};
use crate::state::{
    BroadcastSummary, ChannelId, CommunityId, Event, Feed, Health, Level, Notice, Problem, SoundChoice, SourceChoice,
    StudioPhase,
};
use prepare::Ready;
use preview::Preview;

/// What tasks tell about the studio.
pub(super) enum News {
    /// A preview was opened, or not.
    Preview { attempt: u64, outcome: Result<Preview, Problem> },
    /// The preview lost a device, or has it again.
    Device { attempt: u64, problem: Option<Problem> },
    /// A file was chosen, or nothing.
    File(Option<PathBuf>),
    /// Everything is there to go live.
    Ready { attempt: u64, outcome: Result<Box<Ready>, Problem> },
    /// The keys were opened.
    Keys(Arc<Keys>),
    /// The broadcast is over.
    Over(Box<BroadcastStatus>),
}

/// The studio.
pub(super) struct Studio {
    source: SourceChoice,
    sound: SoundChoice,
    gain_db: f32,
    muted: bool,
    settings: Settings,
    wants_preview: bool,
    preview: Option<Preview>,
    /// Number of the newest attempt to open something; answers to older ones are dropped.
    attempt: u64,
    starting: Option<(CommunityId, String, Instant)>,
    live: Option<Live>,
}

struct Live {
    broadcast: Option<Broadcast>,
    community: CommunityId,
    channel: ChannelId,
    address: String,
    since: Instant,
    phase: Option<StudioPhase>,
    health: Health,
    previewed: bool,
    peak_viewers: u64,
    counted: (Instant, u64),
}

impl Studio {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            source: SourceChoice::default(),
            sound: settings.view().sound,
            gain_db: settings.studio.gain_db,
            muted: false,
            settings: settings.clone(),
            wants_preview: false,
            preview: None,
            attempt: 0,
            starting: None,
            live: None,
        }
    }

    /// One's own channel while on air.
    pub(super) fn channel(&self) -> Option<(CommunityId, ChannelId)> {
        self.live.as_ref().map(|live| (live.community.clone(), live.channel.clone()))
    }

    pub(super) fn settings_changed(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }

    fn with_broadcast(&self, act: impl FnOnce(&Broadcast)) {
        if let Some(broadcast) = self.live.as_ref().and_then(|live| live.broadcast.as_ref()) {
            act(broadcast);
        }
    }

    pub(super) fn set_gain(&mut self, decibels: f32) {
        self.gain_db = decibels;
        self.with_broadcast(|broadcast| {
            broadcast.with_publisher(|publisher| publisher.set_gain(decibels));
        });
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.with_broadcast(|broadcast| {
            broadcast.with_publisher(|publisher| publisher.set_muted(muted));
        });
    }

    pub(super) fn set_title(&mut self, title: String) {
        self.with_broadcast(|broadcast| broadcast.set_title(title));
    }

    /// Ends everything in good order.
    pub(super) async fn close(&mut self) {
        self.preview = None;
        if let Some(broadcast) = self.live.take().and_then(|live| live.broadcast) {
            broadcast.stop();
            broadcast.ended().await;
        }
    }

    fn source_spec(&self) -> SourceSpec {
        self.source.to_string().parse().unwrap_or(SourceSpec::None)
    }

    fn audio_spec(&self) -> AudioSpec {
        self.sound.to_string().parse().unwrap_or(AudioSpec::Default)
    }

    fn publish_config(&self, probe_cache: PathBuf) -> PublishConfig {
        let studio = &self.settings.studio;
        let mut config = PublishConfig::new(self.source_spec(), self.audio_spec(), studio.size, studio.fps);
        config.encoder = studio.encoder.parse().unwrap_or(EncoderChoice::Auto);
        config.bitrate_kbps = studio.bitrate_kbps;
        config.chunk = chunk_duration(self.settings.view().target_delay);
        config.audio_chain.gain_db = self.gain_db;
        config.audio_chain.muted = self.muted;
        config.audio_chain.denoise = studio.denoise;
        config.probe_cache = Some(probe_cache);
        config
    }
}

impl Core {
    pub(super) fn open_preview(&mut self) {
        self.studio.wants_preview = true;
        if self.studio.preview.is_none() && self.studio.live.is_none() && self.studio.starting.is_none() {
            self.begin_preview();
        }
    }

    pub(super) fn close_preview(&mut self) {
        self.studio.wants_preview = false;
        if self.studio.live.is_none() {
            self.drop_preview();
        }
    }

    fn drop_preview(&mut self) {
        self.studio.attempt += 1;
        if self.studio.preview.take().is_some() {
            self.outlet.emit(Event::StudioPreview(None));
            self.outlet.emit(Event::StudioLevel(Level::default()));
        }
    }

    fn begin_preview(&mut self) {
        self.drop_preview();
        if self.studio.source == SourceChoice::Nothing && self.studio.sound == SoundChoice::Source {
            return;
        }
        let (attempt, tell) = (self.studio.attempt, self.tell.clone());
        let (source, sound) = (self.studio.source_spec(), self.studio.audio_spec());
        let (size, fps) = (self.studio.settings.studio.size, self.studio.settings.studio.fps);
        tokio::spawn(async move {
            let device = tell.clone();
            let opened =
                tokio::task::spawn_blocking(move || Preview::open(&source, &sound, size, fps, attempt, device)).await;
            let outcome = opened.unwrap_or(Err(Problem::Unexpected));
            let _ = tell.send(super::News::Studio(News::Preview { attempt, outcome })).await;
        });
    }

    pub(super) fn set_source(&mut self, source: SourceChoice, sound: SoundChoice) {
        (self.studio.source, self.studio.sound) = (source.clone(), sound.clone());
        self.outlet.emit(Event::StudioSource { source, sound });
        if self.studio.live.is_some() {
            let (source, sound) = (self.studio.source_spec(), self.studio.audio_spec());
            self.studio.with_broadcast(|broadcast| {
                if let Some(Err(error)) = broadcast.with_publisher(|publisher| publisher.set_source(source, sound)) {
                    tracing::warn!(%error, "the source could not be changed");
                }
            });
        } else if self.studio.wants_preview {
            self.begin_preview();
        }
    }

    pub(super) fn choose_file(&mut self) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let chosen = rfd::AsyncFileDialog::new().pick_file().await;
            let path = chosen.map(|file| file.path().to_owned());
            let _ = tell.send(super::News::Studio(News::File(path))).await;
        });
    }

    pub(super) fn go_live(&mut self, community: CommunityId, title: String) {
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
            let _ = tell.send(super::News::Studio(News::Ready { attempt, outcome })).await;
        });
    }

    pub(super) fn end_broadcast(&mut self) {
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

    pub(super) async fn take_studio(&mut self, news: News) {
        match news {
            News::Preview { attempt, .. } | News::Ready { attempt, .. } | News::Device { attempt, .. }
                if attempt != self.studio.attempt => {}
            News::Preview { outcome: Ok(mut preview), .. } => {
                if let Some(frames) = preview.frames() {
                    self.outlet.emit(Event::StudioPreview(Some(Feed::new(frames))));
                }
                self.studio.preview = Some(preview);
            }
            News::Preview { outcome: Err(problem), .. } => self.problem(problem),
            News::Device { problem: Some(problem), .. } => self.problem(problem),
            News::Device { problem: None, .. } => {
                let name = self.studio.source.to_string();
                self.outlet.emit(Event::Notice(Notice::DeviceBack { name }));
            }
            News::File(Some(path)) => self.set_source(SourceChoice::File(path), SoundChoice::Source),
            News::File(None) => {}
            News::Keys(keys) => self.keys = Some(keys),
            News::Ready { outcome: Ok(ready), .. } => self.start_broadcast(*ready),
            News::Ready { outcome: Err(problem), .. } => {
                self.studio.starting = None;
                self.outlet.emit(Event::StudioPhase(StudioPhase::Failed(problem)));
                self.resume_preview();
            }
            News::Over(status) => self.broadcast_over(&status),
        }
    }

    fn resume_preview(&mut self) {
        if self.studio.wants_preview {
            self.begin_preview();
        }
    }

    fn start_broadcast(&mut self, ready: Ready) {
        let Some((community, title, since)) = self.studio.starting.take() else { return };
        self.signed_in(&community, Some(ready.token.clone()), Some(ready.person.clone()));
        let Some(member) = self.communities.get(&community) else { return };
        let address = member.address.clone();
        let settings = self.settings.get();
        // Serving viewers tells them one's address, so it takes the same consent as sharing what one watches.
        let enabled = settings.sharing.consented && settings.sharing.mode != P2pMode::Off;
        let upload_cap_kbps = settings.view().upload_cap;
        let config = BroadcastConfig {
            server: address.clone(),
            token: ready.token,
            channel: ready.channel.0.clone(),
            about: About { title: title.clone(), ..About::default() },
            key: ready.key,
            publish: self.studio.publish_config(self.paths.probe_cache()),
            swarm: SwarmConfig { enabled, upload_cap_kbps, loopback: false },
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
        });
        let mut settings = self.settings.get().clone();
        settings.studio.title = title;
        self.save(settings);
        self.outlet.emit(Event::StudioChannel { community: community.clone(), channel: ready.channel.clone() });
        self.enter_room(&community, &ready.channel);
    }

    pub(super) async fn tick_studio(&mut self) {
        if let Some(preview) = &self.studio.preview {
            self.outlet.measure(Event::StudioLevel(level(preview.level())));
        }
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
        let health = reports::health(&status, device);
        if health != live.health {
            live.health = health.clone();
            self.outlet.emit(Event::StudioHealth(health));
        }
        let sent = status.media.bytes_out + status.node.as_ref().map_or(0, |node| node.bytes_to_peers);
        let now = clock::now();
        let upload = reports::kbps(live.counted.1, sent, now - live.counted.0);
        live.counted = (now, sent);
        self.outlet.measure(Event::StudioLevel(level(status.media.audio_level)));
        self.outlet.measure(Event::StudioTelemetry(reports::studio_telemetry(&status, upload)));
        if over && let Some(broadcast) = live.broadcast.take() {
            await_end(broadcast, self.tell.clone());
        }
    }

    fn broadcast_over(&mut self, status: &BroadcastStatus) {
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

fn await_end(broadcast: Broadcast, tell: super::Tell) {
    tokio::spawn(async move {
        let status = broadcast.ended().await;
        let _ = tell.send(super::News::Studio(News::Over(Box::new(status)))).await;
    });
}

fn level(level: runnel_media::preprocess::level::Level) -> Level {
    Level { peak: [level.peak_dbfs; 2], loudness: [level.loudness_dbfs; 2] }
}

/// Which half of a capture a problem is about does not change what people can do about its kind.
pub(super) fn about(what: TrackKind, problem: &runnel_media::capture::CaptureProblem, source: &SourceSpec) -> Problem {
    problem::capture(what, problem, source)
}
