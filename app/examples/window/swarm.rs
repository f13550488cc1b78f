//! Who gives what to whom, as sample contents.

use std::time::Duration;

use runnel::state::*;
use runnel::ui::Clock;

/// Viewers give most of the picture, and get most of it.
pub(crate) fn usual(state: &mut AppState, clock: Clock) {
    state.sharing.ruling = Ruling { reach: Reach::Everyone, upload_kbps: Some(5_000), limit: None };
    let Some(watch) = &mut state.watch else { return };
    history(&mut watch.history, clock);
    watch.telemetry.delivery = Delivery {
        from_peers: 186_400_000,
        from_publisher: 6_100_000,
        from_server: 7_900_000,
        to_peers: 142_000_000,
        neighbours: 9,
        viewers: 7,
        rejected: 0,
    };
    watch.telemetry.way = Way::Direct;
}

/// Nobody can be reached, nothing may be uploaded, and nothing was measured yet.
pub(crate) fn alone(state: &mut AppState) {
    state.sharing.ruling = Ruling { reach: Reach::Everyone, upload_kbps: Some(0), limit: Some(Limit::Metered) };
    let Some(watch) = &mut state.watch else { return };
    watch.telemetry = WatchTelemetry { way: Way::Unreachable { udp_blocked: true }, ..WatchTelemetry::default() };
    watch.telemetry.delivery.rejected = 12;
}

/// Everything that can be chosen about sharing is.
pub(crate) fn choices(state: &mut AppState) {
    state.settings.sharing = Sharing::Crowd;
    state.settings.data_cap = Some(DataCap { megabytes: 50_000, monthly: true });
    state.settings.schedule = Some(Schedule { from: 22, to: 7, outside_kbps: 500 });
    let limit = Some(Limit::FewViewers { above: 20 });
    state.sharing = SharingNow {
        ruling: Ruling { reach: Reach::Nobody, upload_kbps: Some(0), limit },
        metered: Metered::No,
        today: 812_000_000,
        this_month: 31_460_000_000,
    };
}

/// A minute in which viewers take over from the server, and which has a gap.
fn history(history: &mut History, clock: Clock) {
    let mut totals = Delivery::default();
    for second in 0..=60_u64 {
        let at = clock.now.checked_sub(Duration::from_secs(60 - second)).unwrap_or(clock.now);
        let all = 300_000 + 40_000 * (second % 4) - if second == 31 { 250_000 } else { 0 };
        let server = all * 20_u64.saturating_sub(second).max(1) / 20;
        let publisher = (all - server) / 12;
        totals.from_server += server;
        totals.from_publisher += publisher;
        totals.from_peers += all - server - publisher;
        totals.to_peers += second * 5_000;
        history.note(at, totals);
    }
}
