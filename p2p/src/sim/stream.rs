//! The chunks that are published: their sizes and times.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::chance::gauss;
use super::plan::{Outage, StreamPlan};
use crate::mesh::ChunkMeta;
use crate::wire::{MAX_CHUNK, Sequence};

/// Recorded broadcasts, by name.
const TRACES: [(&str, &str); 1] = [("test-picture", include_str!("../../scenarios/traces/test-picture.csv"))];

/// A published chunk. Numbers go on from one epoch to the next, which no two epochs of a real broadcast have to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    pub(super) meta: ChunkMeta,
    pub(super) epoch: u32,
    /// When its first frame was captured, in virtual microseconds.
    pub(super) captured: u64,
    /// When it was signed.
    pub(super) signed: u64,
    /// The server has it.
    pub(super) at_server: bool,
}

impl StreamPlan {
    /// How many chunks there are from one keyframe to the next.
    pub fn chunks_per_gop(&self) -> u64 {
        ((self.gop_s * 1e3 / f64::from(self.chunk_ms)) as u64).max(1)
    }
}

/// Tells whether the trace that is asked for exists.
pub(super) fn has_trace(plan: &StreamPlan) -> bool {
    plan.trace.as_ref().is_none_or(|name| TRACES.iter().any(|(known, _)| known == name))
}

/// Makes the chunks of a whole run: without a pause, but for the time in which the broadcaster is gone.
pub(super) fn publish(plan: &StreamPlan, gone: &Outage, seconds: u64, seed: u64) -> Vec<Published> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0f5a);
    let chunk = u64::from(plan.chunk_ms) * 1000;
    let mut sizes = sizes(plan, &mut rng);
    let mut published: Vec<Published> = Vec::with_capacity((seconds * 1_000_000 / chunk) as usize);
    let (mut captured, mut epoch) = (0, 0);
    while captured + chunk <= seconds * 1_000_000 {
        if let Some((from, until)) = gone.span().filter(|_| epoch == 0)
            && captured >= from
        {
            // A new run of the encoder begins with a keyframe.
            (captured, epoch) = (until, 1);
            while sizes.next().is_some_and(|(_, next_is_keyframe)| !next_is_keyframe) {}
        }
        let Some((size, _)) = sizes.next() else { break };
        // The encoder's delay wanders a little.
        let delay = plan.publish_delay_ms as f64 * 1e3 + (10_000.0 * gauss(&mut rng)).clamp(-25_000.0, 25_000.0);
        let last = published.last().map_or(0, |last| last.signed);
        let meta = ChunkMeta {
            sequence: Sequence(published.len() as u64),
            size: (size.0 as u32).clamp(200, MAX_CHUNK as u32),
            start_micros: captured as i64,
            duration_micros: chunk as u32,
            keyframe: size.1,
            end: false,
        };
        let signed = (captured + delay.max(0.0) as u64).max(last + 1000);
        published.push(Published { meta, epoch, captured, signed, at_server: false });
        captured += chunk;
    }
    published
}

/// A chunk's size, and whether it holds a keyframe.
type Size = (f64, bool);

/// Sizes without end, from a keyframe on, and whether the next chunk is a keyframe.
fn sizes(plan: &StreamPlan, rng: &mut ChaCha8Rng) -> impl Iterator<Item = (Size, bool)> + use<> {
    let cycle = match recorded(plan) {
        Some(sizes) => {
            // Each seed begins somewhere else.
            let keyframes: Vec<usize> = (0..sizes.len()).filter(|&index| sizes[index].1).collect();
            let begin = keyframes[rng.random_range(0..keyframes.len())];
            [&sizes[begin..], &sizes[..begin]].concat()
        }
        None => made_up(plan, rng),
    };
    let next = cycle.clone().into_iter().cycle().skip(1).map(|(_, keyframe)| keyframe);
    cycle.into_iter().cycle().zip(next)
}

/// The sizes of a recorded broadcast, in chunks of the planned length and with the planned mean.
fn recorded(plan: &StreamPlan) -> Option<Vec<Size>> {
    let name = plan.trace.as_ref()?;
    let (_, text) = TRACES.iter().find(|(known, _)| known == name)?;
    let fields = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split(',').filter_map(|field| field.trim().parse::<f64>().ok());
        Some((fields.next()?, fields.next()?, fields.next()? > 0.0))
    });
    let (mut sizes, mut length): (Vec<Size>, f64) = (Vec::new(), 0.0);
    for (millis, bytes, keyframe) in fields {
        // A keyframe begins a chunk of its own, as the packager does it.
        let whole = length + 0.5 >= f64::from(plan.chunk_ms);
        match sizes.last_mut().filter(|_| !whole && !keyframe) {
            Some(last) => last.0 += bytes,
            None => {
                sizes.push((bytes, keyframe));
                length = 0.0;
            }
        }
        length += millis;
    }
    // Whole runs from keyframe to keyframe only.
    let end = sizes.iter().rposition(|size| size.1)?;
    sizes.truncate(end);
    let mean = sizes.iter().map(|size| size.0).sum::<f64>() / sizes.len() as f64;
    let wanted = f64::from(plan.bitrate_kbps) * f64::from(plan.chunk_ms) / 8.0;
    sizes.iter_mut().for_each(|size| size.0 *= wanted / mean);
    Some(sizes)
}

/// Sizes around the mean, with keyframes as much longer as planned.
fn made_up(plan: &StreamPlan, rng: &mut ChaCha8Rng) -> Vec<Size> {
    let per_gop = plan.chunks_per_gop();
    let mean = f64::from(plan.bitrate_kbps) * f64::from(plan.chunk_ms) / 8.0;
    // The others are so much shorter that the mean stays.
    let rest = match per_gop {
        1 => 1.0,
        chunks => ((chunks as f64 - plan.keyframe_ratio) / (chunks as f64 - 1.0)).max(0.1),
    };
    let sizes = (0..50 * per_gop).map(|sequence| {
        let keyframe = sequence % per_gop == 0;
        let ratio = if keyframe { plan.keyframe_ratio } else { rest };
        (mean * ratio * (1.0 + 0.15 * gauss(rng)).clamp(0.4, 1.6), keyframe)
    });
    sizes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(chunk_ms: u32, trace: Option<&str>) -> StreamPlan {
        StreamPlan {
            bitrate_kbps: 2600,
            chunk_ms,
            gop_s: 2.0,
            keyframe_ratio: 2.5,
            stripes: 8,
            publish_delay_ms: 350,
            trace: trace.map(Into::into),
        }
    }

    #[test]
    fn the_bit_rate_is_the_planned_one() {
        for (chunk_ms, trace) in [(100, None), (200, None), (100, Some("test-picture")), (200, Some("test-picture"))] {
            let published = publish(&plan(chunk_ms, trace), &Outage::default(), 100, 1);
            let bits: u64 = published.iter().map(|chunk| 8 * u64::from(chunk.meta.size)).sum();
            assert!((bits as f64 / 100.0 / 2.6e6 - 1.0).abs() < 0.05, "{bits}");
            assert!((45..=55).contains(&published.iter().filter(|chunk| chunk.meta.keyframe).count()), "{trace:?}");
            assert!(published[0].meta.keyframe && published.is_sorted_by_key(|chunk| chunk.signed));
        }
    }

    #[test]
    fn a_new_epoch_begins_with_a_keyframe() {
        let published = publish(&plan(200, Some("test-picture")), &Outage { at_s: 11.3, for_s: 10.0 }, 60, 1);
        let first = published.iter().position(|chunk| chunk.epoch == 1).unwrap();
        assert!(published[first].meta.keyframe);
        assert_eq!(published[first].captured, 21_300_000);
        assert!(published[first - 1].captured < 11_300_000);
    }
}
