//! Peer ids and addresses from strangers.

use std::net::IpAddr;

use bytes::Bytes;

/// Addresses one peer may have.
const MOST: usize = 8;
/// Longest address in characters.
const LONGEST: usize = 200;

/// The bytes of a peer id, or `None` if the text is none.
pub(super) fn peer_id(text: &str) -> Option<Bytes> {
    let peer: runnel_p2p::node::PeerId = (text.len() <= 64).then(|| text.parse().ok()).flatten()?;
    Some(peer.to_bytes().into())
}

/// The IP address a multiaddress begins with.
pub(super) fn ip_of(address: &str) -> Option<IpAddr> {
    let mut fields = address.strip_prefix('/')?.split('/');
    match fields.next()? {
        "ip4" => fields.next()?.parse().ok().map(IpAddr::V4),
        "ip6" => fields.next()?.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// Loopback, private, link-local and the like: not reachable from the internet.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            // 100.64/10 is what carriers put between us and the internet.
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// What counts as one address: an IPv6 user has a whole /64.
pub(super) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

/// The network an address belongs to, of which one owner may have all addresses.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => std::net::Ipv4Addr::from_bits(v4.to_bits() >> 8 << 8).into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80).into(),
    }
}

/// Keeps the addresses a peer may announce.
///
/// A public one must be the address it came from (or of the other IP version), or peers could be sent against others.
pub(super) fn sift(addresses: &[String], source: IpAddr) -> Vec<String> {
    let source = source.to_canonical();
    let allowed = |address: &&String| {
        let sane = address.len() <= LONGEST && address.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(ip) = ip_of(address).filter(|_| sane).map(|ip| ip.to_canonical()) else { return false };
        if ip.is_unspecified() || ip.is_multicast() {
            return false;
        }
        is_local(ip) || is_local(source) || ip == source || ip.is_ipv4() != source.is_ipv4()
            // Behind a relay the address is the relay's.
            || address.contains("/p2p-circuit")
    };
    addresses.iter().filter(allowed).take(MOST).cloned().collect()
}

/// Whether somebody at `asker` can and may use an address that a peer at `owner` announced.
pub(super) fn is_for(address: &str, owner: IpAddr, asker: IpAddr) -> bool {
    let Some(ip) = ip_of(address) else { return false };
    let (owner, asker) = (owner.to_canonical(), asker.to_canonical());
    if ip.is_loopback() {
        return owner.is_loopback() && asker.is_loopback();
    }
    // Addresses inside a home network are nobody else's business.
    !is_local(ip) || group(owner) == group(asker) || is_local(owner) && is_local(asker)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A well-formed peer id.
    pub(in crate::tracker) fn peer_id(number: u8) -> String {
        let keypair = runnel_p2p::node::Keypair::ed25519_from_bytes([number; 32]).unwrap();
        keypair.public().to_peer_id().to_string()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn peers_cannot_be_sent_against_strangers() {
        let addresses: Vec<String> = [
            "/ip4/203.0.113.5/udp/4001/quic-v1",
            "/ip4/198.51.100.9/udp/53/quic-v1",
            "/ip4/192.168.1.4/udp/4001/quic-v1",
            "/ip6/2001:db8::1/udp/4001/quic-v1",
            "/dns4/victim.example/tcp/80",
            "/ip4/0.0.0.0/udp/1/quic-v1",
            "/ip4/224.0.0.1/udp/1/quic-v1",
            "nonsense",
        ]
        .map(str::to_owned)
        .into();
        let kept = sift(&addresses, ip("203.0.113.5"));
        assert_eq!(kept, [&addresses[0], &addresses[2], &addresses[3]].map(String::clone));
        assert_eq!(sift(&vec![addresses[0].clone(); 100], ip("203.0.113.5")).len(), MOST);
    }

    #[test]
    fn home_addresses_stay_at_home() {
        let home = "/ip4/192.168.1.4/udp/4001/quic-v1";
        assert!(is_for(home, ip("203.0.113.5"), ip("203.0.113.5")));
        assert!(!is_for(home, ip("203.0.113.5"), ip("198.51.100.9")));
        assert!(is_for(home, ip("192.168.1.4"), ip("192.168.1.5")));
        assert!(!is_for("/ip4/127.0.0.1/udp/1", ip("127.0.0.1"), ip("192.168.1.5")));
        assert!(is_for("/ip4/203.0.113.5/udp/1", ip("203.0.113.5"), ip("198.51.100.9")));
        assert_eq!(group(ip("2001:db8::1:2:3:4")), ip("2001:db8::"));
        assert_eq!(network(ip("203.0.113.5")), ip("203.0.113.0"));
        assert_eq!(network(ip("::ffff:203.0.113.5")), ip("203.0.113.0"));
        assert_eq!(network(ip("2001:db8:1:2::4")), ip("2001:db8:1::"));
        assert!(is_local(ip("100.64.1.1")) && !is_local(ip("100.128.1.1")));
    }
}
