//! What one shares with other viewers: what was chosen, and what holds at the moment.

use serde::{Deserialize, Serialize};

pub use crate::session::sharing::{Limit, Metered, Reach, Ruling};

/// Whether one shares what one watches with other viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Nobody was asked yet: nothing is shared.
    #[default]
    NotAsked,
    /// Everything comes from the server.
    Off,
    /// With viewers on the local network only.
    Lan,
    /// With everyone, once more than a few watch.
    Crowd,
    /// With everyone: from other viewers first, the server fills gaps.
    On,
}

impl Sharing {
    /// Whether pieces may go to others at all.
    pub fn allowed(self) -> bool {
        matches!(self, Self::Lan | Self::Crowd | Self::On)
    }
}

/// The most one gives to others, in kilobits a second; `None` for no limit.
pub type UploadCap = Option<u32>;

/// The most one gives to others in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataCap {
    /// Megabytes.
    pub megabytes: u32,
    /// In a month of the calendar; otherwise in a day.
    pub monthly: bool,
}

/// The hours in which one gives to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// First hour, 0 to 23.
    pub from: u8,
    /// Hour in which they end; earlier than the first where they go over midnight.
    pub to: u8,
    /// The most one gives at other hours, in kilobits a second; 0 for nothing.
    pub outside_kbps: u32,
}

/// Whether the network costs by amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeteredChoice {
    /// As the system says.
    #[default]
    Detect,
    /// It does.
    Metered,
    /// It does not.
    Unmetered,
}

/// What is shared at the moment, and what that depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharingNow {
    /// What holds for the channel that is watched, or would for one.
    pub ruling: Ruling,
    /// What the system says of the network.
    pub metered: Metered,
    /// Bytes given to others today.
    pub today: u64,
    /// Bytes given to others this month.
    pub this_month: u64,
}
