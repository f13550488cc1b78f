//! The demuxer on what the packager writes and on what it never would.

use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::package::fixtures::{self, EPOCH, package};
use crate::package::{InitSegment, MediaChunk, Packager, PackagerConfig};

fn size(width: u32, height: u32) -> Size {
    Size::new(width, height).expect("legal")
}

/// A second and a half of 96x64 at 30 pictures a second with sound.
fn stream() -> (Vec<EncodedFrame>, InitSegment, Vec<MediaChunk>) {
    let frames = [fixtures::video(size(96, 64), 30, 45, 30), fixtures::audio(1500)].concat();
    let (mut inits, chunks) = package(&mut Packager::new(PackagerConfig::default()), frames.clone());
    (frames, inits.remove(0), chunks)
}

#[test]
fn what_was_packaged_comes_back() {
    let (frames, init, chunks) = stream();
    let tracks = parse_init(&init.data).expect("our own");
    assert_eq!((tracks.size, tracks.bit_depth, &tracks.codecs), (size(96, 64), 8, &init.codecs));
    assert_eq!(init.codecs, "av01.0.00M.08,opus");
    assert_eq!(tracks.color, ColorSpace::default());
    let back: Vec<_> = chunks
        .iter()
        .flat_map(|chunk| {
            let parsed = parse_chunk(&tracks, &chunk.data).expect("our own");
            assert_eq!(parsed.captured, Some(chunk.captured));
            assert!(parsed.start <= chunk.start);
            parsed.frames
        })
        .collect();
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let of =
            |frames: &[EncodedFrame]| -> Vec<_> { frames.iter().filter(|frame| frame.kind == kind).cloned().collect() };
        let (sent, back) = (of(&frames), of(&back));
        // Sound from before the first picture (Opus' own delay) is left out.
        let skipped = sent.len() - back.len();
        assert!(skipped <= usize::from(kind == TrackKind::Audio), "{skipped}");
        for (sent, back) in sent[skipped..].iter().zip(&back) {
            assert_eq!(sent.data, back.data);
            assert_eq!(sent.keyframe, back.keyframe);
            // Sound counts in samples, so that up to half of one is lost.
            let tolerance = if kind == TrackKind::Audio { 11 } else { 0 };
            assert!(sent.timestamp.as_micros().abs_diff(back.timestamp.as_micros()) <= tolerance, "{sent:?} {back:?}");
            assert!((back.captured.as_micros() - EPOCH).abs_diff(back.timestamp.as_micros()) <= 11);
        }
    }
}

#[test]
fn samples_are_slices_of_the_chunk() {
    let (_, init, chunks) = stream();
    let parsed = parse_chunk(&parse_init(&init.data).expect("our own"), &chunks[0].data).expect("our own");
    let range = chunks[0].data.as_ptr_range();
    assert!(parsed.frames.iter().all(|frame| range.contains(&frame.data.as_ptr())));
}

#[test]
fn limits_are_stated() {
    let (_, init, _) = stream();
    let error = parse_init(&vec![0; MAX_INIT + 1]).expect_err("too large").to_string();
    assert_eq!(error, "init segment of 65537 bytes (expected at most 65536)");
    let tracks = parse_init(&init.data).expect("our own");
    assert!(matches!(parse_chunk(&tracks, &Bytes::new()), Err(DemuxError::Missing("moof"))));
    assert!(matches!(parse_init(b""), Err(DemuxError::Missing("moov"))));
}

/// The whole stream as one file.
fn file((_, init, chunks): &(Vec<EncodedFrame>, InitSegment, Vec<MediaChunk>)) -> Vec<u8> {
    chunks.iter().fold(init.data.to_vec(), |mut file, chunk| {
        file.extend_from_slice(&chunk.data);
        file
    })
}

#[test]
fn ffmpeg_reads_every_picture_and_sound() {
    if Command::new("ffprobe").arg("-version").output().is_err() {
        println!("skipped: no ffprobe on this machine");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stream.mp4");
    std::fs::write(&path, file(&stream())).expect("written");
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_name,width,height,nb_read_frames,r_frame_rate,time_base"])
        .arg(&path)
        .output()
        .expect("ffprobe runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(err, "", "ffprobe complains");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "av1,96,64,30/1,1/1000000,45");
    assert!(lines[1].starts_with("opus,") && lines[1].ends_with(",74"), "{}", lines[1]);
}

fn survive(tracks: &Tracks, data: Vec<u8>) -> Result<(), TestCaseError> {
    let length = data.len();
    if let Ok(chunk) = parse_chunk(tracks, &Bytes::from(data)) {
        prop_assert!(chunk.frames.len() <= MAX_SAMPLES);
        prop_assert!(chunk.frames.iter().all(|frame| frame.data.len() <= length));
    }
    Ok(())
}

#[test]
fn damaged_bytes_are_survived() {
    let (_, init, chunks) = stream();
    let tracks = parse_init(&init.data).expect("our own");
    let chunk = chunks[0].data.to_vec();
    // Most of a chunk is pictures, so damage goes to the boxes in front.
    let boxes = 400.min(chunk.len());
    proptest!(ProptestConfig::with_cases(3000), |(
        damage in proptest::collection::vec((0..boxes, any::<u8>()), 1..8),
        cut in 0..=chunk.len(),
        truncate: bool,
    )| {
        let mut bytes = chunk.clone();
        for (place, value) in damage {
            bytes[place] = value;
        }
        if truncate {
            bytes.truncate(cut);
        }
        survive(&tracks, bytes)?;
    });
    let init = init.data.to_vec();
    proptest!(ProptestConfig::with_cases(3000), |(
        damage in proptest::collection::vec((0..init.len(), any::<u8>()), 0..8),
        cut in 0..=init.len(),
    )| {
        let mut bytes = init.clone();
        for (place, value) in damage {
            bytes[place] = value;
        }
        bytes.truncate(cut.max(init.len() / 2));
        if let Ok(tracks) = parse_init(&bytes) {
            survive(&tracks, chunk.clone())?;
        }
    });
}

proptest! {
    #[test]
    fn rubbish_is_survived(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse_init(&data);
    }
}
