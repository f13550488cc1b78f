//! (being written)
use crate::capture::{CaptureError, Device, session::Session};
pub(crate) fn start(_session: &mut Session, _index: Option<u32>) -> Result<(), CaptureError> { Err(CaptureError::Rate(0)) }
pub(crate) fn list() -> Vec<Device> { Vec::new() }
