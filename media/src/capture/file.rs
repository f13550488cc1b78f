//! A media file, played in real time through GStreamer.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gstreamer as gst;

use self::player::{Player, Sinks};
use crate::capture::gst::{self as common, Told};
use crate::capture::session::Session;
use crate::capture::{CaptureError, CaptureEvent, CaptureProblem, ProblemKind, pump, queue, still};

mod player;

/// Longest piece of sound that may still be on its way when the file is over.
const LAST_SOUND: Duration = Duration::from_secs(1);
/// How often the pipeline's messages are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The newer element first; the older one reads some files that it stumbles over.
const DECODERS: [&str; 2] = ["uridecodebin3", "uridecodebin"];

/// Opens the file and starts the threads that play it.
pub(crate) fn start(session: &mut Session, path: &Path, repeat: bool, with_sound: bool) -> Result<(), CaptureError> {
    let unreadable = |reason: String| CaptureError::FileUnreadable { path: path.to_owned(), reason };
    let file =
        std::fs::File::open(path).and_then(|file| file.metadata()).map_err(|error| unreadable(error.to_string()))?;
    if !file.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    if file.len() == 0 {
        return Err(CaptureError::FileBroken { path: path.to_owned(), reason: "it is empty".to_owned() });
    }
    common::init().map_err(CaptureError::GStreamer)?;
    let absolute = std::path::absolute(path).map_err(|error| unreadable(error.to_string()))?;
    let uri = gst::glib::filename_to_uri(&absolute, None).map_err(|error| unreadable(error.to_string()))?;

    let (sound, sound_end) = if with_sound {
        pump::start(session, "runnel-file-sound").map(|(feed, end)| (Some(feed), Some(end)))?
    } else {
        (None, None)
    };
    let sinks = Sinks { video: session.video.clone(), sound, stats: session.stats.clone() };
    let mut failure = None;
    for decoder in DECODERS {
        match Player::open(decoder, &uri, sinks.clone()) {
            Ok(player) => {
                // From here on only the pipeline feeds the pump, so that the pump ends with it.
                drop(sinks);
                return run(session, player, path, repeat, sound_end);
            }
            Err(reason) => {
                tracing::debug!(decoder, reason, path = %path.display(), "file not opened");
                // What the first one says is the better explanation.
                failure.get_or_insert(reason);
            }
        }
    }
    Err(CaptureError::FileBroken { path: path.to_owned(), reason: failure.unwrap_or_default() })
}

fn run(
    session: &mut Session,
    player: Player,
    path: &Path,
    repeat: bool,
    sound_end: Option<queue::Receiver<()>>,
) -> Result<(), CaptureError> {
    if !player.has.video.load(Ordering::Acquire) {
        still::start(session)?;
    }
    let (stop, events, out) = (session.stop.clone(), session.events.clone(), session.video.clone());
    let name = path.display().to_string();
    session.spawn("runnel-file", move || {
        let mut player = player;
        let problem = match player.play() {
            Ok(()) => loop {
                if stop.is_set() {
                    return;
                }
                match common::listen(&player.bus, LOOK, &mut player.missing) {
                    Told::Failed(reason) => break Some(reason),
                    Told::Ended if repeat => {
                        if let Err(reason) = player.rewind() {
                            break Some(reason);
                        }
                    }
                    Told::Ended => break None,
                    Told::Nothing | Told::Ready => {}
                }
            },
            Err(reason) => Some(reason),
        };
        if let Some(reason) = problem {
            out.lose(CaptureProblem::new(ProblemKind::Broken, name, reason));
        }
        // The last samples first, then the word that it is over.
        drop(player);
        if let Some(end) = sound_end {
            let _closed = end.recv_timeout(LAST_SOUND);
        }
        events.tell(CaptureEvent::Ended);
        stop.set();
    })
}

#[cfg(test)]
mod tests;
