//! Addresses in logs, shortened so that they name a network and not a person.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first 24 bits of an IPv4 address, the first 48 of an IPv6 one.
pub(crate) fn short(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn addresses_lose_their_end() {
        assert_eq!(short("203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(short("2001:db8:1:2:3::4".parse().unwrap()), "2001:db8:1::/48");
        assert_eq!(short("::ffff:10.1.2.3".parse().unwrap()), "10.1.2.0/24");
    }
}
