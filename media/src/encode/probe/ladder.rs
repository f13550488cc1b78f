//! Smaller pictures and lower rates, for machines that are too slow for what was asked.

use crate::format::Size;

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Picture size.
    pub size: Size,
    /// Pictures a second.
    pub fps: u32,
    /// Rate in kbit/s.
    pub bitrate_kbps: u32,
}

impl Rung {
    /// Samples a second, which is what encoders' work goes by.
    pub fn work(&self) -> f64 {
        self.size.pixels() as f64 * f64::from(self.fps)
    }
}

/// Heights that players and people know.
const HEIGHTS: [u32; 12] = [4320, 2160, 1440, 1080, 900, 720, 540, 480, 360, 270, 180, 120];
/// Below this height pictures get fewer before they get smaller.
const SMALL: u32 = 270;

/// The steps down from what was asked, not including it: first pictures beyond 30 a second go, then size, then 15.
///
/// The shape of the picture stays; the rate falls with the samples a second to the power of 3/4,
/// as smaller pictures need more bits for each sample.
pub fn ladder(size: Size, fps: u32, bitrate_kbps: u32) -> Vec<Rung> {
    let top = Rung { size, fps, bitrate_kbps };
    let mut rungs: Vec<Rung> = Vec::new();
    let mut add = |size: Size, fps: u32| {
        let share = size.pixels() as f64 * f64::from(fps) / top.work();
        let bitrate_kbps =
            ((f64::from(bitrate_kbps) * share.powf(0.75)).round() as u32).clamp(64, bitrate_kbps.max(64));
        rungs.push(Rung { size, fps, bitrate_kbps });
    };
    let smooth = fps.min(30);
    if fps > 30 {
        add(size, smooth);
    }
    let side = size.width().min(size.height());
    let smaller = |height: &u32| scaled(size, *height).map(|size| (*height, size));
    let sizes: Vec<_> = HEIGHTS.iter().filter(|height| **height < side).filter_map(smaller).collect();
    for (_, size) in sizes.iter().filter(|(height, _)| *height >= SMALL) {
        add(*size, smooth);
    }
    let smallest =
        sizes.iter().filter(|(height, _)| *height >= SMALL).map(|(_, size)| *size).next_back().unwrap_or(size);
    if smooth > 15 {
        add(smallest, 15);
    }
    for (_, size) in sizes.iter().filter(|(height, _)| *height < SMALL) {
        add(*size, smooth.min(15));
    }
    rungs
}

/// The first step that is at most `headroom` (0..1) of the work asked, or the last there is; `None` if there is none.
pub fn step_down(from: Rung, headroom: f64) -> Option<Rung> {
    let rungs = ladder(from.size, from.fps, from.bitrate_kbps);
    let fits = rungs.iter().find(|rung| rung.work() <= from.work() * headroom);
    fits.or(rungs.last()).copied()
}

/// The next step up from `from` on the way back to `top`; `None` at the top.
pub fn step_up(top: Rung, from: Rung) -> Option<Rung> {
    let below = ladder(top.size, top.fps, top.bitrate_kbps);
    std::iter::once(top).chain(below).take_while(|rung| rung.work() > from.work()).last()
}

/// The same shape with this shorter side, both sides even.
fn scaled(size: Size, short: u32) -> Option<Size> {
    let (width, height) = (size.width(), size.height());
    let even = |value: f64| (value / 2.0).round() as u32 * 2;
    let long = even(f64::from(short) * f64::from(width.max(height)) / f64::from(width.min(height)));
    let scaled = if width >= height { Size::new(long, short) } else { Size::new(short, long) };
    scaled.ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("legal")
    }

    fn words(rungs: &[Rung]) -> Vec<String> {
        rungs.iter().map(|rung| format!("{}@{} {}", rung.size, rung.fps, rung.bitrate_kbps)).collect()
    }

    #[test]
    fn the_steps_from_720p60_are_known() {
        let expected = [
            "1280x720@30 2378",
            "960x540@30 1545",
            "854x480@30 1295",
            "640x360@30 841",
            "480x270@30 546",
            "480x270@15 325",
            "320x180@15 177",
            "214x120@15 96",
        ];
        assert_eq!(words(&ladder(size(1280, 720), 60, 4000)), expected);
    }

    #[test]
    fn portrait_pictures_stay_portrait() {
        assert_eq!(words(&ladder(size(720, 1280), 30, 2500))[0], "540x960@30 1624");
    }

    #[test]
    fn stepping_down_takes_what_fits_or_the_last() {
        let from = Rung { size: size(1280, 720), fps: 30, bitrate_kbps: 2500 };
        assert_eq!(step_down(from, 0.5).map(|rung| rung.size), Some(size(854, 480)));
        assert_eq!(step_down(from, 0.0).map(|rung| rung.size), Some(size(214, 120)));
        assert_eq!(step_down(Rung { size: size(16, 16), fps: 10, bitrate_kbps: 64 }, 0.5), None);
    }

    #[test]
    fn the_way_up_is_the_way_down() {
        let top = Rung { size: size(1280, 720), fps: 60, bitrate_kbps: 4000 };
        let mut seen = vec![step_down(top, 0.1).expect("there is less")];
        while let Some(rung) = step_up(top, seen[seen.len() - 1]) {
            seen.push(rung);
        }
        let expected = [
            "480x270@30 546",
            "640x360@30 841",
            "854x480@30 1295",
            "960x540@30 1545",
            "1280x720@30 2378",
            "1280x720@60 4000",
        ];
        assert_eq!(words(&seen), expected);
    }

    proptest! {
        #[test]
        fn every_step_is_less_work_and_less_rate(w in 8u32..2000, h in 8u32..1200, fps in 1u32..=120, rate in 64u32..20_000) {
            let top = Rung { size: size(w * 2, h * 2), fps, bitrate_kbps: rate };
            let mut last = top;
            for rung in ladder(top.size, fps, rate) {
                prop_assert!(rung.work() < last.work() && rung.bitrate_kbps <= last.bitrate_kbps);
                last = rung;
            }
        }
    }
}
