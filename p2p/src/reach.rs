//! How a node becomes reachable, and whom it tries to reach.

pub mod address;
pub(crate) mod book;

use serde::{Deserialize, Serialize};

/// Which of libp2p's helpers a node uses to reach others and to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReachConfig {
    /// Find neighbours on the local network by multicast DNS.
    pub mdns: bool,
    /// Ask the router to open a port.
    pub upnp: bool,
    /// Ask the server whether our addresses can be reached.
    pub autonat: bool,
    /// Reserve a place on the server's relay, so that peers behind other routers can arrange a direct connection.
    pub relay: bool,
    /// Replace relayed connections by direct ones.
    pub dcutr: bool,
    /// Be the relay and the reachability prober of others; for servers.
    pub serve: bool,
    /// Stay on the local network: what lies beyond it is not dialed, not let in, and told none of our addresses.
    pub near_only: bool,
}

impl ReachConfig {
    /// Nothing at all: for loopback, tests and people who want to be alone.
    pub fn off() -> Self {
        Self { mdns: false, upnp: false, autonat: false, relay: false, dcutr: false, serve: false, near_only: false }
    }

    /// What a server with a public address needs.
    pub fn server() -> Self {
        Self { serve: true, ..Self::off() }
    }

    /// Only the local network.
    pub fn lan() -> Self {
        Self { mdns: true, near_only: true, ..Self::off() }
    }
}

impl Default for ReachConfig {
    /// All that helps a viewer behind a router; not multicast DNS, which tells the local network what one watches.
    fn default() -> Self {
        Self { mdns: false, upnp: true, autonat: true, relay: true, dcutr: true, serve: false, near_only: false }
    }
}
