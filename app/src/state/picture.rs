//! Stills and moving pictures on their way to the screen.

use std::fmt;
use std::sync::Arc;

use runnel_media::frame::VideoFrame;
use runnel_media::slot;

/// A decoded still, shared and never changed.
#[derive(Clone)]
pub struct Picture(Arc<egui::ColorImage>);

impl Picture {
    /// A still of opaque RGB pixels, three bytes each.
    ///
    /// Returns `None` where the bytes do not make `width` x `height` pixels.
    pub fn from_rgb(width: usize, height: usize, rgb: &[u8]) -> Option<Self> {
        let fits = width > 0 && height > 0 && rgb.len() == width.checked_mul(height)?.checked_mul(3)?;
        fits.then(|| Self(Arc::new(egui::ColorImage::from_rgb([width, height], rgb))))
    }

    /// The pixels.
    pub fn image(&self) -> &Arc<egui::ColorImage> {
        &self.0
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.0.width(), self.0.height())
    }
}

/// Where moving pictures come from: a slot in which the newest frame wins.
#[derive(Clone)]
pub struct Feed {
    frames: Arc<slot::Receiver<VideoFrame>>,
    wakes: bool,
}

impl Feed {
    /// A feed that the screens must look into again and again, such as a preview's.
    pub fn new(frames: slot::Receiver<VideoFrame>) -> Self {
        Self { frames: Arc::new(frames), wakes: false }
    }

    /// A feed whose owner requests a repaint for each frame, such as a watcher's.
    pub fn waking(frames: slot::Receiver<VideoFrame>) -> Self {
        Self { frames: Arc::new(frames), wakes: true }
    }

    /// The slot.
    pub fn frames(&self) -> &slot::Receiver<VideoFrame> {
        &self.frames
    }

    /// Whether a repaint is requested for each frame.
    pub fn wakes(&self) -> bool {
        self.wakes
    }

    /// A number that differs between any two feeds that live at the same time.
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.frames) as usize
    }
}

impl PartialEq for Feed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.frames, &other.frames)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed({:#x})", self.key())
    }
}
