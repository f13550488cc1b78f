//! Checks for tests, here and in the whole-system tests.

mod playlist;

pub use playlist::{PlaylistProblem, PlaylistValidator};
