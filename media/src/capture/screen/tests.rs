//! Captures a real X server with real windows, where Xvfb and the X test programs are installed.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::capture::{CaptureClock, CaptureConfig, CaptureEvent, CaptureHandle, queue};
use crate::format::Size;
use crate::frame::VideoFrame;
use crate::slot;

/// A child process that ends with the test.
struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// An X server of its own; nothing where Xvfb is not installed.
fn display() -> Option<(Kill, String)> {
    // It chooses a free number itself and writes it once it is ready.
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut number = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take()?), &mut number).ok()?;
    Some((Kill(server), format!(":{}", number.trim())))
}

/// A capture of the screen alone.
struct Capture {
    video: slot::Receiver<VideoFrame>,
    events: queue::Receiver<CaptureEvent>,
    _handle: CaptureHandle,
}

fn open(display: &str, target: ScreenTarget, pointer: bool) -> Capture {
    let config = CaptureConfig {
        size: Size::new(320, 180).expect("legal"),
        fps: 20,
        clock: CaptureClock::start(),
        grants: None,
    };
    let (mut session, video, _audio, events) = Session::new(config);
    let environment = Environment { os: "linux".into(), x11: Some(display.into()), ..Environment::default() };
    start_in(&mut session, &environment, target, pointer).expect("starts");
    Capture { video, events, _handle: session.into_handle() }
}

/// The window of `name` on `display`, once it is there.
fn window(display: &str, name: &str) -> Option<u64> {
    for _ in 0..100 {
        let tree = Command::new("xwininfo").args(["-display", display, "-root", "-tree"]).output().ok()?;
        let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
        if let Some(line) = tree.lines().find(|line| line.contains(name)) {
            return u64::from_str_radix(line.trim().strip_prefix("0x")?.split_whitespace().next()?, 16).ok();
        }
        let _running = Command::new("xwininfo").args(["-display", display, "-root", "-stats"]).output();
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn until(capture: &Capture, what: &str, mut done: impl FnMut(Option<VideoFrame>, Option<CaptureEvent>) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let frame = capture.video.recv_timeout(Duration::from_millis(20)).expect("it goes on");
        if done(frame, capture.events.try_recv()) {
            return;
        }
    }
    panic!("waited in vain for {what}");
}

#[test]
fn a_screen_and_its_windows() {
    let Some((server, name)) = display() else {
        eprintln!("skipped: no Xvfb on this machine");
        return;
    };
    let eyes =
        Command::new("xeyes").args(["-display", &name, "-geometry", "300x200+100+100"]).stderr(Stdio::null()).spawn();
    let (Ok(eyes), Some(id)) = (eyes.map(Kill), window(&name, "xeyes")) else {
        eprintln!("skipped: no xeyes or xwininfo on this machine");
        return;
    };

    let listed = x11_windows::list(Some(&name)).expect("the display answers");
    assert_eq!(listed, [Device { id: format!("{id:#x}"), name: "xeyes".into() }]);
    assert!(x11_windows::list(Some(":no such display")).is_err());

    let capture = open(&name, ScreenTarget::Whole, true);
    let mut times = Vec::new();
    until(&capture, "pictures of the screen", |frame, event| {
        assert_eq!(event, None);
        times.extend(
            frame
                .filter(|frame| {
                    frame.size == Size::new(640, 480).expect("legal") && frame.planes[0].data.contains(&235)
                })
                .map(|frame| frame.timestamp),
        );
        times.len() == 40
    });
    let lasted = times[39].saturating_since(times[0]);
    assert!((1_800..2_300).contains(&lasted.as_millis()), "39 periods of 50 ms took {lasted:?}");
    drop(capture);

    let capture = open(&name, ScreenTarget::Window(id), false);
    until(&capture, "pictures of the window", |frame, _| {
        frame.is_some_and(|frame| frame.size == Size::new(300, 200).expect("legal"))
    });
    // Closed while live: this would end the whole process if Xlib had its way.
    drop(eyes);
    until(&capture, "word that the window is gone", |_, event| match event {
        Some(CaptureEvent::Lost { problem, .. }) => {
            assert_eq!(problem.kind, ProblemKind::Unplugged, "{problem}");
            true
        }
        _ => false,
    });
    until(&capture, "the dark still", |frame, _| {
        frame.is_some_and(|frame| frame.planes[0].data.iter().all(|luma| *luma < 100))
    });
    drop(capture);

    // The whole display goes while live, and nothing comes in its place.
    let capture = open(&name, ScreenTarget::Whole, true);
    until(&capture, "pictures of the screen", |frame, _| frame.is_some());
    drop(capture);
    drop(server);
    let capture = open(&name, ScreenTarget::Whole, true);
    until(
        &capture,
        "word that there is no display",
        |_, event| matches!(event, Some(CaptureEvent::Lost { problem, .. }) if problem.kind == ProblemKind::Missing),
    );
}
