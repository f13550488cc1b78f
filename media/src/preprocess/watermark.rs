//! Pictures and texts laid over.

use fontdue::layout::{CoordinateSystem, Layout, TextStyle};
use fontdue::{Font, FontSettings};
use image::RgbaImage;
use image::imageops::FilterType;

use crate::format::{ColorSpace, Size};
use crate::preprocess::color::from_rgb;
use crate::preprocess::scale::Planes;

/// Largest side of an overlay in pixels.
const MAX_SIDE: u32 = 4096;
/// Longest text of an overlay in characters.
const MAX_TEXT: usize = 500;

/// A picture with transparency.
#[derive(Clone, Debug)]
pub struct Overlay(RgbaImage);

/// An overlay that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The file is not a picture that we can read.
    #[error("cannot read the picture: {0}")]
    Picture(#[from] image::ImageError),
    /// Too large, or nothing at all.
    #[error("invalid overlay of {width}x{height} pixels (expected sides within 1..=4096)")]
    Size {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The bytes are not a font.
    #[error("cannot read the font: {0}")]
    Font(&'static str),
    /// Nothing to be seen, or too much.
    #[error("invalid text of {0} characters (expected 1..=500, not only blanks)")]
    Text(usize),
    /// Letters that cannot be read or drawn.
    #[error("invalid letter height {0} (expected within 4..=1000 pixels)")]
    Height(f32),
}

impl Overlay {
    /// A picture from the bytes of a PNG or JPEG file.
    ///
    /// # Errors
    /// [`OverlayError`] if it cannot be read or is too large.
    pub fn from_file(bytes: &[u8]) -> Result<Self, OverlayError> {
        let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes))
            .with_guessed_format()
            .map_err(image::ImageError::IoError)?;
        let mut limits = image::Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
        reader.limits(limits);
        Self::checked(reader.decode()?.into_rgba8())
    }

    /// A picture from its pixels: red, green, blue and opacity, not multiplied.
    ///
    /// # Errors
    /// [`OverlayError::Size`] if the sides are out of range or do not fit the pixels.
    pub fn from_rgba(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, OverlayError> {
        Self::checked(RgbaImage::from_raw(width, height, pixels).ok_or(OverlayError::Size { width, height })?)
    }

    fn checked(image: RgbaImage) -> Result<Self, OverlayError> {
        let (width, height) = image.dimensions();
        let fits = |side| (1..=MAX_SIDE).contains(&side);
        if fits(width) && fits(height) { Ok(Self(image)) } else { Err(OverlayError::Size { width, height }) }
    }

    /// A text, in letters `height` pixels high, with a shadow that keeps it readable on any ground.
    ///
    /// # Errors
    /// [`OverlayError`] for a font that cannot be read, or a text that is empty or too long.
    pub fn text(text: &str, font: &[u8], height: f32, color: [u8; 3]) -> Result<Self, OverlayError> {
        let count = text.chars().count();
        if count > MAX_TEXT {
            return Err(OverlayError::Text(count));
        }
        if !(4.0..=1000.0).contains(&height) {
            return Err(OverlayError::Height(height));
        }
        let font = Font::from_bytes(font, FontSettings::default()).map_err(OverlayError::Font)?;
        let mut layout = Layout::new(CoordinateSystem::PositiveYDown);
        layout.append(&[&font], &TextStyle::new(text, height, 0));
        let shadow = (height / 16.0).ceil().max(1.0) as i64;
        let edge = |end: f32| end.ceil().max(0.0) as u32 + shadow as u32;
        let glyphs = layout.glyphs().iter().filter(|glyph| glyph.width > 0 && glyph.height > 0);
        let width =
            glyphs.clone().map(|glyph| edge(glyph.x + glyph.width as f32)).max().ok_or(OverlayError::Text(count))?;
        let rows =
            glyphs.clone().map(|glyph| edge(glyph.y + glyph.height as f32)).max().ok_or(OverlayError::Text(count))?;
        if width > MAX_SIDE || rows > MAX_SIDE {
            return Err(OverlayError::Size { width, height: rows });
        }
        let mut image = RgbaImage::new(width, rows);
        for (offset, [red, green, blue], strength) in [(shadow, [0; 3], 160), (0, color, 255)] {
            for glyph in glyphs.clone() {
                let (_, coverage) = font.rasterize_config(glyph.key);
                for (index, coverage) in coverage.iter().enumerate().filter(|(_, coverage)| **coverage > 0) {
                    let x = glyph.x as i64 + (index % glyph.width) as i64 + offset;
                    let y = glyph.y as i64 + (index / glyph.width) as i64 + offset;
                    // A letter may reach a little beyond the line to the left.
                    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { continue };
                    if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
                        lay_over(&mut pixel.0, [red, green, blue], u32::from(*coverage) * strength / 255);
                    }
                }
            }
        }
        Self::checked(image)
    }

    /// Width and height in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }
}

/// Lays a color of some opacity over a pixel.
fn lay_over(pixel: &mut [u8; 4], color: [u8; 3], opacity: u32) {
    let below = u32::from(pixel[3]) * (255 - opacity) / 255;
    let total = opacity + below;
    if total == 0 {
        return;
    }
    for (part, color) in pixel.iter_mut().zip(color) {
        *part = ((u32::from(color) * opacity + u32::from(*part) * below) / total) as u8;
    }
    pixel[3] = total.min(255) as u8;
}

/// An overlay and where it lies.
#[derive(Clone, Debug)]
pub struct Watermark {
    /// What is laid over.
    pub overlay: Overlay,
    /// Where across: 0 at the left edge, 1 at the right edge.
    pub x: f32,
    /// Where down: 0 at the top, 1 at the foot.
    pub y: f32,
    /// Height as a part of the picture's; its own pixels where none is given.
    pub height: Option<f32>,
    /// From 0, not to be seen, to 1.
    pub opacity: f32,
}

impl Watermark {
    /// An overlay in its own size near the upper right corner.
    pub fn new(overlay: Overlay) -> Self {
        Self { overlay, x: 0.98, y: 0.03, height: None, opacity: 1.0 }
    }
}

/// A watermark prepared for one size and color space.
pub(crate) struct Stamp {
    /// Even, like width and height.
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    /// Y, U, V, each multiplied by its opacity, and the opacities of luma and of chroma.
    luma: Vec<u16>,
    luma_opacity: Vec<u16>,
    chroma: [Vec<u16>; 2],
    chroma_opacity: Vec<u16>,
}

impl Stamp {
    pub(crate) fn new(watermark: &Watermark, size: Size, color: ColorSpace) -> Self {
        let image = fitted(watermark, size);
        let even = |side: u32, most: u32| (side.next_multiple_of(2).min(most)) as usize;
        let (width, height) = (even(image.width(), size.width()), even(image.height(), size.height()));
        let place = |part: f32, room: usize| ((part.clamp(0.0, 1.0) * room as f32).round() as usize) & !1;
        let x = place(watermark.x, size.width() as usize - width);
        let y = place(watermark.y, size.height() as usize - height);
        let opacity = if watermark.opacity.is_finite() { watermark.opacity.clamp(0.0, 1.0) } else { 1.0 };
        let mut stamp = Self {
            x,
            y,
            width,
            height,
            luma: Vec::with_capacity(width * height),
            luma_opacity: Vec::with_capacity(width * height),
            chroma: [vec![0; width * height / 4], vec![0; width * height / 4]],
            chroma_opacity: vec![0; width * height / 4],
        };
        // Sums of four first: chroma has a quarter of the samples.
        for row in 0..height {
            for column in 0..width {
                let pixel = image.get_pixel_checked(column as u32, row as u32).map_or([0; 4], |pixel| pixel.0);
                let [luma, cb, cr] = from_rgb([0, 1, 2].map(|part| f64::from(pixel[part]) / 255.0), color);
                let part = (f32::from(pixel[3]) * opacity).round() as u16;
                let times = |value: f64| (value * f64::from(part)).round() as u16;
                stamp.luma.push(times(luma));
                stamp.luma_opacity.push(part);
                let quarter = row / 2 * (width / 2) + column / 2;
                stamp.chroma[0][quarter] += times(cb / 4.0);
                stamp.chroma[1][quarter] += times(cr / 4.0);
                stamp.chroma_opacity[quarter] += part;
            }
        }
        stamp.chroma_opacity.iter_mut().for_each(|sum| *sum = (*sum + 2) / 4);
        stamp
    }

    /// Lays the watermark over a picture of the size it was prepared for.
    pub(crate) fn apply(&self, planes: &mut Planes) {
        if planes.size.width() as usize >= self.x + self.width && planes.size.height() as usize >= self.y + self.height
        {
            self.plane(planes, 0, &self.luma, &self.luma_opacity);
            self.plane(planes, 1, &self.chroma[0], &self.chroma_opacity);
            self.plane(planes, 2, &self.chroma[1], &self.chroma_opacity);
        }
    }

    fn plane(&self, planes: &mut Planes, index: usize, values: &[u16], opacities: &[u16]) {
        let half = if index == 0 { 1 } else { 2 };
        let stride = planes.width(index);
        let (x, y, width) = (self.x / half, self.y / half, self.width / half);
        let rows = planes.planes[index][y * stride..].chunks_exact_mut(stride);
        for ((row, values), opacities) in rows.zip(values.chunks_exact(width)).zip(opacities.chunks_exact(width)) {
            for ((sample, value), opacity) in row[x..x + width].iter_mut().zip(values).zip(opacities) {
                let sum = u32::from(*value) + u32::from(*sample) * (255 - u32::from(*opacity));
                *sample = ((sum + 127) / 255).min(255) as u8;
            }
        }
    }
}

/// The overlay at its wanted height, and never larger than the picture.
fn fitted(watermark: &Watermark, size: Size) -> RgbaImage {
    let image = &watermark.overlay.0;
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let wanted = watermark
        .height
        .filter(|part| part.is_finite())
        .map_or(height, |part| f64::from(part.clamp(0.01, 1.0)) * f64::from(size.height()));
    let scale = (wanted / height).min(f64::from(size.width()) / width).min(f64::from(size.height()) / height);
    if (scale - 1.0).abs() < 1e-6 {
        return image.clone();
    }
    let side = |length: f64| (length * scale).round().max(1.0) as u32;
    image::imageops::resize(image, side(width), side(height), FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size() -> Size {
        Size::new(64, 32).expect("legal")
    }

    fn square(side: u32, pixel: [u8; 4]) -> Overlay {
        Overlay::from_rgba(side, side, pixel.repeat((side * side) as usize)).expect("legal")
    }

    fn stamped(watermark: &Watermark) -> Planes {
        let mut planes = Planes::new(size(), 16);
        Stamp::new(watermark, size(), ColorSpace::default()).apply(&mut planes);
        planes
    }

    #[test]
    fn opacity_mixes_and_the_rest_stays() {
        let mut watermark = Watermark::new(square(8, [255, 255, 255, 255]));
        (watermark.x, watermark.y) = (0.0, 0.0);
        let planes = stamped(&watermark);
        assert_eq!((planes.planes[0][0], planes.planes[0][7], planes.planes[0][8]), (235, 235, 16));
        watermark.opacity = 0.5;
        let planes = stamped(&watermark);
        assert!(planes.planes[0][0].abs_diff(126) <= 1);
        assert!(planes.planes[1].iter().all(|sample| sample.abs_diff(128) <= 1));
        watermark.overlay = square(8, [255, 0, 0, 255]);
        watermark.opacity = 1.0;
        let planes = stamped(&watermark);
        assert!(planes.planes[2][0].abs_diff(240) <= 1 && planes.planes[2][4] == 128);
    }

    #[test]
    fn lies_where_it_should_at_any_size() {
        for (side, height) in
            [(1, None), (7, None), (40, None), (4096, None), (9, Some(0.5)), (3, Some(7.0)), (3, Some(f32::NAN))]
        {
            for (x, y) in [(0.0, 0.0), (1.0, 1.0), (0.31, 0.77), (-3.0, f32::INFINITY)] {
                let watermark = Watermark { overlay: square(side, [255; 4]), x, y, height, opacity: 1.0 };
                let planes = stamped(&watermark);
                assert!(planes.planes[0].contains(&235), "{side} {height:?} at {x},{y}");
            }
        }
        let mut corner = Watermark::new(square(8, [255; 4]));
        (corner.x, corner.y) = (1.0, 1.0);
        let planes = stamped(&corner);
        assert_eq!(
            (planes.planes[0][31 * 64 + 63], planes.planes[0][24 * 64 + 56], planes.planes[0][23 * 64 + 56]),
            (235, 235, 16)
        );
    }

    #[test]
    fn files_are_read_or_refused() {
        let mut png = Vec::new();
        square(10, [1, 2, 3, 128])
            .0
            .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
            .expect("in memory");
        assert_eq!(Overlay::from_file(&png).expect("a PNG").dimensions(), (10, 10));
        for bad in [&b""[..], b"not a picture", &png[..40]] {
            assert!(Overlay::from_file(bad).is_err());
        }
        assert!(matches!(Overlay::from_rgba(5000, 1, vec![0; 20_000]), Err(OverlayError::Size { width: 5000, .. })));
        assert!(Overlay::from_rgba(0, 0, Vec::new()).is_err() && Overlay::from_rgba(4, 4, vec![0; 3]).is_err());
    }

    /// A font of the machine or of the repository; which one does not matter.
    fn any_font() -> Option<Vec<u8>> {
        let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/fonts");
        let folders = [
            assets,
            "/usr/share/fonts/truetype/dejavu",
            "/usr/share/fonts/TTF",
            "/Library/Fonts",
            "C:\\Windows\\Fonts",
        ];
        let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
        let fonts = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "ttf" || extension == "otf"));
        // Some fonts hold only symbols.
        let has_letters = |bytes: &Vec<u8>| {
            Font::from_bytes(bytes.as_slice(), FontSettings::default()).is_ok_and(|font| font.has_glyph('R'))
        };
        fonts.filter_map(|path| std::fs::read(path).ok()).find(has_letters)
    }

    #[test]
    fn texts_are_drawn() {
        assert!(matches!(Overlay::text("Runnel", b"no font", 24.0, [255; 3]), Err(OverlayError::Font(_))));
        let Some(font) = any_font() else {
            eprintln!("skipped: no font on this machine");
            return;
        };
        let overlay = Overlay::text("Runnel 42", &font, 24.0, [255, 255, 0]).expect("letters");
        let (width, height) = overlay.dimensions();
        assert!((60..200).contains(&width) && (15..45).contains(&height), "{width}x{height}");
        let yellow = overlay.0.pixels().filter(|pixel| pixel.0 == [255, 255, 0, 255]).count();
        assert!(yellow > 100, "{yellow} pixels");
        for (text, height) in [("", 24.0), ("   ", 24.0), (&*"x".repeat(501), 24.0), ("x", 1.0), ("x", f32::NAN)] {
            assert!(Overlay::text(text, &font, height, [0; 3]).is_err(), "{text:.5} {height}");
        }
    }
}
