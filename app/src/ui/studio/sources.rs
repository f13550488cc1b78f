//! Where pictures and sound come from.

use egui::{Color32, Response, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::command::Command;
use crate::state::{SoundChoice, SourceChoice};
use crate::theme::{Type, Weight, space};
use crate::ui::Cx;
use crate::widget::{Button, icon, text};

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
    let devices = &state.devices;
    let chosen = state.studio.source.clone();
    let mut all: Vec<(SourceChoice, &str, String)> = Vec::new();
    for camera in &devices.cameras {
        let Ok(index) = camera.id.parse::<u32>() else { continue };
        let number = (index + 1).to_string();
        let name =
            if camera.name.is_empty() { words.fill("source-camera", "number", &number) } else { camera.name.clone() };
        all.push((SourceChoice::Camera(index), icon::WEBCAM, name));
    }
    if devices.screen {
        all.push((SourceChoice::Screen, icon::MONITOR, words.text("source-screen")));
    }
    for window in devices.windows.iter().take(12) {
        all.push((SourceChoice::Window(window.id.clone()), icon::APP_WINDOW, window.name.clone()));
    }
    all.push((SourceChoice::Test, icon::CHECKERBOARD, words.text("source-test")));
    all.push((SourceChoice::Nothing, icon::IMAGE, words.text("source-none")));
    if !devices.known {
        text::hint(ui, cx.theme, &words.text("source-looking"));
    }
    // What is chosen stays in the list even when the device is gone.
    if let SourceChoice::Camera(index) = chosen
        && !all.iter().any(|(source, ..)| *source == chosen)
    {
        let number = (index + 1).to_string();
        all.insert(0, (chosen.clone(), icon::WEBCAM, words.fill("source-camera", "number", &number)));
    }
    let file = match &chosen {
        SourceChoice::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        _ => None,
    };
    for (source, glyph, name) in all {
        if row(ui, cx, glyph, &name, source == chosen).clicked() && source != chosen {
            let sound = state.studio.sound.clone();
            cx.send(Command::SetSource { source, sound });
        }
    }
    let name = match &file {
        Some(name) => words.fill("source-file-chosen", "name", name),
        None => words.text("source-file"),
    };
    if row(ui, cx, icon::FILM_STRIP, &name, file.is_some()).clicked() {
        cx.send(Command::ChooseFile);
    }
}

fn sounds(ui: &mut Ui, cx: &mut Cx<'_>) {
    let state = cx.state;
    let devices = &state.devices;
    let chosen = state.studio.sound.clone();
    let mut all = vec![(SoundChoice::Source, icon::FILM_STRIP, cx.text("sound-source"))];
    match devices.microphones.as_slice() {
        [] => {}
        [only] => all.push((SoundChoice::Microphone, icon::MICROPHONE, only.name.clone())),
        several => {
            let named = |it: &crate::state::DeviceChoice| SoundChoice::NamedMicrophone(it.id.clone());
            all.extend(several.iter().take(8).map(|it| (named(it), icon::MICROPHONE, it.name.clone())));
        }
    }
    if devices.desktop_sound {
        all.push((SoundChoice::Desktop, icon::SPEAKER_HIGH, cx.text("sound-desktop")));
    }
    all.push((SoundChoice::Silence, icon::SPEAKER_SLASH, cx.text("sound-silence")));
    for (sound, glyph, name) in all {
        if row(ui, cx, glyph, &name, sound == chosen).clicked() && sound != chosen {
            let source = state.studio.source.clone();
            cx.send(Command::SetSource { source, sound });
        }
    }
}

/// One of the things to choose from.
fn row(ui: &mut Ui, cx: &Cx<'_>, glyph: &str, name: &str, chosen: bool) -> Response {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme.control_height()), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, name));
    let fill = if chosen || response.hovered() { colors.raised } else { Color32::TRANSPARENT };
    ui.painter().rect_filled(rect, theme.control_corners(), fill);
    let front = if chosen { colors.text } else { colors.quiet };
    let accent = if chosen { colors.accent } else { colors.quiet };
    let middle = rect.center().y;
    ui.painter().text(
        pos2(rect.left() + 18.0, middle),
        egui::Align2::CENTER_CENTER,
        glyph,
        theme.icon(16.0, chosen),
        accent,
    );
    let room = rect.width() - 36.0 - if chosen { 28.0 } else { space::S };
    let weight = if chosen { Weight::Strong } else { Weight::Regular };
    let galley = text::layout(ui, theme, name, (Type::Body, weight), front, room, 1);
    let elided = galley.elided;
    ui.painter().galley(pos2(rect.left() + 36.0, middle - galley.size().y / 2.0).round(), galley, front);
    if chosen {
        let at = pos2(rect.right() - 16.0, middle);
        ui.painter().text(at, egui::Align2::CENTER_CENTER, icon::CHECK, theme.icon(16.0, false), accent);
    }
    if response.has_focus() {
        let ring = egui::Stroke::new(2.0, colors.accent);
        ui.painter().rect_stroke(rect, theme.control_corners(), ring, egui::StrokeKind::Inside);
    }
    if elided { response.on_hover_text(name) } else { response }
}
