//! A button that must be held, for what nobody should do by mistake.

use std::time::{Duration, Instant};

use egui::{Color32, Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::button::focus_ring;
use super::text;
use crate::theme::{self, Theme, Type, Weight, space};

/// What became of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldOutcome {
    /// Nothing, or not yet.
    Nothing,
    /// Held long enough.
    Held,
    /// Pressed by keyboard or screen reader, which cannot hold: ask.
    Asked,
}

/// A button that fills while it is held.
pub struct Hold<'a> {
    /// What it does, such as "Hold to end".
    pub label: &'a str,
    /// How to do it without holding, for the tooltip.
    pub hint: &'a str,
    /// Its icon.
    pub icon: &'a str,
    /// Its width.
    pub width: f32,
}

impl Hold<'_> {
    /// Draws it.
    pub fn show(self, ui: &mut Ui, theme: &Theme, now: Instant) -> HoldOutcome {
        let (rect, response) =
            ui.allocate_exact_size(vec2(self.width, theme.primary_height()), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, self.label));
        // A press that lasts is no click any more to egui, but a drag.
        let held = track(ui, response.id, response.is_pointer_button_down_on() || response.dragged(), now);
        let share = held.as_secs_f32() / theme::hold().as_secs_f32();
        let colors = theme.colors;
        let corners = theme.control_corners();
        ui.painter().rect_filled(
            rect,
            corners,
            colors.live.lerp_to_gamma(colors.ground, if response.hovered() { 0.12 } else { 0.0 }),
        );
        if share > 0.0 {
            let done = Rect::from_min_max(rect.min, pos2(rect.left() + rect.width() * share.min(1.0), rect.bottom()));
            ui.painter().with_clip_rect(done).rect_filled(rect, corners, colors.live.lerp_to_gamma(colors.text, 0.35));
        }
        let icon = ui.painter().layout_no_wrap(self.icon.to_owned(), theme.icon(20.0, true), Color32::PLACEHOLDER);
        let words =
            text::layout(ui, theme, self.label, (Type::Body, Weight::Strong), Color32::PLACEHOLDER, self.width, 1);
        let content = icon.size().x + space::S + words.size().x;
        let mut x = rect.center().x - content / 2.0;
        for galley in [icon, words] {
            let at = pos2(x, rect.center().y - galley.size().y / 2.0);
            x += galley.size().x + space::S;
            ui.painter().galley(at.round(), galley, colors.on_live);
        }
        if response.has_focus() {
            focus_ring(ui, theme, rect, false);
        }
        // A click by pointer is a hold given up; any other click has no length.
        let by_pointer = response.interact_pointer_pos().is_some();
        let clicked = response.clicked();
        response.on_hover_text(self.hint);
        match (share >= 1.0, clicked && !by_pointer) {
            (true, _) => HoldOutcome::Held,
            (false, true) => HoldOutcome::Asked,
            (false, false) => HoldOutcome::Nothing,
        }
    }
}

#[derive(Clone, Copy)]
struct Press(Instant, bool);

/// How long the button has been held; zero once it was held long enough, until it is let go.
fn track(ui: &Ui, id: Id, down: bool, now: Instant) -> Duration {
    if !down {
        ui.data_mut(|data| data.remove::<Press>(id));
        return Duration::ZERO;
    }
    ui.ctx().request_repaint();
    ui.data_mut(|data| {
        let press = data.get_temp_mut_or_insert_with(id, || Press(now, false));
        let held = now.saturating_duration_since(press.0);
        if press.1 {
            return Duration::ZERO;
        }
        press.1 = held >= theme::hold();
        held
    })
}
