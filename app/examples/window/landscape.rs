//! Landscapes in flat colours, as stills and as pictures of a broadcast.

use runnel::state::{Feed, Picture};
use runnel_media::format::{ColorSpace, Size, Timestamp, WallClock};
use runnel_media::frame::VideoFrame;
use runnel_media::slot::slot;

/// A small landscape in flat colours.
pub(crate) fn still(seed: usize) -> Option<Picture> {
    let (width, height) = (320, 180);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend_from_slice(&landscape(seed, x as f32 / width as f32, y as f32 / height as f32));
        }
    }
    Picture::from_rgb(width, height, &rgb)
}

fn landscape(seed: usize, x: f32, y: f32) -> [u8; 3] {
    const SKIES: [([u8; 3], [u8; 3], [u8; 3]); 5] = [
        ([244, 178, 120], [92, 70, 96], [38, 34, 58]),
        ([120, 176, 214], [58, 104, 92], [28, 52, 58]),
        ([206, 214, 220], [116, 132, 122], [62, 74, 70]),
        ([64, 58, 110], [44, 36, 76], [18, 16, 36]),
        ([236, 206, 150], [170, 108, 70], [88, 50, 44]),
    ];
    let (sky, hill, near) = SKIES[seed % SKIES.len()];
    let phase = seed as f32;
    let far = 0.58 + 0.08 * (x * 5.0 + phase).sin() + 0.03 * (x * 13.0 + phase * 2.0).sin();
    let front = 0.78 + 0.06 * (x * 3.0 + phase * 1.7).cos();
    let sun = (x - 0.2 - 0.13 * (seed % 5) as f32).hypot((y - 0.3) * 0.5625) < 0.06;
    if y > front {
        near
    } else if y > far {
        hill
    } else if sun {
        [252, 240, 214]
    } else {
        sky.map(|channel| (f32::from(channel) * (0.86 + 0.14 * (y * 6.0).floor() / 4.0)).min(255.0) as u8)
    }
}

/// A feed with one picture in it.
pub(crate) fn feed() -> Feed {
    let (sender, receiver) = slot();
    sender.send(frame(0)).expect("the receiver is here");
    Feed::waking(receiver)
}

/// A picture.
pub(crate) fn frame(seed: usize) -> VideoFrame {
    let size = Size::new(640, 360).expect("a legal size");
    let (width, height) = (size.width() as usize, size.height() as usize);
    let mut planes = [vec![0; width * height], vec![0; width * height / 4], vec![0; width * height / 4]];
    for y in 0..height {
        for x in 0..width {
            let [r, g, b] = landscape(seed, x as f32 / width as f32, y as f32 / height as f32).map(f32::from);
            let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
            planes[0][y * width + x] = (16.0 + luma * 219.0 / 255.0) as u8;
            if x % 2 == 0 && y % 2 == 0 {
                let at = y / 2 * (width / 2) + x / 2;
                planes[1][at] = (128.0 + (b - luma) / 1.8556 * 224.0 / 255.0) as u8;
                planes[2][at] = (128.0 + (r - luma) / 1.5748 * 224.0 / 255.0) as u8;
            }
        }
    }
    VideoFrame::from_i420(Timestamp::ZERO, WallClock::default(), size, ColorSpace::default(), planes)
}
