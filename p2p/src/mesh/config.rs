//! What a mesh is told at its start, and the rules that follow from the swarm's size.

use std::time::Duration;

use crate::wire::{MAX_STRIPES, Role};

/// What a mesh is told at its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// What this node is.
    pub role: Role,
    /// Most stripes the chunks are dealt into: the manifest's K. A small swarm uses fewer.
    pub stripes: u8,
    /// Usual length of a chunk.
    pub chunk: Duration,
    /// From the capture of a chunk to its being due on screen.
    pub target_delay: Duration,
    /// Whether chunks may be fetched from the server over HTTP.
    pub origin: bool,
    /// The user's upload cap in bits a second; `None` leaves it to measurement, `Some(0)` forbids uploading.
    pub upload: Option<u64>,
    /// Most neighbours.
    pub max_neighbours: usize,
    /// How far back chunks are remembered and handed out.
    pub window: Duration,
}

impl Config {
    /// The usual values for a role.
    pub fn new(role: Role, stripes: u8, chunk: Duration) -> Self {
        Self {
            role,
            stripes: stripes.clamp(1, MAX_STRIPES),
            chunk,
            target_delay: Duration::from_secs(1),
            origin: !role.is_source(),
            upload: None,
            max_neighbours: if role.is_source() { 128 } else { 24 },
            window: Duration::from_secs(8),
        }
    }

    /// How many chunks the window spans.
    pub(super) fn window_chunks(&self) -> usize {
        let chunk = self.chunk.as_micros().max(1);
        (self.window.as_micros() / chunk).clamp(16, 512) as usize
    }
}

/// How many copies of each piece the server and the broadcaster push, both together.
pub fn copies_for(viewers: usize) -> usize {
    match viewers {
        0..20 => 1,
        20..100 => 2,
        _ => viewers.div_ceil(200).max(4),
    }
}

/// Into how many stripes chunks of this many pieces are dealt: more than the mean number of pieces would starve some.
pub fn stripes_for(viewers: usize, mean_pieces: f64, most: u8) -> u8 {
    let by_size = match viewers {
        0..15 => 2,
        15..50 => 4,
        _ => 8,
    };
    (mean_pieces as u8).min(by_size).min(most).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeding_follows_the_swarms_size() {
        let copies: Vec<usize> = [0, 3, 19, 20, 99, 100, 800, 10_000].map(copies_for).into();
        assert_eq!(copies, [1, 1, 1, 2, 2, 4, 4, 50]);
    }

    #[test]
    fn no_stripe_starves_at_low_bit_rates() {
        assert_eq!(stripes_for(10_000, 1.5, 8), 1);
        assert_eq!(stripes_for(10_000, 4.2, 8), 4);
        assert_eq!(stripes_for(10_000, 80.0, 8), 8);
        assert_eq!(stripes_for(3, 80.0, 8), 2);
        assert_eq!(stripes_for(30, 80.0, 3), 3);
        assert_eq!(stripes_for(30, 0.0, 8), 1);
    }
}
