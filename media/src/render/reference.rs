//! The same conversion on the CPU: exact and slow, for tests and for machines without any renderer.

use image::{Rgba, RgbaImage};

use super::color::{full_scale, rows};
use super::planes::{check, plane_size};
use crate::frame::VideoFrame;

/// One plane as numbers between 0 and 1.
struct Samples<'a> {
    data: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
    wide: bool,
    largest: f64,
}

impl Samples<'_> {
    fn at(&self, x: usize, y: usize) -> f64 {
        let row = &self.data[y.min(self.height - 1) * self.stride..];
        let x = x.min(self.width - 1);
        let code = if self.wide { u16::from_le_bytes([row[2 * x], row[2 * x + 1]]) } else { u16::from(row[x]) };
        f64::from(code) / self.largest
    }

    /// Bilinear, edges repeated; `x` and `y` are in samples, with sample centers at halves.
    fn between(&self, x: f64, y: f64) -> f64 {
        let (x, y) = ((x - 0.5).max(0.0), (y - 0.5).max(0.0));
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (x - left, y - top);
        let (left, top) = (left as usize, top as usize);
        let upper = self.at(left, top) * (1.0 - across) + self.at(left + 1, top) * across;
        let lower = self.at(left, top + 1) * (1.0 - across) + self.at(left + 1, top + 1) * across;
        upper * (1.0 - down) + lower * down
    }
}

/// The picture at its own size; `None` where its planes do not hold what it claims.
pub fn convert(frame: &VideoFrame) -> Option<RgbaImage> {
    check(frame).ok()?;
    let wide = frame.depth > 8;
    let plane = |index: usize| {
        let (width, height) = plane_size(frame.size, index);
        Samples {
            data: &frame.planes[index].data,
            stride: frame.planes[index].stride,
            width: width as usize,
            height: height as usize,
            wide,
            largest: full_scale(frame.depth),
        }
    };
    let (luma, blue, red) = (plane(0), plane(1), plane(2));
    let rows = rows(frame.color, frame.depth);
    Some(RgbaImage::from_fn(frame.size.width(), frame.size.height(), |x, y| {
        let (at_x, at_y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let y = luma.between(at_x, at_y);
        let (cb, cr) = (blue.between(at_x / 2.0, at_y / 2.0), red.between(at_x / 2.0, at_y / 2.0));
        let [r, g, b] = rows.map(|[of_y, of_cb, of_cr, one]| {
            ((of_y * y + of_cb * cb + of_cr * cr + one) * 255.0).round().clamp(0.0, 255.0) as u8
        });
        Rgba([r, g, b, 255])
    }))
}
