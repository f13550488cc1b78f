//! Telling how it goes: JSON lines for a parent process, sentences on standard error for people.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::Failure;
use super::child::{self, Line};

/// How often the figures are told.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// Tells one of the two.
pub(super) struct Teller {
    lines: bool,
    phase: String,
}

impl Teller {
    /// Tells a parent if `lines`, else people.
    pub(super) fn new(lines: bool) -> Self {
        Self { lines, phase: String::new() }
    }

    /// Tells a parent; people are not bothered with it.
    pub(super) fn line(&self, line: impl FnOnce() -> Line) {
        if self.lines {
            child::print(&line());
        }
    }

    /// Tells people.
    pub(super) fn say(&self, words: &str) {
        if !self.lines {
            eprintln!("{words}");
        }
    }

    /// Says how far it has come, once; a parent is told of the problem alone, as its figures name the phase.
    pub(super) fn phase(&mut self, words: String, problem: &str) {
        if words == self.phase {
            return;
        }
        if !problem.is_empty() {
            self.line(|| Line::Problem { text: problem.to_owned() });
        }
        self.say(&words);
        self.phase = words;
    }

    /// Tells a parent of the failure that ends this process, and gives it back.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        self.line(|| Line::Problem { text: failure.to_string() });
        failure
    }
}

/// Writes the figures to the file that was named for them.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_report(path: &Path, report: &impl Serialize) -> Result<(), Failure> {
    crate::report::write(path, report)
        .map_err(|error| Failure::new(format!("the report could not be written to {}: {error}", path.display())))
}
