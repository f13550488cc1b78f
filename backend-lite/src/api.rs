//! The words of the HTTP API, and a client that speaks them.
//!
//! The server answers with these types and the app reads them, so the two cannot drift apart.
//! Ids are the swarm's own ([`ChannelId`], [`BroadcastId`]); times are whole seconds since 1970 unless a name says otherwise.

mod account;
mod broadcast;
mod channel;
mod chat;
mod client;
mod community;
mod error;
mod ingest;
mod openapi;
mod tracker;

pub use account::*;
pub use broadcast::*;
pub use channel::*;
pub use chat::*;
pub use client::*;
pub use community::*;
pub use error::*;
pub use ingest::*;
pub use openapi::{ROUTES, Route, openapi};
pub use runnel_p2p::wire::{BroadcastId, ChannelId, PublicKey};
pub use tracker::*;
