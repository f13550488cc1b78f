//! Whole swarms in virtual time. A failure prints its seed.

use runnel_p2p::sim::{Policy, Report, Scenario, run};

fn play(name: &str, seed: u64, change: impl FnOnce(&mut Scenario)) -> Report {
    let mut scenario = Scenario::load(name).unwrap();
    change(&mut scenario);
    scenario.check().unwrap();
    let report = run(&scenario, Policy::Runnel, seed, |_| {}).report;
    let failures = scenario.checks.failures(&report);
    assert!(failures.is_empty(), "{name}, seed {seed}: {failures:?}\n{report:#?}");
    report
}

#[test]
fn three_viewers_get_two_thirds_from_each_other() {
    for seed in 1..=10 {
        let report = play("small-3", seed, |_| {});
        assert!(report.offload <= 2.0 / 3.0 + 0.01, "more than can be, seed {seed}: {report:#?}");
        assert_eq!(report.stalls, 0, "seed {seed}");
    }
}

#[test]
fn three_viewers_who_come_at_once_do_as_well() {
    for seed in 1..=5 {
        play("small-3", seed, |scenario| {
            scenario.join.over_s = 0.05;
            scenario.join.from_s = 3.0;
            scenario.seconds = 30;
        });
    }
}

#[test]
fn ten_viewers_across_a_country_come_near_the_bound() {
    for seed in 1..=3 {
        play("small-10", seed, |scenario| scenario.seconds = 30);
    }
}

#[test]
fn fifty_viewers_need_two_copies() {
    for seed in 1..=2 {
        play("small-100", seed, |scenario| {
            scenario.peers = 50;
            scenario.seconds = 25;
            scenario.checks.offload_min = Some(0.92);
            scenario.checks.duplicate_ratio_max = Some(0.03);
        });
    }
}

#[test]
fn parents_that_vanish_are_replaced_before_anyone_notices() {
    let report = play("churn", 1, |scenario| {
        (scenario.peers, scenario.seconds) = (150, 30);
        scenario.churn.per_minute = 0.3;
        scenario.checks.heal_p95_ms_max = Some(2000.0);
    });
    assert!(report.heal_ms_p95 > 0.0, "nobody left: {report:#?}");
    assert!(report.duplicate_ratio < 0.03, "{report:#?}");
}

#[test]
fn polluters_are_out_after_one_piece() {
    play("polluters", 1, |scenario| (scenario.peers, scenario.seconds) = (120, 25));
}

#[test]
fn sybils_starve_nobody() {
    let report = play("sybils", 1, |scenario| {
        (scenario.peers, scenario.seconds) = (250, 25);
        // A single viewer at a single moment decides the maximum; docs/SWARM.md tells what it is.
        scenario.checks.sybil_stripes_max = None;
    });
    assert!(report.offload > 0.9, "{report:#?}");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    let trace = |seed| play("small-10", seed, |scenario| scenario.seconds = 15).trace_hash;
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn the_viewer_that_feeds_the_others_may_crash() {
    for seed in 1..=5 {
        let report = play("small-10", seed, |scenario| {
            scenario.seconds = 30;
            scenario.churn.kill_busiest_at_s = 15.0;
            scenario.checks.offload_min = Some(0.8);
        });
        assert_eq!(report.late_ratio, 0.0, "seed {seed}: {report:#?}");
    }
}

#[test]
fn without_any_neighbour_the_origin_carries_all() {
    let report = play("small-3", 1, |scenario| {
        scenario.peers = 1;
        scenario.server.seeds = false;
        scenario.server.publisher_kbps = 0;
        scenario.checks = Default::default();
    });
    assert_eq!(report.bytes_from[0], 0);
    assert!(report.bytes_from[3] > 1_000_000, "{report:#?}");
    assert!(report.stall_ratio < 0.01, "{report:#?}");
}

#[test]
fn without_an_origin_the_swarm_carries_all() {
    let report = play("small-10", 1, |scenario| {
        scenario.seconds = 30;
        scenario.server.http = false;
    });
    assert_eq!(report.bytes_from[3], 0);
}

#[test]
fn who_shares_nothing_is_served_too() {
    let report = play("small-10", 1, |scenario| {
        scenario.seconds = 30;
        scenario.checks.offload_min = Some(0.5);
        scenario.uplinks =
            vec![runnel_p2p::sim::Uplink { share: 0.5, kbps: 0 }, runnel_p2p::sim::Uplink { share: 0.5, kbps: 20_000 }];
    });
    assert_eq!(report.stalls, 0, "{report:#?}");
}
