//! What one passes on: seen while watching, chosen in the settings.

use egui_kittest::kittest::Queryable;

use super::*;

fn settings(change: impl FnOnce(&mut AppState)) -> Harness<'static, Window> {
    let mut harness = open(Scene::Settings, change);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search settings").type_text("sharing");
    harness.run_steps(3);
    harness
}

/// Opens a list and picks one of it.
fn pick(harness: &mut Harness<'_, Window>, list: &str, choice: &str) {
    harness.get_by_role_and_label(Role::ComboBox, list).click();
    harness.run_steps(4);
    click(harness, choice);
}

#[test]
fn the_swarm_is_shown_and_copied_as_text() {
    let mut harness = open(Scene::WatchUsual, |_| {});
    click(&mut harness, "Where the picture comes from");
    assert!(says(&harness, "Connected directly."));
    for words in ["Connected viewers: 7", "You passed on: 142.0 MB", "Behind: 0.8 s, aim 1.0 s"] {
        assert!(harness.query_by_label(words).is_some(), "{words}");
    }
    assert!(harness.query_by_label_contains("Upload now: 2.").is_some());
    let plot = harness.query_by(|node| {
        let label = node.label().unwrap_or_default();
        node.role() == Role::Image && label.starts_with("In the last 60 seconds")
    });
    assert!(plot.is_some(), "the plot says in words what it shows");
    harness.get_by_label("Copy").click();
    let copied = (0..4).find_map(|_| {
        harness.step();
        harness.output().platform_output.commands.iter().find_map(|command| match command {
            egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        })
    });
    let copied = copied.expect("something is on the clipboard");
    for words in ["Tidal Birds", "Connected directly.", "Other viewers: 186.4 MB", "Format: av01"] {
        assert!(copied.contains(words), "{words} is not in {copied}");
    }
}

#[test]
fn what_the_network_does_is_said_in_words() {
    let mut harness = open(Scene::WatchAlone, |_| {});
    harness.key_press_modifiers(Modifiers::SHIFT, Key::I);
    harness.run_steps(3);
    assert!(says(&harness, "From the server only: your network blocks UDP."));
    assert!(says(&harness, "Nothing is uploaded: this network costs by amount."));
    assert!(says(&harness, "Upload now: Nothing"));
    assert!(says(&harness, "Behind: –"), "nothing is invented before it is measured");
}

#[test]
fn how_far_is_shared_is_chosen_in_plain_words() {
    let mut harness = settings(|state| state.settings.sharing = Sharing::NotAsked);
    assert!(says(&harness, "Off: everything comes from the server, and nobody but the server sees your address."));
    assert!(harness.query_by_label_contains("they can see your network address").is_some(), "said before it is so");
    pick(&mut harness, "Pass on what you watch", "Local network only");
    pick(&mut harness, "Pass on what you watch", "Only in a crowd");
    pick(&mut harness, "How many a crowd is", "50");
    let change = |change| Command::Change(change);
    assert_eq!(
        asked(&harness),
        [
            change(SettingChange::Sharing(Sharing::Lan)),
            change(SettingChange::Sharing(Sharing::Crowd)),
            change(SettingChange::CrowdAbove(50)),
        ]
    );
}

#[test]
fn amount_hours_and_network_are_chosen() {
    let mut harness = settings(|state| state.sharing.this_month = 1_234_000_000);
    assert!(says(&harness, "Uploaded so far: 0.0 MB today, 1.23 GB this month."));
    pick(&mut harness, "Amount at most", "50 GB a month");
    harness.get_by_role_and_label(Role::Switch, "Only at certain hours").click();
    harness.run_steps(4);
    pick(&mut harness, "From", "02:00");
    pick(&mut harness, "At other hours", "500 kb/s");
    click(&mut harness, "Yes");
    let data_cap = Some(DataCap { megabytes: 50_000, monthly: true });
    let at = |from, outside_kbps| SettingChange::Schedule(Some(Schedule { from, to: 7, outside_kbps }));
    let metered = SettingChange::Metered(MeteredChoice::Metered);
    let changes = [SettingChange::DataCap(data_cap), at(22, 0), at(2, 0), at(2, 500), metered];
    assert_eq!(asked(&harness), changes.map(Command::Change));
}

#[test]
fn a_host_that_wants_less_is_named() {
    let harness = open(Scene::Settings, |state| {
        for community in state.communities.values_mut().filter(|community| !community.embedded) {
            community.sharing = backend_lite::api::SharingDefault::Lan;
        }
    });
    assert!(says(&harness, "Its host wants sharing on the local network only."));
}
