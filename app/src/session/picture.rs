//! A frame as a file.

use std::path::{Path, PathBuf};

use runnel_media::frame::VideoFrame;
use runnel_media::render::{RenderError, offscreen::Offscreen};

/// Why a picture was not saved.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It could not be drawn.
    #[error("the picture could not be drawn: {0}")]
    Draw(#[from] RenderError),
    /// It could not be written.
    #[error("the picture could not be written to {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the encoder or the system said.
        source: image::ImageError,
    },
}

/// Draws a frame off-screen with the renderer of the window, and saves it; waits for the GPU and the disk.
///
/// # Errors
/// When it cannot be drawn or written.
pub fn save(frame: &VideoFrame, path: &Path) -> Result<(), PictureError> {
    let mut offscreen = Offscreen::new()?;
    let picture = offscreen.render(frame, frame.size)?;
    let written = |source| PictureError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| written(image::ImageError::IoError(error)))?;
    }
    picture.save(path).map_err(written)
}
