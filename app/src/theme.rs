//! The look: tokens from `assets/theme.ron`, and egui dressed in them.
//!
//! Screens use nothing but what is here; a colour or size written anywhere else is a mistake.

use std::sync::LazyLock;
use std::time::Duration;

use egui::{Color32, CornerRadius, FontFamily, FontId};
use serde::{Deserialize, Deserializer, de};

#[cfg(test)]
pub(crate) use self::fonts::definitions;
pub use self::fonts::install_fonts;
pub use self::style::dress;

mod fonts;
mod style;

/// Space between things, in points.
pub mod space {
    /// Between parts of one thing.
    pub const XS: f32 = 4.0;
    /// Between things that belong together.
    pub const S: f32 = 8.0;
    /// Inside controls and cards.
    pub const M: f32 = 12.0;
    /// Between groups.
    pub const L: f32 = 16.0;
    /// Around a page.
    pub const XL: f32 = 24.0;
    /// Between sections.
    pub const XXL: f32 = 32.0;
}

/// Colours of one theme.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Palette {
    /// The window.
    #[serde(deserialize_with = "color")]
    pub ground: Color32,
    /// Cards and panels.
    #[serde(deserialize_with = "color")]
    pub surface: Color32,
    /// Menus, inputs, hover.
    #[serde(deserialize_with = "color")]
    pub raised: Color32,
    /// Dividers.
    #[serde(deserialize_with = "color")]
    pub line: Color32,
    /// Titles and text.
    #[serde(deserialize_with = "color")]
    pub text: Color32,
    /// Labels.
    #[serde(deserialize_with = "color")]
    pub quiet: Color32,
    /// Hints.
    #[serde(deserialize_with = "color")]
    pub faint: Color32,
    /// The one primary action, focus, selection.
    #[serde(deserialize_with = "color")]
    pub accent: Color32,
    /// Text and icons laid on the accent.
    #[serde(deserialize_with = "color")]
    pub on_accent: Color32,
    /// On air, record, errors.
    #[serde(deserialize_with = "color")]
    pub live: Color32,
    /// Text and icons laid on the live colour.
    #[serde(deserialize_with = "color")]
    pub on_live: Color32,
    /// Works, but worse than it should.
    #[serde(deserialize_with = "color")]
    pub warn: Color32,
    /// Works.
    #[serde(deserialize_with = "color")]
    pub good: Color32,
}

/// Colours of what lies on a picture, the same in both themes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureColors {
    /// Behind a picture that does not fill its place.
    #[serde(deserialize_with = "color")]
    pub ground: Color32,
    /// Under words and controls.
    #[serde(deserialize_with = "color")]
    pub scrim: Color32,
    /// Words and icons.
    #[serde(deserialize_with = "color")]
    pub text: Color32,
    /// Lesser words.
    #[serde(deserialize_with = "color")]
    pub quiet: Color32,
    /// The live badge.
    #[serde(deserialize_with = "color")]
    pub live: Color32,
    /// Words on the live badge.
    #[serde(deserialize_with = "color")]
    pub on_live: Color32,
    /// Focus and sliders.
    #[serde(deserialize_with = "color")]
    pub accent: Color32,
    /// Around comments that fly over the picture.
    #[serde(deserialize_with = "color")]
    pub outline: Color32,
}

/// Sizes of text, in points at 100 %.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    small: f32,
    body: f32,
    lead: f32,
    title: f32,
    display: f32,
}

/// Corner radii, in points.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Radius {
    control: u8,
    card: u8,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heights {
    hit: f32,
    control: f32,
    primary: f32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Widths {
    rail: f32,
    rail_wide: f32,
    side: f32,
    card: f32,
    page: f32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Motion {
    panels: u64,
    controls_stay: u64,
    skeleton_after: u64,
    words_after: u64,
    hold: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    dark: Palette,
    light: Palette,
    picture: PictureColors,
    sizes: Sizes,
    radius: Radius,
    heights: Heights,
    widths: Widths,
    motion: Motion,
}

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    ron::from_str(include_str!("../../assets/theme.ron")).expect("theme.ron is part of the program and tested")
});

fn color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Color32, D::Error> {
    let text = String::deserialize(deserializer)?;
    Color32::from_hex(&text)
        .map_err(|_| de::Error::custom(format!("invalid color {text:?} (expected #RRGGBB or #RRGGBBAA)")))
}

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Hints and badges.
    Small,
    /// Everything one reads.
    Body,
    /// A sentence that matters.
    Lead,
    /// The title of a page or group.
    Title,
    /// The one big sentence of an empty page.
    Display,
}

/// How strong a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    /// Regular.
    Regular,
    /// Semibold.
    Strong,
}

/// The family of semibold text.
pub const STRONG: &str = "strong";
/// The family of filled icons.
pub const FILLED: &str = "filled";

/// The look of one pass: a theme's colours at a text scale.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Colours.
    pub colors: &'static Palette,
    /// Colours of what lies on a picture.
    pub picture: &'static PictureColors,
    /// Whether it is the dark one.
    pub dark: bool,
    scale: f32,
}

impl Theme {
    /// The look of a theme at a text scale (1 is 100 %).
    pub fn new(dark: bool, scale: f32) -> Self {
        let colors = if dark { &TOKENS.dark } else { &TOKENS.light };
        Self { colors, picture: &TOKENS.picture, dark, scale }
    }

    /// Size of a text in points.
    pub fn size(&self, of: Type) -> f32 {
        let sizes = &TOKENS.sizes;
        let base = match of {
            Type::Small => sizes.small,
            Type::Body => sizes.body,
            Type::Lead => sizes.lead,
            Type::Title => sizes.title,
            Type::Display => sizes.display,
        };
        base * self.scale
    }

    /// Height of one line of a text, the same for every script.
    pub fn line(&self, of: Type) -> f32 {
        (self.size(of) * 1.4).round()
    }

    /// The font of a text.
    pub fn font(&self, of: Type, weight: Weight) -> FontId {
        let family = match weight {
            Weight::Regular => FontFamily::Proportional,
            Weight::Strong => FontFamily::Name(STRONG.into()),
        };
        FontId::new(self.size(of), family)
    }

    /// The font of an icon of so many points, outlined or filled.
    pub fn icon(&self, points: f32, filled: bool) -> FontId {
        let family = if filled { FontFamily::Name(FILLED.into()) } else { FontFamily::Proportional };
        FontId::new(points * self.growth(), family)
    }

    /// How much things that hold text grow with it: less than the text, or nothing would fit.
    pub fn growth(&self) -> f32 {
        1.0 + (self.scale - 1.0) * 0.6
    }

    /// Height of a control.
    pub fn control_height(&self) -> f32 {
        TOKENS.heights.control * self.growth()
    }

    /// Height of a primary action.
    pub fn primary_height(&self) -> f32 {
        TOKENS.heights.primary * self.growth()
    }

    /// Smallest side of anything that can be hit.
    pub fn hit(&self) -> f32 {
        TOKENS.heights.hit
    }

    /// Width of the rail, narrow or wide.
    pub fn rail_width(&self, wide: bool) -> f32 {
        if wide { TOKENS.widths.rail_wide * self.growth() } else { TOKENS.widths.rail }
    }

    /// Width of a side panel.
    pub fn side_width(&self) -> f32 {
        TOKENS.widths.side * (1.0 + (self.scale - 1.0) * 0.3)
    }

    /// Smallest width of a card in the grid.
    pub fn card_width(&self) -> f32 {
        TOKENS.widths.card * self.growth()
    }

    /// Widest a page of text gets.
    pub fn page_width(&self) -> f32 {
        TOKENS.widths.page * self.growth()
    }

    /// Corners of controls.
    pub fn control_corners(&self) -> CornerRadius {
        CornerRadius::same(TOKENS.radius.control)
    }

    /// Corners of cards and pictures.
    pub fn card_corners(&self) -> CornerRadius {
        CornerRadius::same(TOKENS.radius.card)
    }
}

/// How long hover and panels take to move.
pub fn panel_motion() -> Duration {
    Duration::from_millis(TOKENS.motion.panels)
}

/// How long controls over the picture stay without the pointer.
pub fn controls_stay() -> Duration {
    Duration::from_millis(TOKENS.motion.controls_stay)
}

/// How long nothing at all is shown for something that loads.
pub fn skeleton_after() -> Duration {
    Duration::from_millis(TOKENS.motion.skeleton_after)
}

/// How long a picture stands still before words say so.
pub fn words_after() -> Duration {
    Duration::from_millis(TOKENS.motion.words_after)
}

/// How long a button must be held that ends something.
pub fn hold() -> Duration {
    Duration::from_millis(TOKENS.motion.hold)
}

/// Contrast of two opaque colours by WCAG 2, 1 to 21.
pub fn contrast(one: Color32, other: Color32) -> f32 {
    let luminance = |color: Color32| {
        let [r, g, b] = [color.r(), color.g(), color.b()].map(|channel| {
            let value = f32::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, front: Color32, back: Color32, least: f32) {
        let contrast = contrast(front, back);
        assert!(contrast >= least, "{name}: {front:?} on {back:?} has contrast {contrast:.2} (expected {least})");
    }

    #[test]
    fn text_and_icons_can_be_read() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.01);
        for (theme, p) in [("dark", &TOKENS.dark), ("light", &TOKENS.light)] {
            for (ground, back) in [("ground", p.ground), ("surface", p.surface), ("raised", p.raised)] {
                for (text, front) in [("text", p.text), ("quiet", p.quiet), ("faint", p.faint)] {
                    check(&format!("{theme} {text} on {ground}"), front, back, 4.5);
                }
                // Their words are health sentences and badges: real text.
                for (text, front) in [("accent", p.accent), ("live", p.live), ("warn", p.warn), ("good", p.good)] {
                    check(&format!("{theme} {text} on {ground}"), front, back, 4.5);
                }
            }
            check(&format!("{theme} on accent"), p.on_accent, p.accent, 4.5);
            check(&format!("{theme} on live"), p.on_live, p.live, 4.5);
        }
        let p = &TOKENS.picture;
        // The worst picture is a white one, seen through the scrim.
        let a = f32::from(p.scrim.a()) / 255.0;
        let through = |channel: u8| (f32::from(channel) + 255.0 * (1.0 - a)).min(255.0) as u8;
        let worst = Color32::from_rgb(through(p.scrim.r()), through(p.scrim.g()), through(p.scrim.b()));
        check("text on scrim", p.text, worst, 4.5);
        check("quiet on scrim", p.quiet, worst, 4.5);
        check("on live", p.on_live, p.live, 4.5);
        check("accent on scrim", p.accent, worst, 3.0);
    }
}
