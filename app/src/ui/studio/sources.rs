//! Where pictures and sound come from.

use egui::{ScrollArea, Ui};

use crate::command::Command;
use crate::state::{SettingChange, SourceChoice};
use crate::theme::{Type, Weight, space};
use crate::ui::dialog::Dialog;
use crate::ui::{Cx, Go, devices};
use crate::widget::{Button, choice, icon, text, toggle};

pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    ScrollArea::vertical().id_salt("sources").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        heading(ui, cx, "studio-picture");
        pictures(ui, cx);
        ui.add_space(space::L);
        heading(ui, cx, "studio-sound");
        sounds(ui, cx);
        ui.add_space(space::M);
        if Button::new(&cx.text("source-again")).with_icon(icon::ARROW_CLOCKWISE).show(ui, cx.theme).clicked() {
            cx.send(Command::FindDevices);
        }
    });
}

fn heading(ui: &mut Ui, cx: &Cx<'_>, key: &str) {
    text::strong(ui, cx.theme, &cx.text(key));
    ui.add_space(space::XS);
}

fn pictures(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (state, words) = (cx.state, cx.words);
    let chosen = &state.studio.source;
    if !state.devices.known {
        text::hint(ui, cx.theme, &words.text("source-looking"));
    }
    for (source, glyph, name) in devices::pictures(cx, chosen) {
        let screen = source == SourceChoice::Screen;
        if choice::row(ui, cx.theme, glyph, &name, source == *chosen).clicked() && source != *chosen {
            cx.send(Command::SetSource { source, sound: state.studio.sound.clone() });
        }
        if screen && !state.devices.screen_asks {
            window(ui, cx, chosen);
        }
        if screen && chosen.is_screen() {
            pointer(ui, cx);
        }
    }
    let file = match chosen {
        SourceChoice::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        _ => None,
    };
    let name = match &file {
        Some(name) => words.fill("source-file-chosen", "name", name),
        None => words.text("source-file"),
    };
    if choice::row(ui, cx.theme, icon::FILM_STRIP, &name, file.is_some()).clicked() {
        cx.send(Command::ChooseFile);
    }
}

/// One window of the screen, chosen in a dialog of its own.
fn window(ui: &mut Ui, cx: &mut Cx<'_>, chosen: &SourceChoice) {
    let name = match chosen {
        SourceChoice::Window(id) => {
            let title = cx.state.devices.windows.iter().find(|window| window.id == *id);
            title.map_or_else(|| cx.text("source-window-gone"), |window| window.name.clone())
        }
        _ => cx.text("source-window"),
    };
    if choice::row(ui, cx.theme, icon::APP_WINDOW, &name, matches!(chosen, SourceChoice::Window(_))).clicked() {
        cx.send(Command::FindWindows);
        cx.go(Go::Dialog(Dialog::Windows));
    }
}

/// Whether the pointer is in the picture of the screen.
fn pointer(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (on, label) = (cx.state.settings.pointer, cx.text("setting-pointer"));
    ui.horizontal(|ui| {
        ui.add_space(36.0 - ui.spacing().item_spacing.x);
        if toggle::show(ui, cx.theme, on, &label).changed() {
            cx.send(Command::Change(SettingChange::Pointer(!on)));
        }
        text::line(ui, cx.theme, &label, Type::Small, Weight::Regular, cx.theme.colors.quiet);
    });
}

fn sounds(ui: &mut Ui, cx: &mut Cx<'_>) {
    let state = cx.state;
    let chosen = &state.studio.sound;
    for (sound, glyph, name) in devices::sounds(cx, chosen) {
        if choice::row(ui, cx.theme, glyph, &name, sound == *chosen).clicked() && sound != *chosen {
            cx.send(Command::SetSource { source: state.studio.source.clone(), sound });
        }
    }
}
