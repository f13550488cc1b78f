//! What is shared with other viewers at a moment: what the person allowed, less what the community, the number of viewers,
//! the network, the amount of data and the time of day take from it. Pure.

use backend_lite::api::SharingDefault;

use crate::settings::{MeteredChoice, P2pMode, Sharing, Traffic};

/// Whether the network costs by amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metered {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The system does not tell.
    #[default]
    Unknown,
}

/// What the ruling depends on besides the person's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// How many watch the broadcast, as far as one knows.
    pub viewers: u32,
    /// What the community's host chose for it.
    pub community: SharingDefault,
    /// What the system says of the network.
    pub metered: Metered,
    /// What was uploaded today and this month.
    pub given: Traffic,
    /// Hour of the local day, 0 to 23; `None` where the local time is unknown, and then no schedule holds.
    pub hour: Option<u8>,
}

/// With whom pieces are exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nobody: everything comes from the server.
    #[default]
    Nobody,
    /// Viewers on the local network.
    Near,
    /// All viewers.
    Everyone,
}

/// Why less is shared than the person allowed at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nobody was asked yet.
    NotAsked,
    /// The host wants less in this community.
    Community,
    /// Too few watch.
    FewViewers {
        /// It begins with more viewers than this.
        above: u32,
    },
    /// The network costs by amount.
    Metered,
    /// What may be uploaded in a day or month was.
    DataCap,
    /// Not at this hour.
    Schedule,
}

/// What is shared now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ruling {
    /// With whom.
    pub reach: Reach,
    /// Most upload in kbit/s; `None` as much as there is.
    pub upload_kbps: Option<u32>,
    /// What makes it less than it could be, the strictest where there are several.
    pub limit: Option<Limit>,
}

impl Ruling {
    /// How a viewer's session is to exchange, where it was asked for as `mode`.
    pub fn mode(&self, mode: P2pMode) -> P2pMode {
        match (self.reach, mode) {
            (Reach::Nobody, _) => P2pMode::Off,
            (_, P2pMode::Only) => P2pMode::Only,
            _ => P2pMode::Assist,
        }
    }

    /// Whether only the local network is exchanged with.
    pub fn near_only(&self) -> bool {
        self.reach == Reach::Near
    }
}

/// Says what is shared now. No situation makes it more than the person allowed.
pub fn rule(sharing: &Sharing, situation: &Situation) -> Ruling {
    if !sharing.consented {
        return Ruling { reach: Reach::Nobody, upload_kbps: Some(0), limit: Some(Limit::NotAsked) };
    }
    let (own, crowd) = match (sharing.mode, sharing.lan_only) {
        (P2pMode::Off, _) => (Reach::Nobody, false),
        (_, true) => (Reach::Near, false),
        (_, false) => (Reach::Everyone, sharing.crowd_only),
    };
    let (host, host_crowd) = match situation.community {
        SharingDefault::Off => (Reach::Nobody, false),
        SharingDefault::Lan => (Reach::Near, false),
        SharingDefault::Crowd => (Reach::Everyone, true),
        SharingDefault::On => (Reach::Everyone, false),
    };
    let mut reach = own.min(host);
    let mut limit = (host < own).then_some(Limit::Community);
    let few = situation.viewers <= sharing.crowd_above;
    if reach == Reach::Everyone && (crowd || host_crowd) && few {
        reach = Reach::Nobody;
        limit = Some(Limit::FewViewers { above: sharing.crowd_above });
    }
    if reach == Reach::Nobody {
        return Ruling { reach, upload_kbps: Some(0), limit };
    }
    let (upload_kbps, tighter) = upload(sharing, situation);
    Ruling { reach, upload_kbps, limit: tighter.or(limit) }
}

/// Most upload, and what makes it less than the person's cap.
fn upload(sharing: &Sharing, situation: &Situation) -> (Option<u32>, Option<Limit>) {
    let cap = Some(sharing.upload_cap_kbps).filter(|cap| *cap > 0);
    let metered = match (sharing.metered, situation.metered) {
        (MeteredChoice::Detect, found) => found == Metered::Yes,
        (choice, _) => choice == MeteredChoice::Metered,
    };
    if metered {
        return (Some(0), Some(Limit::Metered));
    }
    let given = if sharing.data_cap_monthly { situation.given.month_bytes } else { situation.given.day_bytes };
    if sharing.data_cap_mb > 0 && given >= u64::from(sharing.data_cap_mb) * 1_000_000 {
        return (Some(0), Some(Limit::DataCap));
    }
    let allowed = situation.hour.is_none_or(|hour| in_hours(hour, sharing.from_hour, sharing.to_hour));
    if !allowed {
        let outside = sharing.outside_kbps;
        if cap.is_none_or(|cap| outside < cap) {
            return (Some(outside), Some(Limit::Schedule));
        }
    }
    (cap, None)
}

/// Whether an hour lies within the hours from one to another; over midnight where the second is earlier, and always where
/// they are the same.
fn in_hours(hour: u8, from: u8, to: u8) -> bool {
    match from.cmp(&to) {
        std::cmp::Ordering::Equal => true,
        std::cmp::Ordering::Less => (from..to).contains(&hour),
        std::cmp::Ordering::Greater => hour >= from || hour < to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> Sharing {
        Sharing { consented: true, mode: P2pMode::Assist, ..Sharing::default() }
    }

    fn crowd() -> Situation {
        Situation { viewers: 1000, ..Situation::default() }
    }

    fn reach(sharing: &Sharing, situation: &Situation) -> (Reach, Option<Limit>) {
        let ruling = rule(sharing, situation);
        (ruling.reach, ruling.limit)
    }

    #[test]
    fn without_a_word_of_the_person_nothing_is_shared_whatever_the_host_wants() {
        for community in [SharingDefault::Off, SharingDefault::Lan, SharingDefault::Crowd, SharingDefault::On] {
            let situation = Situation { community, ..crowd() };
            let unasked = rule(&Sharing::default(), &situation);
            assert_eq!((unasked.reach, unasked.upload_kbps), (Reach::Nobody, Some(0)));
            let refused = rule(&Sharing { mode: P2pMode::Off, ..on() }, &situation);
            assert_eq!((refused.reach, refused.upload_kbps), (Reach::Nobody, Some(0)));
        }
    }

    #[test]
    fn the_stricter_of_person_and_host_holds() {
        let near = Sharing { lan_only: true, ..on() };
        let at = |community| Situation { community, ..crowd() };
        assert_eq!(reach(&on(), &at(SharingDefault::On)), (Reach::Everyone, None));
        assert_eq!(reach(&on(), &at(SharingDefault::Lan)), (Reach::Near, Some(Limit::Community)));
        assert_eq!(reach(&on(), &at(SharingDefault::Off)), (Reach::Nobody, Some(Limit::Community)));
        assert_eq!(reach(&near, &at(SharingDefault::On)), (Reach::Near, None));
        assert_eq!(reach(&near, &at(SharingDefault::Crowd)), (Reach::Near, None));
    }

    #[test]
    fn in_small_company_nothing_is_shared_where_that_was_asked_for() {
        let shy = Sharing { crowd_only: true, crowd_above: 20, ..on() };
        let few = |viewers| Situation { viewers, ..Situation::default() };
        assert_eq!(reach(&shy, &few(20)), (Reach::Nobody, Some(Limit::FewViewers { above: 20 })));
        assert_eq!(reach(&shy, &few(21)), (Reach::Everyone, None));
        assert_eq!(reach(&on(), &few(1)), (Reach::Everyone, None));
        // Or where the host asks for it; the person's own number holds then, too.
        let host = Situation { community: SharingDefault::Crowd, ..few(3) };
        assert_eq!(reach(&on(), &host).0, Reach::Nobody);
    }

    #[test]
    fn the_network_the_amount_and_the_hour_take_from_the_cap() {
        let sharing = Sharing { upload_cap_kbps: 5_000, data_cap_mb: 100, from_hour: 22, to_hour: 7, ..on() };
        let situation = Situation { hour: Some(23), ..crowd() };
        let upload = |sharing: &Sharing, situation: &Situation| {
            let ruling = rule(sharing, situation);
            assert_eq!(ruling.reach, Reach::Everyone);
            (ruling.upload_kbps, ruling.limit)
        };
        assert_eq!(upload(&sharing, &situation), (Some(5_000), None));
        let day = Situation { hour: Some(12), ..situation };
        assert_eq!(upload(&sharing, &day), (Some(0), Some(Limit::Schedule)));
        let slow = Sharing { outside_kbps: 500, ..sharing.clone() };
        assert_eq!(upload(&slow, &day), (Some(500), Some(Limit::Schedule)));
        let slower = Sharing { upload_cap_kbps: 300, ..slow };
        assert_eq!(upload(&slower, &day), (Some(300), None), "the cap is stricter than the schedule");
        let used = Situation { given: Traffic::default().plus(100_000_000), ..situation };
        assert_eq!(upload(&sharing, &used), (Some(0), Some(Limit::DataCap)));
        let monthly = Sharing { data_cap_monthly: true, data_cap_mb: 101, ..sharing.clone() };
        assert_eq!(upload(&monthly, &used), (Some(5_000), None));
        let more = Situation { given: used.given.plus(1_000_000), ..used };
        assert_eq!(upload(&monthly, &more), (Some(0), Some(Limit::DataCap)));
        let costly = Situation { metered: Metered::Yes, ..situation };
        assert_eq!(upload(&sharing, &costly), (Some(0), Some(Limit::Metered)));
        let sure = Sharing { metered: MeteredChoice::Unmetered, ..sharing.clone() };
        assert_eq!(upload(&sure, &costly), (Some(5_000), None));
        let told = Sharing { metered: MeteredChoice::Metered, ..sharing };
        assert_eq!(upload(&told, &situation), (Some(0), Some(Limit::Metered)));
        let free = Sharing { upload_cap_kbps: 0, ..on() };
        assert_eq!(upload(&free, &situation), (None, None));
    }

    #[test]
    fn hours_go_over_midnight() {
        let inside = |from, to| (0..24).filter(|hour| in_hours(*hour, from, to)).collect::<Vec<_>>();
        assert_eq!(inside(22, 2), [0, 1, 22, 23]);
        assert_eq!(inside(8, 10), [8, 9]);
        assert_eq!(inside(5, 5).len(), 24);
    }
}
