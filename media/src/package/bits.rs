//! Reading single bits, most significant first, from bytes that may lie.

/// A cursor over bits; every read past the end is `None`.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// One bit as a flag.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = *self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// `count` bits (at most 32) as a number.
    pub(crate) fn number(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32, "a number has at most 32 bits");
        let mut value = 0u64;
        for _ in 0..count {
            value = value << 1 | u64::from(self.flag()?);
        }
        u32::try_from(value).ok()
    }

    /// `count` bits (at most 8) as a byte.
    pub(crate) fn byte(&mut self, count: u32) -> Option<u8> {
        debug_assert!(count <= 8, "a byte has at most 8 bits");
        self.number(count).and_then(|value| u8::try_from(value).ok())
    }

    /// Passes over `count` bits.
    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        self.position = self.position.checked_add(count)?;
        (self.position <= self.data.len() * 8).then_some(())
    }

    /// A variable-length code of the AV1 specification, section 4.10.3; its value is not needed anywhere.
    pub(crate) fn skip_uvlc(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros >= 32 {
                return Some(());
            }
        }
        self.skip(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_across_bytes_and_stops_at_the_end() {
        let mut bits = Bits::new(&[0b1010_0110, 0b1000_0000]);
        assert_eq!(bits.number(3), Some(0b101));
        assert_eq!(bits.number(6), Some(0b00_1101));
        assert_eq!(bits.skip(6), Some(()));
        assert_eq!(bits.flag(), Some(false));
        assert_eq!(bits.flag(), None);
        assert_eq!(bits.number(32), None);
    }

    #[test]
    fn variable_length_codes_are_passed_over() {
        let mut bits = Bits::new(&[0b0011_0110]);
        assert_eq!(bits.skip_uvlc(), Some(()), "two zeros, a one, two bits");
        assert_eq!(bits.number(3), Some(0b110));
    }
}
