//! Pictures and sound from a device to a screen: capture, preprocessing, encoding, packaging, playout, decoding, rendering.
//!
//! The crate knows no network: what it makes ([`package::MediaChunk`]) and what it takes are plain values.
//! Policies (packaging, playout, adaptation) are pure; only [`pipeline`] and the capture sources own threads and read clocks.
//!
//! Three clocks are kept apart: [`format::Timestamp`] is media time, [`std::time::Instant`] is *now*,
//! and wall-clock time travels as microseconds since the Unix epoch ([`format::WallClock`]).

// Links the vendored dav1d; see `.cargo/config.toml`.
extern crate libdav1d_sys as _;

pub mod adapt;
pub mod capture;
pub mod decode;
pub mod encode;
pub mod format;
pub mod frame;
pub mod package;
pub mod pipeline;
pub mod playout;
pub mod preprocess;
pub mod queue;
pub mod render;
pub mod slot;
pub mod testing;
