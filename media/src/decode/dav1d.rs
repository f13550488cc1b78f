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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use rav1e::prelude::{ChromaSampling, EncoderConfig};
    use rav1e::{Config, Context};

    use super::*;
    use crate::frame::TrackKind;
    use crate::package::fixtures::video;

    fn unit(data: Vec<u8>, micros: i64) -> EncodedFrame {
        EncodedFrame {
            kind: TrackKind::Video,
            timestamp: Timestamp::from_micros(micros),
            duration: std::time::Duration::from_millis(33),
            captured: WallClock::from_micros(micros),
            keyframe: true,
            data: Bytes::from(data),
        }
    }

    fn decoder() -> Dav1dDecoder {
        Dav1dDecoder::new(Dav1dConfig::default()).expect("dav1d is there")
    }

    /// One picture with another depth or sampling.
    fn other(depth: usize, sampling: ChromaSampling) -> EncodedFrame {
        let config = EncoderConfig {
            width: 64,
            height: 48,
            bit_depth: depth,
            chroma_sampling: sampling,
            ..EncoderConfig::with_speed_preset(10)
        };
        let mut context: Context<u16> = Config::new().with_encoder_config(config).new_context().expect("legal");
        let mut frame = context.new_frame();
        for plane in &mut frame.planes {
            plane.data_origin_mut().fill(600);
        }
        context.send_frame(frame).expect("taken");
        context.flush();
        loop {
            match context.receive_packet() {
                Ok(packet) => return unit(packet.data, 0),
                Err(rav1e::EncoderStatus::Encoded) => {}
                Err(status) => panic!("{status}"),
            }
        }
    }

    #[test]
    fn ten_bits_come_out_as_they_are() {
        let mut decoder = decoder();
        decoder.push(&other(10, ChromaSampling::Cs420)).expect("sound");
        let picture = decoder.poll().expect("sound").expect("a picture");
        assert_eq!(picture.depth, 10);
        let plane = &picture.planes[0];
        assert!(plane.stride >= 128 && plane.data.len() >= plane.stride * 48);
        let sample = u16::from_le_bytes([plane.data[20 * plane.stride], plane.data[20 * plane.stride + 1]]);
        assert!(sample.abs_diff(600) < 8, "{sample}");
    }

    #[test]
    fn other_samplings_are_a_clear_error() {
        let mut decoder = decoder();
        let error = decoder.push(&other(10, ChromaSampling::Cs444)).and_then(|()| decoder.poll().map(drop));
        let words = error.expect_err("unsupported").to_string();
        assert_eq!(words, "unsupported picture: I444 (expected 4:2:0 of 8 or 10 bits)");
    }

    #[test]
    fn pictures_over_the_limit_are_refused() {
        let limit = Dav1dConfig { max_size: Size::new(64, 64).expect("legal"), ..Dav1dConfig::default() };
        let mut decoder = Dav1dDecoder::new(limit).expect("dav1d is there");
        let frame = &video(Size::new(128, 64).expect("legal"), 30, 1, 1)[0];
        assert!(decoder.push(frame).and_then(|()| decoder.poll()).is_err());
    }

    #[test]
    fn after_damage_a_keyframe_shows_again() {
        let frames = video(Size::new(96, 64).expect("legal"), 30, 6, 3);
        let mut decoder = decoder();
        let mut damaged = frames[0].data.to_vec();
        for byte in damaged.iter_mut().skip(20) {
            *byte ^= 0x5a;
        }
        let _ = decoder.push(&unit(damaged, 0)).and_then(|()| decoder.poll());
        let _ = decoder.push(&frames[1]).and_then(|()| decoder.poll());
        decoder.reset();
        decoder.push(&frames[3]).expect("a keyframe");
        let picture = decoder.poll().expect("sound").expect("a picture");
        assert_eq!(picture.timestamp, frames[3].timestamp);
    }

    #[test]
    fn a_picture_outlives_its_decoder() {
        let frame = &video(Size::new(96, 64).expect("legal"), 30, 1, 1)[0];
        let mut decoder = decoder();
        decoder.push(frame).expect("sound");
        let picture = decoder.poll().expect("sound").expect("a picture");
        drop(decoder);
        assert!(picture.planes[0].data.iter().any(|sample| *sample > 16));
    }

    #[test]
    fn rubbish_is_survived() {
        let frames = video(Size::new(96, 64).expect("legal"), 30, 3, 3);
        proptest!(ProptestConfig::with_cases(300), |(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            which in 0usize..3,
            rubbish in proptest::collection::vec(any::<u8>(), 0..80),
        )| {
            let mut decoder = Dav1dDecoder::new(Dav1dConfig { threads: 1, ..Dav1dConfig::default() }).expect("dav1d");
            let _ = decoder.push(&frames[0]);
            let mut data = frames[which].data.to_vec();
            for (place, value) in damage {
                let place = place.index(data.len());
                data[place] = value;
            }
            for data in [data, rubbish] {
                let _ = decoder.push(&unit(data, 1));
                while let Ok(Some(picture)) = decoder.poll() {
                    prop_assert!(picture.planes[0].data.len() >= picture.planes[0].stride);
                }
            }
        });
    }
}
