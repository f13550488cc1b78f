//! What the core remembers of one connection.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use crate::{
    behaviour::lane::LANES,
    mesh::NeighbourId,
    node::bucket::Bucket,
    wire::{Epoch, Hello, Role, Version},
};

/// Messages a second a neighbour may say on average, and at once. An acknowledgement goes with every piece or two, so
/// this is far above what the fastest stream needs and far below what costs us anything.
const MESSAGES: (f64, f64) = (3_000.0, 12_000.0);

/// Bytes a second of control messages on average, and at once.
const CONTROL_BYTES: (f64, f64) = (512e3, 4e6);

/// Headers a second on average, and at once; each costs a signature check.
const HEADERS: (f64, f64) = (100.0, 1_000.0);

/// Manifests and revocations a second on average, and at once.
const NEWS: (f64, f64) = (1.0, 16.0);

/// One connection and who is at its other end.
#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) peer: PeerId,
    pub(super) address: Multiaddr,
    /// Both as text, which is costly to make and shown often.
    pub(super) shown: (String, String),
    pub(super) dialed: bool,
    /// Since when it is no member: it has so long to become one.
    pub(super) outside_since: Instant,
    pub(super) version: Option<Version>,
    /// Its last greeting on the control lane.
    pub(super) hello: Option<Hello>,
    /// The epoch and manifest version that it is known to know.
    pub(super) knows: (Epoch, u32),
    /// The epoch in which each lane is: frames of another epoch than ours are left out.
    pub(super) epochs: [Option<Epoch>; LANES],
    pub(super) role: Role,
    pub(super) member: Option<NeighbourId>,
    /// Until when its ticket holds, in microseconds since the Unix epoch; nothing where none is asked for.
    pub(super) admitted_until: Option<u64>,
    pub(super) rtt: Option<Duration>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) messages: Bucket,
    pub(super) control_bytes: Bucket,
    pub(super) headers: Bucket,
    pub(super) news: Bucket,
}

impl Neighbour {
    pub(super) fn new(now: Instant, peer: PeerId, address: Multiaddr, dialed: bool) -> Self {
        let bucket = |(rate, burst)| Bucket::new(rate, burst, now);
        Self {
            shown: (peer.to_string(), address.to_string()),
            peer,
            address,
            dialed,
            outside_since: now,
            version: None,
            hello: None,
            knows: (Epoch(0), 0),
            epochs: [None; LANES],
            role: Role::Viewer,
            member: None,
            admitted_until: None,
            rtt: None,
            bytes_in: 0,
            bytes_out: 0,
            messages: bucket(MESSAGES),
            control_bytes: bucket(CONTROL_BYTES),
            headers: bucket(HEADERS),
            news: bucket(NEWS),
        }
    }
}
