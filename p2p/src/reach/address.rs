//! What an address says about where a peer is.

use std::net::IpAddr;

use libp2p::{Multiaddr, multiaddr::Protocol};

/// The most addresses kept of one peer.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This machine.
    Loopback,
    /// A local network.
    Private,
    /// The internet.
    Public,
}

/// Tells where an address leads; nothing for one without an IP address.
pub fn scope(address: &Multiaddr) -> Option<Scope> {
    ip(address).map(ip_scope)
}

/// The IP address a multiaddress begins with.
pub fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(ip.into(), IpAddr::V4)),
        _ => None,
    }
}

fn ip_scope(ip: IpAddr) -> Scope {
    match ip {
        _ if ip.is_loopback() => Scope::Loopback,
        IpAddr::V4(v4) => {
            // 100.64/10 is a carrier's own network.
            let carrier = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            if v4.is_private() || v4.is_link_local() || carrier { Scope::Private } else { Scope::Public }
        }
        IpAddr::V6(v6) => {
            if v6.is_unique_local() || v6.is_unicast_link_local() {
                Scope::Private
            } else {
                Scope::Public
            }
        }
    }
}

/// Whether an address leads no further than the local network; a carrier's own network is full of strangers.
pub fn is_near(address: &Multiaddr) -> bool {
    let carrier = matches!(ip(address), Some(IpAddr::V4(v4)) if v4.octets()[0] == 100);
    !is_relayed(address) && !carrier && matches!(scope(address), Some(Scope::Loopback | Scope::Private))
}

/// Whether an address leads through a relay.
pub fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|p| p == Protocol::P2pCircuit)
}

/// Whether an address names a host and a transport that we speak, and is no trick.
pub fn is_dialable(address: &Multiaddr) -> bool {
    let Some(ip) = ip(address) else { return false };
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
        return false;
    }
    let mut rest = address.iter().skip(1);
    match rest.next() {
        Some(Protocol::Tcp(port)) => port != 0,
        Some(Protocol::Udp(port)) => port != 0 && rest.next() == Some(Protocol::QuicV1),
        _ => false,
    }
}

/// An address without the peer id at its end, which says nothing that the peer's entry does not say.
pub fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if !is_relayed(&address) && matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: Option<Scope>, dialable: bool) {
        let address: Multiaddr = address.parse().unwrap();
        assert_eq!(scope(&address), expected, "{address}");
        assert_eq!(is_dialable(&address), dialable, "{address}");
    }

    #[test]
    fn addresses_are_told_apart() {
        check("/ip4/127.0.0.1/udp/4001/quic-v1", Some(Scope::Loopback), true);
        check("/ip6/::1/tcp/4001", Some(Scope::Loopback), true);
        check("/ip6/::ffff:10.0.0.1/tcp/4001", Some(Scope::Private), true);
        check("/ip4/192.168.1.4/tcp/4001", Some(Scope::Private), true);
        check("/ip4/100.64.3.4/tcp/4001", Some(Scope::Private), true);
        check("/ip6/fe80::1/tcp/4001", Some(Scope::Private), true);
        check("/ip4/8.8.8.8/udp/4001/quic-v1", Some(Scope::Public), true);
        check("/ip4/8.8.8.8/udp/4001", Some(Scope::Public), false);
        check("/ip4/8.8.8.8/tcp/0", Some(Scope::Public), false);
        check("/ip4/0.0.0.0/tcp/4001", Some(Scope::Public), false);
        check("/ip4/224.0.0.1/udp/4001/quic-v1", Some(Scope::Public), false);
        check("/dns4/example.org/tcp/4001", None, false);
        check("/memory/7", None, false);
    }

    #[test]
    fn near_is_what_one_shares_a_router_with() {
        let near = |address: &str| is_near(&address.parse().unwrap());
        for address in
            ["/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.4/udp/1/quic-v1", "/ip6/fe80::1/tcp/1", "/ip6/fd00::1/tcp/1"]
        {
            assert!(near(address), "{address}");
        }
        let relayed = format!("/ip4/192.168.1.4/tcp/1/p2p/{}/p2p-circuit", libp2p::PeerId::random());
        for address in
            ["/ip4/8.8.8.8/tcp/1", "/ip4/100.64.3.4/tcp/1", "/ip6/2001:db8::1/tcp/1", "/dns4/x.y/tcp/1", &relayed]
        {
            assert!(!near(address), "{address}");
        }
    }

    #[test]
    fn the_peer_id_at_the_end_is_left_out_but_not_behind_a_relay() {
        let peer = libp2p::PeerId::random();
        let plain: Multiaddr = "/ip4/1.2.3.4/tcp/5".parse().unwrap();
        assert_eq!(without_peer(&plain.clone().with(Protocol::P2p(peer))), plain);
        let relayed = plain.with(Protocol::P2p(peer)).with(Protocol::P2pCircuit).with(Protocol::P2p(peer));
        assert!(is_relayed(&relayed));
        assert_eq!(without_peer(&relayed), relayed);
    }
}
