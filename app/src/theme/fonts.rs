//! The bundled fonts; the system's fonts fill in for everything they lack.

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily};

use super::{FILLED, STRONG};

const FONTS: [(&str, &[u8]); 6] = [
    ("Inter", include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
    ("Inter strong", include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
    ("Noto Sans SC", include_bytes!("../../../assets/fonts/NotoSansSC-Regular.otf")),
    ("Noto Sans SC strong", include_bytes!("../../../assets/fonts/NotoSansSC-Bold.otf")),
    ("Phosphor", include_bytes!("../../../assets/fonts/Phosphor.ttf")),
    ("Phosphor filled", include_bytes!("../../../assets/fonts/Phosphor-Fill.ttf")),
];

/// Gives egui our fonts.
pub fn install_fonts(ctx: &Context) {
    ctx.set_fonts(definitions());
}

/// All fonts, and which are used for what.
pub(crate) fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    for (name, bytes) in FONTS {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let built_in = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let mut family = |family: FontFamily, ours: &[&str]| {
        let list = ours.iter().map(|name| (*name).to_owned()).chain(built_in.iter().cloned()).collect();
        fonts.families.insert(family, list);
    };
    family(FontFamily::Proportional, &["Inter", "Noto Sans SC", "Phosphor"]);
    family(FontFamily::Name(STRONG.into()), &["Inter strong", "Noto Sans SC strong", "Phosphor"]);
    family(FontFamily::Name(FILLED.into()), &["Phosphor filled", "Inter"]);
    family(FontFamily::Monospace, &["Inter", "Noto Sans SC", "Phosphor"]);
    fonts
}
