//! From the sessions' figures to what the screens show. Pure.

use std::time::Duration;

use crate::session::broadcast::{BroadcastStatus, Phase as Publishing};
use crate::session::watch::{EndReason, Phase as Watching, WatchStatus};
use crate::state::{Delivery, Encoder, Health, Problem, StudioPhase, StudioTelemetry, WatchPhase, WatchTelemetry};

/// How much behind its target a picture may be and still count as live.
const LIVE_SLACK_MS: f64 = 400.0;
/// Share of frames that may be lost before viewers notice: OBS warns from 1 %.
const DROPPED_SHARE: f64 = 0.01;

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
            rejected: delivery.rejected,
        },
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
pub(super) fn watch_phase(status: &WatchStatus, paused: bool, since: std::time::Instant, address: &str) -> WatchPhase {
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
pub(super) fn studio_telemetry(status: &BroadcastStatus, upload_kbps: Option<u32>) -> StudioTelemetry {
    let media = &status.media;
    StudioTelemetry {
        encoder: status.encoder.as_ref().map(|it| Encoder { name: it.name.clone(), reason: it.reason.clone() }),
        size: status.picture.map(|(size, ..)| (size.width(), size.height())),
        fps: status.picture.map(|(_, fps, _)| fps as f32),
        upload_kbps,
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
pub(super) fn health(status: &BroadcastStatus, device: Option<Problem>) -> Health {
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
    if status.upload_dropped > 0 || status.buffered > Duration::from_secs(3) {
        return Health::Degraded(Problem::UploadSlow);
    }
    let dropped: u64 = status.media.dropped.values().sum();
    let noticeable = dropped as f64 > DROPPED_SHARE * status.media.frames_captured.max(300) as f64;
    match (status.picture, &status.ladder) {
        (Some((size, fps, _)), Some(_)) => Health::Degraded(Problem::EncoderSlow { height: size.height(), fps }),
        (Some((size, fps, _)), None) if noticeable => {
            Health::Degraded(Problem::EncoderSlow { height: size.height(), fps })
        }
        _ => Health::Good,
    }
}

/// How far the broadcast has come; its end is told apart, since it needs what came before.
pub(super) fn studio_phase(status: &BroadcastStatus, since: std::time::Instant) -> Option<StudioPhase> {
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
    fn now() -> std::time::Instant {
        std::time::Instant::now()
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
        assert_eq!(health(&status, None), Health::Good);
        status.media.frames_captured = 1000;
        status.media.dropped = [("encode".to_owned(), 11)].into();
        assert_eq!(health(&status, None), Health::Degraded(Problem::EncoderSlow { height: 720, fps: 30 }));
        status.upload_dropped = 1;
        assert_eq!(health(&status, None), Health::Degraded(Problem::UploadSlow));
        assert_eq!(health(&status, Some(Problem::CameraLost)), Health::Bad(Problem::CameraLost));
        status.phase = Publishing::Reconnecting { since: now(), buffered: Duration::ZERO };
        assert_eq!(health(&status, Some(Problem::CameraLost)), Health::Bad(Problem::UploadLost));
        assert_eq!(health(&BroadcastStatus::default(), None), Health::Idle);
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
