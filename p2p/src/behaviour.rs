//! The thin libp2p adapter: one `NetworkBehaviour` that composes what libp2p gives with our lanes, and nothing that
//! decides about media.

pub(crate) mod handler;
pub mod lane;
pub(crate) mod link;
pub(crate) mod links;
mod patience;
mod task;
pub(crate) mod transport;

use std::{num::NonZeroUsize, time::Duration};

use futures::channel::mpsc;
use libp2p::{
    Swarm, allow_block_list, autonat, connection_limits, dcutr, identify,
    identity::Keypair,
    mdns, memory_connection_limits, noise, ping, relay, swarm,
    swarm::{Executor, NetworkBehaviour, behaviour::toggle::Toggle},
    upnp,
};
use thiserror::Error;

use crate::reach::ReachConfig;
use link::Incoming;

/// How often a neighbour is pinged, and how long it may take to answer.
const PING: Duration = Duration::from_secs(5);

/// How long a connection without lanes or streams stays.
const IDLE: Duration = Duration::from_secs(10);

/// The most inbound streams of one connection that may be in negotiation.
const NEGOTIATING: usize = 16;

/// Above this much memory of the process no new connection is taken.
const MEMORY: usize = 1 << 30;

/// Everything the swarm does, one field a concern.
///
/// The limits come first: a derived behaviour asks its fields in order, and a connection that is over the limit should
/// cost nothing.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) memory: memory_connection_limits::Behaviour,
    pub(crate) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(crate) links: links::Links,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(crate) upnp: Toggle<upnp::tokio::Behaviour>,
    pub(crate) autonat: Toggle<autonat::v2::client::Behaviour>,
    pub(crate) autonat_server: Toggle<autonat::v2::server::Behaviour>,
    pub(crate) relay_client: Toggle<relay::client::Behaviour>,
    pub(crate) relay_server: Toggle<relay::Behaviour>,
    pub(crate) dcutr: Toggle<dcutr::Behaviour>,
}

/// Why a swarm could not be built.
#[derive(Debug, Error)]
pub(crate) enum BuildError {
    #[error("noise refused the key pair: {0}")]
    Noise(#[from] noise::Error),
    #[error("multicast DNS could not start: {0}")]
    Mdns(std::io::Error),
}

/// Builds the swarm and the channel on which its connections speak.
pub(crate) fn build(
    keypair: &Keypair,
    reach: &ReachConfig,
    max_neighbours: usize,
    executor: impl Executor + Clone + Send + 'static,
) -> Result<(Swarm<Behaviour>, mpsc::Receiver<Incoming>), BuildError> {
    let peer = keypair.public().to_peer_id();
    let (transport, relay_client) = transport::build(keypair, reach.relay)?;
    let (links, incoming) = links::Links::new(reach.near_only, executor.clone());

    // Listeners hide no address from those they serve, but an observed address of a viewer is told to nobody else.
    let identify = identify::Config::new("/runnel/1".to_owned(), keypair.public())
        .with_agent_version(format!("runnel/{}", env!("CARGO_PKG_VERSION")))
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    let mdns = reach
        .mdns
        .then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), peer))
        .transpose()
        .map_err(BuildError::Mdns)?;
    // Relays arrange direct connections and never carry media, so the default cap of bytes stays; the default of 60
    // reservations an hour for an address would lock out people behind one carrier's address.
    let relay_server = reach.serve.then(|| {
        let config = relay::Config { max_reservations: 4096, max_circuits: 512, ..relay::Config::default() };
        relay::Behaviour::new(peer, config)
    });
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(connection_limits(max_neighbours)),
        memory: memory_connection_limits::Behaviour::with_max_bytes(MEMORY),
        blocked: allow_block_list::Behaviour::default(),
        links,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING).with_timeout(PING)),
        mdns: mdns.into(),
        upnp: reach.upnp.then(upnp::tokio::Behaviour::default).into(),
        autonat: reach.autonat.then(autonat::v2::client::Behaviour::default).into(),
        autonat_server: reach.serve.then(autonat::v2::server::Behaviour::default).into(),
        relay_client: relay_client.into(),
        relay_server: relay_server.into(),
        dcutr: (reach.relay && reach.dcutr).then(|| dcutr::Behaviour::new(peer)).into(),
    };
    let config = swarm::Config::with_executor(executor)
        .with_idle_connection_timeout(IDLE)
        .with_max_negotiating_inbound_streams(NEGOTIATING)
        .with_notify_handler_buffer_size(NonZeroUsize::new(32).unwrap_or(NonZeroUsize::MIN))
        .with_per_connection_event_buffer_size(16)
        .with_smart_dial();
    Ok((Swarm::new(transport, behaviour, peer, config), incoming))
}

/// A second connection to a peer arises when both dial, a third when a relayed one is replaced by a direct one.
fn connection_limits(max_neighbours: usize) -> connection_limits::ConnectionLimits {
    let most = u32::try_from(max_neighbours).unwrap_or(u32::MAX / 4);
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(32))
        .with_max_pending_outgoing(Some(32))
        .with_max_established_incoming(Some(most.saturating_add(16)))
        .with_max_established(Some(most.saturating_mul(2).saturating_add(16)))
        .with_max_established_per_peer(Some(3))
}
