//! How a viewer reaches others, from what its node counted. Pure.

use std::time::Duration;

use runnel_p2p::node::{NeighbourStats, NodeStats};
use runnel_p2p::reach::address::is_near;
use runnel_p2p::wire::Role;

/// How others are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Not at all: nothing is shared.
    #[default]
    Off,
    /// Nobody has answered yet, which is no wonder so early.
    Searching,
    /// Nobody else is there to be reached.
    Alone,
    /// Directly over QUIC.
    Direct,
    /// Directly, but over TCP: UDP does not get through.
    Tcp,
    /// Through holes punched in routers.
    Punched,
    /// On the local network only.
    Near,
    /// Others are there, and none can be reached.
    Unreachable {
        /// Nothing was ever reached over UDP, though it was tried again and again.
        udp_blocked: bool,
    },
}

/// How many tries over UDP must fail before the network is blamed.
const TRIES: u64 = 3;
/// How long nobody is missed.
const EARLY: Duration = Duration::from_secs(10);

/// Says how others are reached, `age` after the node began. The server's own node is no other.
pub(super) fn judge(stats: &NodeStats, age: Duration) -> Way {
    // UDP is tried first: where it goes nowhere, TCP wins and no dial counts as failed.
    let over_tcp_only = stats.connections_quic == 0 && stats.connections_tcp >= TRIES;
    let udp_blocked = over_tcp_only || stats.quic_dials_failed >= TRIES && stats.connections_quic == 0;
    let others: Vec<&NeighbourStats> = stats.neighbours.iter().filter(|it| it.kind != Role::Server).collect();
    if others.is_empty() {
        return match stats.quic_dials_failed {
            _ if udp_blocked => Way::Unreachable { udp_blocked },
            _ if age < EARLY => Way::Searching,
            0 => Way::Alone,
            _ => Way::Unreachable { udp_blocked },
        };
    }
    let far = |it: &&NeighbourStats| !it.address.parse().is_ok_and(|address| is_near(&address));
    let far: Vec<&NeighbourStats> = others.into_iter().filter(far).collect();
    if far.is_empty() {
        Way::Near
    } else if udp_blocked {
        Way::Tcp
    } else if far.iter().filter(|it| it.punched).count() * 2 > far.len() {
        Way::Punched
    } else {
        Way::Direct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(address: &str, kind: Role, punched: bool) -> NeighbourStats {
        NeighbourStats {
            peer: String::new(),
            kind,
            address: address.to_owned(),
            outbound: true,
            punched,
            rtt_ms: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    const FAR: &str = "/ip4/203.0.113.7/udp/4001/quic-v1";
    const NEAR: &str = "/ip4/192.168.1.7/udp/4001/quic-v1";

    fn way(neighbours: &[NeighbourStats], quic: u64, failed: u64, seconds: u64) -> Way {
        let stats = NodeStats {
            connections_quic: quic,
            quic_dials_failed: failed,
            neighbours: neighbours.to_vec(),
            ..NodeStats::default()
        };
        judge(&stats, Duration::from_secs(seconds))
    }

    #[test]
    fn the_way_is_told_from_what_was_reached() {
        let viewer = |address, punched| neighbour(address, Role::Viewer, punched);
        assert_eq!(way(&[viewer(FAR, false)], 1, 0, 20), Way::Direct);
        assert_eq!(way(&[viewer(FAR, true), viewer(FAR, true), viewer(FAR, false)], 3, 0, 20), Way::Punched);
        assert_eq!(way(&[viewer(FAR, true), viewer(FAR, false)], 2, 0, 20), Way::Direct);
        assert_eq!(way(&[viewer(NEAR, false), neighbour(FAR, Role::Server, false)], 2, 0, 20), Way::Near);
        assert_eq!(way(&[viewer("/ip4/203.0.113.7/tcp/1", false)], 0, 5, 20), Way::Tcp);
        assert_eq!(way(&[neighbour(FAR, Role::Publisher, false)], 1, 0, 20), Way::Direct);
    }

    #[test]
    fn where_all_came_over_tcp_udp_goes_nowhere() {
        let way = |quic, tcp, neighbours: &[NeighbourStats]| {
            let neighbours = neighbours.to_vec();
            let (connections_quic, connections_tcp) = (quic, tcp);
            let stats = NodeStats { connections_quic, connections_tcp, neighbours, ..NodeStats::default() };
            judge(&stats, Duration::from_secs(20))
        };
        let viewer = neighbour("/ip4/203.0.113.7/tcp/1", Role::Viewer, false);
        assert_eq!(way(0, 3, std::slice::from_ref(&viewer)), Way::Tcp);
        assert_eq!(way(0, 1, std::slice::from_ref(&viewer)), Way::Direct, "one says little");
        assert_eq!(way(1, 9, &[viewer]), Way::Direct);
        assert_eq!(way(0, 3, &[neighbour(FAR, Role::Server, false)]), Way::Unreachable { udp_blocked: true });
    }

    #[test]
    fn the_network_is_blamed_only_after_several_tries() {
        let server = [neighbour(FAR, Role::Server, false)];
        assert_eq!(way(&[], 0, 0, 2), Way::Searching);
        assert_eq!(way(&[], 0, 2, 2), Way::Searching);
        assert_eq!(way(&[], 0, 3, 2), Way::Unreachable { udp_blocked: true });
        assert_eq!(way(&server, 1, 9, 20), Way::Unreachable { udp_blocked: false });
        assert_eq!(way(&server, 1, 0, 20), Way::Alone);
    }
}
