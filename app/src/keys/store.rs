//! Places where secrets can lie.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use age::secrecy::SecretString;
use parking_lot::Mutex;

/// Service name under which the keyring files our entries.
const SERVICE: &str = "runnel";

/// Cost of guessing a passphrase, as a power of two: a fraction of a second for us, years for a list of words.
const WORK_FACTOR: u8 = 17;

/// Cost that a foreign file may ask of us; more would let a file keep the machine busy for minutes.
const MAX_WORK_FACTOR: u8 = 20;

/// Largest sealed file that is opened.
const MAX_FILE: usize = 1 << 20;

/// A place for secrets.
pub trait SecretStore: Send + Sync {
    /// The secret of this name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a secret.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), StoreError>;

    /// Removes a secret; one that is not there is no error.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// Where it is, in words.
    fn place(&self) -> String;
}

/// What may go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// This session has no keyring.
    #[error("this session has no keyring: give a passphrase, and the keys are kept in an encrypted file")]
    NoKeyring,
    /// This session has no keyring, and the keys lie in a file whose passphrase was not given.
    #[error("the keys lie in an encrypted file: give its passphrase")]
    Locked,
    /// The keyring refused.
    #[error("the system's keyring refused: {0}")]
    Keyring(String),
    /// The passphrase does not open the file.
    #[error("the passphrase does not open the file of keys")]
    Passphrase,
    /// The file is damaged or is no such file.
    #[error("the file of keys is damaged: {0}")]
    Damaged(String),
    /// The file cannot be read or written.
    #[error("the file of keys {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The keyring of the desktop: Secret Service, Keychain or Credential Manager.
pub struct SystemKeyring(());

impl SystemKeyring {
    /// The keyring, if this session has one.
    ///
    /// # Errors
    /// [`StoreError::NoKeyring`]; the system's reason is in the log.
    pub fn open() -> Result<Self, StoreError> {
        match keyring::Entry::store_status() {
            Ok(()) => Ok(Self(())),
            Err(error) => {
                tracing::debug!(%error, "the keyring");
                Err(StoreError::NoKeyring)
            }
        }
    }

    fn entry(name: &str) -> Result<keyring::Entry, StoreError> {
        keyring::Entry::new(SERVICE, name).map_err(|error| StoreError::Keyring(error.to_string()))
    }
}

impl SecretStore for SystemKeyring {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match Self::entry(name)?.get_secret() {
            Ok(secret) => Ok(Some(secret)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(StoreError::Keyring(error.to_string())),
        }
    }

    fn set(&self, name: &str, secret: &[u8]) -> Result<(), StoreError> {
        Self::entry(name)?.set_secret(secret).map_err(|error| StoreError::Keyring(error.to_string()))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(StoreError::Keyring(error.to_string())),
        }
    }

    fn place(&self) -> String {
        "the system's keyring".to_owned()
    }
}

/// One file, sealed with a passphrase in the `age` format.
pub struct PassphraseFile {
    path: PathBuf,
    passphrase: SecretString,
    secrets: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl PassphraseFile {
    /// Opens the file; one that is not there is made on the first write.
    ///
    /// # Errors
    /// When the passphrase is wrong or the file is damaged.
    pub fn open(path: PathBuf, passphrase: SecretString) -> Result<Self, StoreError> {
        let secrets = match std::fs::read(&path) {
            Ok(sealed) => {
                let text = unseal(&sealed, passphrase.clone())?;
                serde_json::from_slice(&text).map_err(|error| StoreError::Damaged(error.to_string()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(StoreError::File { path, source }),
        };
        Ok(Self { path, passphrase, secrets: Mutex::new(secrets) })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Result<(), StoreError> {
        let mut secrets = self.secrets.lock();
        let mut changed = secrets.clone();
        change(&mut changed);
        let text = serde_json::to_vec(&changed).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let sealed = seal(&text, self.passphrase.clone())?;
        crate::settings::file::replace(&self.path, &sealed)
            .map_err(|source| StoreError::File { path: self.path.clone(), source })?;
        *secrets = changed;
        Ok(())
    }
}

impl SecretStore for PassphraseFile {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.secrets.lock().get(name).cloned())
    }

    fn set(&self, name: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.change(|secrets| {
            secrets.insert(name.to_owned(), secret.to_vec());
        })
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.change(|secrets| {
            secrets.remove(name);
        })
    }

    fn place(&self) -> String {
        format!("the encrypted file {}", self.path.display())
    }
}

/// Secrets that are gone when the process ends.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl SecretStore for Memory {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(name).cloned())
    }

    fn set(&self, name: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.0.lock().insert(name.to_owned(), secret.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.0.lock().remove(name);
        Ok(())
    }

    fn place(&self) -> String {
        "this process only".to_owned()
    }
}

/// Seals bytes with a passphrase.
///
/// # Errors
/// When the encryption fails, which would be a fault of the library.
pub fn seal(plain: &[u8], passphrase: SecretString) -> Result<Vec<u8>, StoreError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(WORK_FACTOR);
    age::encrypt(&recipient, plain).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Opens sealed bytes.
///
/// # Errors
/// [`StoreError::Passphrase`] for a wrong one, [`StoreError::Damaged`] for what is no sealed file.
pub fn unseal(sealed: &[u8], passphrase: SecretString) -> Result<Vec<u8>, StoreError> {
    let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|error| damaged(&error))?;
    let reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => StoreError::Passphrase,
        other => damaged(&other),
    })?;
    let mut plain = Vec::new();
    reader.take(MAX_FILE as u64).read_to_end(&mut plain).map_err(|error| damaged(&error))?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn the_file_opens_with_its_passphrase_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/secrets.age");
        let file = PassphraseFile::open(path.clone(), secret("right")).unwrap();
        file.set("a", b"one").unwrap();
        file.set("b", b"two").unwrap();
        file.remove("a").unwrap();
        let again = PassphraseFile::open(path.clone(), secret("right")).unwrap();
        assert_eq!((again.get("a").unwrap(), again.get("b").unwrap()), (None, Some(b"two".to_vec())));
        assert!(matches!(PassphraseFile::open(path.clone(), secret("wrong")), Err(StoreError::Passphrase)));
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(3).any(|window| window == b"two"));
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(
            PassphraseFile::open(path, secret("right")),
            Err(StoreError::Damaged(_) | StoreError::Passphrase)
        ));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.age");
        PassphraseFile::open(path.clone(), secret("x")).unwrap().set("a", b"1").unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
