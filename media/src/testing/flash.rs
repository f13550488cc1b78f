//! Seeing the flash of the test picture.

use crate::format::{Size, Timestamp};
use crate::frame::VideoFrame;
use crate::testing::mean_luma;

/// Luma of the patch while it flashes and while it does not.
pub(crate) const LIGHT: u8 = 224;
pub(crate) const DARK: u8 = 32;

/// Where the patch lies in a picture of `size`: columns and rows, near the upper right corner.
pub(crate) fn patch(size: Size) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let side = (height / 7) & !1;
    let margin = (height / 24) & !1;
    (width.saturating_sub(side + margin)..width.saturating_sub(margin), margin..margin + side)
}

/// Tells when the patch of the test picture lights up.
#[derive(Clone, Debug, Default)]
pub struct FlashDetector {
    lit: Option<bool>,
}

impl FlashDetector {
    /// A detector that has seen nothing.
    pub const fn new() -> Self {
        Self { lit: None }
    }

    /// Looks at a picture that was shown at `at` (on any one line of time) and gives that time if the flash begins with it.
    pub fn push(&mut self, frame: &VideoFrame, at: Timestamp) -> Option<Timestamp> {
        let (x, y) = patch(frame.size);
        let inner = |range: std::ops::Range<usize>| range.start + range.len() / 4..range.end - range.len() / 4;
        let level = mean_luma(frame, inner(x), inner(y))?;
        // Between the two thresholds nothing changes: an encoder may need a frame to arrive.
        let lit = match self.lit {
            Some(true) => level > 100.0,
            _ => level > 140.0,
        };
        let begins = lit && self.lit == Some(false);
        self.lit = Some(lit);
        begins.then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::synthetic::test_picture;
    use crate::format::WallClock;

    #[test]
    fn sees_each_second_once() {
        for (size, fps) in [("640x360", 30), ("1280x720", 25), ("160x90", 24)] {
            let size: Size = size.parse().expect("legal");
            let mut picture = crate::testing::TestPicture::new(size, fps);
            let mut detector = FlashDetector::new();
            let seen: Vec<u32> = (1..3 * fps + 2)
                .filter(|n| {
                    let frame = picture.draw(*n, Timestamp::ZERO, WallClock::default());
                    detector.push(&frame, Timestamp::ZERO).is_some()
                })
                .collect();
            assert_eq!(seen, [fps, 2 * fps, 3 * fps], "{size}");
        }
    }

    #[test]
    fn a_flash_already_on_at_the_start_does_not_count() {
        let size = Size::new(640, 360).expect("legal");
        let mut detector = FlashDetector::new();
        let first = test_picture(30, size, 30, WallClock::default());
        assert_eq!(detector.push(&first, Timestamp::ZERO), None);
    }
}
