//! Take-downs, mutes and bans.

use backend_lite::api::{BroadcastState, ChatEvent, ErrorCode, Role};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use runnel_p2p::wire::{Revoked, SignedRevocation};

use crate::helper::{Home, code, event, raw};

#[tokio::test]
async fn a_moderator_takes_a_broadcast_down_everywhere() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..25).await;
    let id = publisher.broadcast.id;
    let moderator = home.user("mod").await;
    home.admin().await.set_role(moderator.me().await.unwrap().id, Role::Moderator).await.unwrap();
    let viewer = home.anonymous();
    let mut chat = viewer.chat(&publisher.channel.name).await.unwrap();
    event(&mut chat).await;
    let (waiter, url) = (home.anonymous(), publisher.media("media.m3u8?_HLS_msn=1&_HLS_part=3"));
    let waiting = tokio::spawn(async move { waiter.fetch(&url).await });
    assert_eq!(code(home.user("bert").await.end_broadcast(id).await), ErrorCode::Forbidden);
    moderator.end_broadcast(id).await.unwrap();

    let key = viewer.community().await.unwrap().key;
    let ChatEvent::Revoked { broadcast, revocation } = event(&mut chat).await else { panic!("no revocation") };
    assert_eq!(broadcast, id);
    let signed = SignedRevocation::from_bytes(STANDARD.decode(revocation).unwrap().into()).unwrap();
    assert_eq!(signed.verify(&key).unwrap().revoked, Revoked::Broadcast(id));
    assert_eq!(event(&mut chat).await, ChatEvent::State { broadcast: id, state: BroadcastState::TakenDown });
    let stored = viewer.fetch(&format!("/v1/broadcasts/{id}/revocation")).await.unwrap();
    assert_eq!(stored, *signed.bytes());

    assert_eq!(code(waiting.await.unwrap()), ErrorCode::TakenDown);
    for url in ["media.m3u8", "init-0.mp4", "0.m4s", "0.0.m4s"] {
        assert_eq!(code(viewer.fetch(&publisher.media(url)).await), ErrorCode::TakenDown, "{url}");
    }
    assert_eq!(code(viewer.fetch(&publisher.broadcast.playlist_url).await), ErrorCode::TakenDown);
    assert_eq!(code(viewer.chunk(publisher.session.epoch, 0, 3).await), ErrorCode::TakenDown);
    assert_eq!(code(viewer.manifest(id).await), ErrorCode::TakenDown);
    assert_eq!(code(publisher.put(25).await), ErrorCode::TakenDown);
    assert_eq!(code(publisher.client.ingest(id).await), ErrorCode::TakenDown);
    assert!(viewer.live(&Default::default()).await.unwrap().items.is_empty());
    home.server.tick().await;
    assert!(!home.folder.path().join(format!("data/chunks/{}", publisher.session.epoch)).exists());
}

fn jpeg(width: u32, height: u32) -> Bytes {
    let mut out = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]));
    picture.write_to(&mut out, image::ImageFormat::Jpeg).unwrap();
    out.into_inner().into()
}

#[tokio::test]
async fn pictures_are_checked_kept_small_and_cached() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..5).await;
    let (id, fence) = (publisher.broadcast.id, publisher.session.fence);
    assert_eq!(code(home.anonymous().thumbnail(id).await), ErrorCode::NotFound);
    let mut flood = jpeg(64, 64).to_vec();
    let frame = flood.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0..=0xc2)).unwrap();
    flood[frame + 5..frame + 9].copy_from_slice(&[0xfd, 0xe8, 0xfd, 0xe8]);
    for bad in [Bytes::from_static(b"no picture"), flood.into(), jpeg(64, 64).slice(..100)] {
        assert_eq!(code(publisher.client.put_thumbnail(id, fence, bad).await), ErrorCode::BadValue);
    }
    let huge = publisher.client.put_thumbnail(id, fence, vec![0; 700 << 10].into()).await;
    assert_eq!(code(huge), ErrorCode::TooLarge);
    assert_eq!(code(publisher.client.put_thumbnail(id, fence + 1, jpeg(64, 64)).await), ErrorCode::StaleFence);
    publisher.client.put_thumbnail(id, fence, jpeg(1280, 720)).await.unwrap();
    let item = home.anonymous().live(&Default::default()).await.unwrap().items.remove(0);
    let picture = home.anonymous().fetch(&item.thumbnail_url.unwrap()).await.unwrap();
    let read = image::load_from_memory(&picture).unwrap();
    assert_eq!((read.width(), read.height()), (640, 360));
    let path = format!("/v1/broadcasts/{id}/thumbnail");
    let (status, headers, _) = raw(&home.anonymous(), "GET", &path, &[], Vec::new()).await;
    assert_eq!((status, &headers["content-type"]), (200, &"image/jpeg".parse().unwrap()));
    let etag = headers["etag"].to_str().unwrap();
    let (status, _, body) = raw(&home.anonymous(), "GET", &path, &[("if-none-match", etag)], Vec::new()).await;
    assert_eq!((status, body.len()), (304, 0));
}
