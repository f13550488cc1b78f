//! A streamer's channel keys: in the system's keyring, or in a file locked by a passphrase where there is none.
//!
//! Secrets stay inside [`SecretStore`]s. Which keys exist is listed in a plain index beside them (public halves only),
//! because keyrings cannot be asked what they hold.

pub mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use parking_lot::Mutex;
use runnel_p2p::wire::{ChannelKey, PublicKey};
use serde::{Deserialize, Serialize};

use crate::paths::Paths;
pub use store::{Memory, PassphraseFile, SecretStore, StoreError, SystemKeyring};

/// Name of the file of keys.
const FILE: &str = "secrets.age";

/// All channel keys of this person on this machine.
pub struct Keys {
    store: Box<dyn SecretStore>,
    index: Option<PathBuf>,
    /// Serialises read-change-write of the index within the process.
    writing: Mutex<()>,
}

/// A key that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownKey {
    /// Id of the community whose channel it is.
    pub community: String,
    /// Name of the channel there.
    pub channel: String,
    /// Public half.
    pub public: PublicKey,
}

#[derive(Default, Serialize, Deserialize)]
struct Index {
    version: u32,
    keys: BTreeMap<String, KnownKey>,
}

/// What may go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list of keys cannot be read or written.
    #[error("the list of keys in {} cannot be used: {reason}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Not a key that was exported by Runnel.
    #[error("this is not an exported Runnel key ({0})")]
    NotAKey(String),
    /// The passphrase does not open the export.
    #[error("the passphrase does not open this export")]
    Passphrase,
    /// A key of this channel exists already and is another one.
    #[error("another key for the channel {0} is already here (remove it first)")]
    Exists(String),
    /// No key of this channel is here.
    #[error("no key for the channel {0} is on this machine (import one, or create the channel here)")]
    Missing(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(String),
}

/// The text inside an export, before encryption.
#[derive(Serialize, Deserialize)]
struct Export {
    runnel_key: u32,
    community: String,
    channel: String,
    secret: String,
}

impl Keys {
    /// The keyring if the system has one, else the passphrase file if a passphrase is given.
    ///
    /// Asks the keyring over D-Bus: not for the UI thread.
    ///
    /// # Errors
    /// [`StoreError::NoKeyring`] where there is no keyring and no passphrase, [`StoreError::Locked`] where the file is there
    /// and no passphrase was given.
    pub fn open(paths: &Paths, passphrase: Option<SecretString>) -> Result<Self, KeyError> {
        let folder = paths.keys();
        let store: Box<dyn SecretStore> = match (SystemKeyring::open(), passphrase) {
            (Ok(keyring), None) => Box::new(keyring),
            (_, Some(passphrase)) => Box::new(PassphraseFile::open(folder.join(FILE), passphrase)?),
            (Err(StoreError::NoKeyring), None) if folder.join(FILE).exists() => return Err(StoreError::Locked.into()),
            (Err(error), None) => return Err(error.into()),
        };
        Ok(Self { store, index: Some(folder.join("index.json")), writing: Mutex::new(()) })
    }

    /// Keys that are forgotten at the end of the process: for the demo.
    pub fn ephemeral() -> Self {
        Self { store: Box::new(Memory::default()), index: None, writing: Mutex::new(()) }
    }

    /// Keys in a store of one's own.
    pub fn with_store(store: Box<dyn SecretStore>, folder: &Path) -> Self {
        Self { store, index: Some(folder.join("index.json")), writing: Mutex::new(()) }
    }

    /// Where the secrets lie, in words.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// The key of a channel, if it is here.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, community: &str, channel: &str) -> Result<Option<ChannelKey>, KeyError> {
        let Some(secret) = self.store.get(&entry(community, channel))? else { return Ok(None) };
        let secret = <[u8; 32]>::try_from(&secret[..])
            .map_err(|_| KeyError::NotAKey(format!("{} bytes instead of 32", secret.len())))?;
        Ok(Some(ChannelKey::from_bytes(secret)))
    }

    /// The key of a channel, made on the first call.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn get_or_create(&self, community: &str, channel: &str) -> Result<ChannelKey, KeyError> {
        if let Some(key) = self.get(community, channel)? {
            return Ok(key);
        }
        let key = ChannelKey::from_bytes(random_secret()?);
        self.put(community, channel, &key)?;
        Ok(key)
    }

    /// Takes over another's key of a channel, unless one is here.
    ///
    /// # Errors
    /// When either store cannot be read, or this one not be written.
    pub fn keep(&self, other: &Self, community: &str, channel: &str) -> Result<(), KeyError> {
        match (self.get(community, channel)?, other.get(community, channel)?) {
            (None, Some(key)) => self.put(community, channel, &key),
            _ => Ok(()),
        }
    }

    fn put(&self, community: &str, channel: &str, key: &ChannelKey) -> Result<(), KeyError> {
        let name = entry(community, channel);
        self.store.set(&name, &key.to_bytes())?;
        let known = KnownKey { community: community.to_owned(), channel: channel.to_owned(), public: key.public() };
        self.change_index(|index| {
            index.keys.insert(name, known);
        })
    }

    /// All keys that are here, without their secrets.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn list(&self) -> Result<Vec<KnownKey>, KeyError> {
        Ok(self.read_index()?.keys.into_values().collect())
    }

    /// A channel's key as a file that `passphrase` opens; `age` itself can read it.
    ///
    /// # Errors
    /// When the key is not here or the store cannot be read.
    pub fn export(&self, community: &str, channel: &str, passphrase: SecretString) -> Result<Vec<u8>, KeyError> {
        let key = self.get(community, channel)?.ok_or_else(|| KeyError::Missing(channel.to_owned()))?;
        let secret = key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let export = Export { runnel_key: 1, community: community.to_owned(), channel: channel.to_owned(), secret };
        let text = serde_json::to_vec(&export).map_err(|error| KeyError::NotAKey(error.to_string()))?;
        Ok(store::seal(&text, passphrase)?)
    }

    /// Takes in a key that was exported elsewhere.
    ///
    /// # Errors
    /// When the passphrase is wrong, the file is no key, or another key of that channel is here already.
    pub fn import(&self, file: &[u8], passphrase: SecretString) -> Result<KnownKey, KeyError> {
        let text = store::unseal(file, passphrase).map_err(|error| match error {
            StoreError::Passphrase => KeyError::Passphrase,
            other => KeyError::NotAKey(other.to_string()),
        })?;
        let export: Export = serde_json::from_slice(&text).map_err(|error| KeyError::NotAKey(error.to_string()))?;
        let secret = parse_secret(&export.secret)
            .ok_or_else(|| KeyError::NotAKey("the secret is not 64 hex digits".to_owned()))?;
        let key = ChannelKey::from_bytes(secret);
        match self.get(&export.community, &export.channel)? {
            Some(present) if present.public() != key.public() => return Err(KeyError::Exists(export.channel)),
            Some(_) => {}
            None => self.put(&export.community, &export.channel, &key)?,
        }
        Ok(KnownKey { community: export.community, channel: export.channel, public: key.public() })
    }

    /// Forgets a key on this machine. The server must be told separately that it is revoked.
    ///
    /// # Errors
    /// When the store or the list cannot be written.
    pub fn forget(&self, community: &str, channel: &str) -> Result<(), KeyError> {
        let name = entry(community, channel);
        self.store.remove(&name)?;
        self.change_index(|index| {
            index.keys.remove(&name);
        })
    }

    fn read_index(&self) -> Result<Index, KeyError> {
        let Some(path) = &self.index else { return Ok(Index::default()) };
        let failed = |reason: String| KeyError::Index { path: path.clone(), reason };
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Index::default()),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn change_index(&self, change: impl FnOnce(&mut Index)) -> Result<(), KeyError> {
        let Some(path) = &self.index else { return Ok(()) };
        let _writing = self.writing.lock();
        let mut index = self.read_index()?;
        index.version = 1;
        change(&mut index);
        crate::report::write(path, &index)
            .map_err(|error| KeyError::Index { path: path.clone(), reason: error.to_string() })
    }
}

/// Name of a channel's secret inside a store; names may hold anything, so they are length-prefixed and cannot collide.
fn entry(community: &str, channel: &str) -> String {
    format!("channel/{}:{community}/{channel}", community.len())
}

fn parse_secret(text: &str) -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(secret)
}

/// Thirty-two bytes from the operating system.
///
/// # Errors
/// [`KeyError::Randomness`] where it has none.
pub fn random_secret() -> Result<[u8; 32], KeyError> {
    use rand::TryRng;
    let mut secret = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut secret).map_err(|error| KeyError::Randomness(error.to_string()))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    fn keys(folder: &Path) -> Keys {
        Keys::with_store(Box::new(Memory::default()), folder)
    }

    #[test]
    fn a_key_is_made_once_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        assert!(keys.get("c", "ann").unwrap().is_none());
        let made = keys.get_or_create("c", "ann").unwrap().public();
        assert_eq!(keys.get_or_create("c", "ann").unwrap().public(), made);
        assert_ne!(keys.get_or_create("c", "bob").unwrap().public(), made);
        assert_eq!(keys.list().unwrap().len(), 2);
        keys.forget("c", "ann").unwrap();
        assert!(keys.get("c", "ann").unwrap().is_none());
        assert_eq!(keys.list().unwrap().len(), 1);
    }

    #[test]
    fn an_export_moves_a_channel_to_another_machine() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (here, there) = (keys(here.path()), keys(there.path()));
        let public = here.get_or_create("c", "ann").unwrap().public();
        let file = here.export("c", "ann", secret("long enough")).unwrap();
        assert!(matches!(there.import(&file, secret("wrong")), Err(KeyError::Passphrase)));
        assert!(matches!(there.import(b"junk", secret("x")), Err(KeyError::NotAKey(_))));
        assert_eq!(there.import(&file, secret("long enough")).unwrap().public, public);
        assert_eq!(there.get("c", "ann").unwrap().unwrap().public(), public);
        // Again is harmless; over another key is not.
        there.import(&file, secret("long enough")).unwrap();
        there.forget("c", "ann").unwrap();
        there.get_or_create("c", "ann").unwrap();
        assert!(matches!(there.import(&file, secret("long enough")), Err(KeyError::Exists(_))));
    }

    #[test]
    fn a_key_that_would_be_forgotten_can_be_kept_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let held = Keys::ephemeral();
        let public = held.get_or_create("c", "ann").unwrap().public();
        let file = |passphrase| {
            let file = PassphraseFile::open(folder.path().join(FILE), secret(passphrase)).unwrap();
            Keys::with_store(Box::new(file), folder.path())
        };
        file("long enough").keep(&held, "c", "ann").unwrap();
        file("long enough").keep(&held, "c", "bob").unwrap();
        assert_eq!(file("long enough").get("c", "ann").unwrap().unwrap().public(), public, "after a restart");
        assert!(file("long enough").get("c", "bob").unwrap().is_none());
        // What is there already stays.
        let other = Keys::ephemeral();
        other.get_or_create("c", "ann").unwrap();
        file("long enough").keep(&other, "c", "ann").unwrap();
        assert_eq!(file("long enough").get("c", "ann").unwrap().unwrap().public(), public);
    }

    #[test]
    fn names_cannot_be_made_to_collide() {
        assert_ne!(entry("a", "b/c"), entry("a/b", "c"));
    }

    #[test]
    fn a_damaged_index_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.json"), "{").unwrap();
        assert!(matches!(keys(folder.path()).get_or_create("c", "a"), Err(KeyError::Index { .. })));
        assert_eq!(std::fs::read_to_string(folder.path().join("index.json")).unwrap(), "{");
    }
}
