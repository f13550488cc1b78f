//! What is shared with other viewers: ruled anew as things change, put in force, counted, and told.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Core;
use crate::paths::Paths;
use crate::session::clock;
use crate::session::metered;
use crate::session::sharing::{Metered, Ruling, Situation, rule};
use crate::settings::{SettingsFile, Traffic};
use crate::state::{CommunityId, Event, SharingNow};

/// How often it is ruled anew.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a number of viewers counts: one that goes up and down must not make us come and go.
const CROWD: Duration = Duration::from_secs(60);
/// How often what was uploaded is written down.
const WRITE: Duration = Duration::from_secs(60);

/// What sharing depends on, and what came of it.
pub(super) struct Keeper {
    traffic: SettingsFile<Traffic>,
    metered: watch::Receiver<Metered>,
    ruled: Option<Instant>,
    crowd: Crowd,
    /// What was uploaded and not yet counted is more than this, by what is watched and by what is broadcast.
    watched: Growth,
    shown: Growth,
    /// Since when something is not written.
    unwritten: Option<Instant>,
    told: Option<SharingNow>,
}

impl Keeper {
    pub(super) fn new(paths: &Paths) -> Self {
        let loaded = SettingsFile::load(&paths.traffic());
        for problem in &loaded.problems {
            tracing::warn!(%problem, "how much was uploaded this month is not known");
        }
        Self {
            traffic: loaded.file,
            metered: watch::channel(Metered::Unknown).1,
            ruled: None,
            crowd: Crowd::default(),
            watched: Growth::default(),
            shown: Growth::default(),
            unwritten: None,
            told: None,
        }
    }

    /// Begins to follow what the system says of the network.
    pub(super) fn begin(&mut self) {
        self.metered = metered::follow();
    }

    /// Adds what was uploaded since the last time; gives what stands for today.
    fn count(&mut self, watched: u64, shown: u64) -> Traffic {
        let before = *self.traffic.get();
        // Where the local day is unknown, all is of one day: rather too early at the cap than too late.
        let today = clock::local().map_or(before, |(day, _)| before.on(day));
        let now = today.plus(self.watched.since(watched) + self.shown.since(shown));
        if now != before {
            // What has no form in TOML is confined before.
            let _ = self.traffic.put(now);
            self.unwritten.get_or_insert_with(clock::now);
        }
        now
    }

    /// Writes what is not written.
    pub(super) fn write(&mut self) {
        if self.unwritten.take().is_some()
            && let Err(error) = self.traffic.save()
        {
            tracing::warn!(%error, "what was uploaded could not be written down");
        }
    }
}

/// A count that begins anew with each broadcast, as one that only grows.
#[derive(Debug, Default)]
struct Growth(u64);

impl Growth {
    fn since(&mut self, total: u64) -> u64 {
        let before = std::mem::replace(&mut self.0, total);
        // Smaller than before: another broadcast, counted from nothing.
        total.checked_sub(before).unwrap_or(total)
    }
}

/// A number of viewers that holds for a while. Pure.
#[derive(Debug, Default)]
struct Crowd(Option<(Instant, String, u32)>);

impl Crowd {
    fn viewers(&mut self, now: Instant, channel: &str, viewers: u32) -> u32 {
        match &self.0 {
            Some((at, of, held)) if of == channel && now.saturating_duration_since(*at) < CROWD => *held,
            _ => {
                self.0 = Some((now, channel.to_owned(), viewers));
                viewers
            }
        }
    }
}

impl Core {
    /// What is shared in a community where so many watch.
    pub(super) fn ruling(&self, community: &CommunityId, viewers: u32) -> Ruling {
        let local = clock::local();
        let given = *self.keeper.traffic.get();
        let situation = Situation {
            viewers,
            community: self.communities.get(community).map_or_else(Default::default, |member| member.sharing),
            metered: *self.keeper.metered.borrow(),
            given: local.map_or(given, |(day, _)| given.on(day)),
            hour: local.map(|(_, hour)| hour),
        };
        rule(&self.settings.get().sharing, &situation)
    }

    /// The ruling for a channel one is about to watch.
    pub(super) fn ruling_for(&mut self, community: &CommunityId, channel: &str, viewers: u32) -> Ruling {
        let viewers = self.keeper.crowd.viewers(clock::now(), channel, viewers);
        self.ruling(community, viewers)
    }

    /// Rules anew, now and then or at once.
    pub(super) fn tick_sharing(&mut self, at_once: bool) {
        let now = clock::now();
        if !at_once && self.keeper.ruled.is_some_and(|at| now.saturating_duration_since(at) < AGAIN) {
            return;
        }
        self.keeper.ruled = Some(now);
        let traffic = self.keeper.count(self.viewing.given(), self.studio.given());
        if self.keeper.unwritten.is_some_and(|since| now.saturating_duration_since(since) >= WRITE) {
            self.keeper.write();
        }
        let ruling = match (self.viewing.channel(), self.current()) {
            (Some((community, channel)), _) => {
                let viewers = self.viewing.viewers();
                let ruling = self.ruling_for(&community, &channel.0, viewers);
                self.viewing.set_sharing(self.settings.get(), ruling);
                ruling
            }
            (None, Some(community)) => self.ruling(&community, u32::MAX),
            (None, None) => self.ruling(&CommunityId(String::new()), u32::MAX),
        };
        if let Some(community) = self.studio.community() {
            let upload = self.ruling(&community, u32::MAX).upload_kbps;
            self.studio.set_upload_cap(upload);
        }
        let told = SharingNow {
            ruling,
            metered: *self.keeper.metered.borrow(),
            today: traffic.day_bytes,
            this_month: traffic.month_bytes,
        };
        if self.keeper.told != Some(told) {
            self.keeper.told = Some(told);
            self.outlet.emit(Event::SharingNow(told));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_comes_and_goes_slowly() {
        let (start, mut crowd) = (clock::now(), Crowd::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(crowd.viewers(at(0), "a", 3), 3);
        assert_eq!(crowd.viewers(at(59), "a", 300), 3);
        assert_eq!(crowd.viewers(at(60), "a", 300), 300);
        assert_eq!(crowd.viewers(at(61), "b", 5), 5, "another channel is another crowd");
    }

    #[test]
    fn what_grows_is_counted_once() {
        let mut growth = Growth::default();
        assert_eq!([10, 15, 15, 4].map(|total| growth.since(total)), [10, 5, 0, 4]);
    }

    #[test]
    fn what_was_uploaded_is_known_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        let mut keeper = Keeper::new(&paths);
        keeper.count(1_000, 0);
        let counted = keeper.count(1_500, 700);
        assert_eq!((counted.day_bytes, counted.month_bytes), (2_200, 2_200));
        keeper.write();
        let again = Keeper::new(&paths);
        assert_eq!(*again.traffic.get(), counted);
    }
}
