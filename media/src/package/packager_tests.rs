//! How frames become chunks.

use bytes::Bytes;

use super::*;
use crate::format::WallClock;
use crate::package::fixtures::{self, EPOCH, collect, package};

fn size(width: u32, height: u32) -> Size {
    Size::new(width, height).expect("legal")
}

/// Real keyframes once, then as many pictures as wanted without the work of encoding them.
fn stream(fps: u32, count: u32, interval: u32) -> Vec<EncodedFrame> {
    let real = fixtures::video(size(64, 64), fps, 2, 2);
    let frame = |index: u32| {
        let like = &real[usize::from(!index.is_multiple_of(interval))];
        let (timestamp, captured) = fixtures::at(i64::from(index) * 1_000_000 / i64::from(fps));
        EncodedFrame { timestamp, captured, ..like.clone() }
    };
    (0..count).map(frame).collect()
}

fn check(fps: u32, chunk_millis: u64, pictures: &[usize]) {
    let config = PackagerConfig { chunk: Duration::from_millis(chunk_millis), fps, ..Default::default() };
    let (inits, chunks) = package(&mut Packager::new(config), stream(fps, fps * 2, fps));
    assert_eq!(inits.len(), 1);
    let tracks = super::super::demux::parse_init(&inits[0].data).expect("our own init segment");
    let counts: Vec<_> = chunks
        .iter()
        .map(|chunk| super::super::demux::parse_chunk(&tracks, &chunk.data).expect("our own chunk").frames.len())
        .collect();
    assert_eq!(counts[..pictures.len()], *pictures, "{fps} pictures a second in {chunk_millis} ms");
    let per_gop = 1000 / chunk_millis as usize;
    let keyframes: Vec<_> = chunks.iter().map(|chunk| chunk.keyframe).collect();
    let expected: Vec<_> = (0..chunks.len()).map(|index| index.is_multiple_of(per_gop)).collect();
    assert_eq!(keyframes, expected);
    for (number, pair) in chunks.windows(2).enumerate() {
        assert_eq!(pair[0].sequence, number as u64);
        let end = pair[0].start.saturating_add(pair[0].duration);
        assert!(end.as_micros().abs_diff(pair[1].start.as_micros()) <= 2, "{end:?} to {:?}", pair[1].start);
    }
}

#[test]
fn chunks_hold_their_length_at_any_rate() {
    check(30, 100, &[3; 10]);
    check(30, 200, &[6; 5]);
    check(25, 100, &[2, 3, 2, 3]);
    check(24, 100, &[2, 3, 2, 3, 2, 2, 3, 2, 3, 2]);
    check(60, 100, &[6; 10]);
    check(10, 200, &[2; 5]);
}

#[test]
fn a_chunk_comes_out_as_soon_as_its_sound_is_there() {
    let mut packager = Packager::new(PackagerConfig::default());
    for frame in stream(30, 3, 30) {
        packager.push(frame).expect("sound");
    }
    assert!(matches!(packager.poll(), Some(PackageOutput::Init(_))));
    for packet in fixtures::audio(120) {
        let enough = packet.timestamp.saturating_add(packet.duration) >= Timestamp::from_micros(100_000);
        packager.push(packet).expect("sound");
        assert_eq!(packager.poll().is_some(), enough);
        if enough {
            return;
        }
    }
    panic!("the chunk never came");
}

#[test]
fn sound_that_does_not_come_holds_a_chunk_up_for_80_ms_only() {
    let mut packager = Packager::new(PackagerConfig::default());
    let mut came = None;
    for (index, frame) in stream(30, 30, 30).into_iter().enumerate() {
        packager.push(frame).expect("sound");
        if !collect(&mut packager).1.is_empty() {
            came.get_or_insert(index);
        }
    }
    assert_eq!(came, Some(5), "pictures 3, 4 and 5 end at 133, 167 and 200 ms");
}

#[test]
fn sound_from_before_the_first_picture_is_left_out() {
    let video = fixtures::later(stream(30, 30, 30), Duration::from_millis(100));
    let mut packager = Packager::new(PackagerConfig::default());
    let (inits, chunks) = package(&mut packager, [video, fixtures::audio(1200)].concat());
    let tracks = super::super::demux::parse_init(&inits[0].data).expect("our own init segment");
    let first = super::super::demux::parse_chunk(&tracks, &chunks[0].data).expect("our own chunk");
    let heard = first.frames.iter().filter(|frame| frame.kind == TrackKind::Audio).map(|frame| frame.timestamp).min();
    assert!(heard.is_some_and(|heard| heard >= Timestamp::from_micros(100_000)), "{heard:?}");
    assert_eq!(packager.skipped(), (0, 6));
}

#[test]
fn pictures_before_the_first_keyframe_are_left_out() {
    let mut packager = Packager::new(PackagerConfig::default());
    let (inits, chunks) = package(&mut packager, stream(30, 60, 30).split_off(10));
    assert_eq!((inits.len(), packager.skipped().0), (1, 20));
    assert_eq!(chunks[0].start, Timestamp::from_micros(1_000_000));
    assert_eq!(chunks[0].captured, WallClock::from_micros(EPOCH + 1_000_000));
}

#[test]
fn a_keyframe_always_begins_a_chunk() {
    let mut frames = stream(30, 60, 60);
    let key = frames[0].data.clone();
    (frames[31].keyframe, frames[31].data) = (true, key);
    let (inits, chunks) = package(&mut Packager::new(PackagerConfig::default()), frames);
    assert_eq!(inits.len(), 1, "nothing new about the stream");
    let starts: Vec<_> = chunks.iter().filter(|chunk| chunk.keyframe).map(|chunk| chunk.start.as_micros()).collect();
    assert_eq!(starts, [0, 1_033_333]);
    assert_eq!(chunks[10].duration, Duration::from_micros(33_333), "cut short by the keyframe");
    assert!(chunks.iter().all(|chunk| !chunk.discontinuity));
}

#[test]
fn a_new_size_makes_an_init_segment_and_a_discontinuity() {
    let small = fixtures::video(size(64, 64), 30, 6, 60);
    let large = fixtures::later(fixtures::video(size(128, 64), 30, 6, 60), Duration::from_millis(200));
    let mut packager = Packager::new(PackagerConfig { first_init: 7, first_sequence: 40, ..Default::default() });
    for frame in [small, large].concat() {
        packager.push(frame).expect("sound");
    }
    packager.flush().expect("sound");
    let mut order = Vec::new();
    while let Some(output) = packager.poll() {
        order.push(match output {
            PackageOutput::Init(init) => format!("init {} {} {}", init.id, init.size, init.codecs),
            PackageOutput::Chunk(chunk) => {
                format!("chunk {} of {} {} {}", chunk.sequence, chunk.init, chunk.keyframe, chunk.discontinuity)
            }
        });
    }
    let expected = [
        "init 7 64x64 av01.0.00M.08,opus",
        "chunk 40 of 7 true false",
        "chunk 41 of 7 false false",
        "init 8 128x64 av01.0.00M.08,opus",
        "chunk 42 of 8 true true",
        "chunk 43 of 8 false false",
    ];
    assert_eq!(order, expected);
}

#[test]
fn lost_pictures_leave_a_gap_and_nothing_else() {
    let mut frames = stream(30, 30, 30);
    frames.drain(4..12);
    let (_, chunks) = package(&mut Packager::new(PackagerConfig::default()), frames);
    let starts: Vec<_> = chunks.iter().map(|chunk| chunk.start.as_micros()).collect();
    assert_eq!(starts[..4], [0, 100_000, 400_000, 500_000]);
    assert_eq!(chunks[1].duration, Duration::from_micros(33_333));
}

#[test]
fn what_makes_no_sense_is_refused_and_the_rest_goes_on() {
    let mut packager = Packager::new(PackagerConfig::default());
    let frames = stream(30, 3, 30);
    let (key, delta) = (frames[0].clone(), frames[1].clone());
    packager.push(key.clone()).expect("sound");
    assert!(matches!(packager.push(key.clone()), Err(PackageError::Backwards { .. })));
    let empty = EncodedFrame { data: Bytes::new(), ..delta.clone() };
    assert!(matches!(packager.push(empty), Err(PackageError::FrameSize(0))));
    packager.push(delta.clone()).expect("still sound");
    let lying = EncodedFrame { keyframe: true, ..frames[2].clone() };
    assert!(matches!(packager.push(lying), Err(PackageError::NoSequenceHeader)));
    let next = EncodedFrame { timestamp: Timestamp::from_micros(99_999), ..delta };
    packager.push(next).expect("left out until the next keyframe");
    packager.flush().expect("sound");
    let (_, chunks) = collect(&mut packager);
    assert_eq!((chunks.len(), packager.skipped().0), (1, 1));
}
