//! The windows of an X display that can be captured.

use x11rb::connection::Connection;
use x11rb::errors::{ConnectError, ReplyError};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt, MapState, Window, WindowClass};
use x11rb::rust_connection::RustConnection;

use crate::capture::Device;

/// More windows than anyone chooses from.
const MOST: usize = 200;
/// Longest title that is shown, in characters.
const LONGEST: usize = 160;
/// Longest property that is read, in units of four bytes.
const LONGEST_PROPERTY: u32 = 1024;
/// Smaller ones are helpers that nobody sees.
const SMALLEST: u16 = 32;

/// Why the windows could not be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WindowsError {
    /// There is no such display, or it lets nobody in.
    #[error("cannot reach the X display: {0}")]
    Connect(#[from] ConnectError),
    /// The display does not answer as it should.
    #[error("the X display did not answer: {0}")]
    Reply(#[from] ReplyError),
}

impl From<x11rb::errors::ConnectionError> for WindowsError {
    fn from(error: x11rb::errors::ConnectionError) -> Self {
        Self::Reply(error.into())
    }
}

/// The windows that people see, this program's own left out; `display` as in `DISPLAY`, whose value is taken where none is
/// given. The id is the window's number.
pub(crate) fn list(display: Option<&str>) -> Result<Vec<Device>, WindowsError> {
    let (connection, screen) = x11rb::connect(display)?;
    let root = connection.setup().roots.get(screen).map_or(0, |screen| screen.root);
    let x = Display::new(connection)?;
    let mut windows = x.numbers(root, x.client_list)?;
    if windows.is_empty() {
        // Without a window manager nobody keeps that list.
        windows = x.connection.query_tree(root)?.reply()?.children;
    }
    let listed = windows.into_iter().take(MOST).filter_map(|window| {
        // A window that is closed meanwhile is no error.
        let name = x.is_seen(window).ok()?.then(|| x.title(window).ok()).flatten()?;
        Some(Device { id: format!("{window:#x}"), name })
    });
    Ok(listed.collect())
}

/// A connection and the atoms that are asked for.
struct Display {
    connection: RustConnection,
    client_list: Atom,
    title: Atom,
    text: Atom,
    process: Atom,
    kind: Atom,
    /// Kinds of windows that are part of the desktop.
    furniture: Vec<u32>,
}

impl Display {
    fn new(connection: RustConnection) -> Result<Self, WindowsError> {
        let atom = |name: &str| Ok::<_, WindowsError>(connection.intern_atom(false, name.as_bytes())?.reply()?.atom);
        let (client_list, title, text) = (atom("_NET_CLIENT_LIST")?, atom("_NET_WM_NAME")?, atom("UTF8_STRING")?);
        let (process, kind) = (atom("_NET_WM_PID")?, atom("_NET_WM_WINDOW_TYPE")?);
        let furniture = vec![atom("_NET_WM_WINDOW_TYPE_DESKTOP")?, atom("_NET_WM_WINDOW_TYPE_DOCK")?];
        Ok(Self { connection, client_list, title, text, process, kind, furniture })
    }

    fn numbers(&self, window: Window, property: Atom) -> Result<Vec<u32>, WindowsError> {
        let reply =
            self.connection.get_property(false, window, property, AtomEnum::ANY, 0, LONGEST_PROPERTY)?.reply()?;
        Ok(reply.value32().map(Iterator::collect).unwrap_or_default())
    }

    fn words(&self, window: Window, property: Atom, kind: Atom) -> Result<String, WindowsError> {
        let reply = self.connection.get_property(false, window, property, kind, 0, LONGEST_PROPERTY)?.reply()?;
        // A class is two words, each ended by a zero; the second one is what people know the program as.
        let bytes = reply.value.split(|byte| *byte == 0).rfind(|part| !part.is_empty()).unwrap_or_default();
        let words = String::from_utf8_lossy(bytes);
        let words: String = words.chars().map(|it| if it.is_control() { ' ' } else { it }).take(LONGEST).collect();
        Ok(words.trim().to_owned())
    }

    /// Whether it is on the screen now, is large enough to be meant and belongs to another program.
    fn is_seen(&self, window: Window) -> Result<bool, WindowsError> {
        let attributes = self.connection.get_window_attributes(window)?.reply()?;
        if attributes.map_state != MapState::VIEWABLE || attributes.class != WindowClass::INPUT_OUTPUT {
            return Ok(false);
        }
        let size = self.connection.get_geometry(window)?.reply()?;
        if size.width < SMALLEST || size.height < SMALLEST {
            return Ok(false);
        }
        let own = self.numbers(window, self.process)?.first() == Some(&std::process::id());
        let kinds = self.numbers(window, self.kind)?;
        Ok(!own && !kinds.iter().any(|kind| self.furniture.contains(kind)))
    }

    /// Its title; where it has none, what its program is called.
    fn title(&self, window: Window) -> Result<String, WindowsError> {
        let candidates = [
            (self.title, self.text),
            (AtomEnum::WM_NAME.into(), AtomEnum::ANY.into()),
            (AtomEnum::WM_CLASS.into(), AtomEnum::STRING.into()),
        ];
        for (property, kind) in candidates {
            let words = self.words(window, property, kind)?;
            if !words.is_empty() {
                return Ok(words);
            }
        }
        Ok(format!("{window:#x}"))
    }
}
