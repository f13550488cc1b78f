//! The thin server that a community runs for itself: accounts, live list, origin, tracker and chat behind one gateway.
//!
//! [`Server`] runs it, in a process of its own or inside another program; [`api::Client`] speaks to it.
//! The services do not know each other's insides: they meet in the gateway, and on the bus.

pub mod api;
pub mod config;
pub mod testing;

mod accounts;
mod authorise;
mod bus;
mod catalog;
mod chat;
mod clock;
mod gateway;
mod moderation;
mod name;
mod origin;
mod random;
mod server;
mod store;
mod telemetry;
mod text;
mod tracker;

pub use clock::Clock;
pub use server::{Server, ServerError};
