//! What can go wrong with a device, in kinds that a user interface can put in words.

use serde::{Deserialize, Serialize};

/// The kinds of trouble that need different words and different next steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// There is no such device.
    Missing,
    /// Another program is using it.
    Busy,
    /// The system or the user refused access.
    PermissionRefused,
    /// It worked, and went away.
    Unplugged,
    /// It offers no format that we can use.
    Format,
    /// This system, or what is installed on it, cannot do it at all.
    Unsupported,
    /// Anything else: a driver or a server that fails.
    Broken,
}

/// What happened to which device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureProblem {
    /// The kind, to choose words by.
    pub kind: ProblemKind,
    /// The device as the user knows it.
    pub device: String,
    /// What the driver or library said.
    pub detail: String,
}

impl CaptureProblem {
    /// A problem of `kind` with `device`.
    pub fn new(kind: ProblemKind, device: impl Into<String>, detail: impl ToString) -> Self {
        Self { kind, device: device.into(), detail: detail.to_string() }
    }

    /// A problem whose kind is recognized by the words of the system's error, as GStreamer and V4L2 report it.
    ///
    /// `worked` tells that the device was running: then a missing one has been unplugged.
    pub fn from_words(device: impl Into<String>, detail: impl ToString, worked: bool) -> Self {
        let detail = detail.to_string();
        Self { kind: kind_from_words(&detail, worked), device: device.into(), detail }
    }
}

impl std::error::Error for CaptureProblem {}

impl std::fmt::Display for CaptureProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            ProblemKind::Missing => "was not found",
            ProblemKind::Busy => "is in use by another program",
            ProblemKind::PermissionRefused => "may not be used: access was refused",
            ProblemKind::Unplugged => "was unplugged or went away",
            ProblemKind::Format => "offers no usable format",
            ProblemKind::Unsupported => "is not supported on this system",
            ProblemKind::Broken => "does not work",
        };
        write!(f, "{} {what}", self.device)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

fn kind_from_words(detail: &str, worked: bool) -> ProblemKind {
    const WORDS: &[(ProblemKind, &[&str])] = &[
        (ProblemKind::Busy, &["busy", "in use", "os error 16", "exclusive"]),
        (
            ProblemKind::PermissionRefused,
            &[
                "permission",
                "denied",
                "not allowed",
                "notallowed",
                "cancelled",
                "os error 13",
                "os error 1)",
                "refused",
            ],
        ),
        (
            ProblemKind::Unplugged,
            &[
                "no such device",
                "os error 19",
                "disconnected",
                "unplugged",
                "removed",
                "no longer",
                "os error 5)",
                "input/output error",
            ],
        ),
        (
            ProblemKind::Missing,
            &[
                "no such file",
                "not found",
                "os error 2)",
                "os error 6)",
                "could not open x display",
                "cannot open display",
                "no device",
            ],
        ),
        (ProblemKind::Format, &["format", "negotiat", "fulfill", "fufill", "rejected", "caps"]),
        (ProblemKind::Unsupported, &["no element", "not supported", "unsupported", "not implemented"]),
    ];
    let detail = detail.to_lowercase();
    let kind = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| detail.contains(word)))
        .map_or(ProblemKind::Broken, |(kind, _)| *kind);
    match (kind, worked) {
        (ProblemKind::Missing, true) => ProblemKind::Unplugged,
        (ProblemKind::Unplugged, false) if detail.contains("no such device") => ProblemKind::Missing,
        (kind, _) => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_become_kinds() {
        let cases = [
            ("V4L2 Error: No such file or directory (os error 2)", false, ProblemKind::Missing),
            ("V4L2 Error: No such file or directory (os error 2)", true, ProblemKind::Unplugged),
            ("No such device (os error 19)", true, ProblemKind::Unplugged),
            ("No such device (os error 19)", false, ProblemKind::Missing),
            ("Device or resource busy (os error 16)", false, ProblemKind::Busy),
            ("Permission denied (os error 13)", false, ProblemKind::PermissionRefused),
            ("Portal request was cancelled", false, ProblemKind::PermissionRefused),
            ("Could not open X display for reading", false, ProblemKind::Missing),
            ("Failed to Fufill", false, ProblemKind::Format),
            ("not-negotiated", false, ProblemKind::Format),
            ("no element \"pipewiresrc\"", false, ProblemKind::Unsupported),
            ("something odd", false, ProblemKind::Broken),
        ];
        for (words, worked, kind) in cases {
            assert_eq!(CaptureProblem::from_words("camera 0", words, worked).kind, kind, "{words}");
        }
    }

    #[test]
    fn reads_as_a_sentence() {
        let problem = CaptureProblem::new(ProblemKind::Busy, "camera 0", "os error 16");
        assert_eq!(problem.to_string(), "camera 0 is in use by another program (os error 16)");
    }
}
