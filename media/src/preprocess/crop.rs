//! Using a part of the picture.

use crate::format::Size;

/// A part of a picture in fractions of its width and height, so that it holds for every size a source may change to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// A crop that does not lie within the picture.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "invalid crop {x},{y} {width}x{height} (expected fractions within 0..=1 of the picture, at least 0.01 wide and high)"
)]
pub struct InvalidCrop {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

impl Crop {
    /// The part that begins at `x` and `y` and is `width` by `height`, all in fractions of the picture.
    ///
    /// # Errors
    /// [`InvalidCrop`] if it does not lie within the picture or is thinner than a hundredth of it.
    pub fn new(x: f32, y: f32, width: f32, height: f32) -> Result<Self, InvalidCrop> {
        let fits = |from: f32, length: f32| from >= 0.0 && length >= 0.01 && from + length <= 1.0 + 1e-4;
        if fits(x, width) && fits(y, height) {
            Ok(Self { x, y, width, height })
        } else {
            Err(InvalidCrop { x, y, width, height })
        }
    }
}

/// A rectangle of luma samples; all four are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The samples that a crop means in a picture of `size`.
pub(crate) fn region(crop: Option<Crop>, size: Size) -> Rect {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let Some(crop) = crop else { return Rect { x: 0, y: 0, width, height } };
    let part = |from: f32, length: f32, whole: usize| {
        let length = ((whole as f32 * length).round() as usize & !1).clamp(2, whole);
        let from = ((whole as f32 * from).round() as usize & !1).min(whole - length);
        (from, length)
    };
    let (x, crop_width) = part(crop.x, crop.width, width);
    let (y, crop_height) = part(crop.y, crop.height, height);
    Rect { x, y, width: crop_width, height: crop_height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_lie_within_the_picture() {
        assert!(Crop::new(0.0, 0.0, 1.0, 1.0).is_ok());
        for (x, y, width, height) in [
            (-0.1, 0.0, 0.5, 0.5),
            (0.6, 0.0, 0.5, 1.0),
            (0.0, 0.0, 0.0, 1.0),
            (f32::NAN, 0.0, 0.5, 0.5),
            (0.0, 0.0, 0.5, f32::INFINITY),
        ] {
            let error = Crop::new(x, y, width, height).expect_err("outside").to_string();
            assert!(error.contains("fractions within 0..=1"), "{error}");
        }
    }

    #[test]
    fn regions_are_even_and_inside() {
        let size = Size::new(642, 358).expect("legal");
        assert_eq!(region(None, size), Rect { x: 0, y: 0, width: 642, height: 358 });
        for (x, y, width, height) in [(0.25, 0.25, 0.5, 0.5), (0.33, 0.77, 0.67, 0.23), (0.99, 0.99, 0.01, 0.01)] {
            let rect = region(Some(Crop::new(x, y, width, height).expect("inside")), size);
            assert!(rect.x + rect.width <= 642 && rect.y + rect.height <= 358, "{rect:?}");
            assert!([rect.x, rect.y, rect.width, rect.height].iter().all(|side| side.is_multiple_of(2)), "{rect:?}");
            assert!(rect.width >= 2 && rect.height >= 2);
        }
    }
}
