//! Writes LL-HLS playlists.

use std::fmt::Write;

use jiff::Timestamp;
use runnel_p2p::wire::Manifest;

use super::segment::{Segment, Segments, TARGET_MICROS};

/// Parts are listed in so many of the last segments; further back players do not ask for them.
const SEGMENTS_WITH_PARTS: usize = 3;

/// What a multivariant playlist says about one rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) rendition: u8,
    /// The highest bit rate of any segment so far, and the mean, as measured.
    pub(super) peak: u64,
    pub(super) average: u64,
}

/// The multivariant playlist of a manifest's renditions.
pub(super) fn multivariant(manifest: &Manifest, variants: &[Variant]) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:9\n");
    for rendition in &manifest.renditions {
        let measured = variants.iter().find(|variant| variant.rendition == rendition.id.0);
        let declared = u64::from(rendition.bitrate_kbps) * 1000;
        let average = measured.map_or(0, |variant| variant.average).max(1);
        let peak = measured.map_or(0, |variant| variant.peak).max(declared).max(average);
        let _ = write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}");
        if let Some(codecs) = attribute(&rendition.codecs) {
            let _ = write!(text, ",CODECS=\"{codecs}\"");
        }
        if rendition.width > 0 && rendition.height > 0 {
            let _ = write!(text, ",RESOLUTION={}x{}", rendition.width, rendition.height);
        }
        if rendition.fps > 0 {
            let _ = write!(text, ",FRAME-RATE={}.000", rendition.fps);
        }
        let _ = write!(text, "\n{}/{}/media.m3u8\n", manifest.epoch, rendition.id);
    }
    text
}

/// A quoted string cannot hold quotes or line ends, and the manifest is a stranger's text.
fn attribute(text: &str) -> Option<&str> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"' || c == ' ');
    fits.then_some(text)
}

/// The media playlist of a rendition.
pub(super) fn media(segments: &Segments) -> String {
    let mut text = String::with_capacity(4096);
    let part_target = segments.part_target();
    let target = TARGET_MICROS / 1_000_000;
    let first = segments.done().front().map(|segment| segment.msn);
    let first = first.or_else(|| segments.open().map(|segment| segment.msn)).unwrap_or(segments.edge().0);
    let _ = write!(
        text,
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target}\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},HOLD-BACK={}.0\n\
         #EXT-X-PART-INF:PART-TARGET={}\n#EXT-X-MEDIA-SEQUENCE:{first}\n",
        seconds(part_target * 3),
        target * 3,
        seconds(part_target),
    );
    if segments.dropped_discontinuities > 0 {
        let _ = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", segments.dropped_discontinuities);
    }
    if segments.done().iter().chain(segments.open()).all(|segment| segment.independent) {
        text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    let mut init = None;
    let with_parts = segments.done().len().saturating_sub(SEGMENTS_WITH_PARTS);
    for (index, segment) in segments.done().iter().enumerate() {
        head(&mut text, segment, &mut init);
        if index >= with_parts {
            parts(&mut text, segment);
        }
        let _ = write!(text, "#EXTINF:{},\n{}.m4s\n", seconds(segment.duration), segment.msn);
    }
    if let Some(segment) = segments.open().filter(|segment| !segment.parts.is_empty()) {
        head(&mut text, segment, &mut init);
        parts(&mut text, segment);
    }
    if segments.is_ended() {
        text.push_str("#EXT-X-ENDLIST\n");
    } else {
        let (msn, part) = segments.hint();
        let _ = writeln!(text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{msn}.{part}.m4s\"");
    }
    text
}

fn head(text: &mut String, segment: &Segment, init: &mut Option<u32>) {
    if segment.discontinuity {
        text.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if *init != Some(segment.init) {
        *init = Some(segment.init);
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"init-{}.mp4\"", segment.init);
    }
    if let Ok(time) = Timestamp::from_millisecond(segment.captured / 1000) {
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{time:.3}");
    }
}

fn parts(text: &mut String, segment: &Segment) {
    for (index, part) in segment.parts.iter().enumerate() {
        let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
        let duration = seconds(part.duration);
        let _ = writeln!(text, "#EXT-X-PART:DURATION={duration},URI=\"{}.{index}.m4s\"{independent}", segment.msn);
    }
}

/// Microseconds as seconds without rounding.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let short = text.trim_end_matches('0');
    let keep = short.len() + usize::from(short.ends_with('.'));
    text[..keep].to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::segment::{ChunkMeta, PartRule};
    use super::*;
    use crate::testing::PlaylistValidator;

    #[test]
    fn every_version_of_a_playlist_is_valid() {
        for millis in [100, 200] {
            let mut segments = Segments::new(PartRule::new(millis));
            let mut validator = PlaylistValidator::new();
            let group = u64::from(2000 / millis);
            for sequence in 0..2000 {
                let init = u32::from(sequence > 700);
                let chunk = ChunkMeta {
                    sequence,
                    duration: u64::from(millis) * 1000,
                    captured: 1_790_000_000_000_000 + sequence as i64 * i64::from(millis) * 1000,
                    size: 100,
                    init,
                    keyframe: sequence.is_multiple_of(group),
                    breaks: sequence == 405,
                };
                let cut = segments.push(chunk);
                if cut.visible {
                    segments.trim(sequence.saturating_sub(250), 20_000_000);
                    validator.check(&media(&segments)).unwrap();
                }
            }
            segments.end();
            validator.check(&media(&segments)).unwrap();
            assert!(validator.is_ended());
        }
    }

    #[test]
    fn seconds_are_exact() {
        assert_eq!(seconds(500_000), "0.5");
        assert_eq!(seconds(2_000_000), "2.0");
        assert_eq!(seconds(33_333), "0.033333");
    }

    #[test]
    fn a_strangers_codec_string_cannot_break_the_line() {
        assert_eq!(attribute("av01.0.04M.08,opus"), Some("av01.0.04M.08,opus"));
        assert_eq!(attribute("x\"\n#EXT-X-ENDLIST"), None);
    }
}
