//! egui's own widgets in our tokens.

use egui::epaint::Shadow;
use egui::style::{HandleShape, NumericColorSpace, ScrollStyle, Selection, WidgetVisuals, Widgets};
use egui::{Color32, Context, Margin, Stroke, Style, TextStyle, Vec2, Visuals, vec2};

use super::{Palette, Theme, Type, Weight, panel_motion, space};

/// Dresses egui in both themes at a text scale, and stills what moves if wished.
pub fn dress(ctx: &Context, scale: f32, reduced_motion: bool) {
    for dark in [true, false] {
        let theme = Theme::new(dark, scale);
        let which = if dark { egui::Theme::Dark } else { egui::Theme::Light };
        ctx.set_style_of(which, style(&theme, reduced_motion));
    }
}

fn style(theme: &Theme, reduced_motion: bool) -> Style {
    let mut style = Style { visuals: visuals(theme), ..Style::default() };
    let text = |of| theme.font(of, Weight::Regular);
    style.text_styles = [
        (TextStyle::Small, text(Type::Small)),
        (TextStyle::Body, text(Type::Body)),
        (TextStyle::Button, text(Type::Body)),
        (TextStyle::Monospace, text(Type::Body)),
        (TextStyle::Heading, theme.font(Type::Title, Weight::Strong)),
    ]
    .into();
    style.animation_time = if reduced_motion { 0.0 } else { panel_motion().as_secs_f32() };
    style.scroll_animation = if reduced_motion { egui::style::ScrollAnimation::none() } else { style.scroll_animation };
    style.explanation_tooltips = false;
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style.interaction.interact_radius = 0.0;

    let spacing = &mut style.spacing;
    let height = theme.control_height();
    spacing.item_spacing = Vec2::splat(space::S);
    spacing.button_padding = vec2(space::M, ((height - theme.size(Type::Body) * 1.3) / 2.0).max(space::XS));
    spacing.interact_size = vec2(theme.hit(), height);
    spacing.window_margin = Margin::same(space::L as i8);
    spacing.menu_margin = Margin::symmetric(space::S as i8, 6);
    spacing.combo_width = 160.0;
    spacing.combo_height = 320.0;
    spacing.slider_width = 160.0;
    spacing.slider_rail_height = 4.0;
    spacing.icon_width = 20.0;
    spacing.icon_width_inner = 12.0;
    spacing.icon_spacing = space::S;
    spacing.tooltip_width = 320.0;
    spacing.scroll = ScrollStyle { bar_width: 8.0, floating_width: 4.0, ..ScrollStyle::floating() };
    style
}

fn visuals(theme: &Theme) -> Visuals {
    let Palette { ground, surface, raised, line, text, quiet, accent, .. } = *theme.colors;
    let mut visuals = if theme.dark { Visuals::dark() } else { Visuals::light() };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(quiet);
    visuals.widgets = widgets(theme);
    visuals.selection = Selection { bg_fill: blend(surface, accent, 0.35), stroke: Stroke::new(1.0, text) };
    visuals.hyperlink_color = accent;
    visuals.faint_bg_color = surface;
    visuals.extreme_bg_color = raised;
    visuals.text_edit_bg_color = Some(raised);
    visuals.code_bg_color = raised;
    visuals.warn_fg_color = theme.colors.warn;
    visuals.error_fg_color = theme.colors.live;
    visuals.window_corner_radius = theme.card_corners();
    visuals.menu_corner_radius = theme.control_corners();
    visuals.window_fill = raised;
    visuals.panel_fill = ground;
    visuals.window_stroke = Stroke::new(1.0, line);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(96) };
    visuals.popup_shadow = Shadow { offset: [0, 4], blur: 12, spread: 0, color: Color32::from_black_alpha(64) };
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = HandleShape::Circle;
    visuals.interact_cursor = None;
    visuals.numeric_color_space = NumericColorSpace::GammaByte;
    visuals.text_cursor.stroke = Stroke::new(2.0, accent);
    visuals
}

fn widgets(theme: &Theme) -> Widgets {
    let Palette { surface, raised, line, text, quiet, accent, .. } = *theme.colors;
    let look = |fill: Color32, edge: Stroke, front: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: edge,
        corner_radius: theme.control_corners(),
        fg_stroke: Stroke::new(1.0, front),
        expansion: 0.0,
    };
    let hovered = blend(raised, text, 0.08);
    Widgets {
        noninteractive: look(surface, Stroke::new(1.0, line), text),
        inactive: look(raised, Stroke::NONE, text),
        hovered: look(hovered, Stroke::NONE, text),
        // Also how a focused widget looks: the ring is the accent.
        active: look(hovered, Stroke::new(2.0, accent), text),
        open: look(hovered, Stroke::new(1.0, quiet), text),
    }
}

/// A colour between two opaque ones.
pub(crate) fn blend(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share)
}
