//! Chat messages flying over the picture.

use std::sync::Arc;
use std::time::Duration;

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, Galley, Rect, Ui, pos2, vec2};

use crate::state::{WatchPhase, WatchState};
use crate::theme::{Type, Weight, space};
use crate::ui::Cx;

use super::WatchView;

/// Time between two passes while comments fly and nothing else asks for one.
const STEP: Duration = Duration::from_millis(16);

/// Gives new messages to the barrage and draws what flies. It is for the eyes only: screen readers have the chat.
pub(super) fn show(ui: &Ui, cx: &Cx<'_>, view: &mut WatchView, watch: &WatchState, picture: Rect) {
    let settings = &cx.state.settings;
    let new = watch.chat.received.saturating_sub(view.flown) as usize;
    view.flown = watch.chat.received;
    if !settings.barrage || settings.reduced_motion {
        view.barrage.clear();
        return;
    }
    let old = watch.chat.messages.len().saturating_sub(new);
    for message in watch.chat.messages.iter().skip(old) {
        view.barrage.push(&message.text, message.own);
    }
    let suits = (picture.height() / 22.0).clamp(cx.theme.size(Type::Body), 2.0 * cx.theme.size(Type::Lead));
    let size = suits * settings.barrage_size;
    let lane = size * 1.6;
    let lanes = ((picture.height() * settings.barrage_area / lane).floor() as usize).max(1);
    view.barrage.set_stage(picture.width(), lanes);
    view.barrage.set_speed(settings.barrage_speed);
    view.barrage.advance(cx.clock.now, watch.phase == WatchPhase::Playing);
    view.barrage.admit(|text| galley(ui, cx, text, size, Color32::WHITE).size().x);

    let painter = ui.painter().with_clip_rect(picture.intersect(ui.clip_rect()));
    for (x, comment) in view.barrage.flying() {
        let at = pos2(picture.left() + x, picture.top() + space::S + comment.lane as f32 * lane);
        let color = cx.theme.picture.text.gamma_multiply(settings.barrage_opacity);
        let edge = cx.theme.picture.outline.gamma_multiply(settings.barrage_opacity);
        let words = galley(ui, cx, &comment.text, size, Color32::PLACEHOLDER);
        for offset in [vec2(-1.0, 0.0), vec2(1.0, 0.0), vec2(0.0, -1.0), vec2(0.0, 1.0)] {
            painter.galley_with_override_text_color(at + offset, words.clone(), edge);
        }
        painter.galley_with_override_text_color(at, words.clone(), color);
        if comment.own {
            let line = at.y + words.size().y;
            painter.hline(at.x..=at.x + words.size().x, line, egui::Stroke::new(2.0, cx.theme.picture.accent));
        }
    }
    if view.barrage.is_busy() && watch.phase == WatchPhase::Playing {
        ui.ctx().request_repaint_after(STEP);
    }
}

fn galley(ui: &Ui, cx: &Cx<'_>, text: &str, size: f32, color: Color32) -> Arc<Galley> {
    let font_id = egui::FontId { size, ..cx.theme.font(Type::Body, Weight::Strong) };
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat { font_id, color, ..TextFormat::default() });
    job.wrap.max_width = f32::INFINITY;
    job.wrap.max_rows = 1;
    ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
}
