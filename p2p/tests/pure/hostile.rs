//! Damaged, cut, lengthened and invented bytes: an error or a legal value, never a panic.

use bytes::Bytes;
use proptest::prelude::*;
use runnel_p2p::verify::Verifier;
use runnel_p2p::wire::frame::FrameReader;
use runnel_p2p::wire::{
    Control, HaveEntry, Message, PieceSet, RenditionId, Sequence, SignedChunk, SignedHeader, SignedManifest,
    SignedRevocation, SignedTicket, Status, Version, decode_chunk, encode_chunk,
};

use crate::examples::{self, BROADCAST, PEER};

/// What is done to good bytes.
#[derive(Debug, Clone)]
enum Damage {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        (any::<usize>(), 1..=255u8).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        any::<usize>().prop_map(Damage::Cut),
        (any::<usize>(), proptest::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<usize>(), 1..200usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ];
    proptest::collection::vec(one, 1..4)
}

fn apply(good: &[u8], damages: &[Damage]) -> Bytes {
    let mut bytes = good.to_vec();
    for damage in damages {
        let at = |index: usize| if bytes.is_empty() { 0 } else { index % bytes.len() };
        match damage {
            Damage::Flip(index, mask) => {
                let at = at(*index);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Damage::Cut(index) => bytes.truncate(at(*index)),
            Damage::Insert(index, more) => {
                let at = at(*index);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Repeat(index, count) => {
                let at = at(*index);
                let part: Vec<u8> = bytes[at..(at + 8).min(bytes.len())].repeat(*count);
                bytes.splice(at..at, part);
            }
        }
    }
    bytes.into()
}

fn sequences() -> impl Strategy<Value = Sequence> {
    (0..=u64::MAX >> 1).prop_map(Sequence)
}

fn piece_sets() -> impl Strategy<Value = PieceSet> {
    proptest::collection::vec(0..512u16, 1..20).prop_map(|pieces| pieces.into_iter().collect())
}

fn entries() -> impl Strategy<Value = Vec<HaveEntry>> {
    let entry = prop_oneof![
        (sequences(), 1..100_000u32).prop_map(|(first, count)| HaveEntry::Complete { first, count }),
        (sequences(), piece_sets()).prop_map(|(sequence, pieces)| HaveEntry::Partial { sequence, pieces }),
    ];
    proptest::collection::vec(entry, 0..40)
}

/// A modulus with a set of its stripes.
fn stripes() -> impl Strategy<Value = (u8, u32)> {
    (1..=32u8, any::<u32>()).prop_map(|(modulus, mask)| (modulus, mask & (u32::MAX >> (32 - modulus))))
}

pub(crate) fn controls() -> impl Strategy<Value = Control> {
    let status = (1..=32usize, any::<[u16; 4]>(), proptest::option::of(sequences()), any::<[u8; 32]>(), any::<bool>());
    prop_oneof![
        (entries(), proptest::option::of(sequences()), proptest::option::of(sequences()))
            .prop_map(|(entries, keyframe, newest)| Control::Have { entries, keyframe, newest }),
        entries().prop_map(|entries| Control::HaveDelta { entries }),
        sequences().prop_map(|sequence| Control::NeedHeader { sequence }),
        (sequences(), piece_sets(), any::<u16>()).prop_map(|(sequence, pieces, within_millis)| Control::Request {
            sequence,
            pieces,
            within_millis
        }),
        (sequences(), piece_sets()).prop_map(|(sequence, pieces)| Control::Cancel { sequence, pieces }),
        (sequences(), piece_sets()).prop_map(|(sequence, pieces)| Control::Skipped { sequence, pieces }),
        (stripes(), sequences(), any::<bool>()).prop_map(|((modulus, stripes), from, headers)| Control::Subscribe {
            modulus,
            stripes,
            from,
            headers
        }),
        (stripes(), sequences()).prop_map(|((modulus, stripes), from)| Control::Unsubscribe { modulus, stripes, from }),
        (stripes(), sequences()).prop_map(|((modulus, stripes), from)| Control::Seed { modulus, stripes, from }),
        (stripes(), sequences()).prop_map(|((modulus, stripes), from)| Control::Reject { modulus, stripes, from }),
        any::<u64>().prop_map(|bytes| Control::Ack { bytes }),
        status.prop_map(|(modulus, numbers, newest, depths, copies)| {
            Control::Status(Status {
                depth: depths[..modulus].to_vec(),
                copies: if copies { vec![1; modulus] } else { Vec::new() },
                lag_millis: numbers[0],
                lags: if copies { vec![7; modulus] } else { Vec::new() },
                interior: numbers[1].into(),
                queue_millis: numbers[1],
                places: numbers[2],
                places_free: numbers[3],
                newest,
            })
        }),
    ]
}

proptest! {
    #[test]
    fn every_control_message_survives_the_wire(control in controls()) {
        let message = Message::Control(control.clone());
        let bytes = message.encode(Version::V2).unwrap();
        prop_assert_eq!(bytes.len() + 4, control.frame_len(), "the length is known without building it");
        prop_assert_eq!(Message::decode(bytes, Version::V2).unwrap(), message);
    }

    #[test]
    fn damaged_messages_are_refused_or_legal(which in any::<prop::sample::Index>(), damages in damage()) {
        let messages = examples::messages();
        let (_, message) = which.get(&messages);
        let bytes = apply(&message.encode(Version::V2).unwrap(), &damages);
        if let Ok(read) = Message::decode(bytes, Version::V2) {
            // What was accepted is legal: it can be said again and is understood.
            let again = read.encode(Version::V2).unwrap();
            prop_assert_eq!(Message::decode(again, Version::V2).unwrap(), read);
        }
    }

    #[test]
    fn invented_messages_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), version in any::<bool>()) {
        let version = if version { Version::V1 } else { Version::V2 };
        let _ = Message::decode(bytes.clone().into(), version);
        let mut reader = FrameReader::new();
        reader.push(&bytes);
        while let Ok(Some(frame)) = reader.next_frame() {
            let _ = Message::decode(frame, version);
        }
    }

    #[test]
    fn nothing_damaged_verifies(damages in damage()) {
        let changed = |good: &Bytes| {
            let bytes = apply(good, &damages);
            (bytes != good).then_some(bytes)
        };
        if let Some(bytes) = changed(examples::signed_manifest().bytes()) {
            let read = SignedManifest::from_bytes(bytes).and_then(|it| it.verify(&[examples::channel_key().public()]));
            // Damage may hit only what protobuf does not care for; the content is then untouched.
            prop_assert!(read.is_err() || read.unwrap() == examples::manifest());
        }
        if let Some(bytes) = changed(examples::chunk().signed.bytes()) {
            let read = SignedHeader::from_bytes(bytes).and_then(|it| it.verify(&examples::broadcast_key().public()));
            prop_assert!(read.is_err() || read.unwrap() == examples::chunk().header);
        }
        let community = examples::community_key().public();
        for (_, revocation) in examples::revocations() {
            if let Some(bytes) = changed(revocation.bytes()) {
                let read = SignedRevocation::from_bytes(bytes).and_then(|it| it.verify(&community));
                prop_assert!(read.is_err() || read.unwrap() == revocation.verify(&community).unwrap());
            }
        }
        if let Some(bytes) = changed(examples::ticket().bytes()) {
            let read = SignedTicket::from_bytes(bytes).and_then(|it| it.verify(&community, BROADCAST, PEER, 1));
            prop_assert!(read.is_err() || read.unwrap().expires == 2_000);
        }
    }

    #[test]
    fn damaged_chunks_never_pass(damages in damage()) {
        let good = examples::chunk();
        let bytes = apply(&encode_chunk(&good), &damages);
        if let Ok(chunk) = decode_chunk(bytes) {
            let mut verifier = Verifier::new(examples::manifest(), RenditionId(0)).unwrap();
            let passes = verifier.check_chunk(&chunk).is_ok();
            let same = |a: &SignedChunk, b: &SignedChunk| a.header == b.header && a.payload == b.payload;
            prop_assert!(!passes || same(&chunk, &good));
        }
    }
}
