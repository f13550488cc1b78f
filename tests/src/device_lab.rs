//! What the device lab checks; see `tests/device-lab/README.md`.

pub mod camera;
pub mod network;
pub mod sound;
