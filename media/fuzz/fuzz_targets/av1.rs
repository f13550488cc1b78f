//! A temporal unit from a stranger: its sequence header, and its units without delimiters.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use runnel_media::package::av1::{is_keyframe, sequence_header, strip_delimiters};

fuzz_target!(|data: &[u8]| {
    let unit = Bytes::copy_from_slice(data);
    if let Some(header) = sequence_header(&unit) {
        assert!(header.width <= 65_536 && header.height <= 65_536);
        assert!(header.codec_string().starts_with("av01."));
    }
    let _ = is_keyframe(&unit);
    assert!(strip_delimiters(unit).len() <= data.len());
});
