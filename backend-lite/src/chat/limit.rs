//! How fast an account may write, over all rooms.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Refused;
use crate::api::AccountId;

/// Accounts watched at once; beyond that the quiet ones are forgotten early.
const MOST: usize = 100_000;

/// A bucket of tokens for each account that wrote lately.
#[derive(Debug)]
pub(super) struct Buckets {
    /// When an account's bucket is full again.
    full_at: HashMap<AccountId, Instant>,
    burst: u32,
    every: Duration,
}

impl Buckets {
    pub(super) fn new(burst: u32, every: Duration) -> Self {
        Self { full_at: HashMap::new(), burst, every }
    }

    /// Takes a token, or tells how long to wait for one.
    pub(super) fn take(&mut self, account: AccountId, now: Instant) -> Result<(), Refused> {
        if self.full_at.len() >= MOST {
            self.prune(now);
        }
        let full_at = self.full_at.get(&account).copied().unwrap_or(now).max(now);
        let after = full_at + self.every;
        let debt = after.saturating_duration_since(now + self.every * self.burst);
        if !debt.is_zero() {
            let millis = u64::try_from(debt.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
            return Err(Refused::TooFast { millis });
        }
        if self.full_at.len() < MOST || self.full_at.contains_key(&account) {
            self.full_at.insert(account, after);
        }
        Ok(())
    }

    /// Forgets the accounts whose buckets are full.
    pub(super) fn prune(&mut self, now: Instant) {
        self.full_at.retain(|_, full_at| *full_at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let now = crate::clock::Clock::system().now();
        let mut buckets = Buckets::new(5, Duration::from_secs(1));
        let one = AccountId(1);
        let accepted = (0..1000).filter(|_| buckets.take(one, now).is_ok()).count();
        assert_eq!(accepted, 5);
        assert_eq!(buckets.take(one, now), Err(Refused::TooFast { millis: 1000 }));
        assert!(buckets.take(AccountId(2), now).is_ok());
        let later = now + Duration::from_secs(2);
        assert_eq!((0..10).filter(|_| buckets.take(one, later).is_ok()).count(), 2);
        buckets.prune(now + Duration::from_secs(60));
        assert!(buckets.full_at.is_empty());
    }
}
