//! Cuts a byte stream into frames without ever holding more than one.

use bytes::{Buf, Bytes, BytesMut};

use super::MAX_FRAME;
use super::proto::MalformedError;

/// Collects bytes of one stream and gives whole frames (kind and form, without the length).
///
/// It takes in at most what one frame needs beyond the bytes it was handed: a peer that announces a long frame and never
/// sends it holds as much memory as it really sent, and at most [`MAX_FRAME`].
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they came; call [`FrameReader::next_frame`] until it gives `None` before the next ones.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; an error means that the stream cannot be read any further.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, MalformedError> {
        let Some(length) = self.buffer.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize) else {
            return Ok(None);
        };
        if length == 0 || length > MAX_FRAME {
            let legal = format!("1 to {MAX_FRAME}");
            return Err(MalformedError::illegal("a frame", "its length", length, legal));
        }
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// How many bytes wait for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Control, Message, Version};

    #[test]
    fn frames_come_out_whole_however_they_come_in() {
        let messages: Vec<Message> = (1..50).map(|bytes| Message::Control(Control::Ack { bytes })).collect();
        let stream: Vec<u8> = messages.iter().flat_map(|message| message.to_frame(Version::V1).unwrap()).collect();
        for step in [1, 2, 3, 7, 64, stream.len()] {
            let mut reader = FrameReader::new();
            let mut got = Vec::new();
            for part in stream.chunks(step) {
                reader.push(part);
                while let Some(frame) = reader.next_frame().unwrap() {
                    got.push(Message::decode(frame, Version::V1).unwrap());
                }
            }
            assert_eq!(got, messages);
            assert_eq!(reader.waiting(), 0);
        }
    }

    #[test]
    fn an_endless_frame_is_refused_at_its_length() {
        for length in [0, MAX_FRAME as u32 + 1, u32::MAX] {
            let mut reader = FrameReader::new();
            reader.push(&length.to_be_bytes());
            assert!(reader.next_frame().is_err(), "{length}");
        }
    }
}
