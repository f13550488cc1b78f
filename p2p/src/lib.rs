//! Signed chunks and the swarm that carries them; knows no codec and no HTTP.
//!
//! [`wire`] is what travels, [`verify`] decides what of it is genuine, [`store`] holds it, and [`mesh`] decides who sends
//! what to whom, without ever seeing a byte of it.

pub mod behaviour;
pub mod mesh;
pub mod node;
pub mod reach;
pub mod sim;
pub mod store;
pub mod verify;
pub mod wire;
