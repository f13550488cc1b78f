//! Protocol versions and how two nodes agree on one.

use std::fmt;

use super::{OLDEST_WIRE_VERSION, WIRE_VERSION};

/// A version of the protocol that this build speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Pieces, headers, have-maps, stripes.
    V1,
    /// Adds [`Control::Status`](super::Control::Status): depth, queue and free places of each stripe.
    V2,
}

impl Version {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The version of that number, if this build speaks it.
    pub fn from_number(number: u16) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|version| version.number() == number)
    }

    /// Picks the newest version that both this build and `theirs` speak.
    pub fn negotiate(theirs: VersionRange) -> Option<Self> {
        let newest = WIRE_VERSION.number().min(theirs.newest);
        let oldest = OLDEST_WIRE_VERSION.number().max(theirs.oldest);
        (oldest..=newest).rev().find_map(Self::from_number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// The versions a node says it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The oldest.
    pub oldest: u16,
    /// The newest.
    pub newest: u16,
}

impl VersionRange {
    /// What this build speaks.
    pub fn ours() -> Self {
        Self { oldest: OLDEST_WIRE_VERSION.number(), newest: WIRE_VERSION.number() }
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.oldest, self.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_spoken() {
        let pick = |oldest, newest| Version::negotiate(VersionRange { oldest, newest }).map(Version::number);
        assert_eq!(pick(2, 2), Some(2));
        assert_eq!(pick(1, 2), Some(2));
        assert_eq!(pick(1, 1), Some(1), "the version before ours is spoken");
        assert_eq!(pick(2, 3), Some(2), "a newer build speaks ours");
        assert_eq!(pick(3, 4), None);
        assert_eq!(pick(0, 0), None);
        assert_eq!(pick(2, 1), None, "a range upside down is no range");
        assert_eq!(WIRE_VERSION.number() - OLDEST_WIRE_VERSION.number(), 1);
    }
}
