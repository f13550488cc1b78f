//! What a child process of the demo tells its parent, and how it ends with it.
//!
//! A child prints one JSON object a line on its standard output. Its standard input is a pipe that only closes:
//! then the child ends in good order, and if that takes too long, at once. So nothing outlives the demo, however it died.

use std::io::{Read, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::swarm::Seen;
use crate::report::{EncoderReport, PublisherReport, ViewerReport};

/// How long a child may take to end in good order once its parent is gone.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// One line of a child's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum Line {
    /// The server listens.
    Server {
        /// Its address.
        url: String,
    },
    /// The publisher chose its encoder.
    Encoder {
        /// Which and why.
        encoder: EncoderReport,
    },
    /// The first chunk was published.
    Live {
        /// When, in milliseconds since the Unix epoch.
        at_unix_ms: f64,
    },
    /// How publishing goes.
    Publishing {
        /// State in a word or two.
        state: String,
        /// Frames encoded so far.
        frames: u64,
        /// Frames lost so far, in all stages.
        dropped: u64,
        /// Rate of the last second, in kbit/s.
        kbps: u32,
    },
    /// A chunk was signed.
    Signed {
        /// Its number.
        sequence: u64,
        /// When, in microseconds since the Unix epoch.
        at_unix_micros: i64,
    },
    /// How one of several viewers in the process does.
    Seen {
        /// Its number, from 0.
        viewer: u32,
        /// What it counted and measured.
        seen: Box<Seen>,
    },
    /// How watching goes.
    Watching {
        /// State in a word or two.
        state: String,
        /// Frames shown so far.
        frames: u64,
        /// From capture to screen, the median so far.
        latency_ms: Option<f64>,
        /// Stalls so far.
        stalls: u64,
        /// Share of the bytes that came from other viewers.
        from_peers: Option<f64>,
    },
    /// Publishing is over.
    Published {
        /// The figures.
        report: PublisherReport,
    },
    /// Watching is over.
    Watched {
        /// The figures; `id` and `first_frame_ms` are the parent's to fill in.
        report: ViewerReport,
        /// When the first frame was shown, in milliseconds since the Unix epoch.
        first_frame_unix_ms: Option<f64>,
        /// How long was watched after the first frame.
        watched_ms: f64,
    },
    /// Something went wrong, in words.
    Problem {
        /// The words.
        text: String,
    },
}

/// Prints a line for the parent; a parent that is gone ends the child by other means.
pub fn print(line: &Line) {
    if let Ok(mut text) = serde_json::to_vec(line) {
        text.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(&text).and_then(|()| stdout.flush());
    }
}

/// Cancels `stop` when standard input closes, and ends the process itself if nobody heeds that.
///
/// # Errors
/// When no thread can be started.
pub fn end_with_parent(stop: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new().name("runnel-parent".to_owned()).spawn(move || {
        let mut nothing = [0; 64];
        let mut stdin = std::io::stdin().lock();
        while !matches!(stdin.read(&mut nothing), Ok(0) | Err(_)) {}
        stop.cancel();
        std::thread::sleep(LAST_WORDS);
        std::process::exit(i32::from(super::FAILED));
    })?;
    Ok(())
}

/// Waits for Ctrl-C or for a polite request to end.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a signal handler the default action ends the process, so there is nothing to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Now, in milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the command line is a driver: it stamps what it reports")]
pub fn unix_ms() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_one_line_and_come_back() {
        let line = Line::Problem { text: "two\nlines".to_owned() };
        let text = serde_json::to_string(&line).unwrap();
        assert!(!text.contains('\n'));
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}
