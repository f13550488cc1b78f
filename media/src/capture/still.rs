//! Stills that stand in for a source that gives no pictures, and when they are due.

use std::time::Duration;

use crate::capture::session::Session;
use crate::capture::{CaptureError, CaptureProblem, ProblemKind};
use crate::format::{ColorSpace, Range, Size, Timestamp, WallClock};
use crate::frame::VideoFrame;

/// Which picture stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StillKind {
    /// The last one again: the source is merely silent.
    Repeat,
    /// A dark one: the source is lost.
    Dark,
}

/// Decides when a source owes a picture.
///
/// A lost source is replaced at the full rate, so that encoders and viewers go on undisturbed. A silent one (a screen on
/// which nothing moves) is repeated after its patience, then twice a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stills {
    period: Duration,
    patience: Duration,
    last: Option<Timestamp>,
    heard: Option<Timestamp>,
    lost: bool,
}

impl Stills {
    /// For a source of one picture each `period` that may be silent for `patience`.
    pub(crate) const fn new(period: Duration, patience: Duration) -> Self {
        Self { period, patience, last: None, heard: None, lost: false }
    }

    /// A picture was sent, by the source itself or not.
    pub(crate) fn sent(&mut self, at: Timestamp, by_source: bool) {
        self.last = Some(at);
        if by_source {
            self.heard = Some(at);
            self.lost = false;
        }
    }

    /// The source is lost.
    pub(crate) fn lost(&mut self) {
        self.lost = true;
    }

    /// Which still is due at `now`.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<StillKind> {
        self.heard.get_or_insert(now);
        let kind = if self.lost { StillKind::Dark } else { StillKind::Repeat };
        self.wait(now).is_zero().then_some(kind)
    }

    /// How long nothing is due at `now`.
    pub(crate) fn wait(&self, now: Timestamp) -> Duration {
        let interval = if self.lost { self.period } else { self.patience };
        match self.last.or(if self.lost { None } else { self.heard }) {
            Some(last) => interval.saturating_sub(now.saturating_since(last)),
            None if self.lost => Duration::ZERO,
            None => interval,
        }
    }

    /// How long the source itself has given nothing.
    pub(crate) fn silence(&self, now: Timestamp) -> Duration {
        self.heard.map_or(Duration::ZERO, |heard| now.saturating_since(heard))
    }
}

/// Starts the thread that sends a still in place of a source: for the source `none`, at its full rate.
pub(crate) fn start(session: &mut Session) -> Result<(), CaptureError> {
    let (out, stop, config) = (session.video.clone(), session.stop.clone(), session.config.clone());
    session.spawn("runnel-still", move || {
        let frame = card(config.size);
        let period = Duration::from_secs(1) / config.fps;
        let mut due = config.clock.now();
        loop {
            if stop.wait_until(config.clock.instant(due)) {
                return;
            }
            let mut frame = frame.clone();
            (frame.timestamp, frame.captured) = (due, config.clock.wall_clock(due));
            if out.send(frame).is_err() {
                return;
            }
            due = due.saturating_add(period).max(config.clock.now().saturating_sub(period));
        }
    })
}

/// Starts the thread that fills in for a device that is lost or silent.
///
/// A device that is silent for longer than `limit` is told to be lost, if there is a limit.
pub(crate) fn start_filler(session: &mut Session, device: String, limit: Option<Duration>) -> Result<(), CaptureError> {
    let (out, stop, config) = (session.video.clone(), session.stop.clone(), session.config.clone());
    session.spawn("runnel-stills", move || {
        loop {
            let now = config.clock.now();
            if let Some(limit) = limit.filter(|limit| out.silence(now) > *limit) {
                let detail = format!("no picture for {} s", limit.as_secs());
                out.lose(CaptureProblem::new(ProblemKind::Broken, device.clone(), detail));
            }
            let Ok(wait) = out.fill(now, config.size) else { return };
            if stop.wait(wait.clamp(Duration::from_millis(2), Duration::from_millis(100))) {
                return;
            }
        }
    })
}

/// The last picture at a third of its brightness and color, or a plain dark card of `size` where there is none.
pub(crate) fn darkened(last: Option<&VideoFrame>, size: Size) -> VideoFrame {
    let Some(last) = last.filter(|last| last.depth == 8) else { return card(size) };
    let black = if last.color.range == Range::Limited { 16 } else { 0 };
    let fade = |plane: usize, neutral: i32| -> Vec<u8> {
        let (columns, rows) = plane_size(last.size, plane);
        let stride = last.planes[plane].stride.max(1);
        let rows = last.planes[plane].data.chunks(stride).take(rows);
        rows.flat_map(|row| {
            row.iter().take(columns).map(|sample| (neutral + (i32::from(*sample) - neutral) / 3).clamp(0, 255) as u8)
        })
        .collect()
    };
    let planes = [fade(0, black), fade(1, 128), fade(2, 128)];
    // The planes of a damaged picture are shorter than they claim.
    let whole =
        planes[0].len() == last.size.pixels() && planes[1..].iter().all(|plane| plane.len() == last.size.pixels() / 4);
    if whole { VideoFrame::from_i420(last.timestamp, last.captured, last.size, last.color, planes) } else { card(size) }
}

/// A card in dark grey, slightly lighter towards its middle: a viewer sees that something is there, and it costs nothing.
pub(crate) fn card(size: Size) -> VideoFrame {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let mut luma = Vec::with_capacity(size.pixels());
    for y in 0..height {
        let from_middle = (2 * y).abs_diff(height);
        let row = 24 + (24 * (height - from_middle.min(height)) / height) as u8;
        luma.resize((y + 1) * width, row);
    }
    let chroma = vec![128; size.pixels() / 4];
    VideoFrame::from_i420(
        Timestamp::ZERO,
        WallClock::default(),
        size,
        ColorSpace::default(),
        [luma, chroma.clone(), chroma],
    )
}

fn plane_size(size: Size, plane: usize) -> (usize, usize) {
    let (width, height) = (size.width() as usize, size.height() as usize);
    if plane == 0 { (width, height) } else { (width / 2, height / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn a_lost_source_owes_pictures_at_its_rate() {
        let mut stills = Stills::new(Duration::from_millis(40), Duration::from_millis(500));
        stills.sent(at(0), true);
        assert_eq!(stills.due(at(100)), None, "not lost, still patient");
        stills.lost();
        let mut sent = Vec::new();
        for now in (100..300).step_by(10) {
            if let Some(kind) = stills.due(at(now)) {
                assert_eq!(kind, StillKind::Dark);
                stills.sent(at(now), false);
                sent.push(now);
            }
        }
        assert_eq!(sent, [100, 140, 180, 220, 260]);
        assert_eq!(stills.silence(at(300)), Duration::from_millis(300));
    }

    #[test]
    fn a_silent_source_is_repeated_after_its_patience() {
        let mut stills = Stills::new(Duration::from_millis(40), Duration::from_millis(500));
        assert_eq!(stills.due(at(0)), None, "it has just begun");
        stills.sent(at(10), true);
        assert_eq!(stills.due(at(509)), None);
        assert_eq!(stills.wait(at(410)), Duration::from_millis(100));
        assert_eq!(stills.due(at(510)), Some(StillKind::Repeat));
    }

    #[test]
    fn darkening_keeps_the_size_and_survives_odd_strides() {
        let size = Size::new(32, 16).expect("legal");
        let mut frame = card(size);
        frame.planes[0] = crate::frame::Plane { data: crate::frame::PlaneData::new(vec![215u8; 40 * 16]), stride: 40 };
        let dark = darkened(Some(&frame), Size::new(64, 64).expect("legal"));
        assert_eq!((dark.size, dark.planes[0].data.len()), (size, size.pixels()));
        assert_eq!(dark.planes[0].data[33], 16 + 199 / 3);
        frame.planes[0].data = crate::frame::PlaneData::new(vec![0u8; 8]);
        assert_eq!(
            darkened(Some(&frame), size).planes[0].data.len(),
            size.pixels(),
            "a damaged picture gives the card"
        );
    }
}
