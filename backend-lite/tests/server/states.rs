//! A broadcast's states as viewers see them.

use backend_lite::api::{BroadcastState, ChatEvent, ErrorCode, LiveQuery, NewBroadcast};
use backend_lite::testing::PlaylistValidator;

use crate::helper::{Home, code, event};

#[tokio::test]
async fn a_lost_publisher_is_told_to_viewers_and_may_come_back() {
    let home = Home::start().await;
    let mut publisher = home.publisher("anna").await;
    let viewer = home.anonymous();
    let mut chat = viewer.chat(&publisher.channel.name).await.unwrap();
    let welcome = event(&mut chat).await;
    assert!(
        matches!(welcome, ChatEvent::Welcome { account: None, state: Some(BroadcastState::Waiting), .. }),
        "{welcome:?}"
    );
    let id = publisher.broadcast.id;
    let state = |state| ChatEvent::State { broadcast: id, state };
    assert!(viewer.live(&LiveQuery::default()).await.unwrap().items.is_empty(), "nothing to see yet");
    publisher.publish(0..20).await;
    assert_eq!(event(&mut chat).await, state(BroadcastState::Live));
    let mut validator = PlaylistValidator::new();
    validator.check(&publisher.playlist("").await).unwrap();

    // Killed. Within five seconds everybody knows.
    home.advance(4).await;
    assert_eq!(event(&mut chat).await, state(BroadcastState::Stopped));
    let items = viewer.live(&LiveQuery::default()).await.unwrap().items;
    assert_eq!(items[0].state, BroadcastState::Stopped);
    assert_eq!(viewer.channel(&publisher.channel.name).await.unwrap().live.unwrap().state, BroadcastState::Stopped);

    // Back within the minute: the same broadcast, the same address, and the playlist goes on.
    home.advance(40).await;
    let url = publisher.broadcast.playlist_url.clone();
    publisher.come_back().await;
    assert_eq!((publisher.broadcast.id, &publisher.broadcast.playlist_url), (id, &url));
    assert_eq!((publisher.session.cursor[&0], publisher.init), (20, 1));
    publisher.publish(20..40).await;
    assert_eq!(event(&mut chat).await, state(BroadcastState::Live));
    let playlist = publisher.playlist("").await;
    validator.check(&playlist).unwrap();
    assert!(playlist.contains("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\""), "{playlist}");

    // Gone for good.
    home.advance(61).await;
    assert_eq!(event(&mut chat).await, state(BroadcastState::Ended));
    let playlist = publisher.playlist("").await;
    validator.check(&playlist).unwrap();
    assert!(playlist.ends_with("#EXT-X-ENDLIST\n"));
    assert_eq!(code(publisher.put(40).await), ErrorCode::BroadcastEnded);
    assert_eq!(code(publisher.client.ingest(id).await), ErrorCode::BroadcastEnded);
    assert!(viewer.live(&LiveQuery::default()).await.unwrap().items.is_empty());

    // The next go-live is accepted at once, with numbers of its own.
    let before = publisher.session.epoch;
    publisher.come_back().await;
    assert_ne!(publisher.broadcast.id, id);
    assert!(publisher.session.epoch > before);
    publisher.publish(0..20).await;
}

#[tokio::test]
async fn ending_is_told_at_once_and_releases_who_waits() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..20).await;
    let mut chat = home.anonymous().chat(&publisher.channel.name).await.unwrap();
    event(&mut chat).await;
    let (viewer, url) = (home.anonymous(), publisher.media("media.m3u8?_HLS_msn=1&_HLS_part=0"));
    let waiting = tokio::spawn(async move { viewer.fetch(&url).await });
    publisher.client.end_broadcast(publisher.broadcast.id).await.unwrap();
    assert!(matches!(event(&mut chat).await, ChatEvent::State { state: BroadcastState::Ended, .. }));
    let playlist = waiting.await.unwrap().unwrap();
    assert!(playlist.ends_with(b"#EXT-X-ENDLIST\n"));
    assert_eq!(code(home.anonymous().chunk(publisher.session.epoch, 0, 20).await), ErrorCode::BroadcastEnded);
}

#[tokio::test]
async fn an_announcement_without_a_show_ends_by_itself() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    home.advance(599).await;
    assert_eq!(publisher.client.broadcast(publisher.broadcast.id).await.unwrap().state, BroadcastState::Waiting);
    home.advance(2).await;
    assert_eq!(publisher.client.broadcast(publisher.broadcast.id).await.unwrap().state, BroadcastState::Ended);
}

#[tokio::test]
async fn the_live_list_is_searched_and_sorted() {
    let home = Home::start().await;
    let mut publishers = Vec::new();
    for (name, title, category, language) in [
        ("anna", "River fishing", "Outdoor", "en"),
        ("bert", "Chess at night", "Games", "zh-CN"),
        ("小河", "夜钓直播", "Outdoor", "zh-CN"),
    ] {
        let fill = |new: &mut NewBroadcast| {
            (new.title, new.category, new.language) = (title.to_owned(), category.to_owned(), language.to_owned());
        };
        let publisher = home.publisher_with(name, fill).await;
        publisher.publish(0..5).await;
        publishers.push(publisher);
    }
    let find = async |query: LiveQuery| -> Vec<String> {
        home.anonymous().live(&query).await.unwrap().items.into_iter().map(|item| item.title).collect()
    };
    let words = |text: &str| LiveQuery { query: Some(text.to_owned()), ..LiveQuery::default() };
    assert_eq!(find(LiveQuery::default()).await.len(), 3);
    assert_eq!(find(words("NIGHT chess")).await, ["Chess at night"]);
    assert_eq!(find(words("夜钓")).await, ["夜钓直播"]);
    assert_eq!(find(words("小河")).await, ["夜钓直播"]);
    assert!(find(words("nothing like this")).await.is_empty());
    let outdoor = LiveQuery { category: Some("outdoor".to_owned()), ..LiveQuery::default() };
    assert_eq!(find(outdoor).await.len(), 2);
    let english = LiveQuery { language: Some("en".to_owned()), limit: Some(1), ..LiveQuery::default() };
    assert_eq!(find(english).await, ["River fishing"]);
    let url = home.anonymous().channel("小河-live").await.unwrap().live.unwrap().playlist_url;
    assert!(home.anonymous().fetch(&url).await.unwrap().starts_with(b"#EXTM3U"));
}
