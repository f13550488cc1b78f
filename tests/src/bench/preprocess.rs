//! Processor time of the transforms between a source and the encoder.

use anyhow::{Context, Result};
use runnel_media::format::{Size, WallClock};
use runnel_media::preprocess::{Adjust, Preprocessor, VideoChain};
use runnel_media::testing::test_picture;

use super::usage::cpu_seconds;
use super::{Bound, Table};

const FRAMES: u32 = 120;
const FPS: u32 = 30;

/// 720p pictures scaled, and adjusted in brightness, contrast and saturation.
pub(super) fn pictures(table: &mut Table) -> Result<()> {
    let source = Size::new(1280, 720)?;
    let pictures: Vec<_> = (0..FRAMES).map(|number| test_picture(number, source, FPS, WallClock::default())).collect();
    let dim = Adjust { brightness: 0.1, contrast: 1.1, saturation: 0.9 };
    let cases = [
        ("to 640x360", (640, 360), Adjust::default()),
        ("to 854x480", (854, 480), Adjust::default()),
        ("to 1920x1080", (1920, 1080), Adjust::default()),
        ("adjusted", (1280, 720), dim),
        ("to 640x360, adjusted", (640, 360), dim),
    ];
    for (name, (width, height), adjust) in cases {
        let size = Size::new(width, height)?;
        let mut preprocessor = Preprocessor::new(VideoChain { adjust, ..VideoChain::new(size, FPS) });
        let spent = cpu_seconds(|| {
            for picture in &pictures {
                preprocessor.process(picture.clone()).context("every picture passes")?;
            }
            Ok(())
        })?;
        table.add(
            "preprocess",
            format!("1280x720 {name}, CPU ms a frame"),
            spent * 1e3 / f64::from(FRAMES),
            Bound::None,
        );
    }
    Ok(())
}
