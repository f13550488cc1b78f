//! Remembers who was let in lately, so that each chunk does not ask the database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::api::{Account, AccountId};

#[derive(Debug)]
pub(super) struct Cache {
    sessions: Mutex<HashMap<[u8; 32], (Account, i64)>>,
    most: usize,
    /// Grows when something is forgotten, so that what was read before is not remembered after.
    forgotten: AtomicU64,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { sessions: Mutex::new(HashMap::new()), most, forgotten: AtomicU64::new(0) }
    }

    /// Take it before reading from the database and give it to [`Cache::remember`].
    pub(super) fn mark(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    pub(super) fn session(&self, hash: &[u8; 32], now: i64) -> Option<Account> {
        let mut sessions = self.sessions.lock();
        match sessions.get(hash) {
            Some((account, expires)) if *expires > now => Some(account.clone()),
            Some(_) => {
                sessions.remove(hash);
                None
            }
            None => None,
        }
    }

    pub(super) fn remember(&self, mark: u64, hash: [u8; 32], account: Account, expires: i64) {
        let mut sessions = self.sessions.lock();
        if mark != self.mark() {
            return;
        }
        if sessions.len() >= self.most {
            // Rare, and all it costs is asking the database again.
            sessions.clear();
        }
        sessions.insert(hash, (account, expires));
    }

    pub(super) fn forget_session(&self, hash: &[u8; 32]) {
        let mut sessions = self.sessions.lock();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        sessions.remove(hash);
    }

    pub(super) fn forget_account(&self, account: AccountId) {
        let mut sessions = self.sessions.lock();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        sessions.retain(|_, (held, _)| held.id != account);
    }
}
