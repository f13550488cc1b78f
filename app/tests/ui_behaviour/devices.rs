//! Choosing cameras, windows and microphones, and what is said about them.

use egui_kittest::kittest::Queryable;

use super::*;

#[test]
fn choosing_a_source_keeps_the_sound() {
    let mut harness = open(Scene::StudioLive, |_| {});
    click(&mut harness, "Test picture");
    let (source, sound) = (SourceChoice::Test, SoundChoice::NamedMicrophone("a".into()));
    assert_eq!(asked(&harness), [Command::SetSource { source, sound }]);
}

#[test]
fn the_preview_is_open_only_where_it_is_seen() {
    let mut harness = open(Scene::HomeUsual, |_| {});
    click(&mut harness, "Studio");
    assert_eq!(asked(&harness), [Command::OpenPreview]);
    click(&mut harness, "Home");
    assert_eq!(asked(&harness), [Command::OpenPreview, Command::ClosePreview]);

    // Settings open it where they show it, and keep it open while somebody scrolls on.
    harness.state_mut().asked.clear();
    click(&mut harness, "Settings");
    assert_eq!(asked(&harness), [], "the devices are further down");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search settings").type_text("hear it");
    harness.run_steps(3);
    assert_eq!(asked(&harness), [Command::OpenPreview]);
    click(&mut harness, "Home");
    assert_eq!(asked(&harness), [Command::OpenPreview, Command::ClosePreview]);

    let mut harness = open(Scene::Welcome, |_| {});
    for _ in 0..3 {
        assert_eq!(asked(&harness), []);
        click(&mut harness, "Skip");
    }
    assert_eq!(asked(&harness), [Command::OpenPreview, Command::FindDevices]);
    click(&mut harness, "Start");
    assert!(asked(&harness).ends_with(&[Command::ClosePreview]), "{:?}", asked(&harness));
}

#[test]
fn a_window_is_chosen_by_its_title() {
    let mut harness = open(Scene::StudioIdle, |state| state.studio.sound = SoundChoice::Desktop);
    assert!(!says(&harness, "Show the mouse pointer"), "only where there is a pointer to show");
    click(&mut harness, "Window…");
    assert_eq!(asked(&harness), [Command::FindWindows], "windows come and go");
    harness.state_mut().asked.clear();
    click(&mut harness, "river.blend – Blender");
    let (source, sound) = (SourceChoice::Window("0x1".to_owned()), SoundChoice::Desktop);
    assert_eq!(asked(&harness), [Command::SetSource { source: source.clone(), sound }]);

    harness.state_mut().state.studio.source = source;
    harness.state_mut().asked.clear();
    harness.run_steps(2);
    assert!(harness.query_by_label("Window…").is_none() && says(&harness, "river.blend – Blender"));
    harness.get_by_role_and_label(Role::Switch, "Show the mouse pointer").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness), [Command::Change(SettingChange::Pointer(false))]);
}

#[test]
fn what_is_wrong_with_a_device_is_said_before_going_live() {
    let harness = open(Scene::StudioIdle, |state| {
        state.studio.source = SourceChoice::Camera(0);
        state.studio.device = Some(Problem::CameraBusy);
    });
    let words = "The camera is used by another program. Close it there, or choose another camera.";
    assert!(harness.query_by(|node| node.value().as_deref() == Some(words)).is_some());
    let harness = open(Scene::WelcomeDevices, |state| {
        state.studio.device = Some(Problem::CameraBusy);
    });
    assert!(!says(&harness, words), "the first card is about the language");
}

#[test]
fn a_microphone_that_is_gone_is_known_by_its_name() {
    const ID: &str = "alsa_input.usb-R__DE_Microphones_NT-USB-00.iec958-stereo";
    let chosen = |state: &mut AppState| {
        state.studio.sound = SoundChoice::NamedMicrophone(ID.to_owned());
        state.settings.sound = state.studio.sound.clone();
        state.settings.device_names.insert(ID.to_owned(), "RØDE NT-USB".to_owned());
    };
    let harness = open(Scene::StudioIdle, chosen);
    assert!(says(&harness, "Not connected: RØDE NT-USB"));
    assert!(harness.query_by_label_contains("alsa_input").is_none());
    // Before anyone has looked, nobody knows whether it is there.
    let harness = open(Scene::StudioIdle, |state| {
        chosen(state);
        state.devices.known = false;
    });
    assert!(says(&harness, "RØDE NT-USB"));
    // Chosen in a settings file that is older than names.
    let harness = open(Scene::StudioIdle, |state| {
        chosen(state);
        state.settings.device_names.clear();
    });
    assert!(says(&harness, "Not connected: Microphone"));
    // It is there, alone, and must not be in the list twice.
    let harness = open(Scene::StudioIdle, |state| {
        chosen(state);
        state.devices.microphones = vec![DeviceChoice { id: ID.to_owned(), name: "RØDE NT-USB".to_owned() }];
    });
    assert_eq!(harness.query_all_by_label_contains("RØDE NT-USB").count(), 1);
    let row = harness.get_by_role_and_label(Role::RadioButton, "RØDE NT-USB");
    assert_eq!(row.accesskit_node().toggled(), Some(egui::accesskit::Toggled::True));
}

#[test]
fn an_output_that_is_gone_is_known_by_its_name() {
    let mut harness = open(Scene::Settings, |state| {
        state.settings.output = Some("alsa_output.pci-0".to_owned());
        state.settings.device_names.insert("alsa_output.pci-0".to_owned(), "Living room".to_owned());
    });
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search settings").type_text("sound output");
    harness.run_steps(3);
    let shown = harness.get_by_role_and_label(Role::ComboBox, "Sound output").accesskit_node().value();
    assert_eq!(shown.as_deref(), Some("Not connected: Living room"));
}
