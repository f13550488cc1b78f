//! A watcher on its threads, fed by hand.

use super::*;

#[test]
fn a_target_delay_out_of_range_is_refused() {
    let config = WatchConfig { target_delay: Duration::from_millis(10), ..WatchConfig::default() };
    let error = Watcher::start(config, Box::new(|_| {})).err().expect("10 ms is too short");
    assert_eq!(error.to_string(), "target delay of 10 ms (expected 100..=60000 ms)");
}

#[test]
fn rubbish_is_reported_and_survived() {
    let config = WatchConfig { audio_output: AudioOutputSpec::Null, ..WatchConfig::default() };
    let (sender, receiver) = std::sync::mpsc::sync_channel(100);
    let on_event = move |event| {
        // A full channel only means that the test has seen enough.
        let _ = sender.try_send(event);
    };
    let watcher = Watcher::start(config, Box::new(on_event)).expect("it starts");
    watcher.push_init(1, Bytes::from_static(b"rubbish"));
    let wait = Duration::from_secs(20);
    assert!(matches!(receiver.recv_timeout(wait), Ok(WatchEvent::DecodeError { .. })));
    assert_eq!((watcher.playhead(), watcher.wanted_from()), (None, None));
    watcher.ended(None);
    watcher.set_paused(true);
    watcher.set_paused(false);
    watcher.jump_to_live();
    watcher.set_volume(f32::NAN);
    watcher.set_clock_offset(i64::MIN);
    watcher.set_target_delay(Duration::MAX);
    watcher.live_edge(WallClock::from_micros(i64::MAX));
    watcher.stop();
    assert_eq!(watcher.stats().frames_shown, 0);
    watcher.stop();
}
