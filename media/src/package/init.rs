//! Writing the init segment: `ftyp` and `moov`.

use bytes::Bytes;
use mp4_atom::{
    Audio, Av01, Av1c, Codec, Dinf, Dops, Dref, Encode, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Opus, Smhd,
    Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Visual, Vmhd,
};

use super::av1::SequenceHeader;
use super::fragment::{NOT_SYNC, SYNC};
use super::{AUDIO_TIMESCALE, AUDIO_TRACK, OPUS_PRE_SKIP, VIDEO_TIMESCALE, VIDEO_TRACK};
use crate::format::{CHANNELS, SAMPLE_RATE, Size};

/// The `codecs` parameter of a stream with this picture and Opus.
pub(crate) fn codecs(sequence: &SequenceHeader) -> String {
    format!("{},opus", sequence.codec_string())
}

/// The bytes of an init segment.
pub(crate) fn write(sequence: &SequenceHeader, size: Size) -> Result<Bytes, mp4_atom::Error> {
    let mut data = Vec::with_capacity(1024);
    let brands = [b"iso6", b"cmfc", b"av01", b"mp41"];
    let ftyp =
        Ftyp { major_brand: b"iso6".into(), minor_version: 0, compatible_brands: brands.map(Into::into).to_vec() };
    ftyp.encode(&mut data)?;
    moov(sequence, size).encode(&mut data)?;
    Ok(data.into())
}

fn moov(sequence: &SequenceHeader, size: Size) -> Moov {
    Moov {
        mvhd: Mvhd {
            creation_time: 0,
            modification_time: 0,
            timescale: 1000,
            duration: 0,
            rate: 1.into(),
            volume: 1.into(),
            matrix: Default::default(),
            next_track_id: AUDIO_TRACK + 1,
        },
        // The defaults here keep every chunk's own boxes short.
        mvex: Some(Mvex { mehd: None, trex: vec![trex(VIDEO_TRACK, 0, NOT_SYNC), trex(AUDIO_TRACK, 960, SYNC)] }),
        trak: vec![video(sequence, size), audio()],
        ..Default::default()
    }
}

fn trex(track_id: u32, duration: u32, flags: u32) -> Trex {
    Trex {
        track_id,
        default_sample_description_index: 1,
        default_sample_duration: duration,
        default_sample_size: 0,
        default_sample_flags: flags,
    }
}

fn video(sequence: &SequenceHeader, size: Size) -> Trak {
    // Sides are at most `Size::MAX`, far below 65536.
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let (width, height) = (side(size.width()), side(size.height()));
    let visual = Visual {
        data_reference_index: 1,
        width,
        height,
        horizresolution: 72.into(),
        vertresolution: 72.into(),
        frame_count: 1,
        compressor: "".into(),
        depth: 24,
    };
    let av1c = Av1c {
        seq_profile: sequence.profile,
        seq_level_idx_0: sequence.level,
        seq_tier_0: sequence.high_tier,
        high_bitdepth: sequence.bit_depth > 8,
        twelve_bit: sequence.bit_depth == 12,
        monochrome: sequence.monochrome,
        chroma_subsampling_x: sequence.subsampling.0,
        chroma_subsampling_y: sequence.subsampling.1,
        chroma_sample_position: sequence.chroma_position,
        initial_presentation_delay: None,
        config_obus: sequence.obu.to_vec(),
    };
    let entry = Av01 { visual, av1c, ..Default::default() };
    let tkhd = Tkhd {
        track_id: VIDEO_TRACK,
        enabled: true,
        in_movie: true,
        width: width.into(),
        height: height.into(),
        ..Default::default()
    };
    let minf = Minf { vmhd: Some(Vmhd::default()), dinf: own_data(), stbl: table(entry.into()), ..Default::default() };
    Trak { tkhd, mdia: mdia(VIDEO_TIMESCALE, b"vide", minf), ..Default::default() }
}

fn audio() -> Trak {
    let channels = CHANNELS as u16;
    let entry = Opus {
        audio: Audio {
            data_reference_index: 1,
            channel_count: channels,
            sample_size: 16,
            sample_rate: (SAMPLE_RATE as u16).into(),
        },
        dops: Dops {
            output_channel_count: CHANNELS as u8,
            pre_skip: OPUS_PRE_SKIP,
            input_sample_rate: SAMPLE_RATE,
            output_gain: 0,
            channel_mapping: None,
        },
        btrt: None,
    };
    let tkhd = Tkhd { track_id: AUDIO_TRACK, enabled: true, in_movie: true, volume: 1.into(), ..Default::default() };
    let minf = Minf { smhd: Some(Smhd::default()), dinf: own_data(), stbl: table(entry.into()), ..Default::default() };
    Trak { tkhd, mdia: mdia(AUDIO_TIMESCALE, b"soun", minf), ..Default::default() }
}

fn mdia(timescale: u32, handler: &[u8; 4], minf: Minf) -> Mdia {
    Mdia {
        mdhd: Mdhd { timescale, language: "und".into(), ..Default::default() },
        hdlr: Hdlr { handler: handler.into(), name: "Runnel".into() },
        minf,
    }
}

/// The samples lie in the same file.
fn own_data() -> Dinf {
    Dinf { dref: Dref { entries: vec![Url { location: String::new() }.into()] } }
}

/// A sample table without samples: they all come in fragments.
fn table(entry: Codec) -> Stbl {
    Stbl { stsd: Stsd { codecs: vec![entry] }, stco: Some(Stco::default()), ..Default::default() }
}
