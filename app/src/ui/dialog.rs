//! Questions that must be answered before anything else.

use egui::{Align, Context, Id, Key, Layout, Modal, ScrollArea, Ui};

use crate::command::{Command, Secret};
use crate::state::{CommunityId, FileWish, SourceChoice};
use crate::theme::{Weight, space};
use crate::widget::{Button, Field, Kind, choice, icon, text};

use super::{Cx, keys};

mod path;

/// Shortest passphrase that is taken for a file of keys.
const MIN_PASSPHRASE: usize = 8;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// Which community to connect to.
    Connect { address: String },
    /// Who one is.
    SignIn { community: CommunityId, name: String, password: String },
    /// Whether to leave a community.
    Leave(CommunityId),
    /// Whether to end the broadcast.
    EndBroadcast,
    /// Whether to end the broadcast and close the window.
    CloseWhileLive,
    /// Which window is shown to viewers.
    Windows,
    /// Under which passphrase keys are exported.
    ExportKeys { passphrase: String },
    /// Under which passphrase keys that are to be taken in were exported.
    ImportKeys { passphrase: String },
    /// Which passphrase opens the file of keys.
    Passphrase { passphrase: String },
    /// Whether to replace this machine's key.
    RevokeKey,
    /// Where a file is, on a system without a dialog for that.
    Path { wish: FileWish, path: String },
    /// The keyboard shortcuts.
    Keys,
}

/// Whether a dialog is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    Done,
}

/// What the buttons at the foot of a dialog are.
struct Foot<'a> {
    stay: &'a str,
    go: &'a str,
    kind: Kind,
    enabled: bool,
}

pub(super) fn show(ctx: &Context, cx: &mut Cx<'_>, dialog: &mut Dialog) -> Outcome {
    let modal = Modal::new(Id::unique("dialog")).backdrop_color(egui::Color32::from_black_alpha(140));
    let modal = modal.frame(frame(ctx, cx));
    let shown = modal.show(ctx, |ui| {
        ui.set_width(400.0 * cx.theme.growth());
        ui.spacing_mut().item_spacing.y = space::S;
        // One dialog after another must not be taken for the same: its first field would not get the keyboard.
        ui.push_id(std::mem::discriminant(dialog), |ui| contents(ui, cx, dialog)).inner
    });
    let outcome = if shown.should_close() { Outcome::Done } else { shown.inner };
    let taken = cx.out.iter().any(|command| matches!(command, Command::TakePath(_)));
    if outcome == Outcome::Done && matches!(dialog, Dialog::Path { .. }) && !taken {
        // Whoever waits for the path, maybe with a passphrase in hand, waits no longer.
        cx.send(Command::TakePath(None));
    }
    outcome
}

/// Fields and buttons are raised, so what they lie on is not.
fn frame(ctx: &Context, cx: &Cx<'_>) -> egui::Frame {
    let style = ctx.style_of(ctx.theme());
    egui::Frame::window(&style).fill(cx.theme.colors.surface).inner_margin(egui::Margin::same(24))
}

/// What is said while everything is being ended.
pub(super) fn closing(ctx: &Context, cx: &Cx<'_>) {
    Modal::new(Id::unique("closing")).frame(frame(ctx, cx)).show(ctx, |ui| {
        text::body(ui, cx.theme, &cx.text("window-closing"));
    });
}

fn contents(ui: &mut Ui, cx: &mut Cx<'_>, dialog: &mut Dialog) -> Outcome {
    match dialog {
        Dialog::Connect { address } => connect(ui, cx, address),
        Dialog::SignIn { community, name, password } => sign_in(ui, cx, community, name, password),
        Dialog::Leave(community) => {
            let name = cx.state.communities.get(community).map_or("", |it| it.name.as_str());
            head(ui, cx, &cx.words.fill("leave-title", "name", name), &cx.text("leave-text"));
            let command = Command::LeaveCommunity(community.clone());
            ask(ui, cx, "cancel", "leave-do", Kind::Live, Some(command))
        }
        Dialog::EndBroadcast => {
            let viewers = cx.state.studio.telemetry.viewers;
            head(ui, cx, &cx.text("end-title"), &cx.words.count("end-text", viewers));
            ask(ui, cx, "end-stay", "end-do", Kind::Live, Some(Command::EndBroadcast))
        }
        Dialog::CloseWhileLive => {
            head(ui, cx, &cx.text("close-title"), &cx.text("close-text"));
            ask(ui, cx, "close-stay", "close-do", Kind::Live, Some(Command::Quit))
        }
        Dialog::ExportKeys { passphrase } => {
            head(ui, cx, &cx.text("keys-export-title"), &cx.text("keys-export-text"));
            secret(ui, cx, "setting-keys-export-do", passphrase, |passphrase| Command::ExportKeys { passphrase })
        }
        Dialog::ImportKeys { passphrase } => {
            head(ui, cx, &cx.text("keys-import-title"), &cx.text("keys-import-text"));
            secret(ui, cx, "setting-keys-import-do", passphrase, |passphrase| Command::ImportKeys { passphrase })
        }
        Dialog::Passphrase { passphrase } => {
            head(ui, cx, &cx.text("keys-unlock-title"), &cx.text("keys-unlock-text"));
            secret(ui, cx, "keys-unlock-do", passphrase, |passphrase| Command::UnlockKeys { passphrase })
        }
        Dialog::RevokeKey => {
            head(ui, cx, &cx.text("keys-revoke-title"), &cx.text("keys-revoke-text"));
            ask(ui, cx, "cancel", "keys-revoke-confirm", Kind::Live, Some(Command::RevokeKey))
        }
        Dialog::Windows => windows(ui, cx),
        Dialog::Path { wish, path } => path::show(ui, cx, *wish, path),
        Dialog::Keys => shortcuts(ui, cx),
    }
}

/// Which window is shown to viewers; what is picked is taken at once.
fn windows(ui: &mut Ui, cx: &mut Cx<'_>) -> Outcome {
    head(ui, cx, &cx.text("windows-title"), &cx.text("windows-text"));
    let studio = &cx.state.studio;
    let all = &cx.state.devices.windows;
    let mut outcome = Outcome::Open;
    if all.is_empty() {
        text::body(ui, cx.theme, &cx.text("windows-none"));
    }
    ScrollArea::vertical().id_salt("windows").max_height(320.0).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for window in all {
            let source = SourceChoice::Window(window.id.clone());
            let chosen = source == studio.source;
            if choice::row(ui, cx.theme, icon::APP_WINDOW, &window.name, chosen).clicked() {
                cx.send(Command::SetSource { source, sound: studio.sound.clone() });
                outcome = Outcome::Done;
            }
        }
    });
    ui.add_space(space::S);
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        if Button::new(&cx.text("cancel")).show(ui, cx.theme).clicked() {
            outcome = Outcome::Done;
        }
        if Button::new(&cx.text("home-refresh")).with_icon(icon::ARROW_CLOCKWISE).show(ui, cx.theme).clicked() {
            cx.send(Command::FindWindows);
        }
    });
    outcome
}

/// Asks for a passphrase and does something with it.
fn secret(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    go: &str,
    passphrase: &mut String,
    command: impl FnOnce(Secret) -> Command,
) -> Outcome {
    let label = cx.text("keys-passphrase");
    let field = Field::new(&label).hint(cx.text("keys-passphrase-hint")).secret().show(ui, cx.theme, passphrase);
    focus_once(ui, &field);
    let long_enough = passphrase.chars().count() >= MIN_PASSPHRASE;
    let foot = Foot { stay: &cx.text("cancel"), go: &cx.text(go), kind: Kind::Primary, enabled: long_enough };
    let answer = buttons(ui, cx, foot);
    if long_enough && (answer == Some(true) || entered(ui, &field)) {
        cx.send(command(Secret::new(std::mem::take(passphrase))));
        return Outcome::Done;
    }
    if answer.is_some() { Outcome::Done } else { Outcome::Open }
}

fn head(ui: &mut Ui, cx: &Cx<'_>, title: &str, words: &str) {
    text::title(ui, cx.theme, title);
    text::quiet(ui, cx.theme, words);
    ui.add_space(space::S);
}

/// A dialog that does one thing or nothing.
fn ask(ui: &mut Ui, cx: &mut Cx<'_>, stay: &str, go: &str, kind: Kind, command: Option<Command>) -> Outcome {
    let foot = Foot { stay: &cx.text(stay), go: &cx.text(go), kind, enabled: command.is_some() };
    match (buttons(ui, cx, foot), command) {
        (Some(true), Some(command)) => {
            cx.send(command);
            Outcome::Done
        }
        (Some(_), _) => Outcome::Done,
        (None, _) => Outcome::Open,
    }
}

/// `Some(true)` to go on, `Some(false)` to leave it.
fn buttons(ui: &mut Ui, cx: &Cx<'_>, foot: Foot<'_>) -> Option<bool> {
    ui.add_space(space::S);
    let mut answer = None;
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        if Button::new(foot.go).kind(foot.kind).enabled(foot.enabled).show(ui, cx.theme).clicked() {
            answer = Some(true);
        }
        if Button::new(foot.stay).kind(Kind::Plain).show(ui, cx.theme).clicked() {
            answer = Some(false);
        }
    });
    answer
}

/// Puts the keyboard into the first field when a dialog opens.
fn focus_once(ui: &Ui, field: &egui::Response) {
    let id = field.id.with("asked");
    let pass = ui.ctx().cumulative_pass_nr();
    let last = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<u64>(id), pass));
    if last + 2 < pass {
        field.request_focus();
    }
}

fn entered(ui: &Ui, field: &egui::Response) -> bool {
    field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

fn connect(ui: &mut Ui, cx: &mut Cx<'_>, address: &mut String) -> Outcome {
    head(ui, cx, &cx.text("connect-title"), &cx.text("connect-text"));
    let label = cx.text("connect-address");
    let field = Field::new(&label).hint(cx.text("connect-address-hint")).show(ui, cx.theme, address);
    focus_once(ui, &field);
    let given = !address.trim().is_empty();
    let foot = Foot { stay: &cx.text("cancel"), go: &cx.text("connect-do"), kind: Kind::Primary, enabled: given };
    let answer = buttons(ui, cx, foot);
    if given && (answer == Some(true) || entered(ui, &field)) {
        cx.send(Command::JoinCommunity { address: address.trim().to_owned() });
        return Outcome::Done;
    }
    if answer.is_some() { Outcome::Done } else { Outcome::Open }
}

fn sign_in(ui: &mut Ui, cx: &mut Cx<'_>, community: &CommunityId, name: &mut String, password: &mut String) -> Outcome {
    let place = cx.state.communities.get(community).map_or("", |it| it.name.as_str());
    text::title(ui, cx.theme, &cx.words.fill("sign-in-title", "name", place));
    ui.add_space(space::S);
    let (name_label, password_label) = (cx.text("sign-in-name"), cx.text("sign-in-password"));
    text::hint(ui, cx.theme, &name_label);
    let field = Field::new(&name_label).limit(64).show(ui, cx.theme, name);
    focus_once(ui, &field);
    text::hint(ui, cx.theme, &password_label);
    let second = Field::new(&password_label).secret().show(ui, cx.theme, password);
    let given = !name.trim().is_empty() && !password.is_empty();
    let make_new = Button::new(&cx.text("sign-up-do")).kind(Kind::Quiet).enabled(given).show(ui, cx.theme).clicked();
    let foot = Foot { stay: &cx.text("cancel"), go: &cx.text("sign-in-do"), kind: Kind::Primary, enabled: given };
    let answer = buttons(ui, cx, foot);
    if given && (make_new || answer == Some(true) || entered(ui, &second)) {
        let (community, name) = (community.clone(), name.trim().to_owned());
        let password = Secret::new(std::mem::take(password));
        cx.send(if make_new {
            Command::SignUp { community, name, password }
        } else {
            Command::SignIn { community, name, password }
        });
        return Outcome::Done;
    }
    if answer.is_some() { Outcome::Done } else { Outcome::Open }
}

fn shortcuts(ui: &mut Ui, cx: &mut Cx<'_>) -> Outcome {
    text::title(ui, cx.theme, &cx.text("keys-title"));
    ui.add_space(space::S);
    egui::Grid::new("shortcuts").num_columns(2).spacing([space::XL, space::S]).show(ui, |ui| {
        for (key, keys) in keys::LIST {
            text::cell(ui, cx.theme, keys, Weight::Strong, cx.theme.colors.text);
            text::cell(ui, cx.theme, &cx.text(key), Weight::Regular, cx.theme.colors.quiet);
            ui.end_row();
        }
    });
    ui.add_space(space::S);
    text::hint(ui, cx.theme, &cx.text("shortcut-rest"));
    let mut outcome = Outcome::Open;
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        if Button::new(&cx.text("close")).kind(Kind::Plain).show(ui, cx.theme).clicked() {
            outcome = Outcome::Done;
        }
    });
    outcome
}
