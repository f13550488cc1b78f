//! Ids and numbers of the stream: each its own type, so that none is passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Says why a text is no id or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {expected} hexadecimal digits, got {got:?}")]
pub struct IdError {
    /// What was being read.
    pub what: &'static str,
    /// How many digits it has.
    pub expected: usize,
    /// The text, cut to 80 characters.
    pub got: String,
}

/// Reads exactly `N` bytes of hexadecimal digits.
pub(crate) fn from_hex<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], IdError> {
    let bad = || IdError { what, expected: 2 * N, got: text.chars().take(80).collect() };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(bad());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16);
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(bad()) };
        *byte = (high << 4 | low) as u8;
    }
    Ok(bytes)
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads a value from its text form in serde.
pub(crate) fn text<'de, D: Deserializer<'de>, T: FromStr<Err = IdError>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $length:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// Takes bytes of exactly the right length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                from_hex($what, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text(deserializer)
            }
        }
    };
}

hex_id! {
    /// A streamer's lasting place.
    ChannelId, 16, "a channel id"
}
hex_id! {
    /// One live show.
    BroadcastId, 16, "a broadcast id"
}
hex_id! {
    /// The public half of an Ed25519 key.
    PublicKey, 32, "a public key"
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number! {
    /// One publishing run of a broadcast, so that numbers never repeat.
    Epoch, u64
}
number! {
    /// One encoding of a broadcast.
    RenditionId, u8
}
number! {
    /// A chunk's number within its epoch and rendition: from 0, one more each.
    Sequence, u64
}

impl Sequence {
    /// The chunk after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The chunk `count` after this one.
    pub fn after(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The chunk `count` before this one, or the first.
    pub fn before(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip() {
        let id = ChannelId(*b"\x00\x01abcdefghijklm\xff");
        assert_eq!(id.to_string().parse::<ChannelId>().unwrap(), id);
        assert_eq!(serde_json::from_str::<ChannelId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        assert_eq!(serde_json::to_string(&Sequence(7)).unwrap(), "7");
    }

    #[test]
    fn wrong_texts_are_refused_with_the_legal_form() {
        for text in ["", "00", "zz0102030405060708090a0b0c0d0e0f", "é0102030405060708090a0b0c0d0e0f"] {
            let error = text.parse::<ChannelId>().unwrap_err().to_string();
            assert!(error.contains("32 hexadecimal digits"), "{error}");
        }
    }
}
