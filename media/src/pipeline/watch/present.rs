//! The thread that hands each picture over when the clock reaches it.

use std::time::Duration;

use super::WatchEvent;
use super::measure::Showing;
use super::shared::Shared;

/// The clock was told to run and does not yet: look again after so long.
const CLOCK_STARTING: Duration = Duration::from_millis(5);
/// The clock may be moved by a jump or another rate, so no wait is longer.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
const SHORTEST_WAIT: Duration = Duration::from_micros(200);

pub(super) fn run(shared: &Shared) {
    let mut pictures = shared.pictures.lock();
    while !pictures.stopped {
        let now = shared.clock.now();
        let reading = shared.sound.lock().reading(now);
        let due = if pictures.clock_on {
            pictures.queue.due(reading.position)
        } else {
            // Nothing is due while the clock stands, also not what it was about to reach.
            shared.pictures_changed.wait(&mut pictures);
            continue;
        };
        if let Some(frame) = due.show {
            drop(pictures);
            shared.inbox.wake();
            let mut slot = shared.slot.lock();
            if slot.as_ref().is_some_and(|sender| sender.send(frame.clone()).is_err()) {
                // Nobody looks any more.
                *slot = None;
            }
            drop(slot);
            let callback = shared.on_frame.lock().clone();
            if let Some(callback) = callback {
                callback();
            }
            let at = shared.clock.since_start(now);
            let first = {
                let mut measures = shared.measures.lock();
                let first = measures.first_frame.is_none();
                measures.skipped += due.skipped;
                let wall = shared.publisher_wall(now);
                measures.show(&Showing { frame: &frame, at, wall, heard: reading.position });
                first
            };
            *shared.last.lock() = Some(frame);
            if first {
                shared.event(WatchEvent::FirstFrame { after: at });
            }
            pictures = shared.pictures.lock();
            continue;
        }
        match due.next {
            None => shared.pictures_changed.wait(&mut pictures),
            Some(next) => {
                let wait = if reading.running {
                    next.saturating_since(reading.position).div_f64(reading.rate.max(0.5))
                } else {
                    CLOCK_STARTING
                };
                shared.pictures_changed.wait_for(&mut pictures, wait.clamp(SHORTEST_WAIT, LONGEST_WAIT));
            }
        }
    }
}
