//! Golden vectors: bytes of the past must be read for ever, and what is written today must not change by accident.
//!
//! `RUNNEL_BLESS=1 cargo test -p runnel-p2p --test pure vectors` writes fixtures that are missing; it never changes one.

use std::path::PathBuf;

use bytes::Bytes;
use runnel_p2p::verify::Verifier;
use runnel_p2p::wire::{
    Message, MessageError, RenditionId, Revoked, Role, RoleProof, SignedManifest, SignedRevocation, SignedTicket,
    Version, decode_chunk, encode_chunk,
};

use crate::examples::{self, BROADCAST, PEER};

/// The fixture of that name; `now` is what this build writes.
fn fixture(name: &str, now: &[u8]) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("RUNNEL_BLESS").is_some() {
        let lines: Vec<String> =
            now.chunks(60).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect::<Vec<u8>>().into()
}

#[test]
fn every_message_is_read_and_written_as_it_always_was() {
    for (name, message) in examples::messages() {
        let frame = message.encode(Version::V2).unwrap();
        let golden = fixture(&format!("message-{name}"), &frame);
        assert_eq!(Message::decode(golden.clone(), Version::V2).unwrap(), message, "{name}");
        assert_eq!(frame, golden, "{name} is written otherwise than it was");
    }
}

#[test]
fn the_version_before_is_spoken() {
    for (name, message) in examples::messages() {
        let frame = message.encode(Version::V2).unwrap();
        if name == "status" {
            assert_eq!(message.encode(Version::V1), None, "version 1 has no status");
            let error = Message::decode(frame, Version::V1).unwrap_err();
            assert!(matches!(error, MessageError::UnknownKind { version: Version::V1, .. }), "{error}");
        } else {
            assert_eq!(message.encode(Version::V1).unwrap(), frame, "{name} is the same in both");
            assert_eq!(Message::decode(frame, Version::V1).unwrap(), message, "{name}");
        }
    }
}

#[test]
fn manifests_of_the_past_verify() {
    let golden = fixture("manifest", examples::signed_manifest().bytes());
    let signed = SignedManifest::from_bytes(golden.clone()).unwrap();
    assert_eq!(signed.verify(&[examples::channel_key().public()]).unwrap(), examples::manifest());
    assert_eq!(examples::signed_manifest().bytes(), &golden);
}

#[test]
fn chunks_of_the_past_verify() {
    let golden = fixture("chunk", &encode_chunk(&examples::chunk()));
    let chunk = decode_chunk(golden.clone()).unwrap();
    let mut verifier = Verifier::new(examples::manifest(), RenditionId(0)).unwrap();
    verifier.check_chunk(&chunk).unwrap();
    assert_eq!(chunk, examples::chunk());
    assert_eq!(encode_chunk(&chunk), golden);
}

#[test]
fn revocations_tickets_and_proofs_of_the_past_verify() {
    let key = examples::community_key().public();
    for (name, revocation) in examples::revocations() {
        let golden = fixture(name, revocation.bytes());
        let read = SignedRevocation::from_bytes(golden).unwrap().verify(&key).unwrap();
        assert_eq!(read, revocation.verify(&key).unwrap());
        assert_eq!(matches!(read.revoked, Revoked::Broadcast(_)), name == "revocation-broadcast");
    }
    let ticket = SignedTicket::from_bytes(fixture("ticket", examples::ticket().bytes())).unwrap();
    assert_eq!(ticket.verify(&key, BROADCAST, PEER, 1_999).unwrap().expires, 2_000);
    let proof = fixture("role-proof", &examples::proof());
    RoleProof::verify(&proof, Role::Publisher, &examples::broadcast_key().public(), BROADCAST, PEER).unwrap();
}
