//! The real window with sample contents and no engine: `cargo run --example window -- watch-usual zh light`.
//!
//! `moving` shows 30 pictures a second and a comment each second, to see what drawing them costs.

use std::time::Duration;

use runnel::app::{self, Link};
use runnel::state::{ChannelId, ChatEvent, ChatMessage, CommunityId, Event, Feed, Role, SettingsView, ThemeChoice};
use runnel::ui::Page;
use runnel_media::format::WallClock;
use runnel_media::slot;
use tokio::sync::mpsc;

mod sample;

use sample::Scene;

fn main() -> eframe::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let said = move |word: &str| words.iter().any(|it| it == word);
    let name = |scene: &Scene| {
        let name = format!("{scene:?}");
        let mut dashed = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !dashed.is_empty() {
                dashed.push('-');
            }
            dashed.push(letter.to_ascii_lowercase());
        }
        dashed
    };
    let scene = Scene::ALL.into_iter().find(|scene| said(&name(scene))).unwrap_or(Scene::HomeUsual);
    let mut state = scene.state(sample::clock(), said("zh"));
    state.settings.theme = if said("light") { ThemeChoice::Light } else { ThemeChoice::Dark };
    if scene.page() == Page::Studio {
        state.settings.role = Role::Stream;
    }
    let settings: SettingsView = state.settings.clone();
    app::run(settings, move |ctx| {
        let (commands, mut asked) = mpsc::channel(64);
        let (happened, events) = mpsc::channel(256);
        for event in events_of(state) {
            happened.try_send(event).expect("the channel has room for a sample");
        }
        if said("moving") {
            move_pictures(happened.clone(), ctx.clone());
        }
        let printer = std::thread::Builder::new().name("print".into());
        let print = move || {
            while let Some(command) = asked.blocking_recv() {
                println!("{command:?}");
                let quit = command == runnel::command::Command::Quit;
                if quit && happened.blocking_send(Event::Closed).is_ok() {
                    ctx.request_repaint();
                }
            }
        };
        printer.spawn(print).expect("a thread can be started");
        Link { commands, events }
    })
}

/// Sends pictures and comments for ever, as a watcher would.
fn move_pictures(happened: mpsc::Sender<Event>, ctx: egui::Context) {
    let run = move || {
        let (pictures, feed) = slot::slot();
        let frames: Vec<_> = (0..5).map(sample::landscape::frame).collect();
        if happened.blocking_send(Event::WatchPicture(Feed::waking(feed))).is_err() {
            return;
        }
        for n in 0_usize.. {
            std::thread::sleep(Duration::from_millis(33));
            if pictures.send(frames[n / 30 % frames.len()].clone()).is_err() {
                return;
            }
            if n % 30 == 0 {
                let id = n.to_string();
                let message = ChatMessage {
                    text: format!("comment {id}"),
                    id,
                    author: "mika".into(),
                    at: WallClock::default(),
                    own: false,
                };
                let (community, channel) = (CommunityId("riverside".into()), ChannelId("c0".into()));
                if happened
                    .blocking_send(Event::Chat { community, channel, event: ChatEvent::Message(message) })
                    .is_err()
                {
                    return;
                }
            }
            ctx.request_repaint();
        }
    };
    std::thread::Builder::new().name("pictures".into()).spawn(run).expect("a thread can be started");
}

/// What an engine would have reported to bring the window to this state.
fn events_of(state: runnel::state::AppState) -> Vec<Event> {
    let mut events = vec![Event::Devices(state.devices)];
    for (id, it) in state.communities {
        let (name, address, embedded, sharing) = (it.name, it.address, it.embedded, it.sharing);
        let (community, query, items) = (id.clone(), it.live.query, it.live.items);
        events.push(Event::CommunityJoined { id: id.clone(), name, address, embedded, sharing });
        events.push(Event::Connection { community: id.clone(), connection: it.connection });
        events.push(Event::SignedIn { community: id.clone(), person: it.person });
        events.push(Event::Following { community: id, channels: it.following });
        events.push(Event::LiveList { community, query, items });
    }
    events.push(Event::SharingNow(state.sharing));
    events.extend(state.watch.map(|watch| Event::WatchOpened(Box::new(watch))));
    let studio = state.studio;
    if let (Some(community), Some(channel)) = (studio.community, studio.channel) {
        events.push(Event::StudioChannel { community: community.clone(), channel: channel.clone() });
        for message in studio.chat.messages {
            let event = ChatEvent::Message(message);
            events.push(Event::Chat { community: community.clone(), channel: channel.clone(), event });
        }
        let event = ChatEvent::Phase(studio.chat.phase);
        events.push(Event::Chat { community, channel, event });
    }
    events.push(Event::StudioSource { source: studio.source, sound: studio.sound });
    events.push(Event::StudioPreview(studio.preview));
    events.push(Event::StudioLevel(studio.level));
    events.push(Event::StudioPhase(studio.phase));
    events.push(Event::StudioHealth(studio.health));
    events.push(Event::StudioTelemetry(studio.telemetry));
    events
}
