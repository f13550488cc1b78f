//! What events do to the state.

use std::time::Duration;

use super::*;

fn id(name: &str) -> CommunityId {
    CommunityId(name.into())
}

fn joined(state: &mut AppState, now: Instant, name: &str) {
    let (address, sharing) = ("x".into(), Default::default());
    let event = Event::CommunityJoined { id: id(name), name: name.into(), address, embedded: false, sharing };
    state.apply(now, event);
}

fn item(broadcast: &str, thumbnail: Option<Picture>) -> LiveItem {
    LiveItem {
        broadcast: BroadcastId(broadcast.into()),
        channel: ChannelId(broadcast.into()),
        name: broadcast.into(),
        title: String::new(),
        category: String::new(),
        language: String::new(),
        viewers: 0,
        started: WallClock::default(),
        thumbnail,
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn communities_do_not_mix() {
    let (mut state, now) = (AppState::default(), start());
    joined(&mut state, now, "a");
    joined(&mut state, now, "b");
    assert_eq!(state.current, Some(id("a")));
    state.apply(now, Event::LiveList { community: id("b"), query: String::new(), items: vec![item("show", None)] });
    assert!(state.community().unwrap().live.items.is_empty());
    state.apply(now, Event::CommunitySelected(id("b")));
    assert_eq!(state.community().unwrap().live.items.len(), 1);
    state.apply(now, Event::CommunityLeft(id("b")));
    assert_eq!(state.current, Some(id("a")));
    state.apply(now, Event::LiveFailed { community: id("b"), problem: Problem::Unexpected });
    assert_eq!(state.communities.len(), 1);
}

#[test]
fn a_refresh_keeps_stills_and_is_bounded() {
    let (mut state, now) = (AppState::default(), start());
    joined(&mut state, now, "a");
    let still = Picture::from_rgb(1, 1, &[1, 2, 3]);
    let list = |items| Event::LiveList { community: id("a"), query: String::new(), items };
    state.apply(now, list(vec![item("show", still.clone())]));
    state.apply(now, list(vec![item("show", None)]));
    assert_eq!(state.community().unwrap().live.items[0].thumbnail, still);
    state.apply(now, list((0..1000).map(|n| item(&n.to_string(), None)).collect()));
    assert_eq!(state.community().unwrap().live.items.len(), MAX_LIVE_ITEMS);
}

#[test]
fn chat_is_bounded_and_messages_can_go() {
    let mut chat = Chat::default();
    for n in 0..1500 {
        let message = ChatMessage {
            id: n.to_string(),
            author: "a".into(),
            text: "b".into(),
            at: WallClock::default(),
            own: false,
        };
        chat.apply(ChatEvent::Message(message));
    }
    assert_eq!((chat.messages.len(), chat.received), (1000, 1500));
    chat.apply(ChatEvent::Deleted("1499".into()));
    assert_eq!(chat.messages.back().unwrap().id, "1498");
}

#[test]
fn errors_stay_and_the_rest_makes_room() {
    let (mut toasts, now) = (Toasts::default(), start());
    toasts.push(now, Notice::KeyRevoked);
    toasts.push(now, Notice::Problem(Problem::CameraBusy));
    toasts.push(now, Notice::Problem(Problem::CameraBusy));
    toasts.push(now, Notice::Problem(Problem::DiskFull));
    toasts.push(now, Notice::Problem(Problem::UploadSlow));
    let kept: Vec<_> = toasts.iter().map(|toast| (toast.notice.clone(), toast.times)).collect();
    assert_eq!(kept[0], (Notice::Problem(Problem::CameraBusy), 2));
    assert_eq!(kept.len(), MAX_TOASTS);
    let later = toasts.next_expiry().unwrap();
    toasts.expire(later);
    assert_eq!(toasts.iter().count(), 2);
    assert_eq!(toasts.next_expiry(), None);
}

#[test]
fn a_change_gives_its_undo() {
    let mut settings = SettingsView::default();
    let before = settings.clone();
    let undo = settings.change(SettingChange::Bitrate(4000));
    assert_eq!((settings.bitrate_kbps, &undo), (4000, &SettingChange::Bitrate(2500)));
    settings.change(undo);
    assert_eq!(settings, before);
}

#[test]
fn shares_are_of_all_received() {
    assert_eq!(Delivery::default().peer_share(), None);
    let delivery = Delivery { from_peers: 3, from_server: 1, ..Delivery::default() };
    assert_eq!(delivery.peer_share(), Some(0.75));
    let full = Delivery { from_peers: u64::MAX, from_server: u64::MAX, ..Delivery::default() };
    assert!(full.peer_share().unwrap() <= 1.0);
}

#[test]
fn specs_are_those_of_the_command_line() {
    assert_eq!(SourceChoice::Camera(1).to_string(), "camera:1");
    assert_eq!(SourceChoice::File("/a b.mp4".into()).to_string(), "file:/a b.mp4?loop");
    assert_eq!(SoundChoice::NamedMicrophone("USB".into()).to_string(), "mic:USB");
}

#[test]
fn only_a_running_broadcast_is_on_air() {
    assert!(StudioPhase::Live { since: start() }.on_air());
    assert!(!StudioPhase::Ended(BroadcastSummary { length: Duration::from_secs(1), ..Default::default() }).on_air());
}

#[test]
fn ones_own_channel_has_one_chat() {
    let (mut state, now) = (AppState::default(), start());
    joined(&mut state, now, "a");
    let (community, channel) = (id("a"), ChannelId("c".into()));
    state.apply(now, Event::StudioChannel { community: community.clone(), channel: channel.clone() });
    let open = ChatEvent::Phase(ChatPhase::Open);
    state.apply(now, Event::Chat { community: community.clone(), channel: channel.clone(), event: open });
    let watch = WatchState::opening(now, community.clone(), channel.clone(), "c".into(), String::new());
    state.apply(now, Event::WatchOpened(Box::new(watch)));
    assert_eq!(state.watch.as_ref().unwrap().chat.phase, ChatPhase::Open);
    state.apply(now, Event::Chat { community, channel, event: ChatEvent::Phase(ChatPhase::Closed) });
    assert_eq!((&state.watch.unwrap().chat.phase, &state.studio.chat.phase), (&ChatPhase::Closed, &ChatPhase::Closed));
}
