//! From a captured picture to the one that is encoded, and the same for sound: ordered lists of pure transforms.
//!
//! Pictures: pacing, crop, scale, color, watermarks. Sound: gain, noise suppression, limiter, level meter.

pub mod audio;
pub mod color;
pub mod convert;
pub mod crop;
pub mod denoise;
pub mod level;
pub mod limiter;
pub mod pacing;
pub mod scale;
mod suppress;
pub mod watermark;

use crate::format::{ColorSpace, Range, Size, Timestamp};
use crate::frame::VideoFrame;

pub use audio::{AudioChain, AudioProcessor};
pub use color::Adjust;
pub use crop::{Crop, InvalidCrop};
pub use level::{Level, LevelMeter};
pub use pacing::FramePacer;
pub use watermark::{Overlay, OverlayError, Watermark};

use color::ColorMap;
use scale::{Planes, Scaler, View};
use watermark::Stamp;

/// What pictures are turned into.
#[derive(Clone, Debug)]
pub struct VideoChain {
    /// Part of the picture to use; all of it where none is given.
    pub crop: Option<Crop>,
    /// Size of what comes out.
    pub size: Size,
    /// Frames a second of what comes out.
    pub fps: u32,
    /// Matrix and range of what comes out.
    pub color: ColorSpace,
    /// Brightness, contrast and saturation.
    pub adjust: Adjust,
    /// Pictures and texts laid over, the last one on top.
    pub watermarks: Vec<Watermark>,
    /// Whether a picture of another shape gets black bars; otherwise what sticks out is cut off.
    pub letterbox: bool,
}

impl VideoChain {
    /// A chain that only scales and paces.
    pub fn new(size: Size, fps: u32) -> Self {
        Self {
            crop: None,
            size,
            fps,
            color: ColorSpace::default(),
            adjust: Adjust::default(),
            watermarks: Vec::new(),
            letterbox: true,
        }
    }
}

impl Default for VideoChain {
    fn default() -> Self {
        Self::new(Size::new(1280, 720).expect("a legal size"), 30)
    }
}

/// Turns captured pictures into those that are encoded.
pub struct Preprocessor {
    chain: VideoChain,
    pacer: FramePacer,
    scaler: Scaler,
    stamps: Vec<Stamp>,
    map: Option<(ColorSpace, ColorMap)>,
    last: Option<VideoFrame>,
    repeated: u64,
}

impl Preprocessor {
    /// A preprocessor without history.
    pub fn new(chain: VideoChain) -> Self {
        let stamps = stamps(&chain);
        let pacer = FramePacer::new(chain.fps);
        Self { chain, pacer, scaler: Scaler::default(), stamps, map: None, last: None, repeated: 0 }
    }

    /// What it does.
    pub fn chain(&self) -> &VideoChain {
        &self.chain
    }

    /// Does something else from the next picture on; the pace goes on where the rate stays.
    pub fn set_chain(&mut self, chain: VideoChain) {
        if chain.fps != self.chain.fps {
            self.pacer.set_fps(chain.fps);
        }
        self.stamps = stamps(&chain);
        self.chain = chain;
        self.map = None;
        self.last = None;
    }

    /// The picture to encode, or nothing where the source is faster than the wanted rate (counted as dropped).
    ///
    /// It is timed on the grid of the wanted rate; its wall-clock time remains that of its capture.
    pub fn process(&mut self, frame: VideoFrame) -> Option<VideoFrame> {
        let timestamp = self.pacer.push(frame.timestamp)?;
        let mut frame = self.transform(frame)?;
        frame.timestamp = timestamp;
        self.last = Some(frame.clone());
        Some(frame)
    }

    /// The last picture again, where at `now` the source owes one; ask until nothing comes.
    pub fn repeat(&mut self, now: Timestamp) -> Option<VideoFrame> {
        let last = self.last.as_mut()?;
        let timestamp = self.pacer.repeat(now)?;
        self.repeated += 1;
        last.timestamp = timestamp;
        Some(last.clone())
    }

    /// Pictures left out because they came too fast.
    pub fn dropped(&self) -> u64 {
        self.pacer.dropped()
    }

    /// Pictures given twice because the next one was late.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// All but the pacing; nothing for a picture whose planes are shorter than its size claims.
    fn transform(&mut self, frame: VideoFrame) -> Option<VideoFrame> {
        let chain = &self.chain;
        if self.map.as_ref().is_none_or(|(from, _)| *from != frame.color) {
            self.map = Some((frame.color, ColorMap::new(frame.color, chain.color, chain.adjust)));
        }
        let (_, map) = self.map.as_ref()?;
        let untouched = chain.crop.is_none() && frame.size == chain.size && frame.depth == 8;
        if untouched && map.is_identity() && self.stamps.is_empty() {
            let whole = scale::is_whole(&frame);
            return whole.then_some(frame);
        }
        let source = crop::region(chain.crop, frame.size);
        let (source, target) = scale::fit(source, chain.size, chain.letterbox);
        let black = if chain.color.range == Range::Limited { 16 } else { 0 };
        // Bars are painted after the colors are mapped, so that they are black whatever the adjustment.
        let mut planes = Planes::new(chain.size, black);
        let views = View::of(&frame, source)?;
        self.scaler.scale(&views, &mut planes, target);
        map.apply(&mut planes, target);
        for stamp in &self.stamps {
            stamp.apply(&mut planes);
        }
        Some(VideoFrame::from_i420(frame.timestamp, frame.captured, chain.size, chain.color, planes.into_planes()))
    }
}

fn stamps(chain: &VideoChain) -> Vec<Stamp> {
    chain.watermarks.iter().map(|watermark| Stamp::new(watermark, chain.size, chain.color)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Matrix, WallClock};
    use crate::frame::{Plane, PlaneData};
    use crate::testing::{Strip, psnr, test_picture};

    fn size(text: &str) -> Size {
        text.parse().expect("legal")
    }

    #[test]
    fn an_untouched_picture_is_not_copied() {
        let frame = test_picture(30, size("640x360"), 30, WallClock::default());
        let mut preprocessor = Preprocessor::new(VideoChain::new(size("640x360"), 30));
        let data = frame.planes[0].data.as_ptr();
        let out = preprocessor.process(frame).expect("the first one passes");
        assert_eq!(out.planes[0].data.as_ptr(), data);
    }

    #[test]
    fn the_strip_is_read_after_scaling_either_way() {
        let captured = WallClock::from_micros(1_234_500);
        for (from, to) in
            [("1280x720", "640x360"), ("640x360", "1280x720"), ("1920x1080", "854x480"), ("854x480", "426x240")]
        {
            let frame = test_picture(99, size(from), 30, captured);
            let out = Preprocessor::new(VideoChain::new(size(to), 30)).process(frame).expect("passes");
            assert_eq!(out.size, size(to));
            assert_eq!(Strip::read(&out), Some(Strip { frame: 99, captured }), "{from} to {to}");
        }
    }

    #[test]
    fn bars_are_black_and_cutting_fills() {
        let frame = test_picture(10, size("640x480"), 30, WallClock::default());
        let mut chain = VideoChain::new(size("640x360"), 30);
        chain.adjust.brightness = 0.3;
        let out = Preprocessor::new(chain.clone()).process(frame.clone()).expect("passes");
        let row = &out.planes[0].data[180 * 640..181 * 640];
        assert!(row[..78].iter().all(|sample| *sample == 16) && row[562..].iter().all(|sample| *sample == 16));
        assert!(row[82..558].iter().any(|sample| *sample > 60));
        chain.letterbox = false;
        let out = Preprocessor::new(chain).process(frame).expect("passes");
        let column: Vec<u8> = (0..360).map(|y| out.planes[0].data[y * 640]).collect();
        assert!(column.iter().filter(|sample| **sample == 16).count() < 20);
    }

    #[test]
    fn a_picture_shorter_than_it_claims_is_left_out() {
        let mut frame = test_picture(10, size("64x64"), 30, WallClock::default());
        frame.planes[1] = Plane { data: PlaneData::new(vec![0u8; 10]), stride: 32 };
        assert!(Preprocessor::new(VideoChain::new(size("64x64"), 30)).process(frame.clone()).is_none());
        assert!(Preprocessor::new(VideoChain::new(size("32x32"), 30)).process(frame).is_none());
    }

    #[test]
    fn ten_bits_become_eight() {
        let frame = test_picture(10, size("640x360"), 30, WallClock::default());
        let mut wide = frame.clone();
        wide.depth = 10;
        for plane in &mut wide.planes {
            let data: Vec<u8> = plane.data.iter().flat_map(|sample| (u16::from(*sample) << 2).to_le_bytes()).collect();
            *plane = Plane { data: PlaneData::new(data), stride: plane.stride * 2 };
        }
        let out = Preprocessor::new(VideoChain::new(size("640x360"), 30)).process(wide).expect("passes");
        assert_eq!((psnr(&frame, &out), out.depth), (Some(f64::INFINITY), 8));
    }

    #[test]
    fn the_color_space_is_that_of_the_chain() {
        let mut frame = test_picture(10, size("640x360"), 30, WallClock::default());
        frame.color = ColorSpace { matrix: Matrix::Bt601, range: Range::Full };
        let out = Preprocessor::new(VideoChain::new(size("320x180"), 30)).process(frame).expect("passes");
        assert_eq!(out.color, ColorSpace::default());
    }

    #[test]
    fn repeats_keep_the_pace_of_a_silent_source() {
        let mut preprocessor = Preprocessor::new(VideoChain::new(size("64x64"), 25));
        assert!(preprocessor.repeat(Timestamp::from_micros(1_000_000)).is_none(), "nothing to repeat yet");
        let mut frame = test_picture(0, size("64x64"), 25, WallClock::default());
        frame.timestamp = Timestamp::ZERO;
        preprocessor.process(frame).expect("passes");
        let repeated: Vec<i64> = std::iter::from_fn(|| preprocessor.repeat(Timestamp::from_micros(200_000)))
            .map(|frame| frame.timestamp.as_micros())
            .collect();
        assert_eq!(repeated, [40_000, 80_000, 120_000, 160_000]);
        assert_eq!(preprocessor.repeated(), 4);
    }
}
