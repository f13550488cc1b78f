//! Choosing where picture and sound come from, and seeing and hearing at once whether it works.

use egui::{Color32, Rect, Role, Sense, Ui, pos2, vec2};

use crate::state::{SoundChoice, SourceChoice};
use crate::theme::{Type, Weight, space};
use crate::widget::{Surface, icon, meter, text};

use super::{Cx, problem};

/// One of the things to choose from: what it is, its icon, its name.
pub(super) type Choice<T> = (T, &'static str, String);

/// The pictures one can choose from, without windows and files, which are chosen in dialogs of their own.
pub(super) fn pictures(cx: &Cx<'_>, chosen: &SourceChoice) -> Vec<Choice<SourceChoice>> {
    let (devices, words) = (&cx.state.devices, cx.words);
    let numbered = |index: u32| words.fill("source-camera", "number", &(index + 1).to_string());
    let mut all = Vec::new();
    for camera in &devices.cameras {
        let Ok(index) = camera.id.parse::<u32>() else { continue };
        let name = if camera.name.is_empty() { numbered(index) } else { camera.name.clone() };
        all.push((SourceChoice::Camera(index), icon::WEBCAM, name));
    }
    // What is chosen stays in the list even when the device is gone.
    if let SourceChoice::Camera(index) = chosen
        && !all.iter().any(|(source, ..)| source == chosen)
    {
        all.insert(0, (chosen.clone(), icon::WEBCAM, numbered(*index)));
    }
    if devices.screen {
        let name = if devices.screen_asks { "source-screen-asks" } else { "source-screen" };
        all.push((SourceChoice::Screen, icon::MONITOR, words.text(name)));
    }
    all.push((SourceChoice::Test, icon::CHECKERBOARD, words.text("source-test")));
    all.push((SourceChoice::Nothing, icon::IMAGE, words.text("source-none")));
    all
}

/// The sounds one can choose from.
pub(super) fn sounds(cx: &Cx<'_>, chosen: &SoundChoice) -> Vec<Choice<SoundChoice>> {
    let devices = &cx.state.devices;
    let mut all = vec![(SoundChoice::Source, icon::FILM_STRIP, cx.text("sound-source"))];
    let meant = match chosen {
        SoundChoice::NamedMicrophone(wanted) => devices.microphone(wanted),
        _ => None,
    };
    for microphone in &devices.microphones {
        let sound = match (&devices.microphones[..], meant) {
            // However it was named when it was chosen.
            (_, Some(meant)) if meant.id == microphone.id => chosen.clone(),
            ([_], _) => SoundChoice::Microphone,
            _ => SoundChoice::NamedMicrophone(microphone.id.clone()),
        };
        all.push((sound, icon::MICROPHONE, microphone.name.clone()));
    }
    let lost = match chosen {
        // Of several, the system's own choice is none that one could point at.
        SoundChoice::Microphone if devices.microphones.len() > 1 => Some(cx.text("sound-microphone")),
        SoundChoice::Microphone => Some(gone(cx, "", "sound-microphone")),
        SoundChoice::NamedMicrophone(id) => Some(gone(cx, id, "sound-microphone")),
        _ => None,
    };
    if let Some(name) = lost.filter(|_| !all.iter().any(|(sound, ..)| sound == chosen)) {
        all.push((chosen.clone(), icon::MICROPHONE, name));
    }
    if devices.desktop_sound {
        all.push((SoundChoice::Desktop, icon::SPEAKER_HIGH, cx.text("sound-desktop")));
    }
    all.push((SoundChoice::Silence, icon::SPEAKER_SLASH, cx.text("sound-silence")));
    all
}

/// A device that is chosen but not there, by the name it had, or else by what it is: an id says nothing to anyone.
pub(super) fn gone(cx: &Cx<'_>, id: &str, kind: &str) -> String {
    let name = cx.state.settings.device_names.get(id).cloned().unwrap_or_else(|| cx.text(kind));
    // Before anyone has looked, nobody knows.
    if cx.state.devices.known { cx.words.fill("device-gone", "name", &name) } else { name }
}

/// The preview's picture on some ground, or words in its place. The caller draws what lies around and over it.
pub(super) fn picture(ui: &Ui, cx: &Cx<'_>, surface: &Surface, rect: Rect, ground: Color32) {
    let id = ui.scope_id().with("preview");
    let response = ui.interact(rect, id, Sense::hover());
    let label = cx.text("studio-preview");
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Video);
        node.set_label(label);
    });
    ui.painter().rect_filled(rect, cx.theme.card_corners(), cx.theme.picture.ground);
    if surface.has_picture() {
        surface.paint(ui, cx.screen, rect);
        round_off(ui, rect, f32::from(cx.theme.card_corners().nw), ground);
        return;
    }
    let (glyph, words) = match (&cx.state.studio.device, &cx.state.studio.source) {
        (Some(problem), _) => (icon::WARNING, problem::sentence(cx.words, problem)),
        (None, SourceChoice::Nothing) => (icon::VIDEO_CAMERA, cx.text("studio-preview-empty")),
        (None, _) => (icon::PULSE, cx.text("studio-preview-opening")),
    };
    let quiet = cx.theme.picture.quiet;
    let room = (rect.width() - 2.0 * space::L).max(80.0);
    let words = text::layout(ui, cx.theme, &words, (Type::Body, Weight::Regular), quiet, room, 3);
    let font = egui::FontId { size: 28.0, ..cx.theme.icon(28.0, false) };
    let icon = ui.painter().layout_no_wrap(glyph.to_owned(), font, quiet);
    let mut top = rect.center().y - (icon.size().y + space::S + words.size().y) / 2.0;
    for galley in [icon, words] {
        let size = galley.size();
        ui.painter().galley(pos2(rect.center().x - size.x / 2.0, top).round(), galley, quiet);
        top += size.y + space::S;
    }
}

/// Rounds a picture's corners by painting what is behind it over them.
fn round_off(ui: &Ui, rect: Rect, radius: f32, ground: Color32) {
    const STEPS: usize = 8;
    let corners = [
        (rect.left_top(), 1.0, 1.0),
        (rect.right_top(), -1.0, 1.0),
        (rect.right_bottom(), -1.0, -1.0),
        (rect.left_bottom(), 1.0, -1.0),
    ];
    for (corner, x, y) in corners {
        let mut mesh = egui::Mesh::default();
        mesh.colored_vertex(corner, ground);
        for step in 0..=STEPS {
            let (sin, cos) = (step as f32 / STEPS as f32 * std::f32::consts::FRAC_PI_2).sin_cos();
            mesh.colored_vertex(corner + vec2(x * radius * (1.0 - cos), y * radius * (1.0 - sin)), ground);
            if step > 0 {
                mesh.add_triangle(0, step as u32, step as u32 + 1);
            }
        }
        ui.painter().add(mesh);
    }
}

/// The two meters with their marks.
pub(super) fn meters(ui: &mut Ui, cx: &Cx<'_>, width: f32) {
    let level = &cx.state.studio.level;
    ui.vertical(|ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing.y = 3.0;
        for (side, key) in [(0, "studio-left"), (1, "studio-right")] {
            meter::show(ui, cx.theme, &cx.text(key), (level.peak[side], level.loudness[side]), width);
        }
        meter::scale(ui, cx.theme, width);
    });
}

/// The loudest moment in words.
pub(super) fn peak(ui: &mut Ui, cx: &Cx<'_>) {
    let peak = cx.state.studio.level.peak[0].max(cx.state.studio.level.peak[1]);
    let words = if peak > -60.0 {
        let value = cx.words.unit("decibels", &cx.words.numbers().signed(peak));
        cx.words.fill("studio-peak", "value", &value)
    } else {
        cx.text("studio-peak-silent")
    };
    let color = if peak > -3.0 { cx.theme.colors.live } else { cx.theme.colors.quiet };
    text::line(ui, cx.theme, &words, Type::Small, Weight::Regular, color);
}

/// A look and a listen at what is chosen, away from the studio.
#[derive(Default)]
pub(super) struct Check {
    surface: Surface,
    wanted: bool,
}

impl Check {
    /// Whether the preview was seen since [`Check::rest`]: what was once opened stays open, lest a camera blink on and off
    /// while somebody scrolls.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Nobody looks any more.
    pub(super) fn rest(&mut self) {
        self.wanted = false;
        self.surface.clear();
    }

    /// Draws the picture at the left and the meters beside it.
    pub(super) fn show(&mut self, ui: &mut Ui, cx: &Cx<'_>, ground: Color32) {
        let feed = cx.state.studio.preview.as_ref();
        if feed.is_none() {
            self.surface.clear();
        }
        let room = ui.available_width();
        let width = (room * 0.5).min(288.0 * cx.theme.growth());
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(width, width * 9.0 / 16.0), Sense::hover());
            if ui.is_rect_visible(rect) {
                self.wanted = true;
                self.surface.update(ui, feed);
                picture(ui, cx, &self.surface, rect, ground);
            }
            ui.add_space(space::L);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = space::S;
                text::quiet(ui, cx.theme, &cx.text("preview-sound"));
                let width = (ui.available_width() - space::S).clamp(120.0, 320.0 * cx.theme.growth());
                meters(ui, cx, width);
                peak(ui, cx);
                if let Some(problem) = &cx.state.studio.device {
                    ui.horizontal_top(|ui| {
                        let font = cx.theme.icon(16.0, true);
                        ui.label(egui::RichText::new(icon::WARNING).font(font).color(cx.theme.colors.warn));
                        text::body(ui, cx.theme, &problem::sentence(cx.words, problem));
                    });
                }
            });
        });
    }
}

/// Choices for a list that opens, which has no icons.
pub(super) fn named<T: Clone>(all: &[Choice<T>]) -> Vec<(T, String)> {
    all.iter().map(|(value, _, name)| (value.clone(), name.clone())).collect()
}
