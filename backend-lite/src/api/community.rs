//! What a community says about itself.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PublicKey;

/// Answer of `GET /v1/time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerTime {
    /// The server's clock, in microseconds since 1970.
    pub unix_micros: i64,
}

/// How far viewers share what they watch with each other, where the host of a community decides for it.
///
/// It never makes a viewer share more than the viewer allowed, only less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SharingDefault {
    /// Not at all: the server carries everything.
    Off,
    /// Within a local network.
    Lan,
    /// With everyone, once more watch than the viewer named.
    Crowd,
    /// With everyone.
    #[default]
    On,
}

/// Not one of the four words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected off, lan, crowd or on")]
pub struct InvalidSharing;

impl FromStr for SharingDefault {
    type Err = InvalidSharing;

    fn from_str(text: &str) -> Result<Self, InvalidSharing> {
        match text {
            "off" => Ok(Self::Off),
            "lan" => Ok(Self::Lan),
            "crowd" => Ok(Self::Crowd),
            "on" => Ok(Self::On),
            _ => Err(InvalidSharing),
        }
    }
}

/// Answer of `GET /v1/community`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Community {
    /// Lasts as long as the community: everything a client keeps about it is filed under this id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The server's version.
    pub version: String,
    /// The key that signs revocations and tickets.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// Address of the terms of use; may be empty.
    pub terms: String,
    /// Address of the privacy notice; may be empty.
    pub privacy: String,
    /// Where abuse is reported; may be empty.
    pub abuse_contact: String,
    /// Where copyright claims go; may be empty.
    pub copyright_contact: String,
    /// How old one must be.
    pub minimum_age: u8,
    /// The oldest client that still works with this server.
    pub oldest_client: String,
    /// Whether new accounts may be made.
    pub signup: bool,
    /// Whether guests may come in.
    pub guests: bool,
    /// Whether guests may write in chats.
    pub guests_may_chat: bool,
    /// The longest chat message, in characters.
    pub chat_max_chars: u32,
    /// The largest chunk an ingest takes, in bytes.
    pub max_chunk_bytes: u64,
    /// How far viewers share here at most.
    #[serde(default, deserialize_with = "sharing")]
    pub sharing_default: SharingDefault,
}

/// Answer of the health endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether all is well.
    pub ok: bool,
    /// What is not, in words.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// A word that only newer servers know is taken for the strictest: nothing is shared that a host might not want.
fn sharing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SharingDefault, D::Error> {
    let word = String::deserialize(deserializer)?;
    Ok(word.parse().unwrap_or(SharingDefault::Off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_is_shared_is_read_with_care() {
        let read = |word: Option<&str>| {
            let health = serde_json::json!({
                "id": "c", "name": "C", "version": "1", "key": runnel_p2p::wire::CommunityKey::from_bytes([7; 32]).public(), "terms": "", "privacy": "",
                "abuse_contact": "", "copyright_contact": "", "minimum_age": 0, "oldest_client": "0", "signup": true,
                "guests": true, "guests_may_chat": true, "chat_max_chars": 1, "max_chunk_bytes": 1,
            });
            let mut community = health;
            if let Some(word) = word {
                community["sharing_default"] = word.into();
            }
            serde_json::from_value::<Community>(community).unwrap().sharing_default
        };
        assert_eq!(read(None), SharingDefault::On, "an older server leaves it to viewers");
        for (word, sharing) in [("off", SharingDefault::Off), ("lan", SharingDefault::Lan), ("on", SharingDefault::On)]
        {
            assert_eq!(read(Some(word)), sharing);
            assert_eq!(serde_json::to_value(sharing).unwrap(), word);
        }
        assert_eq!(read(Some("crowd")), SharingDefault::Crowd);
        assert_eq!(read(Some("with-cousins")), SharingDefault::Off);
    }
}
