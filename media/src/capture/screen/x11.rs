//! Surviving that a captured window of X11 is closed.
//!
//! The moment a captured window goes, the X server answers the next request with an error, and Xlib's own handler of errors
//! ends the whole process. So there is a handler of ours, which notes the window and goes on. A handler that somebody else
//! installed before (a toolkit) is still asked.

use std::ffi::{CStr, CString, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use x11_dl::xlib::{self, Xlib};

use crate::capture::{CaptureProblem, ProblemKind};

type Handler = unsafe extern "C" fn(*mut xlib::Display, *mut xlib::XErrorEvent) -> c_int;

/// Watched windows, and whether each is known to be gone.
static WATCHED: Mutex<Vec<(u64, bool)>> = Mutex::new(Vec::new());
/// The handler before ours, as an address; zero where that was the default one.
static PREVIOUS: AtomicUsize = AtomicUsize::new(0);
/// Xlib stays open for as long as its handler is ours: for ever.
static XLIB: OnceLock<Option<Xlib>> = OnceLock::new();

/// Bad window, bad match and bad drawable: what the X server says of a window that is gone or has just been hidden.
const GONE: [u8; 2] = [xlib::BadWindow, xlib::BadDrawable];

/// Watches a window for as long as it lives.
pub(crate) struct WindowWatch {
    display: Option<CString>,
    window: u64,
}

impl WindowWatch {
    /// Begins to watch, installing the handler the first time.
    pub(crate) fn new(display: Option<&str>, window: u64) -> Result<Self, CaptureProblem> {
        let problem = |detail| CaptureProblem::new(ProblemKind::Missing, "the window", detail);
        let xlib = XLIB.get_or_init(|| Xlib::open().ok()).as_ref().ok_or_else(|| problem("libX11 is not installed"))?;
        install(xlib);
        let display = display.and_then(|name| CString::new(name).ok());
        if !exists(xlib, display.as_deref(), window) {
            return Err(problem("there is no such window"));
        }
        WATCHED.lock().push((window, false));
        Ok(Self { display, window })
    }

    /// Whether the window is gone.
    pub(crate) fn is_gone(&self) -> bool {
        if WATCHED.lock().iter().any(|(window, gone)| *window == self.window && *gone) {
            return true;
        }
        // Where another handler hides errors from ours, asking is the only way.
        XLIB.get().and_then(Option::as_ref).is_some_and(|xlib| !exists(xlib, self.display.as_deref(), self.window))
    }
}

impl Drop for WindowWatch {
    fn drop(&mut self) {
        let mut watched = WATCHED.lock();
        if let Some(index) = watched.iter().position(|(window, _)| *window == self.window) {
            watched.swap_remove(index);
        }
    }
}

fn install(xlib: &Xlib) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // SAFETY: these functions may be called at any time; setting none gives back the handler in force and installs the
        // default one, whose address the second call gives back.
        let (before, default) = unsafe { ((xlib.XSetErrorHandler)(None), (xlib.XSetErrorHandler)(Some(on_error))) };
        let address = |handler: Option<Handler>| handler.map_or(0, |handler| handler as usize);
        if address(before) != address(default) {
            PREVIOUS.store(address(before), Ordering::Release);
        }
    });
}

/// What Xlib calls for an error of any connection of this process.
unsafe extern "C" fn on_error(display: *mut xlib::Display, event: *mut xlib::XErrorEvent) -> c_int {
    // SAFETY: Xlib gives a valid event, or this process is beyond help.
    let Some(error) = (unsafe { event.as_ref() }) else { return 0 };
    let mut ours = false;
    if GONE.contains(&error.error_code) {
        for (window, gone) in WATCHED.lock().iter_mut().filter(|(window, _)| *window as xlib::XID == error.resourceid) {
            tracing::debug!(window, "a captured window is gone");
            (*gone, ours) = (true, true);
        }
    }
    let previous = PREVIOUS.load(Ordering::Acquire);
    if ours || previous == 0 {
        return 0;
    }
    // SAFETY: the address is that of a handler of this very type, which Xlib gave us.
    let previous: Handler = unsafe { std::mem::transmute::<usize, Handler>(previous) };
    // SAFETY: it is called as Xlib would have called it.
    unsafe { previous(display, event) }
}

/// Whether there is a window of that number, asked over a connection of our own.
fn exists(xlib: &Xlib, display: Option<&CStr>, window: u64) -> bool {
    let name = display.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: the name is a string or null, which means the display of the environment; the connection is used by this
    // thread only and closed below.
    let display = unsafe { (xlib.XOpenDisplay)(name) };
    if display.is_null() {
        return true;
    }
    // SAFETY: the connection is open; attributes are plain numbers for which zero is a value, and are only written.
    unsafe {
        let mut attributes: xlib::XWindowAttributes = std::mem::zeroed();
        let found = (xlib.XGetWindowAttributes)(display, window as xlib::Window, &raw mut attributes) != 0;
        (xlib.XCloseDisplay)(display);
        found
    }
}
