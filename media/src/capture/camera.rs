//! Cameras, through nokhwa.
//!
//! nokhwa's own threaded camera swallows errors and spins on a dead device, so the loop is ours: a reader thread that opens
//! the device and takes raw frames, and a keeper that opens it again when it failed. Raw formats are converted here, far
//! faster than nokhwa's way through RGB.

pub(crate) mod device;
pub(crate) mod raw;

use std::sync::Arc;
use std::time::Duration;

use crate::capture::clock::CaptureClock;
use crate::capture::gate::VideoOut;
use crate::capture::session::Session;
use crate::capture::stop::{Backoff, Stop};
use crate::capture::{CaptureError, CaptureProblem, CaptureStats, Device, ProblemKind, queue, still};
use crate::format::Timestamp;
use raw::Raw;

/// A camera that gives nothing for so long does not work, though its driver says nothing.
const SILENT: Duration = Duration::from_secs(3);
/// Pictures that cannot be decoded, one after the other, before the camera counts as broken.
const BROKEN: u32 = 60;
/// A camera that ran for so long is tried again with short waits.
const STEADY: Duration = Duration::from_secs(10);
/// How long a reader may take to notice that it should stop; one that is stuck in its driver is left behind.
const LEAVE: Duration = Duration::from_secs(2);
/// A camera that is plugged in again is seen within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(50);
/// A time stamp further back than this is not believed.
const CREDIBLE: Duration = Duration::from_secs(1);

/// An open camera: gives the next picture, waiting for it.
pub(crate) trait Feed {
    fn next(&mut self) -> Result<Raw, CaptureProblem>;
}

/// Opens a camera, in the thread that will read it.
pub(crate) type Open = Arc<dyn Fn() -> Result<Box<dyn Feed>, CaptureProblem> + Send + Sync>;

/// Starts capturing a camera: the given one, or the first that works.
pub(crate) fn start(session: &mut Session, index: Option<u32>) -> Result<(), CaptureError> {
    let wish = (session.config.size, session.config.fps);
    start_with(session, device::name(index), Arc::new(move || device::open(index, wish.0, wish.1)))
}

fn start_with(session: &mut Session, name: String, open: Open) -> Result<(), CaptureError> {
    still::start_filler(session, name.clone(), Some(SILENT))?;
    let keeper =
        Keeper { name, open, out: session.video.clone(), stop: session.stop.clone(), stats: session.stats.clone() };
    session.spawn("runnel-camera", move || keeper.keep_open())
}

/// The cameras that can be chosen.
pub(crate) fn list() -> Vec<Device> {
    device::list()
}

/// Keeps a reader running.
struct Keeper {
    name: String,
    open: Open,
    out: VideoOut,
    stop: Stop,
    stats: Arc<CaptureStats>,
}

impl Keeper {
    fn keep_open(&self) {
        let mut backoff = Backoff::up_to(LONGEST_WAIT);
        while !self.stop.is_set() {
            let began = self.out.clock().now();
            let Some(problem) = self.read() else { return };
            if self.out.clock().now().saturating_since(began) > STEADY {
                backoff.reset();
            }
            self.out.lose(problem);
            self.stop.wait(backoff.next());
        }
    }

    /// Runs a reader until it fails, giving why, or until it is time to stop.
    fn read(&self) -> Option<CaptureProblem> {
        let (sender, ended) = queue::queue(1);
        let reader =
            Reader { open: self.open.clone(), out: self.out.clone(), stop: Stop::default(), stats: self.stats.clone() };
        let reader_stop = reader.stop.clone();
        let body = move || {
            let _keeper_left = sender.send(reader.run());
        };
        let thread = match std::thread::Builder::new().name("runnel-camera-read".into()).spawn(body) {
            Ok(thread) => thread,
            Err(error) => return Some(CaptureProblem::from_words(self.name.clone(), error, false)),
        };
        let problem = loop {
            if self.stop.is_set() {
                reader_stop.set();
                // A reader that is stuck in its driver ends when the driver lets it go, and touches nothing but its device.
                if let Ok(None) = ended.recv_timeout(LEAVE) {
                    tracing::warn!(camera = self.name, "the driver does not return; its thread is left behind");
                    return None;
                }
                let _panicked = thread.join();
                return None;
            }
            match ended.recv_timeout(LOOK) {
                Ok(Some(problem)) => break problem,
                Ok(None) => {}
                Err(queue::Closed) => {
                    break CaptureProblem::new(ProblemKind::Broken, self.name.clone(), "its driver failed");
                }
            }
        };
        let _panicked = thread.join();
        Some(problem)
    }
}

/// Reads one opened camera.
struct Reader {
    open: Open,
    out: VideoOut,
    stop: Stop,
    stats: Arc<CaptureStats>,
}

impl Reader {
    fn run(&self) -> CaptureProblem {
        match (self.open)() {
            Ok(mut feed) => self.pass_on(&mut *feed),
            Err(problem) => problem,
        }
    }

    fn pass_on(&self, feed: &mut dyn Feed) -> CaptureProblem {
        let clock = self.out.clock();
        let mut broken = 0;
        while !self.stop.is_set() {
            let raw = match feed.next() {
                Ok(raw) => raw,
                Err(problem) => return problem,
            };
            let timestamp = stamp(&clock, raw.stamped);
            match raw.decode(timestamp, clock.wall_clock(timestamp)) {
                Ok(frame) => {
                    broken = 0;
                    if self.out.send(frame).is_err() {
                        break;
                    }
                }
                Err(problem) => {
                    self.stats.count_broken();
                    broken += 1;
                    if broken >= BROKEN {
                        return problem;
                    }
                }
            }
        }
        CaptureProblem::new(ProblemKind::Broken, "camera", "stopped")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "cameras stamp pictures by the wall clock: both clocks are read at once to tell a picture's age"
)]
fn stamp(clock: &CaptureClock, stamped: Option<Duration>) -> Timestamp {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    capture_time(clock.now(), wall, stamped)
}

/// When a picture that arrives `now` was captured, by the stamp of its driver where that is credible.
///
/// Only the age is taken from the stamp, so a wall clock that jumps spoils no more than the pictures on their way.
fn capture_time(now: Timestamp, wall: Duration, stamped: Option<Duration>) -> Timestamp {
    let age = stamped.and_then(|stamped| wall.checked_sub(stamped)).filter(|age| *age <= CREDIBLE);
    now.saturating_sub(age.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::capture::{CaptureConfig, CaptureEvent};
    use crate::format::Size;
    use crate::frame::VideoFrame;
    use crate::preprocess::convert::PixelFormat;
    use crate::slot;

    #[test]
    fn stamps_are_believed_within_reason() {
        let now = Timestamp::from_micros(5_000_000);
        let wall = Duration::from_secs(1_700_000_000);
        let back = |stamped: Option<Duration>| 5_000 - capture_time(now, wall, stamped).as_micros() / 1000;
        assert_eq!(back(None), 0);
        assert_eq!(back(Some(wall - Duration::from_millis(40))), 40);
        assert_eq!(back(Some(wall + Duration::from_millis(40))), 0, "from the future");
        assert_eq!(back(Some(wall - Duration::from_secs(3600))), 0, "the wall clock was set");
        assert_eq!(back(Some(Duration::ZERO)), 0);
    }

    /// What a camera does next.
    enum Act {
        OpenFails(ProblemKind),
        Picture(u8),
        Garbage,
        Fails(ProblemKind),
        Panics,
    }

    struct Play(Arc<Mutex<Vec<Act>>>);

    impl Feed for Play {
        fn next(&mut self) -> Result<Raw, CaptureProblem> {
            // A camera takes its time.
            std::thread::park_timeout(Duration::from_millis(2));
            let raw = |format, data| Ok(Raw { format, width: 32, height: 16, data, stamped: None });
            let act = self.0.lock().pop();
            match act {
                Some(Act::Picture(luma)) => {
                    raw(raw::RawFormat::Pixels(PixelFormat::Yuyv), vec![luma; 32 * 16 * 2].into())
                }
                Some(Act::Garbage) => raw(raw::RawFormat::Jpeg, vec![1, 2, 3].into()),
                Some(Act::Fails(kind)) => Err(CaptureProblem::new(kind, "camera 7", "test")),
                Some(Act::Panics) => panic!("a driver's bug"),
                Some(act @ Act::OpenFails(_)) => {
                    self.0.lock().push(act);
                    Err(CaptureProblem::new(ProblemKind::Unplugged, "camera 7", "gone"))
                }
                None => {
                    std::thread::park_timeout(Duration::from_millis(20));
                    raw(raw::RawFormat::Pixels(PixelFormat::Yuyv), vec![200; 32 * 16 * 2].into())
                }
            }
        }
    }

    fn camera(mut acts: Vec<Act>) -> (Session, slot::Receiver<VideoFrame>, queue::Receiver<CaptureEvent>) {
        let config = CaptureConfig {
            size: Size::new(64, 32).expect("legal"),
            fps: 30,
            clock: CaptureClock::start(),
            grants: None,
        };
        let (mut session, video, _audio, events) = Session::new(config);
        acts.reverse();
        let acts = Arc::new(Mutex::new(acts));
        let open: Open = Arc::new(move || {
            let act = acts.lock().pop();
            match act {
                Some(Act::OpenFails(kind)) => return Err(CaptureProblem::new(kind, "camera 7", "test")),
                Some(other) => acts.lock().push(other),
                None => {}
            }
            Ok(Box::new(Play(acts.clone())))
        });
        start_with(&mut session, "camera 7".into(), open).expect("threads");
        (session, video, events)
    }

    /// Events until the camera gives its final picture.
    fn story(acts: Vec<Act>) -> (Vec<String>, u64) {
        let (session, video, events) = camera(acts);
        let mut last = Timestamp::from_micros(i64::MIN);
        for _ in 0..1000 {
            let Ok(Some(frame)) = video.recv_timeout(Duration::from_secs(10)) else { panic!("it must go on") };
            assert!(frame.timestamp > last, "times go forward");
            last = frame.timestamp;
            if frame.planes[0].data[0] == 200 && frame.size == Size::new(32, 16).expect("legal") {
                break;
            }
        }
        let broken = session.stats.broken();
        session.into_handle().stop();
        let word = |event| match event {
            CaptureEvent::Lost { problem, .. } => format!("{:?}", problem.kind),
            CaptureEvent::Recovered { .. } => "Recovered".into(),
            CaptureEvent::Ended => "Ended".into(),
        };
        (std::iter::from_fn(|| events.try_recv()).map(word).collect(), broken)
    }

    #[test]
    fn a_camera_that_works_says_nothing() {
        assert_eq!(story(vec![Act::Picture(50), Act::Picture(60)]), (vec![], 0));
    }

    #[test]
    fn unplugging_is_survived() {
        let acts = vec![
            Act::Picture(50),
            Act::Fails(ProblemKind::Unplugged),
            Act::OpenFails(ProblemKind::Missing),
            Act::OpenFails(ProblemKind::Missing),
        ];
        assert_eq!(story(acts).0, ["Unplugged", "Missing", "Recovered"]);
    }

    #[test]
    fn a_busy_camera_is_waited_for_and_a_panicking_driver_is_contained() {
        assert_eq!(story(vec![Act::OpenFails(ProblemKind::Busy), Act::Picture(50)]).0, ["Busy", "Recovered"]);
        assert_eq!(story(vec![Act::Picture(50), Act::Panics]).0, ["Broken", "Recovered"]);
    }

    #[test]
    fn single_damaged_pictures_are_left_out() {
        assert_eq!(story(vec![Act::Picture(50), Act::Garbage, Act::Garbage, Act::Picture(50)]), (vec![], 2));
    }
}
