//! Scaling, in the planes as they are.
//!
//! Halving (the usual case of a second rendition) averages four samples; everything else goes through a triangle filter as
//! wide as the ratio, first down the columns, which the compiler turns into vector code, then along the rows.

use crate::format::Size;
use crate::frame::VideoFrame;
use crate::preprocess::crop::Rect;

/// Three tightly packed planes being made.
pub(crate) struct Planes {
    pub(crate) size: Size,
    pub(crate) planes: [Vec<u8>; 3],
}

impl Planes {
    /// Planes of `size` in black.
    pub(crate) fn new(size: Size, black: u8) -> Self {
        let chroma = vec![128; size.pixels() / 4];
        Self { size, planes: [vec![black; size.pixels()], chroma.clone(), chroma] }
    }

    /// Samples in a row of a plane.
    pub(crate) fn width(&self, plane: usize) -> usize {
        self.size.width() as usize / if plane == 0 { 1 } else { 2 }
    }

    pub(crate) fn into_planes(self) -> [Vec<u8>; 3] {
        self.planes
    }
}

/// A rectangle of a plane to read from, at 8 bits.
pub(crate) struct View<'a> {
    data: std::borrow::Cow<'a, [u8]>,
    stride: usize,
    width: usize,
    height: usize,
}

impl<'a> View<'a> {
    /// The three planes of a rectangle of a picture; nothing where a plane is shorter than it claims.
    pub(crate) fn of(frame: &'a VideoFrame, rect: Rect) -> Option<[Self; 3]> {
        let [luma, u, v] = [0, 1, 2].map(|plane| Self::plane(frame, rect, plane));
        Some([luma?, u?, v?])
    }

    fn plane(frame: &'a VideoFrame, rect: Rect, index: usize) -> Option<Self> {
        let half = if index == 0 { 1 } else { 2 };
        let (width, height) = (rect.width / half, rect.height / half);
        let (x, y) = (rect.x / half, rect.y / half);
        let plane = &frame.planes[index];
        let bytes = if frame.depth > 8 { 2 } else { 1 };
        let from = y.checked_mul(plane.stride)?.checked_add(x * bytes)?;
        let length = (height - 1).checked_mul(plane.stride)?.checked_add(width * bytes)?;
        let data = plane.data.get(from..from.checked_add(length)?)?;
        if frame.depth <= 8 {
            return Some(Self { data: data.into(), stride: plane.stride, width, height });
        }
        let shift = frame.depth - 8;
        let mut narrow = Vec::with_capacity(width * height);
        for row in data.chunks(plane.stride.max(1)).take(height) {
            let row = row[..width * 2].chunks_exact(2);
            narrow.extend(row.map(|pair| (u16::from_le_bytes([pair[0], pair[1]]) >> shift).min(255) as u8));
        }
        Some(Self { data: narrow.into(), stride: width, width, height })
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.stride..][..self.width]
    }
}

/// Whether all planes of an 8-bit picture have the bytes that its size needs.
pub(crate) fn is_whole(frame: &VideoFrame) -> bool {
    let rect = Rect { x: 0, y: 0, width: frame.size.width() as usize, height: frame.size.height() as usize };
    View::of(frame, rect).is_some()
}

/// Which part of `source` goes where in a picture of `size`, keeping its shape: all of it between bars, or without bars what
/// fits.
pub(crate) fn fit(source: Rect, size: Size, letterbox: bool) -> (Rect, Rect) {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let whole = Rect { x: 0, y: 0, width, height };
    let even = |length: usize, most: usize| ((length + 1) & !1).clamp(2, most);
    let middle = |outer: usize, inner: usize| ((outer - inner) / 2) & !1;
    let wider = source.width * height > source.height * width;
    if letterbox {
        // A bar of less than a pixel and a half on each side is no bar but a rounding error.
        let inner = if wider {
            let inner = even(source.height * width / source.width, height);
            Rect { height: if height - inner <= 2 { height } else { inner }, ..whole }
        } else {
            let inner = even(source.width * height / source.height, width);
            Rect { width: if width - inner <= 2 { width } else { inner }, ..whole }
        };
        let target = Rect { x: middle(width, inner.width), y: middle(height, inner.height), ..inner };
        return (source, target);
    }
    let cut = if wider {
        let inner = even(source.height * width / height, source.width);
        Rect { x: source.x + middle(source.width, inner), width: inner, ..source }
    } else {
        let inner = even(source.width * height / width, source.height);
        Rect { y: source.y + middle(source.height, inner), height: inner, ..source }
    };
    (cut, whole)
}

/// Scales planes; keeps its tables from picture to picture.
#[derive(Default)]
pub(crate) struct Scaler {
    filters: Vec<Filter>,
    sums: Vec<u16>,
    column: Vec<u8>,
}

impl Scaler {
    /// Scales three views into the rectangle `target` (in luma samples) of `planes`.
    pub(crate) fn scale(&mut self, views: &[View<'_>; 3], planes: &mut Planes, target: Rect) {
        for (index, view) in views.iter().enumerate() {
            let half = if index == 0 { 1 } else { 2 };
            let stride = planes.width(index);
            let (width, height) = (target.width / half, target.height / half);
            let start = target.y / half * stride + target.x / half;
            let rows = planes.planes[index][start..].chunks_mut(stride).map(|row| &mut row[..width]).take(height);
            if (view.width, view.height) == (width, height) {
                rows.enumerate().for_each(|(y, row)| row.copy_from_slice(view.row(y)));
            } else if (view.width, view.height) == (2 * width, 2 * height) {
                rows.enumerate().for_each(|(y, row)| halve(view.row(2 * y), view.row(2 * y + 1), row));
            } else {
                self.filter(view, width, height, rows);
            }
        }
    }

    fn filter<'r>(&mut self, view: &View<'_>, width: usize, height: usize, rows: impl Iterator<Item = &'r mut [u8]>) {
        let across = self.table(view.width, width);
        let down = self.table(view.height, height);
        let Self { filters, sums, column } = self;
        for (y, row) in rows.enumerate() {
            let (first, weights) = filters[down].taps(y);
            sums.clear();
            sums.resize(view.width, 128);
            for (tap, weight) in weights.iter().enumerate() {
                // Weights add up to 256, so that a sum never overflows.
                for (sum, sample) in sums.iter_mut().zip(view.row(first + tap)) {
                    *sum = sum.wrapping_add(u16::from(*sample) * weight);
                }
            }
            column.clear();
            column.extend(sums.iter().map(|sum| (sum >> 8) as u8));
            filters[across].apply(column, row);
        }
    }

    /// The filter from `from` to `to` samples, made once; only those of the last few pictures are kept.
    fn table(&mut self, from: usize, to: usize) -> usize {
        if let Some(index) = self.filters.iter().position(|filter| (filter.from, filter.to) == (from, to)) {
            return index;
        }
        // Four are in use at once at most: two directions of luma and two of chroma. The caller asks for two in a row.
        if self.filters.len() >= 8 {
            self.filters.drain(..4);
        }
        self.filters.push(Filter::new(from, to));
        self.filters.len() - 1
    }
}

fn halve(above: &[u8], below: &[u8], out: &mut [u8]) {
    for ((sample, above), below) in out.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
        *sample =
            ((u16::from(above[0]) + u16::from(above[1]) + u16::from(below[0]) + u16::from(below[1]) + 2) >> 2) as u8;
    }
}

/// For each sample to make, which samples it is made of and how much of each (256 in all).
struct Filter {
    from: usize,
    to: usize,
    count: usize,
    first: Vec<usize>,
    weights: Vec<u16>,
}

impl Filter {
    fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        let support = ratio.max(1.0);
        // So many samples lie strictly within the triangle at most.
        let count = ((2.0 * support).ceil() as usize).min(from);
        let mut filter =
            Self { from, to, count, first: Vec::with_capacity(to), weights: Vec::with_capacity(to * count) };
        for index in 0..to {
            let center = (index as f64 + 0.5) * ratio - 0.5;
            let first = (((center - support).floor() + 1.0).max(0.0) as usize).min(from - count);
            let raw: Vec<f64> =
                (first..first + count).map(|at| (1.0 - (at as f64 - center).abs() / support).max(0.0)).collect();
            let total: f64 = raw.iter().sum();
            // Rounding the running total instead of each weight makes them add up to 256 whatever their number.
            let mut running = 0.0;
            let mut settled = 0;
            for weight in raw {
                running += weight;
                let upto = if total > 0.0 { (running / total * 256.0).round() as u16 } else { 256 };
                filter.weights.push(upto - settled);
                settled = upto;
            }
            filter.first.push(first);
        }
        filter
    }

    fn taps(&self, index: usize) -> (usize, &[u16]) {
        (self.first[index], &self.weights[index * self.count..][..self.count])
    }

    fn apply(&self, row: &[u8], out: &mut [u8]) {
        match self.count {
            2 => self.apply_fixed::<2>(row, out),
            3 => self.apply_fixed::<3>(row, out),
            4 => self.apply_fixed::<4>(row, out),
            5 => self.apply_fixed::<5>(row, out),
            _ => {
                for ((sample, first), weights) in
                    out.iter_mut().zip(&self.first).zip(self.weights.chunks_exact(self.count))
                {
                    let sum: u32 = row[*first..]
                        .iter()
                        .zip(weights)
                        .map(|(sample, weight)| u32::from(*sample) * u32::from(*weight))
                        .sum();
                    *sample = ((sum + 128) >> 8) as u8;
                }
            }
        }
    }

    /// The same with a length that the compiler knows.
    fn apply_fixed<const TAPS: usize>(&self, row: &[u8], out: &mut [u8]) {
        for ((sample, first), weights) in out.iter_mut().zip(&self.first).zip(self.weights.as_chunks::<TAPS>().0) {
            let Some(from) = row[*first..].first_chunk::<TAPS>() else { continue };
            let sum: u32 =
                from.iter().zip(weights).map(|(sample, weight)| u32::from(*sample) * u32::from(*weight)).sum();
            *sample = ((sum + 128) >> 8) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(width: usize, height: usize, sample: impl Fn(usize, usize) -> u8) -> View<'static> {
        let data: Vec<u8> = (0..width * height).map(|index| sample(index % width, index / width)).collect();
        View { data: data.into(), stride: width, width, height }
    }

    fn scaled(view: &View<'_>, width: usize, height: usize) -> Vec<u8> {
        let mut out = vec![0; width * height];
        Scaler::default().filter(view, width, height, out.chunks_mut(width));
        out
    }

    #[test]
    fn flat_stays_flat_at_every_ratio() {
        for level in [0, 16, 255] {
            for (width, height) in [(8, 8), (30, 20), (64, 64), (100, 200), (33, 7)] {
                let out = scaled(&view(64, 64, |_, _| level), width, height);
                assert!(out.iter().all(|sample| *sample == level), "{level} to {width}x{height}");
            }
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp() {
        let ramp = view(256, 4, |x, _| x as u8);
        for width in [64, 100, 171, 300, 512] {
            let out = scaled(&ramp, width, 4);
            let ratio = 256.0 / width as f64;
            for (x, sample) in out[..width].iter().enumerate().skip(3).take(width.saturating_sub(6)) {
                let expected = (x as f64 + 0.5) * ratio - 0.5;
                assert!((f64::from(*sample) - expected).abs() <= 1.6, "{width}: {x} is {sample}, expected {expected}");
            }
        }
    }

    #[test]
    fn fine_stripes_become_grey_instead_of_moire() {
        let stripes = view(640, 360, |x, _| if x % 2 == 0 { 0 } else { 255 });
        let out = scaled(&stripes, 250, 140);
        assert!(out.iter().all(|sample| (100..156).contains(sample)), "{:?}", &out[..20]);
        let mut halved = vec![0; 320];
        halve(stripes.row(0), stripes.row(1), &mut halved);
        assert!(halved.iter().all(|sample| *sample == 128));
    }

    #[test]
    fn shapes_are_kept() {
        let rect = |width, height| Rect { x: 0, y: 0, width, height };
        let size = Size::new(640, 360).expect("legal");
        assert_eq!(fit(rect(1280, 720), size, true), (rect(1280, 720), rect(640, 360)));
        assert_eq!(fit(rect(854, 480), size, true).1, rect(640, 360), "no bar of one pixel");
        assert_eq!(fit(rect(640, 480), size, true).1, Rect { x: 80, y: 0, width: 480, height: 360 });
        assert_eq!(fit(rect(360, 640), size, true).1, Rect { x: 218, y: 0, width: 202, height: 360 });
        let (source, target) = fit(rect(640, 480), size, false);
        assert_eq!((source, target), (Rect { x: 0, y: 60, width: 640, height: 360 }, rect(640, 360)));
        let (_, thin) = fit(rect(7680, 16), size, true);
        assert_eq!((thin.width, thin.height), (640, 2));
    }

    proptest::proptest! {
        #[test]
        fn every_ratio_stays_within_bounds(from in 1usize..90, to in 1usize..90) {
            let filter = Filter::new(from, to);
            for index in 0..to {
                let (first, weights) = filter.taps(index);
                proptest::prop_assert!(first + weights.len() <= from);
                proptest::prop_assert_eq!(weights.iter().map(|weight| u32::from(*weight)).sum::<u32>(), 256);
            }
        }

        #[test]
        fn every_fit_is_inside(width in 1u32..400, height in 1u32..400, out_width in 8u32..400, out_height in 8u32..400, letterbox: bool) {
            let size = Size::new(out_width * 2, out_height * 2).expect("legal");
            let whole = Rect { x: 0, y: 0, width: width as usize * 2, height: height as usize * 2 };
            let (source, target) = fit(whole, size, letterbox);
            proptest::prop_assert!(source.x + source.width <= whole.width && source.y + source.height <= whole.height);
            proptest::prop_assert!(target.x + target.width <= size.width() as usize && target.y + target.height <= size.height() as usize);
            for side in [source.x, source.y, source.width, source.height, target.x, target.y, target.width, target.height] {
                proptest::prop_assert!(side % 2 == 0);
            }
            proptest::prop_assert!(source.width >= 2 && source.height >= 2 && target.width >= 2 && target.height >= 2);
        }
    }
}
