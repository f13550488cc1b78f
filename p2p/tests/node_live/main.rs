//! Real nodes on loopback: honest swarms, hostile peers, and what is left when they end.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic, and run in real time")]

mod fixture;
mod honest;
mod hostile;
#[cfg(target_os = "linux")]
mod nat;
#[cfg(target_os = "linux")]
mod netns;
mod news;
mod reach;
mod stranger;
