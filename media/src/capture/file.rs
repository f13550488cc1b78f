//! (being written)
use crate::capture::{CaptureError, session::Session};
pub(crate) fn start(_session: &mut Session, _path: &std::path::Path, _repeat: bool, _sound: bool) -> Result<(), CaptureError> { Err(CaptureError::Rate(0)) }
