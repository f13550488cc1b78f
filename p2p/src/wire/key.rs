//! Signing keys, one type for each purpose, so that no key signs for another.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand::CryptoRng;

use super::id::{IdError, PublicKey, from_hex, write_hex};

/// Length of a signature in bytes.
pub(crate) const SIGNATURE: usize = 64;

/// What a signature is for: it is mixed into what is signed, so that none passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Manifest,
    Chunk,
    Revocation,
    Ticket,
    Role,
}

impl Context {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Manifest => b"runnel manifest 1\0",
            Self::Chunk => b"runnel chunk 1\0",
            Self::Revocation => b"runnel revocation 1\0",
            Self::Ticket => b"runnel ticket 1\0",
            Self::Role => b"runnel role 1\0",
        }
    }

    fn message(self, payload: &[u8]) -> Vec<u8> {
        [self.label(), payload].concat()
    }
}

/// Signs `payload` for one purpose.
pub(crate) fn sign(key: &SigningKey, context: Context, payload: &[u8]) -> [u8; SIGNATURE] {
    key.sign(&context.message(payload)).to_bytes()
}

/// Tells whether `signature` was made over `payload` for this purpose by the holder of `key`.
pub(crate) fn verify(key: &PublicKey, context: Context, payload: &[u8], signature: &[u8; SIGNATURE]) -> bool {
    VerifyingKey::from_bytes(&key.0)
        .is_ok_and(|key| key.verify_strict(&context.message(payload), &Signature::from_bytes(signature)).is_ok())
}

macro_rules! signing_key {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SigningKey);

        impl $name {
            /// Draws a new key.
            pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut secret = [0; 32];
                rng.fill_bytes(&mut secret);
                Self::from_bytes(secret)
            }

            /// Takes the key's 32 secret bytes.
            pub fn from_bytes(secret: [u8; 32]) -> Self {
                Self(SigningKey::from_bytes(&secret))
            }

            /// Gives the key's 32 secret bytes, for a keyring or an export.
            pub fn to_bytes(&self) -> [u8; 32] {
                self.0.to_bytes()
            }

            /// The half that everyone may know.
            pub fn public(&self) -> PublicKey {
                PublicKey(self.0.verifying_key().to_bytes())
            }

            /// The secret as hexadecimal digits, which `parse` reads back: for a keyring or an export.
            pub fn to_secret_text(&self) -> String {
                struct Hex([u8; 32]);
                impl fmt::Display for Hex {
                    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write_hex(f, &self.0)
                    }
                }
                Hex(self.to_bytes()).to_string()
            }

            pub(crate) fn signing_key(&self) -> &SigningKey {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // The text is a secret: it must not come back in an error that may be logged.
                from_hex($what, text).map(Self::from_bytes).map_err(|error| IdError { got: "…".into(), ..error })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.public())
            }
        }
    };
}

signing_key! {
    /// A channel's lasting key: signs manifests.
    ChannelKey, "a channel key"
}
signing_key! {
    /// An epoch's short-lived key: signs chunk headers.
    BroadcastKey, "a broadcast key"
}
signing_key! {
    /// A community's key: signs revocations.
    CommunityKey, "a community key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_purpose_key_and_payload_only() {
        let key = ChannelKey::from_bytes([7; 32]);
        let signature = sign(key.signing_key(), Context::Manifest, b"payload");
        assert!(verify(&key.public(), Context::Manifest, b"payload", &signature));
        assert!(!verify(&key.public(), Context::Chunk, b"payload", &signature));
        assert!(!verify(&key.public(), Context::Manifest, b"payloaD", &signature));
        assert!(!verify(&ChannelKey::from_bytes([8; 32]).public(), Context::Manifest, b"payload", &signature));
        assert!(!verify(&PublicKey([0; 32]), Context::Manifest, b"payload", &signature));
    }

    #[test]
    fn secrets_show_in_no_debug_and_no_error() {
        let key = BroadcastKey::from_bytes([9; 32]);
        assert!(!format!("{key:?}").contains(&key.to_secret_text()));
        let error = format!("{}ff", key.to_secret_text()).parse::<BroadcastKey>().unwrap_err();
        assert!(!error.to_string().contains("0909"));
        assert_eq!(key.to_secret_text().parse::<BroadcastKey>().unwrap().public(), key.public());
    }
}
