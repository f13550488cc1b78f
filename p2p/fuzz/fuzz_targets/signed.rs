#![no_main]
//! Everything signed: nobody without the key makes one that verifies.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use runnel_p2p::wire::{
    BroadcastId, ChannelKey, Role, RoleProof, SignedHeader, SignedManifest, SignedRevocation, SignedTicket,
};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let key = ChannelKey::from_bytes([77; 32]).public();
    if let Ok(manifest) = SignedManifest::from_bytes(bytes.clone()) {
        assert!(manifest.verify(&[key]).is_err());
        drop(manifest.peek());
    }
    if let Ok(header) = SignedHeader::from_bytes(bytes.clone()) {
        assert!(header.verify(&key).is_err());
        drop(header.peek());
    }
    if let Ok(revocation) = SignedRevocation::from_bytes(bytes.clone()) {
        assert!(revocation.verify(&key).is_err());
    }
    if let Ok(ticket) = SignedTicket::from_bytes(bytes.clone()) {
        assert!(ticket.verify(&key, BroadcastId([0; 16]), b"peer", 0).is_err());
    }
    assert!(RoleProof::verify(&bytes, Role::Publisher, &key, BroadcastId([0; 16]), b"peer").is_err());
});
