//! Messages at the foot of the window, at the left.

use egui::{Align2, Area, Context, Frame, Id, Margin, Order, Stroke, vec2};

use crate::command::Command;
use crate::i18n::Value;
use crate::state::{Notice, Severity};
use crate::theme::{Type, Weight, space};
use crate::widget::{Button, Kind, icon, text};

use super::{Cx, problem};

const WIDTH: f32 = 340.0;

pub(super) fn show(ctx: &Context, cx: &mut Cx<'_>, free: egui::Vec2) {
    let state = cx.state;
    if state.toasts.iter().next().is_none() {
        return;
    }
    if let Some(next) = state.toasts.next_expiry() {
        ctx.request_repaint_after(next.saturating_duration_since(cx.clock.now));
    }
    let area = Area::new(Id::unique("toasts"))
        .order(Order::Foreground)
        .anchor(Align2::LEFT_BOTTOM, vec2(free.x + space::L, -free.y - space::L));
    area.show(ctx, |ui| {
        ui.set_width(WIDTH * cx.theme.growth() + 2.0 * space::M);
        ui.spacing_mut().item_spacing.y = space::S;
        for toast in state.toasts.iter() {
            let (theme, colors) = (cx.theme, cx.theme.colors);
            let (glyph, color) = match toast.notice.severity() {
                Severity::Info => (icon::INFO, colors.accent),
                Severity::Good => (icon::CHECK_CIRCLE, colors.good),
                Severity::Warn => (icon::WARNING, colors.warn),
                Severity::Error => (icon::WARNING_CIRCLE, colors.live),
            };
            let frame = Frame::new()
                .fill(colors.surface)
                .stroke(Stroke::new(1.0, colors.line))
                .corner_radius(theme.card_corners())
                .shadow(ui.visuals().popup_shadow)
                .inner_margin(Margin::same(space::M as i8));
            let shown = frame.show(ui, |ui| {
                ui.set_width(WIDTH * theme.growth());
                ui.horizontal_top(|ui| {
                    ui.label(egui::RichText::new(glyph).font(theme.icon(20.0, true)).color(color));
                    ui.vertical(|ui| {
                        ui.set_width(ui.available_width() - theme.control_height() - space::S);
                        let mut words = problem::notice(cx.words, &toast.notice);
                        if toast.times > 1 {
                            let times = toast.times.to_string();
                            words = format!("{words}  {}", cx.words.with("times", &[("count", Value::Text(&times))]));
                        }
                        ui.add(
                            egui::Label::new(text::rich(theme, words, Type::Body, Weight::Regular, colors.text)).wrap(),
                        );
                        let step = match &toast.notice {
                            Notice::Problem(problem) => problem::next(cx, problem),
                            _ => None,
                        };
                        if let Some((key, step)) = step
                            && Button::new(&cx.text(key))
                                .kind(Kind::Plain)
                                .tint(colors.accent)
                                .show(ui, theme)
                                .clicked()
                        {
                            problem::take(cx, step);
                            cx.send(Command::DismissToast(toast.id));
                        }
                    });
                    if Button::icon(icon::X, &cx.text("dismiss")).show(ui, theme).clicked() {
                        cx.send(Command::DismissToast(toast.id));
                    }
                });
            });
            ctx.accesskit_node_builder(shown.response.id, |node| {
                let urgent = toast.notice.severity() == Severity::Error;
                node.set_role(if urgent { egui::Role::Alert } else { egui::Role::Status });
                node.set_live(if urgent { egui::accesskit::Live::Assertive } else { egui::accesskit::Live::Polite });
            });
        }
    });
}
