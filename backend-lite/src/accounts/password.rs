//! Passwords: argon2id on blocking threads, a few at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;

use super::AccountError;
use crate::random;

/// Hashes at the same time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Requests that may wait for one.
const WAITING: usize = 64;

/// Refuses what is too short to be safe or too long to be meant.
pub(super) fn check(password: &str) -> Result<(), AccountError> {
    let length = password.chars().count();
    if (8..=256).contains(&length) { Ok(()) } else { Err(AccountError::Password(length)) }
}

/// Hashes and verifies.
#[derive(Debug)]
pub(super) struct Hasher {
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// What an unknown name is checked against.
    decoy: String,
}

impl Hasher {
    pub(super) fn new() -> Self {
        // A well-formed hash of nothing anyone can type: it only has to take as long as a real one.
        let params = Params::default();
        let decoy = format!(
            "$argon2id$v=19$m={},t={},p={}$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            params.m_cost(),
            params.t_cost(),
            params.p_cost()
        );
        Self { running: Arc::new(Semaphore::new(AT_ONCE)), waiting: Semaphore::new(WAITING), decoy }
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, AccountError> {
        self.run(move || {
            let salt = SaltString::encode_b64(&random::bytes::<16>()).ok()?;
            let hash = Argon2::default().hash_password(password.as_bytes(), &salt).ok()?;
            Some(hash.to_string())
        })
        .await?
        .ok_or(AccountError::Busy)
    }

    /// Whether the password fits the hash; without a hash it takes as long and does not.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, AccountError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        self.run(move || {
            let Ok(parsed) = PasswordHash::new(&hash) else { return false };
            let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            known && fits
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccountError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| AccountError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| AccountError::Busy)?;
        tokio::task::spawn_blocking(move || {
            let _running = running;
            work()
        })
        .await
        .map_err(|_| AccountError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hasher = Hasher::new();
        let hash = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(hasher.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("wrong horse".to_owned(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("anything".to_owned(), None).await.unwrap());
        assert!(PasswordHash::new(&hasher.decoy).is_ok(), "the decoy must cost a real hash");
    }

    #[test]
    fn lengths_are_said() {
        assert!(check("12345678").is_ok());
        assert_eq!(check("1234567").unwrap_err().to_string(), "the password has 7 characters; 8 to 256 are allowed");
        assert!(check(&"x".repeat(257)).is_err());
    }
}
