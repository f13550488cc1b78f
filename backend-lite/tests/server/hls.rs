//! Playlists and segments as a player asks for them.

use backend_lite::api::{ErrorCode, NewBroadcast, Visibility};
use backend_lite::testing::PlaylistValidator;

use crate::helper::{Home, code, init_data, payload, raw};

fn bytes(sequences: std::ops::Range<u64>) -> Vec<u8> {
    sequences.flat_map(payload).collect()
}

#[tokio::test]
async fn a_player_finds_everything_from_one_address() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..47).await;
    let viewer = home.anonymous();
    let index = String::from_utf8(viewer.fetch(&publisher.broadcast.playlist_url).await.unwrap().to_vec()).unwrap();
    let lines: Vec<&str> = index.lines().collect();
    assert_eq!(lines[..2], ["#EXTM3U", "#EXT-X-VERSION:9"]);
    assert!(lines[2].contains("CODECS=\"av01.0.04M.08,opus\",RESOLUTION=640x360,FRAME-RATE=30.000"), "{index}");
    let bandwidth: u64 = lines[2].split("BANDWIDTH=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let real = bytes(0..20).len() as u64 * 8 / 2;
    assert!(bandwidth >= real, "{bandwidth} is below the measured {real}");
    assert_eq!(lines[3], format!("{}/0/media.m3u8", publisher.session.epoch));
    let playlist = publisher.playlist("").await;
    let mut validator = PlaylistValidator::new();
    validator.check(&playlist).unwrap();
    assert_eq!((validator.segments_seen(), validator.newest_part()), (2, Some((2, 0))));
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.000Z"), "{playlist}");
    assert_eq!(viewer.fetch(&publisher.media("init-0.mp4")).await.unwrap(), init_data(0));
    assert_eq!(viewer.fetch(&publisher.media("0.m4s")).await.unwrap(), bytes(0..20));
    assert_eq!(viewer.fetch(&publisher.media("1.2.m4s")).await.unwrap(), bytes(30..35));
    assert_eq!(viewer.fetch(&publisher.media("2.0.m4s")).await.unwrap(), bytes(40..45));
    for missing in ["2.m4s", "7.m4s", "1.9.m4s", "init-5.mp4", "x.mp4", "media.m3u9", "01.m4s"] {
        assert_eq!(code(viewer.fetch(&publisher.media(missing)).await), ErrorCode::NotFound, "{missing}");
    }
    let elsewhere = format!("/live/another/{}/0/media.m3u8", publisher.session.epoch);
    assert_eq!(code(viewer.fetch(&elsewhere).await), ErrorCode::NotFound);
    assert_eq!(code(viewer.fetch("/live/nobody/index.m3u8").await), ErrorCode::NotFound);
}

#[tokio::test]
async fn headers_let_browsers_and_caches_in() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..47).await;
    let viewer = home.anonymous();
    for (file, cache) in [
        ("media.m3u8", "public, no-cache"),
        ("media.m3u8?_HLS_msn=1&_HLS_part=0", "public, max-age=12"),
        ("0.m4s", "public, max-age=31536000, immutable"),
        ("0.0.m4s", "public, max-age=31536000, immutable"),
        ("init-0.mp4", "public, max-age=31536000, immutable"),
    ] {
        let headers = [("origin", "https://player.example")];
        let (status, answer, _) = raw(&viewer, "GET", &publisher.media(file), &headers, Vec::new()).await;
        assert_eq!(status, 200, "{file}");
        assert_eq!(answer["cache-control"], cache, "{file}");
        assert_eq!(answer["access-control-allow-origin"], "*", "{file}");
    }
    let preflight = [("origin", "https://player.example"), ("access-control-request-method", "GET")];
    let (status, headers, _) = raw(&viewer, "OPTIONS", &publisher.media("0.m4s"), &preflight, Vec::new()).await;
    assert_eq!((status, &headers["access-control-allow-origin"]), (200, &"*".parse().unwrap()));
    let (status, headers, body) =
        raw(&viewer, "GET", &publisher.media("0.m4s"), &[("range", "bytes=9100-18200")], Vec::new()).await;
    assert_eq!((status, body.as_ref()), (206, &bytes(0..20)[9100..=18200]));
    assert_eq!(headers["content-length"], "9101");
    let (status, _, _) =
        raw(&viewer, "GET", &publisher.media("0.m4s"), &[("range", "bytes=9999999-")], Vec::new()).await;
    assert_eq!(status, 416);
    let (status, headers, body) = raw(&viewer, "HEAD", &publisher.media("0.m4s"), &[], Vec::new()).await;
    assert_eq!((status, body.len()), (200, 0));
    assert_eq!(headers["content-length"], bytes(0..20).len().to_string());
}

#[tokio::test]
async fn reloads_are_held_until_there_is_something_new() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    // Players that come before anything is there wait.
    let viewer = home.anonymous();
    let url = publisher.broadcast.playlist_url.clone();
    let early = tokio::spawn(async move { viewer.fetch(&url).await });
    publisher.publish(0..20).await;
    assert!(early.await.unwrap().unwrap().starts_with(b"#EXTM3U"));
    let mut validator = PlaylistValidator::new();
    validator.check(&publisher.playlist("").await).unwrap();
    let mut sequence = 20;
    for _ in 0..40 {
        let (msn, part) = validator.newest_part().unwrap();
        let wanted = if part == 3 { (msn + 1, 0) } else { (msn, part + 1) };
        let viewers: Vec<_> = (0..8)
            .map(|_| {
                let (viewer, url) = (
                    home.anonymous(),
                    publisher.media(&format!("media.m3u8?_HLS_msn={}&_HLS_part={}", wanted.0, wanted.1)),
                );
                tokio::spawn(async move { viewer.fetch(&url).await.unwrap() })
            })
            .collect();
        let (viewer, url) = (home.anonymous(), publisher.media(&format!("{}.{}.m4s", wanted.0, wanted.1)));
        let hinted = tokio::spawn(async move { viewer.fetch(&url).await.unwrap() });
        publisher.publish(sequence..sequence + 5).await;
        assert_eq!(hinted.await.unwrap(), bytes(sequence..sequence + 5));
        let mut texts = Vec::new();
        for viewer in viewers {
            texts.push(viewer.await.unwrap());
        }
        assert!(texts.iter().all(|text| *text == texts[0]), "all who wait get the same version");
        validator.check(std::str::from_utf8(&texts[0]).unwrap()).unwrap();
        assert_eq!(validator.newest_part(), Some(wanted));
        sequence += 5;
    }
    assert_eq!(validator.hints(), (40, 0));
    for (query, status) in [("?_HLS_part=1", 400), ("?_HLS_msn=99", 400), ("?_HLS_msn=x", 400), ("?_HLS_msn=3", 200)] {
        let path = publisher.media(&format!("media.m3u8{query}"));
        assert_eq!(raw(&home.anonymous(), "GET", &path, &[], Vec::new()).await.0, status, "{query}");
    }
}

#[tokio::test]
async fn long_broadcasts_stay_within_the_window_and_serve_old_segments_from_disk() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let mut validator = PlaylistValidator::new();
    for step in 0..35 {
        publisher.publish(step * 20..step * 20 + 20).await;
        validator.check(&publisher.playlist("").await).unwrap();
    }
    let playlist = publisher.playlist("").await;
    assert!(playlist.contains("#EXT-X-MEDIA-SEQUENCE:24\n"), "{playlist}");
    let viewer = home.anonymous();
    assert_eq!(viewer.fetch(&publisher.media("1.m4s")).await.unwrap(), bytes(20..40));
    assert_eq!(viewer.chunk(publisher.session.epoch, 0, 7).await.unwrap(), publisher.chunk(7));
    assert_eq!(
        publisher.put(7).await.unwrap(),
        backend_lite::api::PutOutcome::Same(backend_lite::api::ChunkReceipt { next: 700 })
    );
    publisher.client.end_broadcast(publisher.broadcast.id).await.unwrap();
    validator.check(&publisher.playlist("").await).unwrap();
    assert!(validator.is_ended());
}

#[tokio::test]
async fn retention_deletes_the_oldest_from_disk() {
    let home = Home::with(|settings| settings.retention.bytes = 600_000).await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..700).await;
    home.server.tick().await;
    let viewer = home.anonymous();
    assert_eq!(code(viewer.fetch(&publisher.media("1.m4s")).await), ErrorCode::NotFound);
    assert_eq!(code(viewer.chunk(publisher.session.epoch, 0, 7).await), ErrorCode::Gone);
    let range = viewer.chunk_range(publisher.session.epoch, 0).await.unwrap();
    assert!(range.first > 100 && range.next == 700, "{range:?}");
    assert!(
        viewer.fetch(&publisher.media("34.m4s")).await.is_ok() || publisher.playlist("").await.contains("34.0.m4s")
    );
    // A broadcast without replay leaves nothing behind.
    publisher.client.end_broadcast(publisher.broadcast.id).await.unwrap();
    home.advance(121).await;
    home.server.tick().await;
    assert!(!home.folder.path().join(format!("data/chunks/{}", publisher.session.epoch)).exists());
}

#[tokio::test]
async fn members_only_means_members_only() {
    let home = Home::start().await;
    let members = |new: &mut NewBroadcast| new.visibility = Visibility::Members;
    let publisher = home.publisher_with("anna", members).await;
    publisher.publish(0..20).await;
    let member = home.user("bert").await;
    for (client, expected) in [
        (home.anonymous(), Some(ErrorCode::Unauthenticated)),
        (home.guest().await, Some(ErrorCode::Forbidden)),
        (member, None),
    ] {
        for url in [
            publisher.broadcast.playlist_url.clone(),
            publisher.media("media.m3u8"),
            publisher.media("0.0.m4s"),
            format!("/v1/chunks/{}/0/0", publisher.session.epoch),
            format!("/v1/broadcasts/{}/manifest", publisher.broadcast.id),
        ] {
            let got = client.fetch(&url).await.err().and_then(|error| error.code());
            assert_eq!(got, expected, "{url}");
        }
        let listed = client.live(&Default::default()).await.unwrap().items.len();
        assert_eq!(listed, usize::from(expected.is_none()));
        let chat = client.chat(&publisher.channel.name).await.err().and_then(|error| error.code());
        assert_eq!(chat, expected);
    }
    let (_, headers, _) = raw(&publisher.client, "GET", &publisher.media("0.0.m4s"), &[], Vec::new()).await;
    assert_eq!(headers["cache-control"], "private, max-age=31536000, immutable");
}
