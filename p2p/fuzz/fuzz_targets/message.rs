#![no_main]
//! Frames and messages: an error or a legal value, in both versions.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use runnel_p2p::wire::frame::FrameReader;
use runnel_p2p::wire::{Message, Version};

fuzz_target!(|data: &[u8]| {
    for version in [Version::V1, Version::V2] {
        if let Ok(message) = Message::decode(Bytes::copy_from_slice(data), version) {
            let again = message.encode(version).expect("what was read in a version can be said in it");
            assert_eq!(Message::decode(again, version).as_ref(), Ok(&message));
        }
    }
    let mut reader = FrameReader::new();
    for part in data.chunks(7) {
        reader.push(part);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => drop(Message::decode(frame, Version::V2)),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
