//! Where sources hand over: times are kept monotonic here, and losses and recoveries are told once each.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::capture::clock::CaptureClock;
use crate::capture::problem::CaptureProblem;
use crate::capture::queue;
use crate::capture::still::{StillKind, Stills, darkened};
use crate::capture::{CaptureEvent, CaptureStats};
use crate::format::{Size, Timestamp};
use crate::frame::{AudioFrame, TrackKind, VideoFrame};
use crate::slot::{self, Closed};

/// Tells the reader of a capture what happened to its devices.
#[derive(Clone)]
pub(crate) struct Events {
    sender: queue::Sender<CaptureEvent>,
}

impl Events {
    pub(crate) fn new(sender: queue::Sender<CaptureEvent>) -> Self {
        Self { sender }
    }

    /// Sends an event; nobody listening is no error.
    pub(crate) fn tell(&self, event: CaptureEvent) {
        let _nobody_listens = self.sender.send(event);
    }
}

/// Whether a device works, so that each change is told once.
struct Health {
    what: TrackKind,
    problem: Option<CaptureProblem>,
    events: Events,
}

impl Health {
    fn lose(&mut self, problem: CaptureProblem) {
        let news = self.problem.as_ref().is_none_or(|known| known.kind != problem.kind);
        if news {
            tracing::warn!(%problem, "capture lost");
            self.events.tell(CaptureEvent::Lost { what: self.what, problem: problem.clone() });
            self.problem = Some(problem);
        }
    }

    fn works(&mut self) {
        if self.problem.take().is_some() {
            tracing::info!(what = ?self.what, "capture recovered");
            self.events.tell(CaptureEvent::Recovered { what: self.what });
        }
    }
}

/// Hands pictures over.
#[derive(Clone)]
pub(crate) struct VideoOut(Arc<VideoShared>);

struct VideoShared {
    sender: slot::Sender<VideoFrame>,
    state: Mutex<VideoState>,
    clock: CaptureClock,
    stats: Arc<CaptureStats>,
}

struct VideoState {
    last: Option<VideoFrame>,
    dark: Option<VideoFrame>,
    stills: Stills,
    health: Health,
}

impl VideoOut {
    /// A gate that expects a picture each `period`, and whose source may rest for `patience` before it counts as silent.
    pub(crate) fn new(
        sender: slot::Sender<VideoFrame>,
        events: Events,
        clock: CaptureClock,
        stats: Arc<CaptureStats>,
        stills: Stills,
    ) -> Self {
        let health = Health { what: TrackKind::Video, problem: None, events };
        Self(Arc::new(VideoShared {
            sender,
            state: Mutex::new(VideoState { last: None, dark: None, stills, health }),
            clock,
            stats,
        }))
    }

    /// The clock that pictures are timed by.
    pub(crate) fn clock(&self) -> CaptureClock {
        self.0.clock
    }

    /// Hands over a picture of the source itself.
    ///
    /// One that is not later than the last is dropped and counted: a device's clock may stumble, ours may not.
    pub(crate) fn send(&self, frame: VideoFrame) -> Result<(), Closed> {
        let mut state = self.0.state.lock();
        state.health.works();
        state.dark = None;
        if state.last.as_ref().is_some_and(|last| last.timestamp >= frame.timestamp) {
            self.0.stats.count_unordered();
            return Ok(());
        }
        state.stills.sent(frame.timestamp, true);
        state.last = Some(frame.clone());
        self.0.sender.send(frame)
    }

    /// Notes that the source does not work, and tells it if that is news.
    pub(crate) fn lose(&self, problem: CaptureProblem) {
        let mut state = self.0.state.lock();
        state.stills.lost();
        state.health.lose(problem);
    }

    /// Sends a still where the source owes a picture at media time `now`; says how long to wait before asking again.
    ///
    /// While a source is lost that is its last picture, darkened (a dark card of `size` where it never gave one); while it is
    /// merely silent, the last picture again.
    pub(crate) fn fill(&self, now: Timestamp, size: Size) -> Result<Duration, Closed> {
        let mut state = self.0.state.lock();
        let Some(kind) = state.stills.due(now) else { return Ok(state.stills.wait(now)) };
        let mut frame = match (kind, &state.last) {
            (StillKind::Repeat, Some(last)) => last.clone(),
            _ => {
                let VideoState { last, dark, .. } = &mut *state;
                dark.get_or_insert_with(|| darkened(last.as_ref(), size)).clone()
            }
        };
        frame.timestamp = now;
        frame.captured = self.0.clock.wall_clock(now);
        // Keep the undarkened picture, but remember the time: what comes next must be later.
        let times = (frame.timestamp, frame.captured);
        let last = state.last.get_or_insert_with(|| frame.clone());
        (last.timestamp, last.captured) = times;
        state.stills.sent(now, false);
        self.0.stats.count_still();
        self.0.sender.send(frame)?;
        Ok(state.stills.wait(now))
    }

    /// How long the source itself has been silent at `now`, while it is not known to be lost.
    pub(crate) fn silence(&self, now: Timestamp) -> Duration {
        let state = self.0.state.lock();
        if state.health.problem.is_some() { Duration::ZERO } else { state.stills.silence(now) }
    }
}

/// Hands sound over.
#[derive(Clone)]
pub(crate) struct AudioOut(Arc<AudioShared>);

struct AudioShared {
    sender: queue::Sender<AudioFrame>,
    health: Mutex<Health>,
    clock: CaptureClock,
}

impl AudioOut {
    pub(crate) fn new(sender: queue::Sender<AudioFrame>, events: Events, clock: CaptureClock) -> Self {
        let health = Mutex::new(Health { what: TrackKind::Audio, problem: None, events });
        Self(Arc::new(AudioShared { sender, health, clock }))
    }

    /// The clock that sound is timed by.
    pub(crate) fn clock(&self) -> CaptureClock {
        self.0.clock
    }

    /// Hands over a block that starts at `timestamp`.
    pub(crate) fn send(&self, timestamp: Timestamp, samples: Vec<f32>) -> Result<(), Closed> {
        self.0.sender.send(AudioFrame { timestamp, captured: self.0.clock.wall_clock(timestamp), samples })
    }

    /// Notes that the device does not work, and tells it if that is news.
    pub(crate) fn lose(&self, problem: CaptureProblem) {
        self.0.health.lock().lose(problem);
    }

    /// Notes that the device works.
    pub(crate) fn works(&self) {
        self.0.health.lock().works();
    }

    /// Whether the device is known not to work.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.health.lock().problem.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::problem::ProblemKind;
    use crate::format::{ColorSpace, WallClock};

    fn picture(millis: i64, luma: u8) -> VideoFrame {
        let size = Size::new(32, 16).expect("legal");
        let planes = [vec![luma; 512], vec![128; 128], vec![128; 128]];
        let at = Timestamp::from_micros(millis * 1000);
        VideoFrame::from_i420(at, WallClock::from_micros(millis * 1000), size, ColorSpace::default(), planes)
    }

    #[expect(clippy::disallowed_methods, reason = "any epoch will do")]
    fn gate() -> (VideoOut, slot::Receiver<VideoFrame>, queue::Receiver<CaptureEvent>, Arc<CaptureStats>) {
        let clock = CaptureClock::new(std::time::Instant::now(), WallClock::from_micros(0));
        let (sender, video) = slot::slot();
        let (events, told) = queue::queue(8);
        let stats = Arc::new(CaptureStats::default());
        let stills = Stills::new(Duration::from_millis(33), Duration::from_millis(500));
        (VideoOut::new(sender, Events::new(events), clock, stats.clone(), stills), video, told, stats)
    }

    #[test]
    fn times_only_go_forward() {
        let (out, video, _, stats) = gate();
        for (millis, passes) in [(10, true), (43, true), (43, false), (20, false), (76, true)] {
            out.send(picture(millis, 100)).expect("open");
            assert_eq!(video.try_recv().is_some(), passes, "{millis}");
        }
        assert_eq!(stats.unordered(), 2);
    }

    #[test]
    fn a_lost_source_shows_a_dark_still_and_is_told_once() {
        let (out, video, told, _) = gate();
        let size = Size::new(64, 32).expect("legal");
        out.send(picture(10, 200)).expect("open");
        assert_eq!(video.try_recv().expect("sent").planes[0].data[0], 200);
        let problem = CaptureProblem::new(ProblemKind::Unplugged, "camera 0", "gone");
        out.lose(problem.clone());
        out.lose(problem.clone());
        out.fill(Timestamp::from_micros(100_000), size).expect("open");
        let still = video.try_recv().expect("a still");
        assert!(still.planes[0].data[0] < 100, "darkened");
        assert_eq!(still.size, Size::new(32, 16).expect("legal"));
        out.send(picture(90, 200)).expect("open");
        assert!(video.try_recv().is_none(), "earlier than the still");
        out.send(picture(120, 200)).expect("open");
        assert_eq!(video.try_recv().expect("sent").planes[0].data[0], 200);
        assert_eq!(told.try_recv(), Some(CaptureEvent::Lost { what: TrackKind::Video, problem }));
        assert_eq!(told.try_recv(), Some(CaptureEvent::Recovered { what: TrackKind::Video }));
        assert_eq!(told.try_recv(), None);
    }

    #[test]
    fn a_source_that_never_gave_a_picture_shows_a_card_of_the_wanted_size() {
        let (out, video, _, _) = gate();
        let size = Size::new(64, 32).expect("legal");
        out.lose(CaptureProblem::new(ProblemKind::Missing, "camera 0", ""));
        let wait = out.fill(Timestamp::from_micros(40_000), size).expect("open");
        assert_eq!(video.try_recv().expect("a card").size, size);
        assert!(wait <= Duration::from_millis(33));
    }
}
