//! Pixels as devices give them to planar 4:2:0.

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvError, YuvPackedImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgr_to_yuv420, bgra_to_yuv420, rgb_to_yuv420, rgba_to_yuv420, yuyv422_to_yuv420,
};

use crate::format::{ColorSpace, Matrix, Range, Size, Timestamp, WallClock};
use crate::frame::VideoFrame;

/// How pixels lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Four bytes: red, green, blue, and one that is ignored.
    Rgba,
    /// Four bytes: blue, green, red, and one that is ignored.
    Bgra,
    /// Three bytes: red, green, blue.
    Rgb,
    /// Three bytes: blue, green, red.
    Bgr,
    /// Two pixels in four bytes: Y, Cb, Y, Cr.
    Yuyv,
    /// A plane of Y, then one of Cb and Cr in turn at half width and height.
    Nv12,
    /// One byte of luma.
    Gray,
}

/// Pixels that cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Fewer bytes than the size needs.
    #[error("a {size} picture as {format:?} needs {needed} bytes, {got} came")]
    Short {
        /// How the pixels lie.
        format: PixelFormat,
        /// The size of the picture.
        size: Size,
        /// Bytes that are needed.
        needed: usize,
        /// Bytes that came.
        got: usize,
    },
    /// The converter refused.
    #[error("cannot convert: {0}")]
    Refused(#[from] YuvError),
}

impl PixelFormat {
    /// Bytes in a tightly packed row (of the first plane).
    pub const fn row_bytes(self, width: usize) -> usize {
        match self {
            Self::Rgba | Self::Bgra => width * 4,
            Self::Rgb | Self::Bgr => width * 3,
            Self::Yuyv => width * 2,
            Self::Nv12 | Self::Gray => width,
        }
    }

    /// The color space of what it becomes: BT.709 made from RGB, otherwise what cameras give.
    pub const fn color(self) -> ColorSpace {
        match self {
            Self::Rgba | Self::Bgra | Self::Rgb | Self::Bgr => {
                ColorSpace { matrix: Matrix::Bt709, range: Range::Limited }
            }
            Self::Yuyv | Self::Nv12 => ColorSpace { matrix: Matrix::Bt601, range: Range::Limited },
            Self::Gray => ColorSpace { matrix: Matrix::Bt601, range: Range::Full },
        }
    }
}

/// Converts pixels whose rows are `stride` bytes apart.
///
/// # Errors
/// [`ConvertError::Short`] where bytes are missing.
pub fn to_i420(
    format: PixelFormat,
    size: Size,
    data: &[u8],
    stride: usize,
    timestamp: Timestamp,
    captured: WallClock,
) -> Result<VideoFrame, ConvertError> {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let row = format.row_bytes(width);
    let rows = if format == PixelFormat::Nv12 { height * 3 / 2 } else { height };
    let needed = stride.max(row).saturating_mul(rows - 1).saturating_add(row);
    if data.len() < needed || stride < row {
        return Err(ConvertError::Short { format, size, needed, got: data.len() });
    }
    let mut planes = [vec![0; size.pixels()], vec![0; size.pixels() / 4], vec![0; size.pixels() / 4]];
    match format {
        PixelFormat::Rgba | PixelFormat::Bgra | PixelFormat::Rgb | PixelFormat::Bgr => {
            rgb(format, size, data, stride, &mut planes)?;
        }
        PixelFormat::Yuyv => {
            // The converter wants whole rows; the last one may end with the picture.
            let whole = stride * height;
            let padded;
            let yuy = if data.len() >= whole {
                &data[..whole]
            } else {
                padded = [data, &vec![0; whole - data.len()]].concat();
                &padded
            };
            let packed = YuvPackedImage { yuy, yuy_stride: stride as u32, width: size.width(), height: size.height() };
            yuyv422_to_yuv420(&mut planar(size, &mut planes), &packed)?;
        }
        PixelFormat::Nv12 => nv12(size, data, stride, &mut planes),
        PixelFormat::Gray => {
            planes[0]
                .chunks_exact_mut(width)
                .zip(data.chunks(stride))
                .for_each(|(to, from)| to.copy_from_slice(&from[..width]));
            planes[1].fill(128);
            planes[2].fill(128);
        }
    }
    Ok(VideoFrame::from_i420(timestamp, captured, size, format.color(), planes))
}

fn planar(size: Size, planes: &mut [Vec<u8>; 3]) -> YuvPlanarImageMut<'_, u8> {
    let [y, u, v] = planes;
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: size.width(),
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: size.width() / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: size.width() / 2,
        width: size.width(),
        height: size.height(),
    }
}

fn rgb(format: PixelFormat, size: Size, data: &[u8], stride: usize, planes: &mut [Vec<u8>; 3]) -> Result<(), YuvError> {
    let convert = match format {
        PixelFormat::Rgba => rgba_to_yuv420,
        PixelFormat::Bgra => bgra_to_yuv420,
        PixelFormat::Rgb => rgb_to_yuv420,
        _ => bgr_to_yuv420,
    };
    let whole = stride * size.height() as usize;
    let padded;
    let data = if data.len() >= whole {
        &data[..whole]
    } else {
        padded = [data, &vec![0; whole - data.len()]].concat();
        &padded
    };
    convert(
        &mut planar(size, planes),
        data,
        stride as u32,
        YuvRange::Limited,
        YuvStandardMatrix::Bt709,
        YuvConversionMode::Balanced,
    )
}

fn nv12(size: Size, data: &[u8], stride: usize, [y, u, v]: &mut [Vec<u8>; 3]) {
    let (width, height) = (size.width() as usize, size.height() as usize);
    y.chunks_exact_mut(width).zip(data.chunks(stride)).for_each(|(to, from)| to.copy_from_slice(&from[..width]));
    let rows = u.chunks_exact_mut(width / 2).zip(v.chunks_exact_mut(width / 2));
    for ((u, v), from) in rows.zip(data[stride * height..].chunks(stride)) {
        for ((u, v), pair) in u.iter_mut().zip(v).zip(from.as_chunks::<2>().0) {
            [*u, *v] = *pair;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::color::from_rgb;

    fn size() -> Size {
        Size::new(32, 16).expect("legal")
    }

    fn convert(format: PixelFormat, data: &[u8], stride: usize) -> Result<VideoFrame, ConvertError> {
        to_i420(format, size(), data, stride, Timestamp::ZERO, WallClock::default())
    }

    #[test]
    fn rgb_becomes_bt709_within_a_step() {
        for color in [[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [30, 144, 200]] {
            let wanted = from_rgb(color.map(|part| f64::from(part) / 255.0), ColorSpace::default());
            let [red, green, blue] = color;
            let orders: [(PixelFormat, Vec<u8>); 4] = [
                (PixelFormat::Rgba, vec![red, green, blue, 7]),
                (PixelFormat::Bgra, vec![blue, green, red, 7]),
                (PixelFormat::Rgb, vec![red, green, blue]),
                (PixelFormat::Bgr, vec![blue, green, red]),
            ];
            for (format, pixel) in orders {
                let frame = convert(format, &pixel.repeat(32 * 16), pixel.len() * 32).expect("enough");
                assert_eq!(frame.color, ColorSpace::default());
                for (plane, wanted) in frame.planes.iter().zip(wanted) {
                    let off = plane.data.iter().map(|sample| (f64::from(*sample) - wanted).abs()).fold(0.0, f64::max);
                    assert!(off <= 1.5, "{color:?} {format:?}: {off} from {wanted}");
                }
            }
        }
    }

    #[test]
    fn camera_formats_keep_their_samples() {
        let yuyv = [60, 90, 62, 170].repeat(16 * 16);
        let frame = convert(PixelFormat::Yuyv, &yuyv, 64).expect("enough");
        assert_eq!((frame.planes[0].data[0], frame.planes[0].data[1]), (60, 62));
        assert!(
            frame.planes[1].data.iter().all(|sample| *sample == 90)
                && frame.planes[2].data.iter().all(|sample| *sample == 170)
        );
        let mut nv12: Vec<u8> = (0..40 * 16).map(|index| (index % 40) as u8).collect();
        nv12.extend([90, 170].repeat(20 * 8));
        let frame = convert(PixelFormat::Nv12, &nv12, 40).expect("enough");
        assert_eq!((frame.planes[0].data[31], frame.planes[0].data[32]), (31, 0), "the padding is left out");
        assert!(
            frame.planes[1].data.iter().all(|sample| *sample == 90)
                && frame.planes[2].data.iter().all(|sample| *sample == 170)
        );
        let frame = convert(PixelFormat::Gray, &[77; 512], 32).expect("enough");
        assert_eq!((frame.planes[0].data[5], frame.planes[1].data[5], frame.color.range), (77, 128, Range::Full));
    }

    #[test]
    fn missing_bytes_are_refused_and_a_short_last_row_is_not() {
        let formats = [
            PixelFormat::Rgba,
            PixelFormat::Bgra,
            PixelFormat::Rgb,
            PixelFormat::Bgr,
            PixelFormat::Yuyv,
            PixelFormat::Nv12,
            PixelFormat::Gray,
        ];
        for format in formats {
            let row = format.row_bytes(32);
            let rows = if format == PixelFormat::Nv12 { 24 } else { 16 };
            let stride = row + 8;
            let data = vec![50; stride * (rows - 1) + row];
            assert!(convert(format, &data, stride).is_ok(), "{format:?}");
            assert!(matches!(convert(format, &data[1..], stride), Err(ConvertError::Short { .. })), "{format:?}");
            assert!(convert(format, &data, row - 1).is_err() && convert(format, &[], row).is_err());
        }
    }
}
