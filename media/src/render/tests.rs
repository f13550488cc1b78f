//! What the GPU draws against what the CPU computes.

use super::offscreen::Offscreen;
use super::*;
use crate::format::{ColorSpace, Matrix, Range, Timestamp, WallClock};
use crate::frame::{Plane, PlaneData};

/// A picture with every luma code and many chroma codes, rows padded like a decoder's.
fn picture(size: Size, color: ColorSpace, depth: u8) -> VideoFrame {
    let largest = (1_u32 << depth) - 1;
    let plane = |index: usize| {
        let (width, height) = planes::plane_size(size, index);
        let bytes = if depth > 8 { 2 } else { 1 };
        let stride = (width as usize * bytes).next_multiple_of(64) + 64;
        let mut data = vec![0xA5; stride * height as usize];
        for y in 0..height {
            for x in 0..width {
                let code = match index {
                    0 => (x * largest / (width - 1) + y * 3) % (largest + 1),
                    1 => (x * largest / width + y) % (largest + 1),
                    _ => (y * largest / height + x / 3) % (largest + 1),
                } as u16;
                let at = y as usize * stride + x as usize * bytes;
                data[at..at + bytes].copy_from_slice(&code.to_le_bytes()[..bytes]);
            }
        }
        Plane { data: PlaneData::new(data), stride }
    };
    let planes = [plane(0), plane(1), plane(2)];
    VideoFrame { timestamp: Timestamp::ZERO, captured: WallClock::default(), size, color, depth, planes }
}

fn offscreen(features: wgpu::Features) -> Option<Offscreen> {
    match Offscreen::with(features) {
        Ok(offscreen) => Some(offscreen),
        Err(error) => {
            // Written past the test's capture, so that nobody takes it for a pass.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("\nSKIPPED: pixels were not compared, because {error}\n").as_bytes(),
            );
            None
        }
    }
}

/// Largest and mean difference of two images of the same size.
fn difference(drawn: &image::RgbaImage, wanted: &image::RgbaImage) -> (u8, f64) {
    assert_eq!(drawn.dimensions(), wanted.dimensions());
    let steps = drawn.as_raw().iter().zip(wanted.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let (mut worst, mut sum) = (0, 0.0);
    for step in steps {
        worst = worst.max(step);
        sum += f64::from(step);
    }
    (worst, sum / drawn.as_raw().len() as f64)
}

fn compare(features: wgpu::Features) {
    let Some(mut offscreen) = offscreen(features) else { return };
    for size in [Size::new(322, 182), Size::new(64, 16)] {
        let size = size.expect("legal");
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for range in [Range::Limited, Range::Full] {
                for depth in [8, 10] {
                    let frame = picture(size, ColorSpace { matrix, range }, depth);
                    let drawn = offscreen.render(&frame, size).expect("it draws");
                    let wanted = reference::convert(&frame).expect("the planes fit");
                    let (worst, mean) = difference(&drawn, &wanted);
                    assert!(
                        worst <= 2 && mean < 0.3,
                        "{matrix:?} {range:?} {depth} bit at {size} on {}: differs by up to {worst}, {mean} on average",
                        offscreen.adapter()
                    );
                }
            }
        }
    }
}

#[test]
fn pixels_are_those_of_the_reference_for_every_matrix_range_and_depth() {
    compare(wgpu::Features::TEXTURE_FORMAT_16BIT_NORM);
}

#[test]
fn ten_bits_come_out_right_without_16_bit_textures_too() {
    compare(wgpu::Features::empty());
}

#[test]
fn another_shape_gets_black_bars() {
    let Some(mut offscreen) = offscreen(wgpu::Features::empty()) else { return };
    let frame = picture(Size::new(64, 32).expect("legal"), ColorSpace { matrix: Matrix::Bt709, range: Range::Full }, 8);
    let image = offscreen.render(&frame, Size::new(64, 64).expect("legal")).expect("it draws");
    let black = |y: u32| (0..64).all(|x| image.get_pixel(x, y).0 == [0, 0, 0, 255]);
    assert!((0..16).all(black) && (48..64).all(black) && !(16..48).any(black));
    // The middle is the picture itself.
    let wanted = reference::convert(&frame).expect("the planes fit");
    let middle = image::imageops::crop_imm(&image, 0, 16, 64, 32).to_image();
    assert!(difference(&middle, &wanted).0 <= 2);
}

#[test]
fn broken_pictures_are_refused() {
    let size = Size::new(64, 32).expect("legal");
    let whole = picture(size, ColorSpace::default(), 8);
    let mut short = whole.clone();
    short.planes[2] = Plane { data: PlaneData::new(vec![0; 10]), stride: 32 };
    let mut narrow = whole.clone();
    narrow.planes[0].stride = 63;
    let mut huge = whole.clone();
    huge.planes[1].stride = usize::MAX;
    let mut deep = whole.clone();
    deep.depth = 12;
    let mut lying = whole;
    lying.depth = 10;
    lying.planes[0].stride = 64;
    for frame in [short, narrow, huge, deep, lying] {
        assert!(planes::check(&frame).is_err());
        assert!(reference::convert(&frame).is_none());
    }
}
