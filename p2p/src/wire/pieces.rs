//! Which pieces of a chunk: a small bit set.

use std::fmt;

use super::MAX_PIECES;

const WORDS: usize = MAX_PIECES / 64;

/// A set of piece indexes below [`MAX_PIECES`].
///
/// Nearly every chunk has fewer than 64 pieces (a 200 ms chunk of 20 Mbit/s), so those cost one word and no allocation.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct PieceSet {
    low: u64,
    /// Present only while a bit in it is set, so that equal sets are equal values.
    high: Option<Box<[u64; WORDS - 1]>>,
}

impl PieceSet {
    /// No piece.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first `count` pieces, at most [`MAX_PIECES`].
    pub fn first(count: u16) -> Self {
        let mut set = Self::new();
        let count = usize::from(count).min(MAX_PIECES);
        set.low = low_bits(count.min(64));
        if count > 64 {
            let mut high = Box::new([0; WORDS - 1]);
            for (index, word) in high.iter_mut().enumerate() {
                *word = low_bits(count.saturating_sub(64 * (index + 1)).min(64));
            }
            set.high = Some(high);
        }
        set
    }

    /// Only this piece.
    pub fn single(piece: u16) -> Self {
        let mut set = Self::new();
        set.insert(piece);
        set
    }

    /// Adds a piece; tells whether it is new. A piece that no chunk can have is left out.
    pub fn insert(&mut self, piece: u16) -> bool {
        let Some((word, bit)) = self.word_mut(piece) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Takes a piece out; tells whether it was in.
    pub fn remove(&mut self, piece: u16) -> bool {
        if !self.contains(piece) {
            return false;
        }
        if let Some((word, bit)) = self.word_mut(piece) {
            *word &= !bit;
        }
        self.shrink();
        true
    }

    /// Tells whether a piece is in.
    pub fn contains(&self, piece: u16) -> bool {
        let piece = usize::from(piece);
        let word = match piece / 64 {
            0 => self.low,
            index if index < WORDS => self.high.as_ref().map_or(0, |high| high[index - 1]),
            _ => 0,
        };
        word >> (piece % 64) & 1 == 1
    }

    /// How many pieces are in.
    pub fn len(&self) -> usize {
        self.words().map(|word| word.count_ones() as usize).sum()
    }

    /// Tells whether none is in.
    pub fn is_empty(&self) -> bool {
        self.low == 0 && self.high.is_none()
    }

    /// Tells whether every one of the first `count` pieces is in.
    pub fn is_complete(&self, count: u16) -> bool {
        if count <= 64 {
            let all = low_bits(usize::from(count));
            return self.low & all == all;
        }
        Self::first(count).without(self).is_empty()
    }

    /// The pieces in it, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.words().enumerate().flat_map(|(index, mut word)| {
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros();
                    word &= word - 1;
                    (64 * index) as u16 + bit as u16
                })
            })
        })
    }

    /// Adds all of another set.
    pub fn add(&mut self, other: &Self) {
        self.low |= other.low;
        if let Some(theirs) = &other.high {
            let ours = self.high.get_or_insert_with(|| Box::new([0; WORDS - 1]));
            ours.iter_mut().zip(theirs.iter()).for_each(|(ours, theirs)| *ours |= theirs);
        }
    }

    /// What is in this set and not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.low &= !other.low;
        if let (Some(ours), Some(theirs)) = (&mut set.high, &other.high) {
            ours.iter_mut().zip(theirs.iter()).for_each(|(ours, theirs)| *ours &= !theirs);
            set.shrink();
        }
        set
    }

    /// What is in both.
    pub fn and(&self, other: &Self) -> Self {
        let mut set = Self { low: self.low & other.low, high: None };
        if let (Some(ours), Some(theirs)) = (&self.high, &other.high) {
            set.high = Some(Box::new(std::array::from_fn(|index| ours[index] & theirs[index])));
            set.shrink();
        }
        set
    }

    /// As bytes, piece 0 in the lowest bit of the first, without zero bytes at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words().flat_map(u64::to_le_bytes).collect();
        let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        bytes
    }

    /// How many bytes [`PieceSet::to_bytes`] gives.
    pub fn encoded_len(&self) -> usize {
        let mut last = 0;
        for (index, word) in self.words().enumerate() {
            if word != 0 {
                last = 8 * index + (64 - word.leading_zeros() as usize).div_ceil(8);
            }
        }
        last
    }

    /// Reads bytes; more than [`MAX_PIECES`] bits or an empty last byte are refused.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_PIECES / 8 || bytes.last() == Some(&0) {
            return None;
        }
        let word = |index: usize| {
            let mut word = [0; 8];
            let part = bytes.get(8 * index..).unwrap_or_default();
            let used = part.len().min(8);
            word[..used].copy_from_slice(&part[..used]);
            u64::from_le_bytes(word)
        };
        let high = (bytes.len() > 8).then(|| Box::new(std::array::from_fn(|index| word(index + 1))));
        Some(Self { low: word(0), high })
    }

    fn words(&self) -> impl Iterator<Item = u64> + '_ {
        std::iter::once(self.low).chain(self.high.iter().flat_map(|high| high.iter().copied()))
    }

    fn word_mut(&mut self, piece: u16) -> Option<(&mut u64, u64)> {
        let piece = usize::from(piece);
        let bit = 1 << (piece % 64);
        match piece / 64 {
            0 => Some((&mut self.low, bit)),
            index if index < WORDS => {
                Some((&mut self.high.get_or_insert_with(|| Box::new([0; WORDS - 1]))[index - 1], bit))
            }
            _ => None,
        }
    }

    fn shrink(&mut self) {
        if self.high.as_ref().is_some_and(|high| high.iter().all(|&word| word == 0)) {
            self.high = None;
        }
    }
}

fn low_bits(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

impl fmt::Debug for PieceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        let mut pieces = self.iter().peekable();
        while let Some(first) = pieces.next() {
            let mut last = first;
            while let Some(next) = pieces.next_if(|next| *next == last + 1) {
                last = next;
            }
            let more = if pieces.peek().is_some() { " " } else { "" };
            match last {
                _ if last == first => write!(f, "{first}{more}")?,
                _ => write!(f, "{first}-{last}{more}")?,
            }
        }
        f.write_str("}")
    }
}

impl FromIterator<u16> for PieceSet {
    fn from_iter<I: IntoIterator<Item = u16>>(pieces: I) -> Self {
        let mut set = Self::new();
        for piece in pieces {
            set.insert(piece);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn any_set() -> impl Strategy<Value = BTreeSet<u16>> {
        proptest::collection::btree_set(0..MAX_PIECES as u16, 0..40)
    }

    proptest! {
        #[test]
        fn behaves_like_a_tree_set(a in any_set(), b in any_set(), count in 0..=MAX_PIECES as u16) {
            let (x, y): (PieceSet, PieceSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(x.len(), a.len());
            prop_assert_eq!(x.iter().collect::<Vec<_>>(), a.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(x.without(&y), a.difference(&b).copied().collect());
            prop_assert_eq!(x.and(&y), a.intersection(&b).copied().collect());
            let mut union = x.clone();
            union.add(&y);
            prop_assert_eq!(union, a.union(&b).copied().collect());
            prop_assert_eq!(PieceSet::from_bytes(&x.to_bytes()), Some(x.clone()));
            prop_assert_eq!(x.encoded_len(), x.to_bytes().len());
            let first = PieceSet::first(count);
            prop_assert_eq!(first.len(), usize::from(count));
            prop_assert_eq!(x.is_complete(count), (0..count).all(|piece| a.contains(&piece)));
            let mut emptied = x.clone();
            for piece in &a {
                prop_assert!(emptied.remove(*piece));
            }
            prop_assert_eq!(emptied, PieceSet::new());
        }
    }

    #[test]
    fn shows_runs() {
        let set: PieceSet = [0, 1, 2, 7, 63, 64].into_iter().collect();
        assert_eq!(format!("{set:?}"), "{0-2 7 63-64}");
    }

    #[test]
    fn no_chunk_has_more_pieces_than_the_limit() {
        let mut set = PieceSet::new();
        assert!(!set.insert(MAX_PIECES as u16));
        assert!(set.is_empty());
        assert_eq!(PieceSet::from_bytes(&[1; MAX_PIECES / 8 + 1]), None);
        assert_eq!(PieceSet::from_bytes(&[1, 0]), None);
    }
}
