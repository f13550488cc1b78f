//! (being written)
use crate::capture::{CaptureError, Device, ScreenTarget, session::Session};
pub(crate) fn start(_session: &mut Session, _target: ScreenTarget, _pointer: bool) -> Result<(), CaptureError> { Err(CaptureError::Rate(0)) }
pub(crate) fn list() -> Vec<Device> { Vec::new() }
