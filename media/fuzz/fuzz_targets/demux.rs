//! An init segment and a chunk, both from a stranger: `u16` length of the first, the first, the second.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use runnel_media::package::demux::{parse_chunk, parse_init};

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first_chunk::<2>() else { return };
    let split = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (init, chunk) = rest.split_at(split);
    if let Ok(tracks) = parse_init(init)
        && let Ok(parsed) = parse_chunk(&tracks, &Bytes::copy_from_slice(chunk))
    {
        assert!(parsed.frames.iter().all(|frame| frame.data.len() <= chunk.len()));
    }
});
