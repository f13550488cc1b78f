//! Surviving that the X server goes away.
//!
//! When a connection to the X server breaks, Xlib calls a handler and then ends the whole process. Only who opened the
//! connection could have told it not to (`XSetIOErrorExitHandler`), and GStreamer does not. So the handler here does not
//! return to a thread of GStreamer's: that thread rests for ever, and the capture that it served is left alone. The main
//! thread of a program with windows still ends as it always did: there is nothing left to draw on.

use std::ffi::c_int;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use x11_dl::xlib::{self, Xlib};

/// Connections that broke since the program started.
static BROKEN: AtomicU64 = AtomicU64::new(0);
/// Xlib stays open for as long as its handler is ours: for ever.
static XLIB: OnceLock<Option<Xlib>> = OnceLock::new();

/// Notices that the X server went away after this value was made.
pub(crate) struct ServerWatch {
    broken_before: u64,
}

impl ServerWatch {
    /// Begins to watch, installing the handler the first time.
    pub(crate) fn new() -> Self {
        XLIB.get_or_init(|| {
            let xlib = Xlib::open().ok()?;
            // SAFETY: the handler may be set at any time; Xlib stays loaded.
            unsafe { (xlib.XSetIOErrorHandler)(Some(on_broken)) };
            Some(xlib)
        });
        Self { broken_before: BROKEN.load(Ordering::Acquire) }
    }

    /// Whether a connection to the server broke. The capture that used it must be leaked then, not stopped: one of its
    /// threads never answers.
    pub(crate) fn is_gone(&self) -> bool {
        BROKEN.load(Ordering::Acquire) != self.broken_before
    }
}

/// What Xlib calls when a connection is broken, before it ends the process.
unsafe extern "C" fn on_broken(_: *mut xlib::Display) -> c_int {
    // Threads that are not Rust's have no name.
    if std::thread::current().name().is_none() {
        BROKEN.fetch_add(1, Ordering::AcqRel);
        loop {
            std::thread::park();
        }
    }
    0
}
