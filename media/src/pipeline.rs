//! The only threads of the crate besides the capture sources: a source to chunks, and chunks to a picture.

pub mod publish;
pub mod watch;
