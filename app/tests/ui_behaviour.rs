//! What the screens do when they are used, by the names that screen readers read.

#[path = "ui_behaviour/devices.rs"]
mod devices;
#[path = "ui_behaviour/keys.rs"]
mod keys;
#[path = "../examples/window/sample.rs"]
mod sample;
#[path = "ui_behaviour/sharing.rs"]
mod sharing;

use std::time::Duration;

use egui::{Event as Input, Key, Modifiers, PointerButton, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use runnel::command::Command;
use runnel::state::*;
use runnel::ui::{Clock, Page, Shell};
use runnel::widget::Screen;
use sample::Scene;

/// The window's contents without an engine; what was asked for is kept.
struct Window {
    shell: Shell,
    state: AppState,
    clock: Clock,
    asked: Vec<Command>,
}

impl Window {
    fn draw(&mut self, ui: &mut egui::Ui) {
        self.shell.dress(ui.ctx(), &self.state.settings);
        for command in self.shell.show(ui, &self.state, self.clock) {
            match &command {
                Command::Change(change) => drop(self.state.settings.change(change.clone())),
                Command::DismissToast(id) => self.state.toasts.dismiss(*id),
                _ => {}
            }
            self.asked.push(command);
        }
    }
}

fn open(scene: Scene, change: impl FnOnce(&mut AppState)) -> Harness<'static, Window> {
    open_sized(scene, [1280.0, 800.0], change)
}

fn open_sized(scene: Scene, size: [f32; 2], change: impl FnOnce(&mut AppState)) -> Harness<'static, Window> {
    let clock = sample::clock();
    let mut state = scene.state(clock, false);
    change(&mut state);
    let mut shell = Shell::new(&state.settings, Screen::new(None), None);
    shell.open(scene.page());
    let scale = state.settings.text_scale.factor();
    let mut harness = Harness::builder()
        .with_size(size)
        .allow_missing_glyphs()
        .with_max_steps(12)
        .with_context_setup(move |ctx| {
            runnel::theme::install_fonts(ctx);
            runnel::theme::dress(ctx, scale, false);
        })
        .build_ui_state(|ui, window: &mut Window| window.draw(ui), Window { shell, state, clock, asked: Vec::new() });
    harness.run_steps(2);
    harness.state_mut().asked.clear();
    harness
}

fn asked(harness: &Harness<'_, Window>) -> Vec<Command> {
    harness.state().asked.clone()
}

fn wait(harness: &mut Harness<'_, Window>, time: Duration) {
    harness.state_mut().clock.now += time;
    harness.run_steps(2);
}

fn click(harness: &mut Harness<'_, Window>, label: &str) {
    harness.get_by_label(label).click();
    // A dialog or card is measured in its first pass and placed in its second.
    harness.run_steps(4);
}

fn says(harness: &Harness<'_, Window>, words: &str) -> bool {
    harness.query_all_by_label(words).next().is_some()
}

fn riverside() -> CommunityId {
    CommunityId("riverside".into())
}

#[test]
fn going_live_takes_one_press() {
    let mut harness = open(Scene::StudioIdle, |_| {});
    click(&mut harness, "Go live");
    let title = "Dawn over the estuary".to_owned();
    assert_eq!(asked(&harness), [Command::GoLive { community: riverside(), title }]);
}

#[test]
fn without_a_community_one_is_told_what_to_do() {
    let mut harness = open(Scene::HomeNew, |_| {});
    click(&mut harness, "Studio");
    assert!(harness.get_by_label("Go live").accesskit_node().is_disabled());
    click(&mut harness, "Connect to a community");
    harness.get_by_label("Address").type_text("live.example.org");
    harness.run_steps(2);
    click(&mut harness, "Connect");
    let address = "live.example.org".to_owned();
    assert!(asked(&harness).contains(&Command::JoinCommunity { address }));
}

#[test]
fn ending_takes_a_hold_or_an_answer() {
    let mut harness = open(Scene::StudioLive, |_| {});
    // A short click does nothing.
    harness.get_by_label("Hold to end").click();
    harness.run_steps(3);
    assert_eq!(asked(&harness), []);
    let at = harness.get_by_label("Hold to end").rect().center();
    harness.hover_at(at);
    harness.step();
    let press =
        |pressed| Input::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE };
    harness.event(press(true));
    harness.step();
    wait(&mut harness, Duration::from_millis(500));
    assert_eq!(asked(&harness), []);
    wait(&mut harness, Duration::from_millis(600));
    wait(&mut harness, Duration::from_millis(600));
    assert_eq!(asked(&harness), [Command::EndBroadcast], "once, however long it is held");
    harness.event(press(false));
    harness.run_steps(2);

    let mut harness = open(Scene::StudioLive, |_| {});
    harness.get_by_label("Hold to end").click_accesskit();
    harness.run_steps(3);
    assert!(harness.query_by_label("End the broadcast?").is_some());
    click(&mut harness, "End the broadcast");
    assert_eq!(asked(&harness), [Command::EndBroadcast]);
}

#[test]
fn closing_while_live_asks() {
    let mut harness = open(Scene::StudioLive, |_| {});
    harness.state_mut().shell.ask_before_closing();
    harness.run_steps(3);
    assert!(harness.query_by_label("You are live").is_some());
    click(&mut harness, "Stay live");
    assert_eq!(asked(&harness), []);
    harness.state_mut().shell.ask_before_closing();
    harness.run_steps(3);
    click(&mut harness, "End and close");
    assert_eq!(asked(&harness), [Command::Quit]);
}

#[test]
fn the_language_changes_at_once_and_back() {
    let mut harness = open(Scene::Settings, |_| {});
    click(&mut harness, "简体中文");
    assert_eq!(asked(&harness), [Command::Change(SettingChange::Language(Language::Chinese))]);
    harness.run_steps(2);
    assert!(says(&harness, "设置") && says(&harness, "减少动态效果"));
    click(&mut harness, "撤销");
    assert_eq!(harness.state().state.settings.language, Language::English);
}

#[test]
fn settings_can_be_searched() {
    let mut harness = open(Scene::Settings, |_| {});
    assert!(says(&harness, "Less movement"));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search settings").type_text("upload");
    harness.run_steps(3);
    assert!(!says(&harness, "Less movement"));
    assert!(says(&harness, "Upload at most"));
}

#[test]
fn a_search_starts_after_a_pause() {
    let mut harness = open(Scene::HomeUsual, |_| {});
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search live channels").type_text("birds");
    harness.run_steps(2);
    assert_eq!(asked(&harness), []);
    wait(&mut harness, Duration::from_millis(400));
    assert_eq!(asked(&harness), [Command::FetchLive { community: riverside(), query: "birds".into() }]);
}

#[test]
fn a_card_opens_its_channel() {
    let mut harness = open(Scene::HomeUsual, |_| {});
    click(&mut harness, "City final, second half, Riverside FC, 12.8K viewers");
    assert_eq!(asked(&harness), [Command::Watch { community: riverside(), channel: ChannelId("c2".into()) }]);
    assert_eq!(harness.state().shell.page(), Page::Watch);
}

#[test]
fn offline_offers_another_try() {
    let mut harness = open(Scene::HomeOffline, |state| state.toasts = Toasts::default());
    click(&mut harness, "Try again");
    assert_eq!(asked(&harness), [Command::Reconnect(riverside())]);
}

#[test]
fn keys_work_on_the_picture_and_rest_while_writing() {
    let mut harness = open(Scene::WatchUsual, |_| {});
    for key in [Key::M, Key::Space, Key::D, Key::End] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    let mute = Command::Change(SettingChange::Muted(true));
    let barrage = Command::Change(SettingChange::Barrage(false));
    assert_eq!(asked(&harness), [mute, Command::SetPaused(true), barrage, Command::JumpToLive]);

    harness.state_mut().asked.clear();
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    harness.get_by_label("Write a message").type_text("mm");
    harness.key_press(Key::M);
    harness.run_steps(2);
    assert_eq!(asked(&harness), [], "letters belong to the text");
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    let Some(Command::SendChat { text, channel, .. }) = asked(&harness).pop() else { panic!("{:?}", asked(&harness)) };
    assert_eq!((text.as_str(), channel), ("mm", ChannelId("c0".into())));
}

#[test]
fn the_live_badge_catches_up_and_the_pill_tells_where_bytes_come_from() {
    let mut harness = open(Scene::WatchUsual, |state| {
        if let Some(watch) = &mut state.watch {
            watch.telemetry.behind_on_purpose = true;
        }
    });
    click(&mut harness, "Catch up with what happens now");
    assert_eq!(asked(&harness), [Command::JumpToLive]);
    assert!(harness.query_by_label_contains("Other viewers").is_none());
    click(&mut harness, "Where the picture comes from");
    assert!(harness.query_by_label_contains("Other viewers: 186.4 MB").is_some());
}

#[test]
fn a_stall_says_so_after_a_second_and_not_before() {
    let mut harness = open(Scene::WatchStalled, |_| {});
    let words = "Waiting for the picture. It goes on by itself.";
    assert!(harness.query_by_label(words).is_some());
    let now = harness.state().clock.now;
    if let Some(watch) = &mut harness.state_mut().state.watch {
        watch.phase = WatchPhase::Stalled { since: now };
    }
    harness.run_steps(2);
    assert!(harness.query_by_label(words).is_none());
    wait(&mut harness, Duration::from_millis(1100));
    assert!(harness.query_by_label(words).is_some());
}

#[test]
fn what_went_wrong_comes_with_the_next_step() {
    let harness = open(Scene::StudioTrouble, |_| {});
    let words = "The camera is used by another program. Close it there, or choose another camera.";
    assert!(harness.query_by(|node| node.value().as_deref() == Some(words)).is_some());
    let mut harness = open(Scene::HomeUsual, |state| {
        let now = sample::clock().now;
        state.toasts.push(now, Notice::Problem(Problem::EncoderFailed));
    });
    click(&mut harness, "Choose an encoder");
    assert_eq!(harness.state().shell.page(), Page::Settings);
    assert!(harness.query_by_label("Choose an encoder").is_none(), "a taken step dismisses its message");
}

#[test]
fn the_first_start_can_be_skipped_but_consent_cannot() {
    let mut harness = open(Scene::Welcome, |_| {});
    click(&mut harness, "Skip");
    click(&mut harness, "Next");
    assert!(harness.query_by_label("Next").is_none(), "sharing is answered by its own buttons");
    click(&mut harness, "Skip");
    assert_eq!(harness.state().state.settings.sharing, Sharing::On, "skipping changes nothing");
    click(&mut harness, "Start");
    assert!(harness.state().state.settings.welcomed);

    let mut harness = open(Scene::Welcome, |state| state.settings.sharing = Sharing::NotAsked);
    for label in ["Skip", "Skip", "Don’t share"] {
        click(&mut harness, label);
    }
    assert_eq!(harness.state().state.settings.sharing, Sharing::Off);
}

#[test]
fn screen_readers_find_what_it_is() {
    let harness = open(Scene::WatchUsual, |_| {});
    let has = |role: Role, label: &str| {
        harness.query_by(|node| node.role() == role && node.label().as_deref() == Some(label)).is_some()
    };
    assert!(has(Role::Video, "Picture of Tidal Birds"));
    assert!(has(Role::Log, "Chat"));
    assert!(has(Role::Slider, "Volume"));
    assert!(has(Role::Button, "Pause"));
    let harness = open(Scene::StudioLive, |_| {});
    let has = |role: Role, label: &str| {
        harness.query_by(|node| node.role() == role && node.label().as_deref() == Some(label)).is_some()
    };
    assert!(has(Role::Meter, "Left") && has(Role::Meter, "Right"));
    assert!(has(Role::Slider, "Gain"));
    assert!(has(Role::RadioButton, "Logitech BRIO"));
}

#[test]
fn everything_can_be_reached_by_keyboard() {
    let mut harness = open(Scene::HomeUsual, |_| {});
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..24 {
        harness.key_press(Key::Tab);
        harness.run_steps(1);
        if let Some(node) = harness.query_by(|node| node.is_focused()) {
            seen.insert(node.accesskit_node().label().unwrap_or_default());
        }
    }
    for label in ["Home", "Studio", "Settings", "Search live channels", "Look again"] {
        assert!(seen.contains(label), "{label} was not reached: {seen:?}");
    }
    assert!(seen.iter().any(|label| label.starts_with("City final")), "no card was reached: {seen:?}");
}

#[test]
fn an_idle_window_rests() {
    for scene in [Scene::HomeUsual, Scene::HomeEmpty, Scene::Settings, Scene::StudioIdle, Scene::Welcome] {
        let mut harness = open(scene, |_| {});
        harness.run();
        let delay = harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
        assert!(delay > Duration::from_secs(60), "{scene:?} wants another pass in {delay:?}");
    }
}

#[test]
fn odd_contents_and_large_text_fit_somehow() {
    let odd = ["", "\u{202e}مرحبا بالعالم שלום", "👩‍👩‍👧‍👦 emoji 🎉", "a\nb\tc", &"很长".repeat(200), "\u{0}\u{7f}"];
    for scene in Scene::ALL {
        for scale in [80, 200] {
            let mut harness = open_sized(scene, [960.0, 600.0], |state| {
                state.settings.text_scale = TextScale::clamped(scale);
                for community in state.communities.values_mut() {
                    for (item, text) in community.live.items.iter_mut().zip(odd.iter().cycle()) {
                        (item.title, item.name) = ((*text).to_owned(), (*text).to_owned());
                        item.viewers = u64::MAX;
                    }
                }
                if let Some(watch) = &mut state.watch {
                    (watch.title, watch.name) = (odd[4].to_owned(), odd[1].to_owned());
                }
            });
            harness.run_steps(3);
        }
    }
}
