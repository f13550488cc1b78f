//! AV1 temporal units: their open bitstream units (OBUs), looked at without trusting them.

use bytes::{Bytes, BytesMut};

pub use super::sequence::SequenceHeader;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// One open bitstream unit, by its place in a temporal unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Obu {
    kind: u8,
    start: usize,
    payload: usize,
    end: usize,
}

/// Walks the units of a temporal unit; ends early where the bytes make no sense.
fn units(data: &[u8]) -> impl Iterator<Item = Obu> + '_ {
    let mut position = 0;
    std::iter::from_fn(move || {
        let obu = unit_at(data, position)?;
        position = obu.end;
        Some(obu)
    })
}

fn unit_at(data: &[u8], start: usize) -> Option<Obu> {
    let header = *data.get(start)?;
    let (forbidden, kind, extended, sized) = (header & 0x80 != 0, header >> 3 & 0xf, header & 4 != 0, header & 2 != 0);
    if forbidden {
        return None;
    }
    let mut position = start + 1 + usize::from(extended);
    let end = if sized {
        let size = leb128(data, &mut position)?;
        position.checked_add(size)?
    } else {
        data.len()
    };
    (end <= data.len() && position <= end).then_some(Obu { kind, start, payload: position, end })
}

/// A little-endian base-128 number of at most 8 bytes that fits 32 bits.
fn leb128(data: &[u8], position: &mut usize) -> Option<usize> {
    let mut value = 0u64;
    for index in 0..8 {
        let byte = *data.get(*position)?;
        *position += 1;
        value |= u64::from(byte & 0x7f) << (index * 7);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().map(|value| value as usize);
        }
    }
    None
}

/// The first sequence header of a temporal unit, if there is one that can be read.
pub fn sequence_header(unit: &Bytes) -> Option<SequenceHeader> {
    let obu = units(unit).find(|obu| obu.kind == SEQUENCE_HEADER)?;
    SequenceHeader::parse(&unit[obu.payload..obu.end], unit.slice(obu.start..obu.end))
}

/// Whether decoding can start at this temporal unit: a sequence header, then a shown key frame.
pub fn is_keyframe(unit: &[u8]) -> bool {
    let mut sequence = false;
    for obu in units(unit) {
        match obu.kind {
            SEQUENCE_HEADER => sequence = true,
            // show_existing_frame (1 bit), frame_type (2; 0 is a key frame), show_frame (1).
            FRAME | FRAME_HEADER => {
                return sequence && unit.get(obu.payload).is_some_and(|byte| byte & 0xf0 == 0x10);
            }
            _ => {}
        }
    }
    false
}

/// The temporal unit as a container holds it: without temporal delimiters, padding and tile lists.
///
/// Nothing is copied where only a leading delimiter goes, which is what encoders write.
pub fn strip_delimiters(unit: Bytes) -> Bytes {
    let unwanted = |obu: &Obu| matches!(obu.kind, TEMPORAL_DELIMITER | TILE_LIST | PADDING);
    let start = units(&unit).take_while(unwanted).last().map_or(0, |obu| obu.end);
    let unit = unit.slice(start..);
    if !units(&unit).any(|obu| unwanted(&obu)) {
        return unit;
    }
    let mut kept = BytesMut::with_capacity(unit.len());
    for obu in units(&unit).filter(|obu| !unwanted(obu)) {
        kept.extend_from_slice(&unit[obu.start..obu.end]);
    }
    kept.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::{Matrix, Range};

    // rav1e, 320x180, 8 bit, level 2.0, BT.709 limited; then made longer with a delimiter and padding by the tests.
    const DELIMITER: [u8; 2] = [0x12, 0x00];
    // From the test file of mp4-atom: 1920x1080, 10 bit, level 4.1.
    const TEN_BIT: [u8; 13] = [10, 11, 0, 0, 0, 74, 171, 191, 195, 119, 255, 231, 1];

    #[test]
    fn a_known_sequence_header_is_read() {
        let header = sequence_header(&Bytes::from_static(&TEN_BIT)).expect("a sequence header");
        assert_eq!((header.width, header.height), (1920, 1080));
        assert_eq!((header.profile, header.level, header.bit_depth), (0, 9, 10));
        assert_eq!(header.codec_string(), "av01.0.09M.10");
        assert_eq!(header.obu, Bytes::from_static(&TEN_BIT));
        assert_eq!(header.color_space().range, Range::Limited);
        assert_eq!(header.color_space().matrix, Matrix::Bt709);
    }

    #[test]
    fn only_delimiters_and_padding_are_taken_out() {
        let key = [0x32, 0x01, 0x10];
        let padding = [0x7a, 0x02, 0xaa, 0x80];
        let unit: Vec<u8> = [&DELIMITER[..], &TEN_BIT, &padding, &key].concat();
        let stripped = strip_delimiters(Bytes::from(unit));
        assert_eq!(stripped, [&TEN_BIT[..], &key].concat());
        assert!(is_keyframe(&stripped));
        assert!(!is_keyframe(&key), "no sequence header");
        assert!(!is_keyframe(&[&TEN_BIT[..], &[0x32, 0x01, 0x30]].concat()), "an inter frame");
    }

    #[test]
    fn a_leading_delimiter_goes_without_a_copy() {
        let unit = Bytes::from([&DELIMITER[..], &TEN_BIT].concat());
        let stripped = strip_delimiters(unit.clone());
        assert_eq!(stripped.as_ptr(), unit[2..].as_ptr());
    }

    proptest! {
        #[test]
        fn rubbish_is_survived(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let data = Bytes::from(data);
            let _ = (sequence_header(&data), is_keyframe(&data));
            prop_assert!(strip_delimiters(data.clone()).len() <= data.len());
        }

        #[test]
        fn damaged_headers_are_survived(index in 0usize..13, value: u8, keep in 0usize..14) {
            let mut data = TEN_BIT.to_vec();
            data[index] = value;
            data.truncate(keep);
            let _ = sequence_header(&Bytes::from(data));
        }
    }
}
