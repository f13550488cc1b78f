#![no_main]
//! Whole chunks as HTTP carries them.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use runnel_p2p::wire::{decode_chunk, encode_chunk};

fuzz_target!(|data: &[u8]| {
    if let Ok(chunk) = decode_chunk(Bytes::copy_from_slice(data)) {
        assert_eq!(chunk.payload.len(), chunk.header.size as usize);
        for piece in 0..chunk.header.piece_count() {
            assert!(chunk.piece(piece).is_some());
        }
        assert_eq!(decode_chunk(encode_chunk(&chunk)).as_ref(), Ok(&chunk));
    }
});
