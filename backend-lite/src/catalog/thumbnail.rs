//! Pictures from publishers: looked at with limits, made small, written anew.
//!
//! Writing them anew also drops what a camera hides in them, such as places.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, ImageReader, Limits};
use tokio::sync::Semaphore;

/// Largest file taken.
pub(crate) const MOST_BYTES: usize = 512 << 10;
/// Longest side taken.
const MOST_PIXELS: u32 = 2048;
/// Largest picture kept.
const KEPT: (u32, u32) = (640, 360);
/// Pictures looked at at the same time.
const AT_ONCE: usize = 2;

/// Why a picture was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ThumbnailError {
    /// The file is too large.
    #[error("the picture has {0} bytes; at most {MOST_BYTES} are taken")]
    TooLarge(usize),
    /// It is no JPEG, or one with too many pixels, or a broken one.
    #[error("the picture is no JPEG of at most {MOST_PIXELS}x{MOST_PIXELS}: {0}")]
    NoPicture(image::ImageError),
    /// Too many pictures come at this moment.
    #[error("too many pictures at this moment")]
    Busy,
}

/// Makes thumbnails, a few at a time.
#[derive(Debug)]
pub(super) struct Maker {
    running: Arc<Semaphore>,
}

impl Default for Maker {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Maker {
    pub(super) async fn make(&self, jpeg: Bytes) -> Result<Bytes, ThumbnailError> {
        if jpeg.len() > MOST_BYTES {
            return Err(ThumbnailError::TooLarge(jpeg.len()));
        }
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| ThumbnailError::Busy)?;
        tokio::task::spawn_blocking(move || {
            let _running = running;
            remake(&jpeg)
        })
        .await
        .map_err(|_| ThumbnailError::Busy)?
    }
}

fn remake(jpeg: &[u8]) -> Result<Bytes, ThumbnailError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(64 << 20);
    let mut reader = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg);
    reader.limits(limits);
    let mut picture = reader.decode().map_err(ThumbnailError::NoPicture)?;
    if picture.width() > KEPT.0 || picture.height() > KEPT.1 {
        picture = picture.thumbnail(KEPT.0, KEPT.1);
    }
    let mut out = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut out, 80);
    picture.to_rgb8().write_with_encoder(encoder).map_err(ThumbnailError::NoPicture)?;
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage};

    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let picture = DynamicImage::from(RgbImage::new(width, height));
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut out, 50)).unwrap();
        out
    }

    #[test]
    fn pictures_are_made_small() {
        let small = remake(&jpeg(1280, 720)).unwrap();
        let read = image::load_from_memory_with_format(&small, ImageFormat::Jpeg).unwrap();
        assert_eq!((read.width(), read.height()), KEPT);
    }

    #[test]
    fn a_flood_of_pixels_is_refused_before_it_is_unpacked() {
        // A small file that claims to be 65,000 pixels wide and high.
        let mut flood = jpeg(64, 64);
        let frame = flood.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0..=0xc2)).unwrap();
        flood[frame + 5..frame + 9].copy_from_slice(&[0xfd, 0xe8, 0xfd, 0xe8]);
        assert!(matches!(remake(&flood), Err(ThumbnailError::NoPicture(_))));
    }

    #[tokio::test]
    async fn anything_but_a_jpeg_is_refused() {
        let maker = Maker::default();
        let mut torn = jpeg(64, 64);
        torn.truncate(40);
        for bad in [b"".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), vec![0xff; 1000], torn] {
            assert!(maker.make(bad.into()).await.is_err());
        }
        assert!(matches!(maker.make(vec![0; MOST_BYTES + 1].into()).await, Err(ThumbnailError::TooLarge(_))));
    }
}
