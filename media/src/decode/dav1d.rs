//! AV1 to pictures by dav1d, without delay and without copying the picture.

use std::collections::VecDeque;

use dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::{DecodeError, VideoDecoder};
use crate::format::{ColorSpace, Size, Timestamp, WallClock};
use crate::frame::{EncodedFrame, Plane, PlaneData, VideoFrame};
use crate::package::av1::sequence_header;

/// What a [`Dav1dDecoder`] may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dav1dConfig {
    /// Threads, which share the tiles and rows of one picture.
    pub threads: usize,
    /// Pictures with more samples than this are refused.
    pub max_size: Size,
}

impl Default for Dav1dConfig {
    /// A thread for each core, at most four, and pictures up to 4096x2304.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(4);
        Self { threads, max_size: Size::new(4096, 2304).expect("even and within the legal range") }
    }
}

/// Pictures that may wait to be polled; more are dropped, oldest first.
const MOST_READY: usize = 32;

/// dav1d behind our trait.
pub struct Dav1dDecoder {
    decoder: Decoder,
    color: ColorSpace,
    times: VecDeque<(Timestamp, WallClock)>,
    ready: VecDeque<Result<VideoFrame, DecodeError>>,
}

impl Dav1dDecoder {
    /// A decoder.
    ///
    /// # Errors
    /// [`DecodeError::Open`] if dav1d refuses.
    pub fn new(config: Dav1dConfig) -> Result<Self, DecodeError> {
        let mut settings = Settings::new();
        // One picture at a time: more would decode pictures in parallel and give each out later.
        settings.set_max_frame_delay(1);
        settings.set_n_threads(config.threads.clamp(1, 64) as u32);
        settings.set_frame_size_limit(u32::try_from(config.max_size.pixels()).unwrap_or(u32::MAX));
        settings.set_all_layers(false);
        let decoder = Decoder::with_settings(&settings).map_err(|error| DecodeError::Open(error.to_string()))?;
        Ok(Self { decoder, color: ColorSpace::default(), times: VecDeque::new(), ready: VecDeque::new() })
    }

    /// Takes pictures out of dav1d until it wants more data.
    fn drain(&mut self) {
        loop {
            let picture = match self.decoder.get_picture() {
                Ok(picture) => frame(&picture, self.color, &self.times),
                Err(Error::Again) => return,
                Err(error) => Err(problem(error)),
            };
            let failed = picture.is_err();
            if self.ready.len() >= MOST_READY {
                self.ready.pop_front();
            }
            self.ready.push_back(picture);
            if failed {
                return;
            }
        }
    }
}

impl VideoDecoder for Dav1dDecoder {
    fn push(&mut self, frame: &EncodedFrame) -> Result<(), DecodeError> {
        if frame.data.is_empty() {
            return Err(DecodeError::Damaged("empty temporal unit".to_owned()));
        }
        // dav1d's own accessors of these fields panic on reserved values.
        if let Some(header) = sequence_header(&frame.data) {
            self.color = header.color_space();
        }
        if self.times.len() >= MOST_READY {
            self.times.pop_front();
        }
        self.times.push_back((frame.timestamp, frame.captured));
        let mut sent = self.decoder.send_data(frame.data.clone(), None, Some(frame.timestamp.as_micros()), None);
        while sent == Err(Error::Again) {
            let waiting = self.ready.len();
            self.drain();
            sent = self.decoder.send_pending_data();
            if sent == Err(Error::Again) && self.ready.len() == waiting {
                self.decoder.flush();
                return Err(DecodeError::Damaged("the decoder takes no more data".to_owned()));
            }
        }
        sent.map_err(problem)?;
        self.drain();
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<VideoFrame>, DecodeError> {
        self.ready.pop_front().transpose()
    }

    fn reset(&mut self) {
        self.decoder.flush();
        self.times.clear();
        self.ready.clear();
    }
}

fn problem(error: Error) -> DecodeError {
    match error {
        Error::NotEnoughMemory => DecodeError::Memory,
        Error::UnsupportedBitstream => DecodeError::Unsupported("bitstream dav1d does not support".to_owned()),
        other => DecodeError::Damaged(other.to_string()),
    }
}

fn frame(
    picture: &Picture,
    color: ColorSpace,
    times: &VecDeque<(Timestamp, WallClock)>,
) -> Result<VideoFrame, DecodeError> {
    let size =
        Size::new(picture.width(), picture.height()).map_err(|error| DecodeError::Unsupported(error.to_string()))?;
    if picture.pixel_layout() != PixelLayout::I420 {
        return Err(DecodeError::Unsupported(format!("{:?}", picture.pixel_layout())));
    }
    let depth = picture.bits_per_component().map_or(0, |bits| bits.0);
    if depth != 8 && depth != 10 {
        return Err(DecodeError::Unsupported(format!("{depth} bits")));
    }
    let timestamp = picture.timestamp().map_or(Timestamp::ZERO, Timestamp::from_micros);
    let captured = times.iter().rev().find(|(at, _)| *at == timestamp).map_or(WallClock::default(), |(_, at)| *at);
    let plane = |component| Plane {
        stride: picture.stride(component) as usize,
        data: PlaneData::new(picture.plane(component)),
    };
    let planes = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V].map(plane);
    Ok(VideoFrame { timestamp, captured, size, color, depth: depth as u8, planes })
}
