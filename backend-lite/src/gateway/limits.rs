//! How often one address may call.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::extract::ClientAddress;
use super::failure::Failure;
use crate::api::ErrorCode;
use crate::config::LimitSettings;
use crate::telemetry::Metrics;

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    SignIn,
    SignUp,
    Guest,
    Api,
}

/// A counter for each address and kind of call; this machine itself is not counted.
#[derive(Debug)]
pub(crate) struct Limits {
    sign_in: DefaultKeyedRateLimiter<IpAddr>,
    sign_up: DefaultKeyedRateLimiter<IpAddr>,
    guest: DefaultKeyedRateLimiter<IpAddr>,
    api: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let limiter = |count: u32, per: Duration| {
            let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::with_period(per / count.get()).unwrap_or(Quota::per_second(count));
            RateLimiter::keyed(quota.allow_burst(count))
        };
        Self {
            sign_in: limiter(settings.sign_in, FIVE_MINUTES),
            sign_up: limiter(settings.sign_up, FIVE_MINUTES),
            guest: limiter(settings.guests, FIVE_MINUTES),
            api: limiter(settings.api, TEN_SECONDS),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a call; too many are refused with the time to wait.
    pub(crate) fn check(&self, limit: Limit, from: ClientAddress, metrics: &Metrics) -> Result<(), Failure> {
        if from.at_home {
            return Ok(());
        }
        let limiter = match limit {
            Limit::SignIn => &self.sign_in,
            Limit::SignUp => &self.sign_up,
            Limit::Guest => &self.guest,
            Limit::Api => &self.api,
        };
        limiter.check_key(&group(from.ip)).map_err(|not_until| {
            metrics.rate_limited.add(1);
            let wait = not_until.wait_time_from(self.clock.now()).as_secs() + 1;
            let message = format!("too many requests from your address; wait {wait} s");
            Failure::new(ErrorCode::RateLimited, message, "wait and try again").retry_after(wait)
        })
    }

    /// Forgets addresses that were quiet for a while.
    pub(crate) fn prune(&self) {
        for limiter in [&self.sign_in, &self.sign_up, &self.guest, &self.api] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// An IPv6 user has a whole /64.
pub(crate) fn group(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_address_but_not_at_home() {
        let limits = Limits::new(LimitSettings { sign_in: 3, sign_up: 1, guests: 1, api: 10 });
        let metrics = Metrics::default();
        let from = |ip: &str, at_home| ClientAddress { ip: ip.parse().unwrap(), at_home };
        let ok = |ip: &str, at_home| limits.check(Limit::SignIn, from(ip, at_home), &metrics).is_ok();
        assert_eq!((0..10).filter(|_| ok("203.0.113.1", false)).count(), 3);
        assert!(ok("203.0.113.2", false));
        assert_eq!((0..10).filter(|_| ok("127.0.0.1", true)).count(), 10);
        assert_eq!((0..10).filter(|n| ok(&format!("2001:db8::{n}"), false)).count(), 3, "one /64 is one user");
        assert!(metrics.rate_limited.get() > 0);
    }
}
