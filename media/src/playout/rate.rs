//! How fast to play: slowly enough that nobody hears it, fast enough that the delay stays where it was asked to be.

/// Decides the playing rate from how far the picture is behind its target delay.
///
/// Small errors (two sound cards' clocks differ by some ten parts per million) are corrected by at most 1 %,
/// larger ones by at most 5 %; what is larger still is not this controller's: the machine jumps.
#[derive(Clone, Debug)]
pub(super) struct RateController {
    smoothed: Option<f64>,
    hurrying: bool,
}

impl RateController {
    /// Largest change for drift.
    pub(super) const SLEW: f64 = 0.01;
    /// Largest change for catching up or falling back.
    pub(super) const CATCH_UP: f64 = 0.05;
    /// An error is paid off over this many milliseconds.
    const HORIZON_MS: f64 = 4000.0;
    /// Catching up begins above this error and ends below the other.
    const HURRY_ABOVE_MS: f64 = 120.0;
    const HURRY_BELOW_MS: f64 = 40.0;
    /// Share of a new measurement in the average.
    const SMOOTHING: f64 = 0.3;

    /// Knows nothing yet.
    pub(super) fn new() -> Self {
        Self { smoothed: None, hurrying: false }
    }

    /// Forgets the past, after the clock was started anew.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// The rate for the next 100 ms.
    ///
    /// `behind_ms` is the delay minus the target; `margin_ms` what the buffer holds above what it must hold.
    pub(super) fn update(&mut self, behind_ms: f64, margin_ms: f64) -> f64 {
        let error = match self.smoothed {
            Some(old) => old + Self::SMOOTHING * (behind_ms - old),
            None => behind_ms,
        };
        self.smoothed = Some(error);
        self.hurrying = error.abs() > if self.hurrying { Self::HURRY_BELOW_MS } else { Self::HURRY_ABOVE_MS };
        let most = if self.hurrying { Self::CATCH_UP } else { Self::SLEW };
        let wanted = (error / Self::HORIZON_MS).clamp(-most, most);
        // Playing faster than the data comes would end in a stall, which is worse than being late.
        let allowed = (margin_ms / Self::HORIZON_MS * 2.0).clamp(0.0, most);
        1.0 + wanted.min(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_slewed_gently_and_lateness_caught_up() {
        let mut rate = RateController::new();
        assert!((rate.update(20.0, 500.0) - 1.005).abs() < 1e-9);
        let mut rate = RateController::new();
        assert!((rate.update(100.0, 500.0) - 1.01).abs() < 1e-9);
        let mut rate = RateController::new();
        assert!((rate.update(800.0, 500.0) - 1.05).abs() < 1e-9);
        let mut rate = RateController::new();
        assert!((rate.update(-800.0, 500.0) - 0.95).abs() < 1e-9);
    }

    #[test]
    fn an_empty_buffer_forbids_hurry_and_never_slowing_down() {
        let mut rate = RateController::new();
        assert_eq!(rate.update(800.0, 0.0), 1.0);
        assert_eq!(rate.update(800.0, -300.0), 1.0);
        let mut rate = RateController::new();
        assert!(rate.update(-800.0, -300.0) < 1.0);
    }

    #[test]
    fn a_drifting_card_settles_near_the_target() {
        // The card runs 200 ppm slow: without correction 0.2 ms a second is lost.
        let (mut rate, mut behind) = (RateController::new(), 0.0);
        for _ in 0..3000 {
            let chosen = rate.update(behind, 400.0);
            assert!((chosen - 1.0).abs() <= RateController::SLEW);
            behind += 100.0 * (1.0 - chosen * (1.0 - 200e-6));
        }
        assert!(behind.abs() < 2.0, "{behind}");
    }
}
