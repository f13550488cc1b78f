//! One's own broadcast: preview, going live, health.

mod air;
mod devices;
mod keys;
mod prepare;
mod preview;
mod source;

use std::sync::Arc;
use std::time::Instant;

use runnel_media::capture::{AudioSpec, CaptureClock, CaptureConfig, SourceSpec};
use runnel_media::encode::EncoderChoice;
use runnel_media::frame::TrackKind;
use runnel_media::pipeline::publish::PublishConfig;

use super::{Core, problem};
use crate::keys::Keys;
use crate::paths::Paths;
use crate::session::broadcast::{Broadcast, BroadcastStatus, chunk_duration};
use crate::settings::Settings;
use crate::state::{ChannelId, CommunityId, Devices, Event, Feed, Problem, SoundChoice, SourceChoice, StudioPhase};
use air::Live;
use prepare::Ready;
use preview::Preview;

/// What tasks tell about the studio.
pub(super) enum News {
    /// A preview was opened, or not.
    Preview { attempt: u64, outcome: Result<Preview, Problem> },
    /// The preview lost a device, or has it again.
    Device { attempt: u64, problem: Option<Problem> },
    /// Everything is there to go live.
    Ready { attempt: u64, outcome: Result<Box<Ready>, Problem> },
    /// Devices were looked for.
    Devices(Box<Devices>),
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
    /// The devices as they were found last.
    devices: Devices,
    wants_preview: bool,
    preview: Option<Preview>,
    /// What the screens were told is wrong with the source or the sound.
    device: Option<Problem>,
    /// Going live failed for want of the passphrase of one's keys.
    locked: bool,
    /// Number of the newest attempt to open something; answers to older ones are dropped.
    attempt: u64,
    starting: Option<(CommunityId, String, Instant)>,
    live: Option<Live>,
}

impl Studio {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            source: settings.view().source,
            sound: settings.view().sound,
            gain_db: settings.studio.gain_db,
            muted: false,
            settings: settings.clone(),
            devices: Devices::default(),
            wants_preview: false,
            preview: None,
            device: None,
            locked: false,
            attempt: 0,
            starting: None,
            live: None,
        }
    }

    /// One's own channel while on air.
    pub(super) fn channel(&self) -> Option<(CommunityId, ChannelId)> {
        self.live.as_ref().map(|live| (live.community.clone(), live.channel.clone()))
    }

    /// Where one is live.
    pub(super) fn community(&self) -> Option<CommunityId> {
        self.live.as_ref().map(|live| live.community.clone())
    }

    /// Bytes that viewers were given by the broadcast that is on.
    pub(super) fn given(&self) -> u64 {
        let broadcast = self.live.as_ref().and_then(|live| live.broadcast.as_ref());
        broadcast.map_or(0, |it| it.status().borrow().node.as_ref().map_or(0, |node| node.bytes_to_peers))
    }

    /// Puts another cap on what viewers are sent in force.
    pub(super) fn set_upload_cap(&mut self, kbps: Option<u32>) {
        if let Some(live) = &mut self.live
            && live.upload_cap != kbps
        {
            live.upload_cap = kbps;
            self.with_broadcast(|broadcast| broadcast.set_upload_cap(kbps));
        }
    }

    fn with_broadcast(&self, act: impl FnOnce(&Broadcast)) {
        if let Some(broadcast) = self.live.as_ref().and_then(|live| live.broadcast.as_ref()) {
            act(broadcast);
        }
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
        let spec = self.source.to_string().parse().unwrap_or(SourceSpec::None);
        match spec {
            SourceSpec::Screen { target, .. } => SourceSpec::Screen { target, pointer: self.settings.studio.pointer },
            other => other,
        }
    }

    fn audio_spec(&self) -> AudioSpec {
        self.sound.to_string().parse().unwrap_or(AudioSpec::Default)
    }

    fn capture_config(&self, paths: &Paths) -> CaptureConfig {
        let (size, fps) = (self.settings.studio.size, self.settings.studio.fps);
        CaptureConfig { size, fps, clock: CaptureClock::start(), grants: Some(paths.grants().into()) }
    }

    fn publish_config(&self, paths: &Paths) -> PublishConfig {
        let studio = &self.settings.studio;
        let mut config = PublishConfig::new(self.source_spec(), self.audio_spec(), studio.size, studio.fps);
        config.encoder = studio.encoder.parse().unwrap_or(EncoderChoice::Auto);
        config.bitrate_kbps = studio.bitrate_kbps;
        config.chunk = chunk_duration(self.settings.view().target_delay);
        config.audio_chain.gain_db = self.gain_db;
        config.audio_chain.muted = self.muted;
        config.audio_chain.denoise = studio.denoise;
        config.probe_cache = Some(paths.probe_cache());
        config.grants = Some(paths.grants().into());
        config
    }
}

impl Core {
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
            News::Preview { outcome: Err(problem), .. } => self.device(Some(problem)),
            News::Device { problem, .. } => self.device(problem),
            News::Devices(devices) => self.found_devices(*devices),
            News::Keys(keys) => {
                self.keys = Some(keys);
                // What stood in the way does not any more.
                if std::mem::take(&mut self.studio.locked)
                    && self.studio.live.is_none()
                    && self.studio.starting.is_none()
                {
                    self.outlet.emit(Event::StudioPhase(StudioPhase::Idle));
                }
            }
            News::Ready { outcome: Ok(ready), .. } => self.start_broadcast(*ready),
            News::Ready { outcome: Err(problem), .. } => {
                self.studio.starting = None;
                self.studio.locked = problem == Problem::KeysLocked;
                self.outlet.emit(Event::StudioPhase(StudioPhase::Failed(problem)));
                self.resume_preview();
            }
            News::Over(status) => self.broadcast_over(&status),
        }
    }
}

/// Which half of a capture a problem is about does not change what people can do about its kind.
pub(super) fn about(what: TrackKind, problem: &runnel_media::capture::CaptureProblem, source: &SourceSpec) -> Problem {
    problem::capture(what, problem, source)
}
