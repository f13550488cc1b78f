//! From one matrix and range to another, with brightness, contrast and saturation on the way.
//!
//! All of these are one affine map of (Y, Cb, Cr), so they cost one pass together; the map is derived from the definition of
//! each matrix, not from a table of constants. Grey stays grey in each of them: chroma does not depend on luma.

use crate::format::{ColorSpace, Matrix, Range};
use crate::preprocess::crop::Rect;
use crate::preprocess::scale::Planes;

/// Brightness, contrast and saturation.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adjust {
    /// Added to luma: 0 changes nothing, -1 makes everything black, 1 everything white.
    pub brightness: f32,
    /// Distance from middle grey is multiplied by this, within 0..=4; 1 changes nothing.
    pub contrast: f32,
    /// Color is multiplied by this, within 0..=4; 1 changes nothing, 0 leaves grey.
    pub saturation: f32,
}

impl Default for Adjust {
    fn default() -> Self {
        Self { brightness: 0.0, contrast: 1.0, saturation: 1.0 }
    }
}

impl Adjust {
    /// The nearest adjustment within the legal ranges.
    fn legal(self) -> Self {
        let within = |value: f32, low: f32, high: f32, otherwise: f32| {
            if value.is_finite() { value.clamp(low, high) } else { otherwise }
        };
        Self {
            brightness: within(self.brightness, -1.0, 1.0, 0.0),
            contrast: within(self.contrast, 0.0, 4.0, 1.0),
            saturation: within(self.saturation, 0.0, 4.0, 1.0),
        }
    }
}

/// Weights of red and blue in luma (Rec. ITU-R BT.601, BT.709, BT.2020).
pub(crate) fn red_blue(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    }
}

/// Black, and the spans of luma and of chroma, at 8 bits.
fn levels(range: Range) -> (f64, f64, f64) {
    match range {
        Range::Limited => (16.0, 219.0, 224.0),
        Range::Full => (0.0, 255.0, 255.0),
    }
}

/// An R'G'B' color within 0..=1 as Y'CbCr at 8 bits.
pub(crate) fn from_rgb(rgb: [f64; 3], color: ColorSpace) -> [f64; 3] {
    let (kr, kb) = red_blue(color.matrix);
    let (black, luma_span, chroma_span) = levels(color.range);
    let y = kr * rgb[0] + (1.0 - kr - kb) * rgb[1] + kb * rgb[2];
    let cb = (rgb[2] - y) / (2.0 * (1.0 - kb));
    let cr = (rgb[0] - y) / (2.0 * (1.0 - kr));
    [black + luma_span * y, 128.0 + chroma_span * cb, 128.0 + chroma_span * cr]
}

/// Fractional bits of the coefficients.
const BITS: u32 = 14;
const HALF: i32 = 1 << (BITS - 1);

/// An affine map: y' = yy·y + yb·(cb-128) + yr·(cr-128) + offset, and chroma from chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColorMap {
    yy: i32,
    yb: i32,
    yr: i32,
    offset: i32,
    chroma: [[i32; 2]; 2],
}

impl ColorMap {
    /// The map from one color space to another with an adjustment in the latter.
    pub(crate) fn new(from: ColorSpace, to: ColorSpace, adjust: Adjust) -> Self {
        let adjust = adjust.legal();
        let (black_in, luma_in, chroma_in) = levels(from.range);
        let (black_out, luma_out, chroma_out) = levels(to.range);
        // What each of y, cb, cr, in units of their spans, makes of y, cb, cr in the other matrix.
        let column = |ycc: [f64; 3]| -> [f64; 3] {
            let full = ColorSpace { matrix: to.matrix, range: Range::Full };
            let [y, cb, cr] = from_rgb(to_rgb(ycc, from.matrix), full);
            [y / 255.0, (cb - 128.0) / 255.0, (cr - 128.0) / 255.0]
        };
        let (of_cb, of_cr) = (column([0.0, 1.0, 0.0]), column([0.0, 0.0, 1.0]));
        let (contrast, saturation) = (f64::from(adjust.contrast), f64::from(adjust.contrast * adjust.saturation));
        let fixed = |value: f64| (value * f64::from(1 << BITS)).round() as i32;
        let luma_gain = contrast * luma_out / luma_in;
        // Middle grey stays in place under contrast; brightness is a part of the whole span.
        let middle = black_out + luma_out * (0.5 - 0.5 * contrast + f64::from(adjust.brightness));
        let chroma_gain = saturation * chroma_out / chroma_in;
        Self {
            yy: fixed(luma_gain),
            yb: fixed(contrast * luma_out / chroma_in * of_cb[0]),
            yr: fixed(contrast * luma_out / chroma_in * of_cr[0]),
            offset: fixed(middle - luma_gain * black_in),
            chroma: [
                [fixed(chroma_gain * of_cb[1]), fixed(chroma_gain * of_cr[1])],
                [fixed(chroma_gain * of_cb[2]), fixed(chroma_gain * of_cr[2])],
            ],
        }
    }

    /// Whether nothing changes.
    pub(crate) fn is_identity(&self) -> bool {
        let one = 1 << BITS;
        // The middle of rounding: a coefficient off by one moves no sample.
        let near = |value: i32, wanted: i32| value.abs_diff(wanted) <= 2;
        near(self.yy, one)
            && near(self.yb, 0)
            && near(self.yr, 0)
            && self.offset.unsigned_abs() < 64
            && near(self.chroma[0][0], one)
            && near(self.chroma[1][1], one)
            && near(self.chroma[0][1], 0)
            && near(self.chroma[1][0], 0)
    }

    /// Maps a rectangle of a picture in place.
    pub(crate) fn apply(&self, planes: &mut Planes, rect: Rect) {
        if self.is_identity() {
            return;
        }
        let (luma_stride, chroma_stride) = (planes.width(0), planes.width(1));
        let [luma, u, v] = &mut planes.planes;
        let mut terms = vec![0; rect.width / 2];
        for pair in 0..rect.height / 2 {
            let from = (rect.y / 2 + pair) * chroma_stride + rect.x / 2;
            let (u, v) = (&mut u[from..][..rect.width / 2], &mut v[from..][..rect.width / 2]);
            self.chroma_row(u, v, &mut terms);
            for row in 0..2 {
                let from = (rect.y + 2 * pair + row) * luma_stride + rect.x;
                self.luma_row(&mut luma[from..][..rect.width], &terms);
            }
        }
    }

    /// Maps a row of chroma and leaves what it adds to luma in `terms`.
    fn chroma_row(&self, u: &mut [u8], v: &mut [u8], terms: &mut [i32]) {
        let [[bb, br], [rb, rr]] = self.chroma;
        for ((u, v), term) in u.iter_mut().zip(v).zip(terms) {
            let (cb, cr) = (i32::from(*u) - 128, i32::from(*v) - 128);
            *term = self.yb * cb + self.yr * cr + self.offset + HALF;
            *u = (((bb * cb + br * cr + HALF) >> BITS) + 128).clamp(0, 255) as u8;
            *v = (((rb * cb + rr * cr + HALF) >> BITS) + 128).clamp(0, 255) as u8;
        }
    }

    fn luma_row(&self, luma: &mut [u8], terms: &[i32]) {
        for (pair, term) in luma.as_chunks_mut::<2>().0.iter_mut().zip(terms) {
            for sample in pair {
                *sample = ((self.yy * i32::from(*sample) + term) >> BITS).clamp(0, 255) as u8;
            }
        }
    }
}

/// Y, Cb, Cr in units of their spans as R'G'B'.
fn to_rgb([y, cb, cr]: [f64; 3], matrix: Matrix) -> [f64; 3] {
    let (kr, kb) = red_blue(matrix);
    let red = y + 2.0 * (1.0 - kr) * cr;
    let blue = y + 2.0 * (1.0 - kb) * cb;
    [red, (y - kr * red - kb * blue) / (1.0 - kr - kb), blue]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Size;

    const SPACES: [Matrix; 3] = [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020];
    const RANGES: [Range; 2] = [Range::Limited, Range::Full];

    fn flat(ycc: [f64; 3]) -> Planes {
        let mut planes = Planes::new(Size::new(16, 16).expect("legal"), 0);
        for (plane, value) in planes.planes.iter_mut().zip(ycc) {
            plane.fill(value.round() as u8);
        }
        planes
    }

    fn mapped(ycc: [f64; 3], map: &ColorMap) -> [f64; 3] {
        let mut planes = flat(ycc);
        map.apply(&mut planes, Rect { x: 0, y: 0, width: 16, height: 16 });
        [0, 1, 2].map(|plane| f64::from(planes.planes[plane][9]))
    }

    #[test]
    fn colors_keep_their_color_in_every_space() {
        let colors =
            [[0.0; 3], [1.0; 3], [0.5; 3], [0.75, 0.2, 0.1], [0.1, 0.7, 0.3], [0.2, 0.3, 0.8], [0.9, 0.8, 0.1]];
        for from in SPACES.iter().flat_map(|matrix| RANGES.map(|range| ColorSpace { matrix: *matrix, range })) {
            for to in SPACES.iter().flat_map(|matrix| RANGES.map(|range| ColorSpace { matrix: *matrix, range })) {
                let map = ColorMap::new(from, to, Adjust::default());
                assert_eq!(map.is_identity(), from == to, "{from:?} {to:?}");
                for color in colors {
                    let got = mapped(from_rgb(color, from), &map);
                    let wanted = from_rgb(color, to);
                    let off = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f64::max);
                    assert!(off <= 2.0, "{color:?} from {from:?} to {to:?}: {got:?} instead of {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn known_values() {
        let limited = ColorSpace { matrix: Matrix::Bt709, range: Range::Limited };
        let rounded = |rgb| from_rgb(rgb, limited).map(f64::round);
        assert_eq!(rounded([1.0, 1.0, 1.0]), [235.0, 128.0, 128.0]);
        assert_eq!(rounded([1.0, 0.0, 0.0]), [63.0, 102.0, 240.0]);
        assert_eq!(rounded([0.0, 0.0, 1.0]), [32.0, 240.0, 118.0]);
    }

    #[test]
    fn adjustments_do_what_they_say() {
        let space = ColorSpace::default();
        let with = |adjust| mapped([80.0, 100.0, 160.0], &ColorMap::new(space, space, adjust));
        let plain = Adjust::default();
        assert_eq!(with(Adjust { brightness: 0.1, ..plain }), [102.0, 100.0, 160.0]);
        assert_eq!(with(Adjust { saturation: 0.0, ..plain }), [80.0, 128.0, 128.0]);
        assert_eq!(with(Adjust { saturation: 2.0, ..plain }), [80.0, 72.0, 192.0]);
        let [luma, ..] = with(Adjust { contrast: 2.0, ..plain });
        assert!((luma - (125.5 - 2.0 * 45.5)).abs() <= 1.0, "{luma}");
        assert_eq!(with(Adjust { brightness: 1.0, ..plain })[0], 255.0);
        let nonsense = Adjust { brightness: f32::NAN, contrast: -3.0, saturation: f32::INFINITY };
        assert_eq!(with(nonsense)[1..], [128.0, 128.0], "no contrast, no color");
    }

    #[test]
    fn only_the_rectangle_changes() {
        let space = ColorSpace::default();
        let mut planes = flat([100.0, 100.0, 100.0]);
        ColorMap::new(space, space, Adjust { brightness: 0.2, ..Adjust::default() })
            .apply(&mut planes, Rect { x: 4, y: 2, width: 8, height: 10 });
        let changed = planes.planes[0].iter().filter(|sample| **sample != 100).count();
        assert_eq!(changed, 80);
    }
}
