//! How much was uploaded to other viewers today and this month, for those who pay by amount.

use serde::{Deserialize, Serialize};

use super::file::Document;

/// A day of the local calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Year.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day, from 1.
    pub day: u8,
}

/// What was uploaded to other viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// The day that is counted, as `20261122`; 0 before the first.
    day: u32,
    /// Bytes on that day.
    pub day_bytes: u64,
    /// Bytes in that day's month.
    pub month_bytes: u64,
}

impl Traffic {
    /// As it stands on a day: a new day and a new month begin at nothing.
    #[must_use]
    pub fn on(self, day: Day) -> Self {
        let today = u32::from(day.year) * 10_000 + u32::from(day.month) * 100 + u32::from(day.day);
        let day_bytes = if self.day == today { self.day_bytes } else { 0 };
        let month_bytes = if self.day / 100 == today / 100 { self.month_bytes } else { 0 };
        Self { day: today, day_bytes, month_bytes }
    }

    /// So many bytes more.
    #[must_use]
    pub fn plus(self, bytes: u64) -> Self {
        let day_bytes = self.day_bytes.saturating_add(bytes);
        Self { day_bytes, month_bytes: self.month_bytes.saturating_add(bytes), ..self }
    }
}

/// TOML knows no larger numbers.
const MOST: u64 = i64::MAX.unsigned_abs();

impl Document for Traffic {
    const VERSION: u32 = 1;

    fn confine(&mut self) {
        self.day_bytes = self.day_bytes.min(MOST);
        self.month_bytes = self.month_bytes.min(MOST).max(self.day_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_begin_at_nothing() {
        let day = |month, day| Day { year: 2026, month, day };
        let first = Traffic::default().on(day(11, 29)).plus(100);
        assert_eq!((first.day_bytes, first.month_bytes), (100, 100));
        let next = first.on(day(11, 30)).plus(7);
        assert_eq!((next.day_bytes, next.month_bytes), (7, 107));
        assert_eq!(next.on(day(11, 30)), next);
        let month = next.on(day(12, 1));
        assert_eq!((month.day_bytes, month.month_bytes), (0, 0));
        // The same day and month a year later are others.
        let year = first.on(Day { year: 2027, month: 11, day: 29 });
        assert_eq!((year.day_bytes, year.month_bytes), (0, 0));
    }
}
