//! What one neighbour is known to have.

use std::collections::VecDeque;

use crate::wire::{PieceSet, Sequence};

/// Pieces and headers of a stretch of chunks.
#[derive(Debug, Default)]
pub(super) struct HaveMap {
    base: Sequence,
    chunks: VecDeque<Held>,
}

#[derive(Debug, Clone, Default)]
struct Held {
    header: bool,
    all: bool,
    pieces: PieceSet,
}

/// Longest stretch that is remembered.
const SPAN: u64 = 1024;

impl HaveMap {
    pub(super) fn has(&self, sequence: Sequence, piece: u16) -> bool {
        self.held(sequence).is_some_and(|held| held.all || held.pieces.contains(piece))
    }

    /// Tells whether every one of these is there.
    pub(super) fn has_all(&self, sequence: Sequence, pieces: &PieceSet) -> bool {
        self.held(sequence).is_some_and(|held| held.all || pieces.without(&held.pieces).is_empty())
    }

    /// Tells whether any piece of the chunk is there.
    pub(super) fn has_any(&self, sequence: Sequence) -> bool {
        self.held(sequence).is_some_and(|held| held.all || !held.pieces.is_empty())
    }

    pub(super) fn has_header(&self, sequence: Sequence) -> bool {
        self.held(sequence).is_some_and(|held| held.header)
    }

    pub(super) fn insert(&mut self, sequence: Sequence, piece: u16) {
        if let Some(held) = self.held_mut(sequence) {
            held.pieces.insert(piece);
        }
    }

    pub(super) fn insert_all(&mut self, sequence: Sequence, pieces: &PieceSet) {
        if let Some(held) = self.held_mut(sequence) {
            held.pieces.add(pieces);
            held.header = true;
        }
    }

    pub(super) fn insert_header(&mut self, sequence: Sequence) {
        if let Some(held) = self.held_mut(sequence) {
            held.header = true;
        }
    }

    pub(super) fn complete(&mut self, sequence: Sequence) {
        if let Some(held) = self.held_mut(sequence) {
            *held = Held { header: true, all: true, pieces: PieceSet::new() };
        }
    }

    /// Takes back what was believed: the neighbour says that it does not have these, or never got them.
    pub(super) fn remove(&mut self, sequence: Sequence, pieces: &PieceSet) {
        if let Some(held) = self.held_mut(sequence) {
            held.all = false;
            held.pieces = held.pieces.without(pieces);
        }
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Forgets everything before this chunk.
    pub(super) fn forget_before(&mut self, sequence: Sequence) {
        while self.base < sequence && self.chunks.pop_front().is_some() {
            self.base = self.base.next();
        }
    }

    fn held(&self, sequence: Sequence) -> Option<&Held> {
        self.chunks.get(usize::try_from(sequence.0.checked_sub(self.base.0)?).ok()?)
    }

    fn held_mut(&mut self, sequence: Sequence) -> Option<&mut Held> {
        if self.chunks.is_empty() {
            self.base = sequence;
        }
        if sequence < self.base {
            // Only a little: what lies far back is of no use to anyone.
            if self.base.0 - sequence.0 + self.chunks.len() as u64 > SPAN {
                return None;
            }
            while self.base > sequence {
                self.chunks.push_front(Held::default());
                self.base = self.base.before(1);
            }
        }
        while sequence.0 - self.base.0 >= SPAN && self.chunks.pop_front().is_some() {
            self.base = self.base.next();
        }
        if self.chunks.is_empty() {
            self.base = sequence;
        }
        let index = (sequence.0 - self.base.0) as usize;
        if index >= self.chunks.len() {
            self.chunks.resize_with(index + 1, Held::default);
        }
        self.chunks.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_pieces_chunks_and_headers() {
        let mut map = HaveMap::default();
        map.insert(Sequence(10), 3);
        map.complete(Sequence(12));
        map.insert_header(Sequence(9));
        assert!(map.has(Sequence(10), 3) && !map.has(Sequence(10), 2) && !map.has(Sequence(11), 0));
        assert!(map.has(Sequence(12), 77) && map.has_header(Sequence(12)));
        assert!(map.has_header(Sequence(9)) && !map.has_header(Sequence(10)));
        map.remove(Sequence(10), &PieceSet::single(3));
        assert!(!map.has_any(Sequence(10)));
        map.forget_before(Sequence(12));
        assert!(!map.has_header(Sequence(9)) && map.has(Sequence(12), 0));
    }

    #[test]
    fn a_wild_number_costs_no_memory() {
        let mut map = HaveMap::default();
        map.insert(Sequence(5), 0);
        map.insert(Sequence(u64::MAX >> 1), 0);
        assert!(map.chunks.len() <= SPAN as usize);
        map.insert(Sequence(0), 0);
        assert!(map.chunks.len() <= SPAN as usize);
        assert!(map.has(Sequence(u64::MAX >> 1), 0));
    }
}
