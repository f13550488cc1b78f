//! The parts of the swarm that need no socket: the wire's fixtures and hostile bytes, the mesh as a machine, whole swarms in
//! virtual time.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test, in helpers too")]

mod bench;
mod examples;
mod hostile;
mod machine;
mod swarm;
mod trust;
mod vectors;
