//! The numbers of the color matrices.

use crate::format::{ColorSpace, Matrix, Range};

/// An affine map from Y'CbCr samples (1.0 is the largest code) to R'G'B' (0 to 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Conversion {
    /// Factors of Y, Cb, Cr and a constant, for red, green and blue.
    pub(super) rows: [[f32; 4]; 3],
    /// The largest code: 255 or 1023.
    pub(super) full_scale: f32,
}

impl Conversion {
    pub(super) fn new(color: ColorSpace, depth: u8) -> Self {
        let rows = rows(color, depth).map(|row| row.map(|value| value as f32));
        Self { rows, full_scale: full_scale(depth) as f32 }
    }
}

impl Default for Conversion {
    fn default() -> Self {
        Self::new(ColorSpace::default(), 8)
    }
}

/// The largest code of a depth.
pub(super) fn full_scale(depth: u8) -> f64 {
    f64::from((1_u32 << depth.clamp(8, 16)) - 1)
}

/// The exact map; see [`Conversion`].
pub(super) fn rows(color: ColorSpace, depth: u8) -> [[f64; 4]; 3] {
    // Weights of red and blue in luma, from Rec. 601, 709 and 2020.
    let (kr, kb) = match color.matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    };
    let kg = 1.0 - kr - kb;
    let largest = full_scale(depth);
    let step = f64::from(1_u32 << (depth.clamp(8, 16) - 8));
    let (black, luma, chroma) = match color.range {
        Range::Limited => (16.0 * step, 219.0 * step, 224.0 * step),
        Range::Full => (0.0, largest, largest),
    };
    let middle = 128.0 * step;
    // Codes to Y in 0..=1 and Cb, Cr in -0.5..=0.5, for inputs that are already divided by the largest code.
    let (y, c) = (largest / luma, largest / chroma);
    let row = |cb: f64, cr: f64| [y, cb * c, cr * c, -black / luma - (cb + cr) * middle / chroma];
    [
        row(0.0, 2.0 * (1.0 - kr)),
        row(-2.0 * kb * (1.0 - kb) / kg, -2.0 * kr * (1.0 - kr) / kg),
        row(2.0 * (1.0 - kb), 0.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(color: ColorSpace, depth: u8, codes: [f64; 3]) -> [f64; 3] {
        let largest = full_scale(depth);
        rows(color, depth).map(|[y, cb, cr, one]| {
            (y * codes[0] / largest + cb * codes[1] / largest + cr * codes[2] / largest + one) * 255.0
        })
    }

    fn assert_near(got: [f64; 3], wanted: [f64; 3]) {
        let worst = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f64::max);
        assert!(worst < 1.0, "{got:?} instead of {wanted:?}");
    }

    #[test]
    fn known_colors_come_out() {
        let space = |matrix, range| ColorSpace { matrix, range };
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            assert_near(convert(space(matrix, Range::Limited), 8, [16.0, 128.0, 128.0]), [0.0; 3]);
            assert_near(convert(space(matrix, Range::Limited), 8, [235.0, 128.0, 128.0]), [255.0; 3]);
            assert_near(convert(space(matrix, Range::Full), 8, [255.0, 128.0, 128.0]), [255.0; 3]);
            assert_near(convert(space(matrix, Range::Limited), 10, [940.0, 512.0, 512.0]), [255.0; 3]);
            assert_near(convert(space(matrix, Range::Full), 10, [0.0, 512.0, 512.0]), [0.0; 3]);
        }
        // Pure red and blue as the standards' tables give them.
        assert_near(convert(space(Matrix::Bt601, Range::Limited), 8, [81.0, 90.0, 240.0]), [254.0, 0.0, 0.0]);
        assert_near(convert(space(Matrix::Bt709, Range::Limited), 8, [63.0, 102.0, 240.0]), [255.0, 0.5, 0.0]);
        assert_near(convert(space(Matrix::Bt709, Range::Limited), 8, [32.0, 240.0, 118.0]), [0.7, 0.2, 255.0]);
        assert_near(convert(space(Matrix::Bt2020, Range::Limited), 10, [294.0, 387.0, 960.0]), [255.0, 0.5, 0.0]);
    }
}
