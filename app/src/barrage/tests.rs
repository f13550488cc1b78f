//! Lanes in virtual time.

use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
fn start() -> Instant {
    Instant::now()
}

fn staged(lanes: usize) -> (Barrage, Instant) {
    let (mut barrage, now) = (Barrage::default(), start());
    barrage.set_stage(1000.0, lanes);
    barrage.advance(now, true);
    (barrage, now)
}

fn run(barrage: &mut Barrage, now: &mut Instant, time: Duration) {
    let end = *now + time;
    while *now < end {
        *now += Duration::from_millis(16).min(end - *now);
        barrage.advance(*now, true);
        barrage.admit(|text| text.len() as f32 * 10.0);
    }
}

/// No two comments of one lane overlap.
#[track_caller]
fn check(barrage: &Barrage) {
    let all: Vec<_> = barrage.flying().filter(|(_, comment)| !comment.own).collect();
    for (index, (x, one)) in all.iter().enumerate() {
        for (other_x, other) in &all[index + 1..] {
            let apart = x + one.width <= *other_x + 0.5 || other_x + other.width <= *x + 0.5;
            // Beyond the right edge nothing is seen.
            let seen = x.min(*other_x) < 1000.0;
            assert!(one.lane != other.lane || apart || !seen, "{one:?} at {x} meets {other:?} at {other_x}");
        }
    }
}

#[test]
fn a_comment_crosses_the_picture_and_goes() {
    let (mut barrage, mut now) = staged(3);
    barrage.push("  hello ", false);
    barrage.admit(|_| 100.0);
    let x = |barrage: &Barrage| barrage.flying().next().map(|(x, _)| x);
    assert_eq!(x(&barrage), Some(1000.0));
    run(&mut barrage, &mut now, LIFE / 2);
    assert!((x(&barrage).unwrap() - 450.0).abs() < 1.0);
    run(&mut barrage, &mut now, LIFE / 2);
    assert!(!barrage.is_busy());
}

#[test]
fn another_speed_holds_for_what_comes_after_and_lanes_stay_clear() {
    let (mut barrage, mut now) = staged(2);
    for (n, speed) in [1.0, 2.0, 0.5, 2.0, 0.5, 1.0].into_iter().cycle().take(60).enumerate() {
        barrage.set_speed(speed);
        barrage.push(&"word ".repeat(1 + n % 7), false);
        let before: Vec<f32> = barrage.flying().map(|(x, _)| x).collect();
        barrage.set_speed(3.0 - speed);
        assert_eq!(before, barrage.flying().map(|(x, _)| x).collect::<Vec<_>>(), "nothing jumps");
        barrage.set_speed(speed);
        run(&mut barrage, &mut now, Duration::from_millis(700));
        check(&barrage);
    }
    barrage.clear();
    barrage.set_speed(2.0);
    barrage.push("quick", false);
    barrage.admit(|_| 100.0);
    run(&mut barrage, &mut now, LIFE / 4);
    assert!((barrage.flying().next().unwrap().0 - 450.0).abs() < 1.0);
}

#[test]
fn it_stands_still_with_the_picture() {
    let (mut barrage, mut now) = staged(1);
    barrage.push("a", false);
    barrage.admit(|_| 100.0);
    run(&mut barrage, &mut now, Duration::from_secs(1));
    let x = barrage.flying().next().unwrap().0;
    now += Duration::from_secs(60);
    barrage.advance(now, false);
    assert_eq!(barrage.flying().next().unwrap().0, x);
    // Nor does it jump over a time in which nothing was drawn.
    now += Duration::from_secs(60);
    barrage.advance(now, true);
    assert!(x - barrage.flying().next().unwrap().0 < 50.0);
}

#[test]
fn a_fast_one_does_not_run_into_a_slow_one() {
    let (mut barrage, mut now) = staged(1);
    barrage.push("slow", false);
    run(&mut barrage, &mut now, Duration::from_millis(700));
    barrage.push(&"fast and wide ".repeat(6), false);
    run(&mut barrage, &mut now, Duration::from_millis(100));
    assert_eq!(barrage.flying().count(), 1, "the wide one waits although there is room at the right edge");
    run(&mut barrage, &mut now, Duration::from_secs(3));
    assert_eq!(barrage.flying().count(), 2);
}

#[test]
fn own_words_always_fly_and_the_same_words_fly_once() {
    let (mut barrage, _) = staged(1);
    barrage.push("first", false);
    barrage.admit(|_| 900.0);
    barrage.push("mine", true);
    barrage.push("yours", false);
    barrage.push("yours", false);
    barrage.admit(|_| 100.0);
    let texts: Vec<_> = barrage.flying().map(|(_, comment)| comment.text.as_str()).collect();
    assert_eq!(texts, ["first", "mine"]);
    barrage.set_stage(1000.0, 2);
    barrage.admit(|_| 100.0);
    assert_eq!(barrage.flying().last().unwrap().1.text, "yours ×2");
}

#[test]
fn what_waits_is_bounded_and_counted() {
    let (mut barrage, mut now) = staged(0);
    for n in 0..500 {
        barrage.push(&n.to_string(), n == 0);
    }
    assert_eq!((barrage.waiting.len(), barrage.left_out()), (MAX_WAITING, 400));
    assert!(barrage.waiting.iter().any(|waiting| waiting.own));
    run(&mut barrage, &mut now, PATIENCE + Duration::from_secs(1));
    assert_eq!((barrage.waiting.len(), barrage.left_out()), (0, 500));
}

#[test]
fn a_flood_stays_within_bounds() {
    let (mut barrage, mut now) = staged(400);
    for n in 0..2000 {
        barrage.push(&n.to_string(), false);
        if n % 10 == 0 {
            run(&mut barrage, &mut now, Duration::from_millis(16));
        }
        assert!(barrage.flying().count() <= MAX_FLYING);
    }
}

proptest! {
    #[test]
    fn comments_never_meet(steps in prop::collection::vec((1usize..40, 0u64..600), 1..60), lanes in 1usize..6) {
        let (mut barrage, mut now) = staged(lanes);
        for (length, pause) in steps {
            barrage.push(&"x".repeat(length), false);
            run(&mut barrage, &mut now, Duration::from_millis(pause));
            check(&barrage);
        }
    }
}
