//! How bytes get to other machines: QUIC first, TCP with noise and yamux second, a relay to arrange direct connections.

use std::time::Duration;

use libp2p::{
    PeerId, Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identity::Keypair,
    noise, quic, relay, tcp, yamux,
};

use super::patience::Patience;

/// A connection whose peer was silent for this long is dead.
const IDLE: Duration = Duration::from_secs(4);

/// How often a quiet connection shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// How much one stream may have under way; sixteen neighbours with libp2p's defaults could pin 240 MB.
const STREAM_WINDOW: u32 = 1 << 20;

/// How much one connection may have under way.
const CONNECTION_WINDOW: u32 = 2 << 20;

/// How many streams one connection may have open: the lanes, and the short ones of ping, identify and the like.
const STREAMS: u32 = 48;

/// A transport that gives authenticated connections.
type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// Builds the transport, and the relay client's half that becomes a behaviour.
pub(crate) fn build(
    keypair: &Keypair,
    relayed: bool,
) -> Result<(Connections, Option<relay::client::Behaviour>), noise::Error> {
    let noise = noise::Config::new(keypair)?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(STREAMS as usize);

    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(yamux.clone())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Patience::new(muxer))));
    let quic =
        quic::tokio::Transport::new(quic_config(keypair)).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let direct = quic.or_transport(tcp).map(|either, _| either.into_inner());

    if !relayed {
        return Ok((direct.boxed(), None));
    }
    let (relay_transport, relay_behaviour) = relay::client::new(keypair.public().to_peer_id());
    let relay_transport = relay_transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Patience::new(muxer))));
    let all = relay_transport.or_transport(direct).map(|either, _| either.into_inner());
    Ok((all.boxed(), Some(relay_behaviour)))
}

fn quic_config(keypair: &Keypair) -> quic::Config {
    let mut config = quic::Config::new(keypair);
    config.max_idle_timeout = IDLE.as_millis() as u32;
    config.keep_alive_interval = KEEP_ALIVE;
    config.max_concurrent_stream_limit = STREAMS;
    config.max_stream_data = STREAM_WINDOW;
    config.max_connection_data = CONNECTION_WINDOW;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quic_notices_a_dead_peer_within_four_seconds_and_pins_little() {
        let config = quic_config(&Keypair::generate_ed25519());
        assert_eq!(config.max_idle_timeout, 4000);
        assert!(config.keep_alive_interval * 3 < IDLE);
        assert!(config.max_stream_data <= config.max_connection_data);
    }
}
