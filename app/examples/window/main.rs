//! The real window with sample contents and no engine: `cargo run --example window -- watch-usual zh light`.

use runnel::app::{self, Link};
use runnel::state::{Event, Role, SettingsView, ThemeChoice};
use runnel::ui::Page;
use tokio::sync::mpsc;

mod sample;

use sample::Scene;

fn main() -> eframe::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let said = |word: &str| words.iter().any(|it| it == word);
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

/// What an engine would have reported to bring the window to this state.
fn events_of(state: runnel::state::AppState) -> Vec<Event> {
    let mut events = vec![Event::Devices(state.devices)];
    for (id, it) in state.communities {
        let (name, address, embedded) = (it.name, it.address, it.embedded);
        let (community, query, items) = (id.clone(), it.live.query, it.live.items);
        events.push(Event::CommunityJoined { id: id.clone(), name, address, embedded });
        events.push(Event::Connection { community: id.clone(), connection: it.connection });
        events.push(Event::SignedIn { community: id.clone(), person: it.person });
        events.push(Event::Following { community: id, channels: it.following });
        events.push(Event::LiveList { community, query, items });
    }
    events.extend(state.watch.map(|watch| Event::WatchOpened(Box::new(watch))));
    let studio = state.studio;
    if let (Some(community), Some(channel)) = (studio.community, studio.channel) {
        events.push(Event::StudioChannel { community: community.clone(), channel: channel.clone() });
        for message in studio.chat.messages {
            let event = runnel::state::ChatEvent::Message(message);
            events.push(Event::Chat { community: community.clone(), channel: channel.clone(), event });
        }
        let event = runnel::state::ChatEvent::Phase(studio.chat.phase);
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
