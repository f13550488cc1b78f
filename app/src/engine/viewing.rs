//! What is being watched.

use std::time::Instant;

use runnel_media::capture::output::AudioOutputSpec;
use runnel_media::format::WallClock;
use runnel_media::pipeline::watch as player;

use super::{Core, problem, reports};
use crate::session::clock;
use crate::session::sharing::Ruling;
use crate::session::watch::{Watch, WatchConfig};
use crate::settings::Settings;
use crate::state::{BroadcastId, ChannelId, CommunityId, Event, Feed, SettingChange, WatchPhase, WatchState};

/// What is being watched, if anything.
#[derive(Default)]
pub(super) struct Viewing {
    now: Option<Now>,
}

struct Now {
    watch: Watch,
    community: CommunityId,
    channel: ChannelId,
    address: String,
    since: Instant,
    paused: bool,
    phase: Option<WatchPhase>,
    told: Option<(BroadcastId, String, u32)>,
    counted: (Instant, u64),
    /// How far it is shared.
    ruling: Ruling,
}

impl Viewing {
    /// The channel that is watched.
    pub(super) fn channel(&self) -> Option<(CommunityId, ChannelId)> {
        self.now.as_ref().map(|now| (now.community.clone(), now.channel.clone()))
    }

    /// How many watch that channel.
    pub(super) fn viewers(&self) -> u32 {
        self.now.as_ref().map_or(0, |now| now.watch.status().borrow().viewers)
    }

    /// Bytes that other viewers were given since watching began.
    pub(super) fn given(&self) -> u64 {
        self.now.as_ref().map_or(0, |now| now.watch.status().borrow().delivery.to_peers)
    }

    /// Puts another ruling in force.
    pub(super) fn set_sharing(&mut self, settings: &Settings, ruling: Ruling) {
        let Some(now) = &mut self.now else { return };
        if now.ruling == ruling {
            return;
        }
        tracing::info!(?ruling, "what is shared changes");
        now.watch.set_upload_cap(ruling.upload_kbps);
        now.watch.set_sharing(ruling.mode(settings.sharing.mode), ruling.near_only());
        now.ruling = ruling;
    }

    /// Ends it, without waiting for more than what is under way.
    pub(super) async fn close(&mut self) {
        if let Some(now) = self.now.take() {
            now.watch.stop();
            now.watch.ended().await;
        }
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        if let Some(now) = &mut self.now {
            now.paused = paused;
            now.watch.player().set_paused(paused);
            if !paused {
                now.watch.player().jump_to_live();
            }
        }
    }

    pub(super) fn jump_to_live(&mut self) {
        if let Some(now) = &mut self.now {
            now.paused = false;
            now.watch.player().set_paused(false);
            now.watch.player().jump_to_live();
        }
    }

    /// Settings that can change while one watches.
    pub(super) fn settings_changed(&mut self, settings: &Settings, change: &SettingChange) {
        let Some(now) = &self.now else { return };
        let player = now.watch.player();
        match change {
            SettingChange::Volume(_) => player.set_volume(settings.playback.volume),
            SettingChange::Muted(muted) => player.set_muted(*muted),
            SettingChange::TargetDelay(_) => player.set_target_delay(settings.view().target_delay),
            _ => {}
        }
    }
}

fn output(settings: &Settings) -> AudioOutputSpec {
    match settings.playback.output.as_str() {
        "" => AudioOutputSpec::Default,
        name => AudioOutputSpec::Named(name.to_owned()),
    }
}

impl Core {
    pub(super) async fn watch(&mut self, community: CommunityId, channel: ChannelId) {
        self.viewing.close().await;
        let Some(member) = self.communities.get(&community) else { return };
        let listed = member.items.iter().find(|item| item.channel == channel || item.name == channel.0);
        let viewers = listed.map_or(0, |item| u32::try_from(item.viewers).unwrap_or(u32::MAX));
        let ruling = self.ruling_for(&community, &channel.0, viewers);
        let Some(member) = self.communities.get(&community) else { return };
        let (now, settings) = (clock::now(), self.settings.get());
        let item = member.items.iter().find(|item| item.channel == channel || item.name == channel.0);
        let (name, title) =
            item.map_or_else(|| (channel.0.clone(), String::new()), |item| (item.name.clone(), item.title.clone()));
        let state = WatchState::opening(now, community.clone(), channel.clone(), name, title);
        let config = WatchConfig {
            server: member.address.clone(),
            token: member.client.as_ref().and_then(|client| client.token().map(str::to_owned)),
            channel: channel.0.clone(),
            mode: ruling.mode(settings.sharing.mode),
            upload_cap_kbps: ruling.upload_kbps,
            near_only: ruling.near_only(),
            loopback: false,
            player: player::WatchConfig {
                target_delay: settings.view().target_delay,
                audio_output: output(settings),
                volume: settings.playback.volume,
                strip: false,
                ..player::WatchConfig::default()
            },
            record: None,
            wait: false,
        };
        let address = member.address.clone();
        self.outlet.emit(Event::WatchOpened(Box::new(state)));
        match Watch::start(config) {
            Ok(watch) => {
                let wake = self.wake.clone();
                watch.player().set_muted(self.settings.get().playback.muted);
                watch.player().on_frame(Box::new(move || wake()));
                self.outlet.emit(Event::WatchPicture(Feed::waking(watch.player().frames())));
                let (phase, told) = (None, None);
                let (channel, paused, counted) = (channel.clone(), false, (now, 0));
                self.viewing.now = Some(Now {
                    watch,
                    community: community.clone(),
                    channel,
                    address,
                    since: now,
                    paused,
                    phase,
                    told,
                    counted,
                    ruling,
                });
            }
            Err(error) => self.outlet.emit(Event::WatchPhase(WatchPhase::Failed(problem::watch(&error, &address)))),
        }
        self.enter_room(&community, &channel);
        self.leave_rooms();
    }

    pub(super) async fn tick_viewing(&mut self) {
        let Some(now) = &mut self.viewing.now else { return };
        let status = now.watch.status().borrow().clone();
        let phase = reports::watch_phase(&status, now.paused, now.since, &now.address);
        if now.phase.as_ref() != Some(&phase) {
            now.phase = Some(phase.clone());
            self.outlet.emit(Event::WatchPhase(phase));
        }
        if let Some(info) = &status.broadcast {
            let told = (BroadcastId(info.id.to_string()), info.title.clone(), status.viewers);
            if now.told.as_ref() != Some(&told) {
                let (title, viewers) = (told.1.clone(), u64::from(told.2));
                now.told = Some(told);
                let started = WallClock::from_micros(info.started.saturating_mul(1_000_000));
                self.outlet.emit(Event::WatchInfo { title, viewers, started });
            }
        }
        let received = status.delivery.from_peers + status.delivery.from_publisher + status.delivery.from_origin;
        let at = clock::now();
        let bitrate = reports::kbps(now.counted.1, received, at - now.counted.0);
        now.counted = (at, received);
        self.outlet.measure(Event::WatchTelemetry(reports::watch_telemetry(&status, bitrate)));
    }
}
