//! The whole server over real HTTP on loopback, with a clock that the tests move by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod chat;
mod helper;
mod hls;
mod hostile;
mod ingest;
mod moderation;
mod restart;
mod states;
mod system;
mod tracker;
