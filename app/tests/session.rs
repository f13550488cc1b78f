//! A broadcast and its viewers in one process: real server, real encoder, real nodes, no window.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers and all")]

use std::path::Path;
use std::time::Duration;

use runnel::embedded::Embedded;
use runnel::keys::Keys;
use runnel::session::account::register_channel;
use runnel::session::broadcast::{self, About, Broadcast, BroadcastConfig, SwarmConfig};
use runnel::session::watch::{self, Watch, WatchConfig, WatchStatus};
use runnel::settings::P2pMode;
use runnel_media::capture::output::AudioOutputSpec;
use runnel_media::capture::{AudioSpec, SourceSpec};
use runnel_media::pipeline::publish::PublishConfig;
use runnel_media::pipeline::watch as player;

/// Long enough for a busy machine that measures its encoders first.
const PATIENCE: Duration = Duration::from_secs(60);

fn broadcast_config(server: &str, token: String) -> BroadcastConfig {
    let mut publish = PublishConfig::new(SourceSpec::Test, AudioSpec::Default, "320x180".parse().unwrap(), 15);
    publish.bitrate_kbps = 200;
    BroadcastConfig {
        server: server.to_owned(),
        token,
        channel: "ann".to_owned(),
        about: About { title: "A test".to_owned(), ..About::default() },
        key: Keys::ephemeral().get_or_create("", "ann").unwrap(),
        publish,
        swarm: SwarmConfig { enabled: true, upload_cap_kbps: None, near_only: false, loopback: true },
        record: None,
    }
}

fn watch_config(server: &str, mode: P2pMode, record: Option<&Path>) -> WatchConfig {
    WatchConfig {
        server: server.to_owned(),
        token: None,
        channel: "ann".to_owned(),
        mode,
        upload_cap_kbps: None,
        near_only: false,
        loopback: true,
        player: player::WatchConfig {
            audio_output: AudioOutputSpec::Null,
            strip: true,
            ..player::WatchConfig::default()
        },
        record: record.map(Path::to_owned),
        wait: true,
    }
}

async fn seen(watch: &Watch, what: &str, fits: impl FnMut(&WatchStatus) -> bool) -> WatchStatus {
    let mut status = watch.status();
    let outcome = tokio::time::timeout(PATIENCE, status.wait_for(fits)).await;
    match outcome {
        Ok(Ok(status)) => status.clone(),
        _ => panic!("{what}: {:?}", watch.status().borrow().clone()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_reach_viewers_by_every_way_and_the_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    let server = tokio::task::spawn_blocking(move || Embedded::start(&data)).await.unwrap().unwrap();
    let token = register_channel(server.url(), "ann").await.unwrap();

    // Who waits for a channel sees the show when it begins.
    let recorded = folder.path().join("ann.mp4");
    let swarm = Watch::start(watch_config(server.url(), P2pMode::Assist, Some(&recorded))).unwrap();
    seen(&swarm, "nothing is on yet", |status| status.phase == watch::Phase::Waiting).await;

    let show = Broadcast::start(broadcast_config(server.url(), token));
    let origin = Watch::start(watch_config(server.url(), P2pMode::Off, None)).unwrap();
    for (watch, name) in [(&swarm, "swarm"), (&origin, "origin")] {
        let status = seen(watch, name, |status| status.player.frames_shown >= 20).await;
        assert_eq!(status.phase, watch::Phase::Playing, "{name}");
        assert_eq!(status.delivery.rejected, 0, "{name}");
    }
    let (by_swarm, by_origin) = (swarm.status().borrow().delivery, origin.status().borrow().delivery);
    // Who of the two seeds, the broadcaster or the server's node, is the swarm's affair.
    assert!(by_swarm.neighbours > 0 && by_swarm.from_publisher + by_swarm.from_origin > 0, "{by_swarm:?}");
    assert!(by_origin.from_origin > 0 && by_origin.from_publisher == 0, "{by_origin:?}");
    let title = swarm.status().borrow().broadcast.as_ref().unwrap().title.clone();
    assert_eq!(title, "A test");

    show.stop();
    let last = tokio::time::timeout(PATIENCE, show.ended()).await.unwrap();
    assert_eq!(last.phase, broadcast::Phase::Ended(broadcast::EndReason::Asked));
    assert!(last.first_chunk_micros.is_some() && last.upload_dropped == 0);
    // Both wait for the next show now.
    for (watch, name) in [(swarm, "swarm"), (origin, "origin")] {
        seen(&watch, name, |status| status.phase == watch::Phase::Waiting).await;
        watch.stop();
        let last = watch.ended().await;
        assert_eq!(last.phase, watch::Phase::Ended(watch::EndReason::Asked), "{name}");
    }
    assert!(std::fs::metadata(&recorded).unwrap().len() > 1000);
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sharing_is_switched_while_watching_and_who_shares_nothing_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    let server = tokio::task::spawn_blocking(move || Embedded::start(&data)).await.unwrap().unwrap();
    let token = register_channel(server.url(), "ann").await.unwrap();
    let show = Broadcast::start(broadcast_config(server.url(), token));
    let watch = Watch::start(watch_config(server.url(), P2pMode::Off, None)).unwrap();
    let alone = seen(&watch, "alone", |status| status.player.frames_shown >= 20 && status.viewers == 1).await;
    assert_eq!((alone.way, alone.delivery.neighbours), (watch::Way::Off, 0));
    // The broadcaster learns from the community who watches, and that all of it came from the server.
    let mut told = show.status();
    let counted = told.wait_for(|status| {
        status.audience.is_some_and(|audience| audience.viewers == 1 && audience.offload() == Some(0.0))
    });
    tokio::time::timeout(PATIENCE, counted).await.unwrap().unwrap();

    // Nothing that was on screen goes away while chunks begin to come from elsewhere.
    let mut phases = watch.status();
    let blinked = tokio::spawn(async move {
        let blink =
            phases.wait_for(|status| matches!(status.phase, watch::Phase::Opening | watch::Phase::Connecting { .. }));
        blink.await.is_ok()
    });
    watch.set_sharing(P2pMode::Assist, false);
    let before = alone.player.frames_shown;
    let among = seen(&watch, "in the swarm", |status| {
        status.delivery.neighbours > 0 && status.player.frames_shown >= before + 30
    });
    let among = among.await;
    assert!(among.delivery.from_origin >= alone.delivery.from_origin, "what came before is counted on");
    watch.set_sharing(P2pMode::Off, false);
    let before = among.player.frames_shown;
    let again = seen(&watch, "alone again", |status| {
        status.way == watch::Way::Off && status.delivery.neighbours == 0 && status.player.frames_shown >= before + 30
    });
    again.await;
    assert!(!blinked.is_finished(), "it went back to opening the picture");
    blinked.abort();
    watch.stop();
    watch.ended().await;
    show.stop();
    show.ended().await;
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test]
async fn a_channel_that_is_not_there_or_not_live_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let server = tokio::task::spawn_blocking(move || Embedded::start(&data)).await.unwrap().unwrap();
    let watch = |channel: &str| {
        let config = watch_config(server.url(), P2pMode::Off, None);
        Watch::start(WatchConfig { channel: channel.to_owned(), wait: false, ..config }).unwrap()
    };
    let missing = watch("nobody").ended().await;
    assert!(matches!(missing.phase, watch::Phase::Ended(watch::EndReason::Failed(_))), "{missing:?}");
    register_channel(server.url(), "ann").await.unwrap();
    let silent = watch("ann").ended().await;
    let watch::Phase::Ended(watch::EndReason::Failed(error)) = silent.phase else { panic!("{silent:?}") };
    assert_eq!(error.to_string(), "ann is not live now");
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}
