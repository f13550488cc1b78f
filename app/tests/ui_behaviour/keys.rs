//! Keys that come from elsewhere, and a key that must not be replaced while it is used.

use egui_kittest::kittest::Queryable;
use runnel::command::Secret;

use super::*;

fn search(harness: &mut Harness<'_, Window>, word: &str) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search settings").type_text(word);
    harness.run_steps(3);
}

#[test]
fn keys_are_imported_under_a_passphrase_that_is_long_enough() {
    let mut harness = open(Scene::Settings, |_| {});
    search(&mut harness, "import");
    click(&mut harness, "Import…");
    assert!(says(&harness, "Import channel keys"));
    harness.get_by_label("Passphrase").type_text("short");
    harness.run_steps(2);
    let buttons: Vec<_> = harness.get_all_by_label("Import…").collect();
    assert!(buttons.last().unwrap().accesskit_node().is_disabled());
    harness.get_by_label("Passphrase").type_text(" no more");
    harness.run_steps(2);
    harness.get_all_by_label("Import…").last().unwrap().click();
    harness.run_steps(4);
    let passphrase = Secret::new("short no more".to_owned());
    assert_eq!(asked(&harness), [Command::ImportKeys { passphrase }]);
    assert!(!says(&harness, "Import channel keys"), "the dialog is done with");
    // The next dialog follows at once, and has the keyboard too.
    harness.state_mut().shell.ask_for_path(FileWish::ImportKeys);
    harness.run_steps(4);
    let focused = harness.query_by(|node| node.is_focused()).map(|node| node.accesskit_node().label());
    assert_eq!(focused.flatten().as_deref(), Some("Path"));
}

#[test]
fn without_a_file_dialog_the_window_asks_for_the_path() {
    let mut harness = open(Scene::Settings, |_| {});
    harness.state_mut().shell.ask_for_path(FileWish::ImportKeys);
    harness.run_steps(4);
    assert!(says(&harness, "Which file of keys?"));
    assert!(harness.get_by_label("Open").accesskit_node().is_disabled(), "nothing is typed yet");
    harness.get_by_label("Path").type_text("keys.age");
    harness.run_steps(2);
    assert!(harness.get_by_label("Open").accesskit_node().is_disabled(), "no whole path");
    // A file that is dropped on the window is taken for it.
    #[derive(Debug)]
    struct Dropped(std::path::PathBuf);
    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &std::path::Path {
            &self.0
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            Err("nobody reads it here".to_owned())
        }
    }
    let dropped = std::sync::Arc::new(Dropped("/home/robin/keys.age".into()));
    harness.input_mut().dropped_files.push(dropped.clone());
    harness.run_steps(3);
    click(&mut harness, "Open");
    assert_eq!(asked(&harness), [Command::TakePath(Some("/home/robin/keys.age".into()))]);

    // Leaving it is told too: somebody may be waiting with a passphrase in hand.
    harness.state_mut().asked.clear();
    harness.state_mut().shell.ask_for_path(FileWish::ExportKeys);
    harness.run_steps(4);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert_eq!(asked(&harness), [Command::TakePath(None)]);

    // In the studio a dropped file is what is broadcast.
    click(&mut harness, "Studio");
    harness.state_mut().asked.clear();
    harness.input_mut().dropped_files.push(dropped);
    harness.run_steps(3);
    let source = SourceChoice::File("/home/robin/keys.age".into());
    assert_eq!(asked(&harness), [Command::SetSource { source, sound: SoundChoice::Source }]);
}

#[test]
fn a_key_is_not_replaced_while_it_is_on_air() {
    let mut harness = open(Scene::SettingsKeys, |state| state.toasts = Toasts::default());
    search(&mut harness, "replace");
    assert!(says(&harness, "You are live with this key. End the broadcast first, then replace it."));
    assert!(harness.get_by_label("Replace…").accesskit_node().is_disabled());
    harness.state_mut().state.studio.phase = StudioPhase::Idle;
    harness.run_steps(2);
    click(&mut harness, "Replace…");
    click(&mut harness, "Replace the key");
    assert_eq!(asked(&harness), [Command::RevokeKey]);
    // It may have begun between the question and the answer.
    let now = harness.state().clock.now;
    harness.state_mut().state.toasts.push(now, Notice::Problem(Problem::OnAir));
    harness.run_steps(2);
    assert!(says(&harness, "You are live with this key. End the broadcast first, then replace it."));
    click(&mut harness, "Open the studio");
    assert_eq!(harness.state().shell.page(), Page::Studio);
}

#[test]
fn damaged_settings_are_told_with_where_they_are_kept() {
    let mut harness = open(Scene::HomeUsual, |state| {
        let kept = "/c/settings.toml.damaged-1".to_owned();
        state.toasts.push(sample::clock().now, Notice::Problem(Problem::SettingsDamaged { kept }));
    });
    wait(&mut harness, Duration::from_secs(60));
    assert!(harness.query_by_label_contains("kept as /c/settings.toml.damaged-1").is_some());
    harness.get_by_label("Copy its path").click();
    let kept = "/c/settings.toml.damaged-1";
    let copied = (0..4).any(|_| {
        harness.step();
        let done = &harness.output().platform_output.commands;
        done.iter().any(|command| matches!(command, egui::OutputCommand::CopyText(text) if text == kept))
    });
    assert!(copied);
}
