//! One growing line of numbers over all publishing runs that are watched, since the player knows no runs. Pure.

use backend_lite::api::BroadcastId;
use runnel_p2p::wire::Manifest;

/// Bits of a player's sequence that count within a run: 3,000 years of chunks.
const SEQUENCE_BITS: u32 = 40;
/// Bits of a player's init id that count within a run.
const INIT_BITS: u32 = 12;

/// The numbers of the run that is watched now.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    run: Option<(BroadcastId, u64)>,
    /// Number of the run, from 0.
    index: u64,
    /// Whether a chunk of this run was seen.
    begun: bool,
    /// Newest sequence of the run.
    newest: Option<u64>,
}

impl Timeline {
    /// A manifest is in force: a run that is new moves the line on. Tells whether it is new.
    pub(super) fn enter(&mut self, manifest: &Manifest) -> bool {
        let run = (manifest.broadcast, manifest.epoch.0);
        if self.run == Some(run) {
            return false;
        }
        if self.run.is_some() {
            self.index += 1;
        }
        (self.run, self.begun, self.newest) = (Some(run), false, None);
        true
    }

    /// A chunk's number for the player.
    pub(super) fn sequence(&self, sequence: u64) -> u64 {
        (self.index << SEQUENCE_BITS) | (sequence & ((1 << SEQUENCE_BITS) - 1))
    }

    /// A player's number as a chunk's, if it is of this run.
    pub(super) fn chunk(&self, sequence: u64) -> Option<u64> {
        (sequence >> SEQUENCE_BITS == self.index).then_some(sequence & ((1 << SEQUENCE_BITS) - 1))
    }

    /// An init segment's id for the player.
    pub(super) fn init(&self, id: u32) -> u32 {
        let run = u32::try_from(self.index).unwrap_or(u32::MAX);
        run.wrapping_shl(INIT_BITS) | (id & ((1 << INIT_BITS) - 1))
    }

    /// Notes a chunk: whether it is newer than all before, and whether the line breaks off before it.
    pub(super) fn note(&mut self, sequence: u64, discontinuity: bool) -> (bool, bool) {
        let fresh = self.newest.is_none_or(|newest| sequence > newest);
        if fresh {
            self.newest = Some(sequence);
        }
        let breaks = discontinuity || (!self.begun && self.index > 0);
        self.begun = true;
        (fresh, breaks)
    }

    /// The newest chunk of the run, as the player numbers it.
    pub(super) fn newest(&self) -> Option<u64> {
        self.newest.map(|newest| self.sequence(newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runnel_p2p::wire::{ChannelId, Epoch, PublicKey};

    fn manifest(broadcast: u8, epoch: u64, version: u32) -> Manifest {
        Manifest {
            version,
            channel: ChannelId([0; 16]),
            broadcast: BroadcastId([broadcast; 16]),
            epoch: Epoch(epoch),
            broadcast_key: PublicKey([0; 32]),
            renditions: Vec::new(),
            created: 0,
        }
    }

    #[test]
    fn numbers_grow_over_runs_and_broadcasts() {
        let mut line = Timeline::default();
        assert!(line.enter(&manifest(1, 5, 1)));
        assert_eq!(line.note(900, false), (true, false));
        let before = (line.sequence(901), line.init(3));
        assert!(!line.enter(&manifest(1, 5, 2)), "a new version is the same run");
        assert!(line.enter(&manifest(2, 5, 1)));
        let after = (line.sequence(0), line.init(0));
        assert!(after.0 > before.0 && after.1 > before.1);
        assert_eq!(line.note(0, false), (true, true), "a new run breaks the line");
        assert_eq!(line.note(1, false), (true, false));
        assert_eq!(line.note(0, false), (false, false));
        assert_eq!(line.chunk(after.0), Some(0));
        assert_eq!(line.chunk(before.0), None, "what was of another run is not of this one");
        assert_eq!(line.newest(), Some(line.sequence(1)));
    }
}
