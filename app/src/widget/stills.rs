//! Stills as textures, kept while they are shown.

use std::collections::HashMap;
use std::sync::Arc;

use egui::epaint::RectShape;
use egui::{Color32, Context, CornerRadius, Painter, Rect, TextureHandle, TextureOptions, Vec2, pos2};

use crate::state::Picture;

/// Textures of stills that were drawn in this or the last pass.
#[derive(Default)]
pub struct Stills {
    textures: HashMap<usize, Entry>,
    pass: u64,
}

struct Entry {
    texture: TextureHandle,
    // Keeps the pixels' address from being given to another still.
    _picture: Picture,
    used: u64,
}

impl Stills {
    /// Forgets what was not drawn in the last pass.
    pub fn begin_pass(&mut self) {
        self.pass += 1;
        self.textures.retain(|_, entry| entry.used + 1 >= self.pass);
    }

    /// Draws a still so that it fills a rectangle, cut where its shape differs.
    pub fn paint(
        &mut self,
        ctx: &Context,
        painter: &Painter,
        picture: &Picture,
        rect: Rect,
        corners: CornerRadius,
        tint: Color32,
    ) {
        let pass = self.pass;
        let key = Arc::as_ptr(picture.image()) as usize;
        let entry = self.textures.entry(key).or_insert_with(|| Entry {
            texture: ctx.load_texture("still", picture.image().clone(), TextureOptions::LINEAR),
            _picture: picture.clone(),
            used: pass,
        });
        entry.used = pass;
        let uv = cover(entry.texture.size_vec2(), rect.size());
        painter.add(RectShape::filled(rect, corners, tint).with_texture(entry.texture.id(), uv));
    }
}

/// The middle part of a picture that has the shape of its place.
fn cover(picture: Vec2, place: Vec2) -> Rect {
    let (picture, place) = (picture.x / picture.y, place.x / place.y);
    let (width, height) = if picture > place { (place / picture, 1.0) } else { (1.0, picture / place) };
    Rect::from_center_size(pos2(0.5, 0.5), Vec2::new(width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_shown() {
        assert_eq!(cover(Vec2::new(16.0, 9.0), Vec2::new(32.0, 18.0)).size(), Vec2::splat(1.0));
        assert_eq!(cover(Vec2::new(2.0, 1.0), Vec2::new(1.0, 1.0)).size(), Vec2::new(0.5, 1.0));
        assert_eq!(cover(Vec2::new(1.0, 2.0), Vec2::new(1.0, 1.0)).size(), Vec2::new(1.0, 0.5));
    }
}
