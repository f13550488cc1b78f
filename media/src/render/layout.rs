//! Where a picture goes in an area of another shape.

use crate::format::Size;

/// A rectangle in physical pixels; it may lie partly outside of its target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// How a picture fills an area of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// The whole picture, with bars.
    #[default]
    Contain,
    /// The whole area, cutting the picture; the caller's scissor rectangle cuts it.
    Cover,
    /// The whole area, bending the picture.
    Stretch,
}

/// The rectangle a picture takes within an area.
pub fn letterbox(picture: Size, area: Area, fit: Fit) -> Area {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let (across, down) = (area.width / width, area.height / height);
    let scale = match fit {
        Fit::Contain => across.min(down),
        Fit::Cover => across.max(down),
        Fit::Stretch => return area,
    };
    let (width, height) = (width * scale, height * scale);
    Area { x: area.x + (area.width - width) / 2.0, y: area.y + (area.height - height) / 2.0, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_shape() {
        let picture = Size::new(640, 360).expect("legal");
        let area = Area { x: 10.0, y: 20.0, width: 640.0, height: 480.0 };
        let inside = letterbox(picture, area, Fit::Contain);
        assert_eq!(inside, Area { x: 10.0, y: 80.0, width: 640.0, height: 360.0 });
        let over = letterbox(picture, Area { width: 320.0, height: 360.0, ..area }, Fit::Cover);
        assert_eq!(over, Area { x: -150.0, y: 20.0, width: 640.0, height: 360.0 });
        assert_eq!(letterbox(picture, area, Fit::Stretch), area);
    }
}
