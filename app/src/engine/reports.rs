//! From the sessions' figures to what the screens show. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::session::broadcast::{Audience, BroadcastStatus, Phase as Publishing};
use crate::session::watch::{EndReason, Phase as Watching, WatchStatus};
use crate::state::{Delivery, Encoder, Health, Problem, StudioPhase, StudioTelemetry, WatchPhase, WatchTelemetry};

/// How much behind its target a picture may be and still count as live.
const LIVE_SLACK_MS: f64 = 400.0;
/// Share of frames that may be lost before viewers notice: OBS warns from 1 %.
const DROPPED_SHARE: f64 = 0.01;
/// What was lost longer ago is over.
const MEMORY: Duration = Duration::from_secs(30);
/// Frames of so long are the least that a share is taken of, so that a single one at the start is no trouble.
const LEAST_FRAMES: u64 = 300;

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    captured: u64,
    dropped: u64,
    unsent: u64,
}

impl Totals {
    /// Those of a broadcast.
    pub(super) fn of(status: &BroadcastStatus) -> Self {
        Self {
            captured: status.media.frames_captured,
            dropped: status.media.dropped.values().sum(),
            unsent: status.upload_dropped,
        }
    }
}

/// What was lost in the last half minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lately {
    /// So many frames that viewers notice.
    frames: bool,
    /// Chunks that never reached the server.
    chunks: bool,
}

/// Remembers what was lost and when: pure.
#[derive(Debug, Default)]
pub(super) struct Losses {
    seen: VecDeque<(Instant, Totals)>,
}

impl Losses {
    /// Takes the totals as they are now; says what was lost lately.
    pub(super) fn note(&mut self, now: Instant, totals: Totals) -> Lately {
        self.seen.push_back((now, totals));
        // The oldest one kept is the newest that is old enough.
        while self.seen.get(1).is_some_and(|(at, ..)| now.saturating_duration_since(*at) >= MEMORY) {
            self.seen.pop_front();
        }
        let Some((_, then)) = self.seen.front() else { return Lately::default() };
        let frames = totals.captured.saturating_sub(then.captured).max(LEAST_FRAMES);
        Lately {
            frames: totals.dropped.saturating_sub(then.dropped) as f64 > DROPPED_SHARE * frames as f64,
            chunks: totals.unsent > then.unsent,
        }
    }
}

/// Over this time copies are counted: two GOPs, so that a keyframe more or less does not matter.
const COPIES: Duration = Duration::from_secs(4);

/// How many copies of the stream leave the broadcaster's machine: one to the server, and what viewers are sent. Pure.
#[derive(Debug, Default)]
pub(super) struct Copies {
    seen: VecDeque<(Instant, u64, u64)>,
}

impl Copies {
    /// Takes the bytes that were made and the bytes that viewers were sent so far; `None` before anything was made.
    pub(super) fn note(&mut self, now: Instant, made: u64, to_peers: u64) -> Option<f32> {
        self.seen.push_back((now, made, to_peers));
        while self.seen.get(1).is_some_and(|(at, ..)| now.saturating_duration_since(*at) >= COPIES) {
            self.seen.pop_front();
        }
        let (_, made_then, peers_then) = self.seen.front()?;
        let made = made.saturating_sub(*made_then);
        (made > 0).then(|| 1.0 + (to_peers.saturating_sub(*peers_then) as f64 / made as f64) as f32)
    }
}

/// Kilobits a second between two counts of bytes.
pub(super) fn kbps(before: u64, now: u64, passed: Duration) -> Option<u32> {
    let millis = u64::try_from(passed.as_millis()).ok().filter(|millis| *millis > 0)?;
    u32::try_from(now.saturating_sub(before).saturating_mul(8) / millis).ok()
}

/// Measurements of the watched channel.
pub(super) fn watch_telemetry(status: &WatchStatus, bitrate_kbps: Option<u32>) -> WatchTelemetry {
    let (player, delivery) = (&status.player, &status.delivery);
    let shown = status.first_frame_micros.is_some();
    WatchTelemetry {
        behind: shown.then(|| Duration::from_secs_f64((player.delay_ms / 1000.0).clamp(0.0, 86_400.0))),
        behind_on_purpose: player.paused || (!player.live && player.behind_live_ms > LIVE_SLACK_MS),
        buffer: Duration::from_secs_f64((player.buffer_ms / 1000.0).clamp(0.0, 86_400.0)),
        delivery: Delivery {
            from_peers: delivery.from_peers,
            from_publisher: delivery.from_publisher,
            from_server: delivery.from_origin,
            to_peers: delivery.to_peers,
            neighbours: u32::try_from(delivery.neighbours).unwrap_or(u32::MAX),
            viewers: u32::try_from(delivery.viewers).unwrap_or(u32::MAX),
            rejected: delivery.rejected,
        },
        way: status.way,
        size: player.size.map(|size| (size.width(), size.height())),
        fps: (player.fps > 0.0).then_some(player.fps as f32),
        bitrate_kbps,
        codecs: status.codecs.clone(),
        frames_shown: player.frames_shown,
        frames_skipped: player.frames_skipped,
        stalls: u32::try_from(player.stalls).unwrap_or(u32::MAX),
        // The screens say how much later the picture is; the player how early the sound: the same number.
        av_offset_ms: (player.av_offset_ms.count > 0).then_some(player.av_offset_ms.p50 as f32),
        sound_lost: status.sound_lost,
    }
}

/// How far watching has come; `paused` is the person's doing and hides the rest. `None` for what has no screen of its own.
pub(super) fn watch_phase(status: &WatchStatus, paused: bool, since: Instant, address: &str) -> WatchPhase {
    match &status.phase {
        Watching::Connecting { .. } | Watching::Opening | Watching::Waiting => WatchPhase::Opening { since },
        Watching::Playing if paused => WatchPhase::Paused,
        Watching::Playing => WatchPhase::Playing,
        Watching::Stalled { since } => WatchPhase::Stalled { since: *since },
        Watching::Away => WatchPhase::Ended(crate::state::EndReason::Stopped),
        Watching::Ended(EndReason::Ended | EndReason::Asked) => WatchPhase::Ended(crate::state::EndReason::Ended),
        Watching::Ended(EndReason::TakenDown) => WatchPhase::Ended(crate::state::EndReason::TakenDown),
        Watching::Ended(EndReason::Failed(error)) => WatchPhase::Failed(super::problem::watch(error, address)),
    }
}

/// Measurements of one's broadcast.
pub(super) fn studio_telemetry(
    status: &BroadcastStatus,
    upload_kbps: Option<u32>,
    copies: Option<f32>,
) -> StudioTelemetry {
    let media = &status.media;
    StudioTelemetry {
        encoder: status.encoder.as_ref().map(|it| Encoder { name: it.name.clone(), reason: it.reason.clone() }),
        size: status.picture.map(|(size, ..)| (size.width(), size.height())),
        fps: status.picture.map(|(_, fps, _)| fps as f32),
        bitrate_kbps: status.picture.map(|(.., kbps)| kbps),
        upload_kbps,
        copies,
        offload: status.audience.as_ref().and_then(Audience::offload),
        viewers: status.viewers.into(),
        captured: media.frames_captured,
        dropped: media.dropped.clone(),
        stage_ms: media
            .stage_ms
            .iter()
            .map(|(name, times)| (name.clone(), (times.p50 as f32, times.p95 as f32)))
            .collect(),
    }
}

/// The one verdict: the worst thing that is wrong, with the device's problem as the pipeline told it.
pub(super) fn health(status: &BroadcastStatus, device: Option<Problem>, lately: Lately) -> Health {
    match &status.phase {
        Publishing::Connecting { .. } | Publishing::Starting | Publishing::Ending | Publishing::Ended(_) => {
            return Health::Idle;
        }
        Publishing::Reconnecting { .. } => return Health::Bad(Problem::UploadLost),
        Publishing::Live { .. } => {}
    }
    if let Some(problem) = device {
        return Health::Bad(problem);
    }
    if lately.chunks || status.buffered > Duration::from_secs(3) {
        return Health::Degraded(Problem::UploadSlow);
    }
    match (status.picture, &status.ladder) {
        (Some((size, fps, _)), Some(_)) => Health::Degraded(Problem::EncoderSlow { height: size.height(), fps }),
        (Some((size, fps, _)), None) if lately.frames => {
            Health::Degraded(Problem::EncoderSlow { height: size.height(), fps })
        }
        _ => Health::Good,
    }
}

/// How far the broadcast has come; its end is told apart, since it needs what came before.
pub(super) fn studio_phase(status: &BroadcastStatus, since: Instant) -> Option<StudioPhase> {
    match &status.phase {
        Publishing::Connecting { .. } | Publishing::Starting => Some(StudioPhase::Starting { since }),
        Publishing::Live { since } => Some(StudioPhase::Live { since: *since }),
        Publishing::Ending => Some(StudioPhase::Ending),
        Publishing::Reconnecting { .. } | Publishing::Ended(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
    fn now() -> Instant {
        Instant::now()
    }

    fn live() -> BroadcastStatus {
        let size = "1280x720".parse().unwrap();
        BroadcastStatus {
            phase: Publishing::Live { since: now() },
            picture: Some((size, 30, 2500)),
            ..BroadcastStatus::default()
        }
    }

    #[test]
    fn the_worst_thing_is_the_verdict() {
        let mut status = live();
        let (nothing, frames) = (Lately::default(), Lately { frames: true, chunks: false });
        let all = Lately { frames: true, chunks: true };
        assert_eq!(health(&status, None, nothing), Health::Good);
        let slow = Health::Degraded(Problem::EncoderSlow { height: 720, fps: 30 });
        assert_eq!(health(&status, None, frames), slow);
        status.ladder = Some("too slow".to_owned());
        assert_eq!(health(&status, None, nothing), slow);
        assert_eq!(health(&status, None, all), Health::Degraded(Problem::UploadSlow));
        assert_eq!(health(&status, Some(Problem::CameraLost), all), Health::Bad(Problem::CameraLost));
        status.phase = Publishing::Reconnecting { since: now(), buffered: Duration::ZERO };
        assert_eq!(health(&status, Some(Problem::CameraLost), nothing), Health::Bad(Problem::UploadLost));
        assert_eq!(health(&BroadcastStatus::default(), None, all), Health::Idle);
    }

    #[test]
    fn what_was_lost_is_forgotten_after_a_while() {
        let (start, mut losses) = (now(), Losses::default());
        let mut lossy_at = Vec::new();
        // Thirty frames a second; from the tenth to the fifteenth second a third of them is lost.
        for second in 0..120_u64 {
            let totals = Totals { captured: second * 30, dropped: second.clamp(10, 15) * 10 - 100, unsent: 0 };
            if losses.note(start + Duration::from_secs(second), totals).frames {
                lossy_at.push(second);
            }
        }
        assert_eq!((lossy_at.first(), lossy_at.last()), (Some(&11), Some(&44)));
        assert_eq!(lossy_at.len(), 34);
        let before = Totals { captured: 5, dropped: 5, unsent: 5 };
        assert_eq!(Losses::default().note(start, before), Lately::default(), "what was lost before anyone looked");
        let unsent = losses.note(start + Duration::from_secs(120), Totals { unsent: 1, ..Totals::default() });
        assert!(unsent.chunks && !unsent.frames);
    }

    #[test]
    fn copies_are_those_of_the_last_seconds() {
        let (start, mut copies) = (now(), Copies::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(copies.note(at(0), 0, 0), None);
        assert_eq!(copies.note(at(1), 1_000, 0), Some(1.0));
        assert_eq!(copies.note(at(2), 2_000, 1_000), Some(1.5));
        // Later two copies go to viewers, and what was before is forgotten.
        let last = (3..20).map(|second| copies.note(at(second), second * 1_000, 1_000 + (second - 2) * 2_000)).last();
        assert_eq!(last, Some(Some(3.0)));
    }

    #[test]
    fn rates_are_of_time_that_passed() {
        assert_eq!(kbps(1_000, 126_000, Duration::from_secs(1)), Some(1_000));
        assert_eq!(kbps(5, 1, Duration::from_secs(1)), Some(0));
        assert_eq!(kbps(0, 1, Duration::ZERO), None);
    }

    #[test]
    fn a_broadcaster_who_is_away_has_stopped() {
        let status = WatchStatus { phase: Watching::Away, ..WatchStatus::default() };
        assert_eq!(watch_phase(&status, false, now(), ""), WatchPhase::Ended(crate::state::EndReason::Stopped));
    }
}
