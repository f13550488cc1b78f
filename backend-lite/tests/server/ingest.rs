//! Ingest: idempotence, fences, takeover, resuming.

use backend_lite::api::{ChunkReceipt, ErrorCode, NewBroadcast, PutOutcome};
use runnel_p2p::wire::{ChannelKey, Epoch, Init, SignedManifest, encode_chunk, sign_chunk};

use crate::helper::{Home, Publisher, code, fresh_key, init_data, payload, raw};

fn path(publisher: &Publisher, sequence: u64) -> String {
    format!("/v1/chunks/{}/0/{sequence}", publisher.session.epoch)
}

async fn put_raw(publisher: &Publisher, sequence: u64, body: Vec<u8>) -> (u16, String) {
    let fence = publisher.session.fence.to_string();
    let (status, _, body) =
        raw(&publisher.client, "PUT", &path(publisher, sequence), &[("x-runnel-fence", &fence)], body).await;
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn putting_twice_is_harmless_and_putting_another_is_a_conflict() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    assert_eq!(publisher.put(0).await.unwrap(), PutOutcome::Stored(ChunkReceipt { next: 1 }));
    assert_eq!(publisher.put(0).await.unwrap(), PutOutcome::Same(ChunkReceipt { next: 1 }));
    let other = sign_chunk(&publisher.broadcast_key, publisher.info(0), payload(99)).unwrap();
    assert_eq!(code(publisher.client.put_chunk(publisher.session.fence, &other).await), ErrorCode::Conflict);
    // Early ones wait for their turn, and may come twice too.
    assert_eq!(publisher.put(2).await.unwrap(), PutOutcome::Stored(ChunkReceipt { next: 1 }));
    assert_eq!(publisher.put(2).await.unwrap(), PutOutcome::Same(ChunkReceipt { next: 1 }));
    assert_eq!(publisher.put(1).await.unwrap(), PutOutcome::Stored(ChunkReceipt { next: 3 }));
    let chunk = publisher.client.chunk(publisher.session.epoch, 0, 1).await.unwrap();
    assert_eq!(chunk, publisher.chunk(1));
}

#[tokio::test]
async fn a_second_publisher_takes_over_and_the_first_is_told() {
    let home = Home::start().await;
    let first = home.publisher("anna").await;
    first.publish(0..3).await;
    let mut second = Publisher {
        client: first.client.clone(),
        channel: first.channel.clone(),
        channel_key: first.channel_key.clone(),
        broadcast_key: fresh_key(),
        broadcast: first.broadcast.clone(),
        session: first.session.clone(),
        version: 0,
        init: 0,
        chunk_millis: 100,
    };
    for round in 0..20 {
        second.come_back().await;
        assert_eq!(second.broadcast.id, first.broadcast.id, "the same broadcast goes on");
        assert_eq!(second.session.epoch, first.session.epoch);
        assert_eq!(second.session.fence, first.session.fence + 1 + round);
        assert_eq!(second.session.cursor[&0], 3 + round);
        assert_eq!(code(first.put(3 + round).await), ErrorCode::StaleFence);
        second.put(3 + round).await.unwrap();
    }
}

#[tokio::test]
async fn a_gap_is_waited_for_and_then_given_up() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..20).await;
    for sequence in 25..45 {
        assert_eq!(publisher.put(sequence).await.unwrap(), PutOutcome::Stored(ChunkReceipt { next: 20 }));
    }
    home.advance(2).await;
    assert_eq!(publisher.put(45).await.unwrap(), PutOutcome::Stored(ChunkReceipt { next: 46 }));
    assert_eq!(code(publisher.client.chunk(publisher.session.epoch, 0, 22).await), ErrorCode::Gone);
    assert_eq!(code(publisher.put(22).await), ErrorCode::Gone);
    let playlist = publisher.playlist("").await;
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    let range = publisher.client.chunk_range(publisher.session.epoch, 0).await.unwrap();
    assert_eq!((range.first, range.keyframe, range.next), (0, Some(40), 46));
}

#[tokio::test]
async fn what_is_damaged_or_forged_is_refused() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let good = encode_chunk(&publisher.chunk(0)).to_vec();
    for cut in [0, 3, 8, 60, good.len() - 1] {
        assert_eq!(put_raw(&publisher, 0, good[..cut].to_vec()).await.0, 400, "cut at {cut}");
    }
    let mut bent = good.clone();
    *bent.last_mut().unwrap() ^= 1;
    let (status, answer) = put_raw(&publisher, 0, bent).await;
    assert_eq!(status, 400);
    assert!(answer.contains("bad_signature") && answer.contains("piece 1"), "{answer}");
    let forged = sign_chunk(&fresh_key(), publisher.info(0), payload(0)).unwrap();
    assert_eq!(code(publisher.client.put_chunk(publisher.session.fence, &forged).await), ErrorCode::BadSignature);
    // Elsewhere than its header says.
    assert_eq!(put_raw(&publisher, 1, good.clone()).await.0, 400);
    for change in [
        |info: &mut runnel_p2p::wire::ChunkInfo| info.manifest_version = 77,
        |info: &mut runnel_p2p::wire::ChunkInfo| info.init = 77,
        |info: &mut runnel_p2p::wire::ChunkInfo| info.duration_micros = 0,
        |info: &mut runnel_p2p::wire::ChunkInfo| info.duration_micros = 3_000_000,
    ] {
        let mut info = publisher.info(0);
        change(&mut info);
        let chunk = sign_chunk(&publisher.broadcast_key, info, payload(0)).unwrap();
        assert_eq!(code(publisher.client.put_chunk(publisher.session.fence, &chunk).await), ErrorCode::BadValue);
    }
    assert_eq!(put_raw(&publisher, 0, vec![0; (4 << 20) + (65 << 10)]).await.0, 413);
    let fence = publisher.session.fence.to_string();
    let digest = [("x-runnel-fence", fence.as_str()), ("content-digest", "sha-256=:AAAA:")];
    assert_eq!(raw(&publisher.client, "PUT", &path(&publisher, 0), &digest, good.clone()).await.0, 400);
    assert_eq!(raw(&publisher.client, "PUT", &path(&publisher, 0), &[], good.clone()).await.0, 400, "no fence");
    assert_eq!(put_raw(&publisher, 0, good).await.0, 201, "after all that the right one is taken");
    let unknown = format!("/v1/chunks/{}/0/0", publisher.session.epoch + 1);
    assert_eq!(raw(&publisher.client, "GET", &unknown, &[], Vec::new()).await.0, 404);
}

#[tokio::test]
async fn manifests_are_checked() {
    let home = Home::start().await;
    let mut publisher = home.publisher("anna").await;
    let (id, fence) = (publisher.broadcast.id, publisher.session.fence);
    let put = async |publisher: &Publisher, manifest: &SignedManifest| {
        publisher.client.put_manifest(id, fence, manifest).await
    };
    put(&publisher, &publisher.manifest()).await.unwrap();
    let stranger = publisher.unsigned_manifest().sign(&ChannelKey::from_bytes([9; 32])).unwrap();
    assert_eq!(code(put(&publisher, &stranger).await), ErrorCode::BadSignature);
    let mut other = publisher.unsigned_manifest();
    other.epoch = Epoch(1);
    assert_eq!(code(put(&publisher, &other.sign(&publisher.channel_key).unwrap()).await), ErrorCode::BadRequest);
    let mut same_version = publisher.unsigned_manifest();
    same_version.created = 2;
    let same_version = same_version.sign(&publisher.channel_key).unwrap();
    assert_eq!(code(put(&publisher, &same_version).await), ErrorCode::Conflict);
    publisher.version = 2;
    let mut other_init = publisher.unsigned_manifest();
    other_init.renditions[0].inits = vec![Init { id: 0, data: init_data(5) }];
    assert_eq!(code(put(&publisher, &other_init.sign(&publisher.channel_key).unwrap()).await), ErrorCode::Conflict);
    let mut long = publisher.unsigned_manifest();
    long.renditions[0].chunk_millis = 2000;
    assert_eq!(code(put(&publisher, &long.sign(&publisher.channel_key).unwrap()).await), ErrorCode::BadValue);
    assert_eq!(code(publisher.client.put_manifest(id, fence + 1, &publisher.manifest()).await), ErrorCode::StaleFence);
    put(&publisher, &publisher.manifest()).await.unwrap();
    let stored = home.anonymous().manifest(id).await.unwrap();
    assert_eq!(stored, publisher.manifest());
    // A key that was revoked signs nothing any more and does not come back.
    publisher.client.remove_key(publisher.channel.id, publisher.channel_key.public()).await.unwrap();
    publisher.version = 3;
    assert_eq!(code(put(&publisher, &publisher.manifest()).await), ErrorCode::BadSignature);
    let again = publisher.client.add_key(publisher.channel.id, publisher.channel_key.public()).await;
    assert_eq!(code(again), ErrorCode::Forbidden);
}

#[tokio::test]
async fn the_next_chunk_is_waited_for() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..3).await;
    let viewer = home.anonymous();
    let epoch = publisher.session.epoch;
    let waiting = tokio::spawn(async move { viewer.chunk(epoch, 0, 3).await });
    let held = |home: &Home| {
        let client = home.anonymous();
        async move { String::from_utf8(client.fetch("/metrics").await.unwrap().to_vec()).unwrap() }
    };
    while !held(&home).await.contains("runnel_held_requests 1\n") {
        tokio::task::yield_now().await;
    }
    publisher.put(3).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), publisher.chunk(3));
    assert_eq!(code(publisher.client.chunk(epoch, 0, 500).await), ErrorCode::NotFound, "far ahead is not waited for");
    let (status, headers, body) =
        raw(&home.anonymous(), "GET", &path(&publisher, 1), &[("range", "bytes=0-3")], Vec::new()).await;
    assert_eq!((status, &body[..]), (206, &b"RNLc"[..]));
    assert!(headers["content-range"].to_str().unwrap().starts_with("bytes 0-3/"));
    assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
}

#[tokio::test]
async fn announcing_again_gives_the_open_broadcast_back() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let mut new =
        NewBroadcast { channel: publisher.channel.name.clone(), title: "New".to_owned(), ..Default::default() };
    let same = publisher.client.create_broadcast(&new).await.unwrap();
    assert_eq!((same.id, same.title.as_str()), (publisher.broadcast.id, "New"));
    new.fresh = true;
    let fresh = publisher.client.create_broadcast(&new).await.unwrap();
    assert_ne!(fresh.id, publisher.broadcast.id);
    assert_eq!(code(publisher.put(0).await), ErrorCode::BroadcastEnded);
    new.title = String::new();
    assert_eq!(code(publisher.client.create_broadcast(&new).await), ErrorCode::BadValue);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_and_live_goes_on() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    // The file that the first segment would be written to is a device that is always full.
    let folder = home.folder.path().join(format!("data/chunks/{}/0", publisher.session.epoch));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("00000000-0000000000-0-0.rnl");
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    for sequence in 0..10 {
        match publisher.put(sequence).await.unwrap() {
            PutOutcome::LiveOnly(error) => {
                assert_eq!(error.code, ErrorCode::DiskFull);
                assert!(error.message.contains("the disk is full") && !error.next.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(publisher.playlist("").await.contains("0.1.m4s"));
    let part = home.anonymous().fetch(&publisher.media("0.0.m4s")).await.unwrap();
    assert_eq!(part, (0..5).flat_map(payload).collect::<Vec<u8>>());
    std::fs::remove_file(&file).unwrap();
    publisher.publish(10..30).await;
}
