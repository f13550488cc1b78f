//! One example of everything that travels, made from fixed keys, so that its bytes never change.

use bytes::Bytes;
use runnel_p2p::wire::{
    BroadcastId, BroadcastKey, Bye, ChannelId, ChannelKey, ChunkFlags, ChunkInfo, CommunityKey, Control, Epoch,
    HaveEntry, Hello, Init, Manifest, Message, Piece, PieceSet, PublicKey, Refuse, RefuseReason, Rendition,
    RenditionId, Revocation, Revoked, Role, RoleProof, Sequence, SignedChunk, SignedManifest, SignedRevocation,
    SignedTicket, Status, Ticket, Track, TrackKind, VersionRange, sign_chunk,
};

pub(crate) const BROADCAST: BroadcastId = BroadcastId([0xb0; 16]);
pub(crate) const CHANNEL: ChannelId = ChannelId([0xc0; 16]);
pub(crate) const PEER: &[u8] = b"a peer id";

pub(crate) fn channel_key() -> ChannelKey {
    ChannelKey::from_bytes([1; 32])
}

pub(crate) fn broadcast_key() -> BroadcastKey {
    BroadcastKey::from_bytes([2; 32])
}

pub(crate) fn community_key() -> CommunityKey {
    CommunityKey::from_bytes([3; 32])
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        version: 2,
        channel: CHANNEL,
        broadcast: BROADCAST,
        epoch: Epoch(7),
        broadcast_key: broadcast_key().public(),
        renditions: vec![
            Rendition {
                id: RenditionId(0),
                width: 1280,
                height: 720,
                fps: 30,
                bitrate_kbps: 2500,
                codecs: "av01.0.05M.08,opus".into(),
                tracks: vec![
                    Track { kind: TrackKind::Video, codec: "av01.0.05M.08".into(), language: String::new() },
                    Track { kind: TrackKind::Audio, codec: "opus".into(), language: "zh".into() },
                    Track { kind: TrackKind::Captions, codec: "wvtt".into(), language: "en".into() },
                ],
                inits: vec![
                    Init { id: 1, data: Bytes::from_static(b"first init segment") },
                    Init { id: 2, data: Bytes::from_static(b"second, after a change of size") },
                ],
                chunk_millis: 100,
                stripes: 4,
            },
            Rendition {
                id: RenditionId(1),
                width: 0,
                height: 0,
                fps: 0,
                bitrate_kbps: 64,
                codecs: "opus".into(),
                tracks: Vec::new(),
                inits: Vec::new(),
                chunk_millis: 200,
                stripes: 1,
            },
        ],
        created: 1_800_000_000_000_000,
    }
}

pub(crate) fn signed_manifest() -> SignedManifest {
    manifest().sign(&channel_key()).unwrap()
}

pub(crate) fn chunk() -> SignedChunk {
    let info = ChunkInfo {
        broadcast: BROADCAST,
        epoch: Epoch(7),
        rendition: RenditionId(0),
        sequence: Sequence(1234),
        manifest_version: 2,
        init: 2,
        start_micros: 123_400_000,
        duration_micros: 100_000,
        captured_micros: 1_800_000_123_400_000,
        flags: ChunkFlags { keyframe: true, discontinuity: true, end: false },
        key_id: Some(9),
    };
    // Three pieces, the last one short. The bytes differ from piece to piece.
    let payload: Vec<u8> = (0..17_000u32).map(|index| (index * 31 + index / 251) as u8).collect();
    sign_chunk(&broadcast_key(), info, payload.into()).unwrap()
}

pub(crate) fn revocations() -> Vec<(&'static str, SignedRevocation)> {
    let sign =
        |revoked| Revocation { issued: 1_800_000_000, revoked, reason: "spam".into() }.sign(&community_key()).unwrap();
    vec![
        ("revocation-broadcast", sign(Revoked::Broadcast(BROADCAST))),
        ("revocation-key", sign(Revoked::Key { channel: CHANNEL, key: PublicKey([5; 32]) })),
        ("revocation-peer", sign(Revoked::Peer(Bytes::from_static(PEER)))),
    ]
}

pub(crate) fn ticket() -> SignedTicket {
    Ticket { broadcast: BROADCAST, peer: Bytes::from_static(PEER), expires: 2_000 }.sign(&community_key()).unwrap()
}

pub(crate) fn proof() -> Bytes {
    RoleProof::publisher(&broadcast_key(), BROADCAST, PEER)
}

/// Every kind of message, each with a name.
pub(crate) fn messages() -> Vec<(&'static str, Message)> {
    let pieces: PieceSet = [0, 2, 70].into_iter().collect();
    let sequence = Sequence(1234);
    let control = |name, control| (name, Message::Control(control));
    let hello = Hello {
        // Fixed numbers: what a build speaks changes, the fixture must not.
        versions: VersionRange { oldest: 1, newest: 2 },
        broadcast: BROADCAST,
        epoch: Epoch(7),
        rendition: RenditionId(0),
        manifest_version: 2,
        role: Role::Publisher,
        proof: proof(),
        ticket: ticket().bytes().clone(),
    };
    let refuse = Refuse {
        reason: RefuseReason::Version,
        versions: VersionRange { oldest: 1, newest: 2 },
        text: "this node speaks versions 1 to 2".into(),
    };
    let entries = vec![
        HaveEntry::Complete { first: Sequence(1200), count: 30 },
        HaveEntry::Partial { sequence, pieces: pieces.clone() },
    ];
    let piece = Piece { sequence, index: 2, data: chunk().piece(2).unwrap() };
    vec![
        ("hello", Message::Hello(hello)),
        ("refuse", Message::Refuse(refuse)),
        ("bye", Message::Bye(Bye::Leaving)),
        ("epoch", Message::Epoch(Epoch(8))),
        ("manifest", Message::Manifest(signed_manifest())),
        ("revocation", Message::Revocation(revocations()[0].1.clone())),
        ("header", Message::Header(chunk().signed)),
        ("piece", Message::Piece(piece)),
        control(
            "have",
            Control::Have { entries: entries.clone(), keyframe: Some(Sequence(1220)), newest: Some(sequence) },
        ),
        control("have-delta", Control::HaveDelta { entries }),
        control("need-header", Control::NeedHeader { sequence }),
        control("request", Control::Request { sequence, pieces: pieces.clone(), within_millis: 350 }),
        control("cancel", Control::Cancel { sequence, pieces: pieces.clone() }),
        control("subscribe", Control::Subscribe { modulus: 8, stripes: 0b101, from: sequence, headers: true }),
        control("subscribe-bare", Control::Subscribe { modulus: 8, stripes: 0, from: sequence, headers: false }),
        control("unsubscribe", Control::Unsubscribe { modulus: 8, stripes: 0b100, from: sequence }),
        control("seed", Control::Seed { modulus: 32, stripes: u32::MAX, from: sequence }),
        control("reject", Control::Reject { modulus: 1, stripes: 1, from: Sequence(0) }),
        control("skipped", Control::Skipped { sequence, pieces }),
        control("ack", Control::Ack { bytes: 123_456_789 }),
        control(
            "status",
            Control::Status(Status {
                depth: vec![1, 2, 255, 3],
                copies: vec![0, 1, 1, 2],
                lag_millis: 140,
                lags: Vec::new(),
                interior: 0,
                queue_millis: 12,
                places: 16,
                places_free: 3,
                newest: Some(sequence),
            }),
        ),
    ]
}
