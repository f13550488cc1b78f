//! The AV1 sequence header: what a decoder and a player must know before the first picture.

use bytes::Bytes;

use super::bits::Bits;
use crate::format::{ColorSpace, Matrix, Range};

/// What the sequence header of an AV1 stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceHeader {
    /// `seq_profile`: 0 is Main (4:2:0), 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point; 31 means "no promise".
    pub level: u8,
    /// `seq_tier` of the first operating point: true is High.
    pub high_tier: bool,
    /// Bits per sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// Whether there is no chroma.
    pub monochrome: bool,
    /// Whether chroma is halved horizontally and vertically.
    pub subsampling: (bool, bool),
    /// `chroma_sample_position`.
    pub chroma_position: u8,
    /// `color_primaries` (2 is unspecified).
    pub primaries: u8,
    /// `transfer_characteristics` (2 is unspecified).
    pub transfer: u8,
    /// `matrix_coefficients` (2 is unspecified).
    pub matrix: u8,
    /// Whether samples use the full range.
    pub full_range: bool,
    /// Largest width of a frame in pixels.
    pub width: u32,
    /// Largest height of a frame in pixels.
    pub height: u32,
    /// The whole unit with its header and size, as `av1C` wants it.
    pub obu: Bytes,
}

impl SequenceHeader {
    /// Reads the payload of a sequence header unit; `obu` is the unit as a whole.
    ///
    /// Nothing is assumed of the bytes: what is cut short or contradicts itself gives `None`.
    pub fn parse(payload: &[u8], obu: Bytes) -> Option<Self> {
        let bits = &mut Bits::new(payload);
        let profile = bits.byte(3)?;
        if profile > 2 {
            return None;
        }
        let _still_picture = bits.flag()?;
        let reduced = bits.flag()?;
        let (level, high_tier) = if reduced { (bits.byte(5)?, false) } else { operating_points(bits)? };
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        let (width, height) = (bits.number(width_bits)? + 1, bits.number(height_bits)? + 1);
        tools(bits, reduced)?;
        let color = color_config(bits, profile)?;
        let _film_grain = bits.flag()?;
        Some(Self { profile, level, high_tier, width, height, obu, ..color })
    }

    /// The `codecs` parameter of RFC 6381 for this stream, such as `av01.0.04M.08`.
    pub fn codec_string(&self) -> String {
        let tier = if self.high_tier { 'H' } else { 'M' };
        format!("av01.{}.{:02}{tier}.{:02}", self.profile, self.level, self.bit_depth)
    }

    /// Matrix and range; what is unspecified or unknown to us counts as BT.709.
    pub fn color_space(&self) -> ColorSpace {
        let matrix = match self.matrix {
            5 | 6 => Matrix::Bt601,
            9 => Matrix::Bt2020,
            _ => Matrix::Bt709,
        };
        ColorSpace { matrix, range: if self.full_range { Range::Full } else { Range::Limited } }
    }

    fn of_color(bit_depth: u8) -> Self {
        Self {
            profile: 0,
            level: 0,
            high_tier: false,
            bit_depth,
            monochrome: false,
            subsampling: (true, true),
            chroma_position: 0,
            primaries: 2,
            transfer: 2,
            matrix: 2,
            full_range: false,
            width: 0,
            height: 0,
            obu: Bytes::new(),
        }
    }
}

/// Timing, decoder model and operating points; the level and tier of the first point.
fn operating_points(bits: &mut Bits<'_>) -> Option<(u8, bool)> {
    let mut delay_length = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.skip_uvlc()?;
        }
        if bits.flag()? {
            delay_length = Some(bits.number(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = bits.flag()?;
    let points = bits.number(5)? + 1;
    let mut first = None;
    for _ in 0..points {
        bits.skip(12)?;
        let level = bits.byte(5)?;
        let high_tier = level > 7 && bits.flag()?;
        first.get_or_insert((level, high_tier));
        if let Some(length) = delay_length
            && bits.flag()?
        {
            bits.skip(2 * length + 1)?;
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    first
}

/// The coding tools between the frame size and the colours, none of which matters here.
fn tools(bits: &mut Bits<'_>, reduced: bool) -> Option<()> {
    if !reduced && bits.flag()? {
        bits.skip(4 + 3)?;
    }
    // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    bits.skip(3)?;
    if !reduced {
        // enable_interintra_compound, enable_masked_compound, enable_warped_motion, enable_dual_filter
        bits.skip(4)?;
        let order_hint = bits.flag()?;
        if order_hint {
            bits.skip(2)?;
        }
        let choose_screen_content = bits.flag()?;
        let screen_content = choose_screen_content || bits.flag()?;
        if screen_content && !bits.flag()? {
            bits.skip(1)?;
        }
        if order_hint {
            bits.skip(3)?;
        }
    }
    // enable_superres, enable_cdef, enable_restoration
    bits.skip(3)
}

fn color_config(bits: &mut Bits<'_>, profile: u8) -> Option<SequenceHeader> {
    let high = bits.flag()?;
    let bit_depth = if profile == 2 && high && bits.flag()? { 12 } else { 8 + 2 * u8::from(high) };
    let mut color = SequenceHeader::of_color(bit_depth);
    color.monochrome = profile != 1 && bits.flag()?;
    if bits.flag()? {
        (color.primaries, color.transfer, color.matrix) = (bits.byte(8)?, bits.byte(8)?, bits.byte(8)?);
    }
    if color.monochrome {
        color.full_range = bits.flag()?;
        return Some(color);
    }
    if (color.primaries, color.transfer, color.matrix) == (1, 13, 0) {
        (color.full_range, color.subsampling) = (true, (false, false));
    } else {
        color.full_range = bits.flag()?;
        color.subsampling = match (profile, bit_depth) {
            (0, _) => (true, true),
            (1, _) => (false, false),
            (_, 12) => {
                let horizontal = bits.flag()?;
                (horizontal, horizontal && bits.flag()?)
            }
            _ => (true, false),
        };
        if color.subsampling == (true, true) {
            color.chroma_position = bits.byte(2)?;
        }
    }
    let _separate_uv_delta_q = bits.flag()?;
    Some(color)
}
