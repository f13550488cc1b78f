//! Sound to Opus packets of 20 ms.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Encoder};

use super::EncodeError;
use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp, WallClock};
use crate::frame::{AudioFrame, EncodedFrame, TrackKind};

/// How long a packet plays.
pub const PACKET: Duration = Duration::from_millis(20);
/// Samples of a packet, per channel.
const PACKET_SAMPLES: usize = SAMPLE_RATE as usize / 50;
/// The largest packet Opus makes of one frame.
const PACKET_BYTES: usize = 1276;
/// A break in the timestamps of less than this is jitter of the source's clock and not a gap.
const JITTER: i64 = 5_000;

/// Opus behind an interface for blocks of any length.
pub struct OpusEncoder {
    encoder: Encoder,
    /// What the decoder will hear late: its timestamps are moved back by it.
    delay: Duration,
    samples: VecDeque<f32>,
    /// Times of the first sample in `samples`.
    start: Option<(Timestamp, WallClock)>,
    ready: VecDeque<EncodedFrame>,
    gaps: u64,
}

fn failed(error: opus::Error) -> EncodeError {
    EncodeError::Failed { name: "opus".to_owned(), reason: error.to_string() }
}

impl OpusEncoder {
    /// An encoder for 48 kHz stereo at so many kbit/s.
    ///
    /// # Errors
    /// [`EncodeError::Config`] for rates out of range, [`EncodeError::Failed`] if libopus refuses.
    pub fn new(bitrate_kbps: u32) -> Result<Self, EncodeError> {
        if !(6..=510).contains(&bitrate_kbps) {
            return Err(EncodeError::Config { name: "bitrate_kbps", value: bitrate_kbps, least: 6, most: 510 });
        }
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Stereo, Application::Audio).map_err(failed)?;
        encoder.set_bitrate(Bitrate::Bits((bitrate_kbps * 1000).cast_signed())).map_err(failed)?;
        let lookahead = encoder.get_lookahead().map_err(failed)?.unsigned_abs();
        Ok(Self {
            encoder,
            delay: Duration::from_micros(u64::from(lookahead) * 1_000_000 / u64::from(SAMPLE_RATE)),
            samples: VecDeque::with_capacity(2 * PACKET_SAMPLES * CHANNELS),
            start: None,
            ready: VecDeque::new(),
            gaps: 0,
        })
    }

    /// Takes sound that follows what came before; a gap in time is kept as a gap between packets.
    ///
    /// # Errors
    /// [`EncodeError::Failed`] if libopus refuses.
    pub fn push(&mut self, frame: &AudioFrame) -> Result<(), EncodeError> {
        if let Some((start, _)) = self.start {
            let expected = start.saturating_add(duration_of(self.samples.len()));
            let off = frame.timestamp.as_micros().saturating_sub(expected.as_micros());
            if off.abs() > JITTER {
                self.gaps += 1;
                self.samples.clear();
                self.start = None;
            }
        }
        if self.samples.is_empty() {
            self.start = Some((frame.timestamp, frame.captured));
        }
        self.samples.extend(&frame.samples);
        let wanted = PACKET_SAMPLES * CHANNELS;
        while let Some((timestamp, captured)) = self.start
            && self.samples.len() >= wanted
        {
            let block: Vec<f32> = self.samples.drain(..wanted).collect();
            let data = self.encoder.encode_vec_float(&block, PACKET_BYTES).map_err(failed)?;
            let delay = self.delay.as_micros() as i64;
            self.ready.push_back(EncodedFrame {
                kind: TrackKind::Audio,
                timestamp: timestamp.saturating_sub(self.delay),
                duration: PACKET,
                captured: WallClock::from_micros(captured.as_micros().saturating_sub(delay)),
                keyframe: true,
                data: Bytes::from(data),
            });
            let captured = WallClock::from_micros(captured.as_micros().saturating_add(PACKET.as_micros() as i64));
            self.start = Some((timestamp.saturating_add(PACKET), captured));
        }
        Ok(())
    }

    /// The next packet that is ready.
    pub fn poll(&mut self) -> Option<EncodedFrame> {
        self.ready.pop_front()
    }

    /// Breaks in the timestamps so far; each lost less than a packet of sound.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
}

fn duration_of(samples: usize) -> Duration {
    Duration::from_micros((samples / CHANNELS) as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::opus::OpusDecoder;
    use crate::package::fixtures::{EPOCH, at, tone};

    fn encode(blocks: impl IntoIterator<Item = AudioFrame>) -> (Vec<EncodedFrame>, u64) {
        let mut encoder = OpusEncoder::new(96).expect("legal");
        for block in blocks {
            encoder.push(&block).expect("sound");
        }
        (std::iter::from_fn(|| encoder.poll()).collect(), encoder.gaps())
    }

    fn decode(packets: &[EncodedFrame]) -> Vec<AudioFrame> {
        let mut decoder = OpusDecoder::new().expect("libopus is there");
        packets.iter().map(|packet| decoder.decode(packet).expect("our own")).collect()
    }

    #[test]
    fn packets_are_20_ms_whatever_the_blocks() {
        let samples: Vec<f32> = (0..100).flat_map(|index| tone(index).samples).collect();
        for block in [480, 441, 1000, 4800] {
            let blocks = samples.chunks(block * CHANNELS).enumerate().map(|(index, samples)| {
                let (timestamp, captured) = at((index * block) as i64 * 1_000_000 / 48_000);
                AudioFrame { timestamp, captured, samples: samples.to_vec() }
            });
            let (packets, gaps) = encode(blocks);
            assert_eq!((packets.len(), gaps), (50, 0), "blocks of {block}");
            for (index, packet) in packets.iter().enumerate() {
                // Opus delays by 6.5 ms, which the timestamps take back.
                assert_eq!(packet.timestamp.as_micros(), index as i64 * 20_000 - 6_500);
                assert_eq!(packet.captured.as_micros() - EPOCH, packet.timestamp.as_micros());
                assert_eq!(packet.duration, PACKET);
            }
        }
    }

    #[test]
    fn a_click_is_heard_when_it_was_made() {
        let click = 48_000 / 2;
        let blocks = (0..100u32).map(|index| {
            let (timestamp, captured) = at(i64::from(index) * 10_000);
            let sample = |n: u32| if (click..click + 48).contains(&(index * 480 + n)) { 0.8 } else { 0.0 };
            AudioFrame { timestamp, captured, samples: (0..480).flat_map(|n| [sample(n); 2]).collect() }
        });
        let (packets, _) = encode(blocks);
        let heard = decode(&packets).into_iter().flat_map(|frame| {
            let start = frame.timestamp.as_micros() as f64;
            let time = move |(n, pair): (usize, &[f32])| (start + n as f64 * 1e6 / 48_000.0, pair[0].abs());
            frame.samples.chunks(2).enumerate().map(time).collect::<Vec<_>>()
        });
        let (at, loudest) = heard.fold((0.0, 0.0), |best, (at, level)| if level > best.1 { (at, level) } else { best });
        assert!((499_500.0..502_000.0).contains(&at), "heard at {at} us ({loudest})");
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let (packets, gaps) = encode((0..10).chain(30..40).map(tone));
        assert_eq!((packets.len(), gaps), (10, 1));
        assert_eq!(packets[5].timestamp.as_micros(), 300_000 - 6_500);
    }

    #[test]
    fn a_lost_packet_is_concealed() {
        let (packets, _) = encode((0..40).map(tone));
        let mut decoder = OpusDecoder::new().expect("libopus is there");
        let energy = |frame: &AudioFrame| frame.samples.iter().map(|sample| sample * sample).sum::<f32>();
        let mut normal = 0.0;
        for packet in &packets[..10] {
            normal = energy(&decoder.decode(packet).expect("our own"));
        }
        let concealed = decoder.conceal(packets[10].timestamp, packets[10].captured, PACKET).expect("libopus can");
        assert_eq!((concealed.samples.len(), concealed.timestamp), (960 * CHANNELS, packets[10].timestamp));
        assert!(energy(&concealed) > normal * 0.3, "the tone goes on: {} of {normal}", energy(&concealed));
        assert_eq!(decoder.decode(&packets[11]).expect("our own").duration(), PACKET);
        let error = decoder.decode(&EncodedFrame { data: Bytes::new(), ..packets[0].clone() });
        assert!(error.is_err(), "an empty packet is no sound");
    }

    #[test]
    fn rates_out_of_range_are_named() {
        let error = OpusEncoder::new(1).err().expect("refused").to_string();
        assert_eq!(error, "invalid bitrate_kbps 1 (expected 6..=510)");
    }
}
