//! Session tokens: the client holds one, the server only its hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::random;

/// Longest token looked at, in characters.
const LONGEST: usize = 128;

/// A secret that proves a session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// Draws a new token of 256 bits.
    pub(crate) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random::bytes::<32>()))
    }

    /// Takes a token from a request; `None` if it cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (16..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// What is stored: random tokens need no slow hash.
    pub(crate) fn hash(&self) -> [u8; 32] {
        blake3::derive_key("runnel session token 1", self.0.as_bytes())
    }

    /// The secret itself, for its owner only.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}
