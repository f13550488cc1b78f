//! Picking an encoder from what was measured: pure.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ProbeRow;
use crate::encode::keyframe::LIMIT;

/// How much faster than real time an encoder has to be, for pictures that are harder and a machine that is busier.
pub const MARGIN: f64 = 1.3;
/// Differences in VMAF that nobody sees: within them the shorter delay and the smaller work count.
const ALIKE: f64 = 1.5;
/// Differences in delay (ms) that do not matter.
const SAME_DELAY: f64 = 15.0;
/// A picture worse than this is broken, not coarse.
const BROKEN_DB: f64 = 20.0;

/// Why an encoder was taken or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// It was taken.
    Chosen,
    /// It was measured and not yet judged; never in a finished table.
    Measured,
    /// Another was asked for.
    NotAsked,
    /// It is not on this machine.
    NotHere {
        /// What is missing.
        reason: String,
    },
    /// It did not work.
    Failed {
        /// What it said.
        reason: String,
    },
    /// It was not tried.
    NotTried {
        /// Why not.
        reason: String,
    },
    /// It does not hold real time with a margin.
    TooSlow {
        /// Pictures a second it would have to make.
        needed_fps: f64,
    },
    /// It would use more of the cores than it may.
    TooHungry {
        /// The share it may use, 0..=1.
        limit: f64,
    },
    /// Its keyframes are larger than the network carries in time.
    LargeKeyframes {
        /// The chunk with a keyframe against the mean chunk.
        ratio: f64,
    },
    /// What it makes is not the picture it was given.
    Broken,
    /// Another makes a better picture at the same rate.
    LowerQuality {
        /// The other.
        than: String,
    },
    /// Another's picture is as good and comes out sooner.
    Later {
        /// The other.
        than: String,
    },
    /// Another is as good and as soon with less work.
    MoreWork {
        /// The other.
        than: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::Measured => f.write_str("measured"),
            Self::NotAsked => f.write_str("another was asked for"),
            Self::NotHere { reason } => write!(f, "not here: {reason}"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::NotTried { reason } => write!(f, "not tried: {reason}"),
            Self::TooSlow { needed_fps } => write!(f, "too slow: {needed_fps:.0} pictures a second are needed"),
            Self::TooHungry { limit } => write!(f, "needs more than {:.0} % of the cores", limit * 100.0),
            Self::LargeKeyframes { ratio } => {
                write!(f, "its keyframes make chunks of {ratio:.1} times the mean ({LIMIT} at most)")
            }
            Self::Broken => f.write_str("broken: it does not make the picture it was given"),
            Self::LowerQuality { than } => write!(f, "lower quality than {than}"),
            Self::Later { than } => write!(f, "as good as {than}, but later"),
            Self::MoreWork { than } => write!(f, "as good as {than}, but more work"),
        }
    }
}

/// Judges the measured rows; the index of the chosen one is `None` only if nothing worked at all.
pub(crate) fn rank(mut rows: Vec<ProbeRow>, fps: u32, cpu_limit: f64) -> (Vec<ProbeRow>, Option<usize>) {
    let needed_fps = f64::from(fps) * MARGIN;
    let mut fit = Vec::new();
    let mut unfit = Vec::new();
    for (index, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.verdict == Verdict::Measured) {
        if row.psnr < BROKEN_DB {
            row.verdict = Verdict::Broken;
        } else if row.fps < needed_fps {
            row.verdict = Verdict::TooSlow { needed_fps };
            unfit.push(index);
        } else if row.cpu > cpu_limit {
            row.verdict = Verdict::TooHungry { limit: cpu_limit };
            unfit.push(index);
        } else if let Some(ratio) = row.keyframes.filter(|ratio| *ratio > LIMIT) {
            row.verdict = Verdict::LargeKeyframes { ratio };
            unfit.push(index);
        } else {
            fit.push(index);
        }
    }
    let best = fit.iter().map(|index| rows[*index].quality).fold(f64::NEG_INFINITY, f64::max);
    let soonest = |indices: &[usize]| indices.iter().map(|index| rows[*index].delay_ms).fold(f64::INFINITY, f64::min);
    let alike: Vec<usize> = fit.iter().copied().filter(|index| rows[*index].quality >= best - ALIKE).collect();
    let limit = soonest(&alike) + SAME_DELAY;
    let soon = alike.iter().copied().filter(|index| rows[*index].delay_ms <= limit);
    let work = |a: &usize, b: &usize| rows[*a].cpu.partial_cmp(&rows[*b].cpu).unwrap_or(Ordering::Equal);
    let chosen = soon.min_by(work).or_else(|| {
        // Nothing is good enough: what comes nearest, whatever its quality.
        let speed = |index: &usize| (rows[*index].fps / needed_fps).min(cpu_limit / rows[*index].cpu.max(0.001));
        let size = |index: &usize| rows[*index].keyframes.map_or(1.0, |ratio| LIMIT / ratio.max(LIMIT));
        let near = |index: &usize| speed(index).min(1.0) * size(index);
        let nearer = |a: &usize, b: &usize| near(a).partial_cmp(&near(b)).unwrap_or(Ordering::Equal);
        unfit.into_iter().max_by(nearer)
    });
    let Some(chosen) = chosen else { return (rows, None) };
    let winner = rows[chosen].clone();
    for index in fit {
        let row = &mut rows[index];
        let than = winner.name.clone();
        row.verdict = if row.quality < best - ALIKE {
            Verdict::LowerQuality { than }
        } else if row.delay_ms > limit {
            Verdict::Later { than }
        } else {
            Verdict::MoreWork { than }
        };
    }
    rows[chosen].verdict = Verdict::Chosen;
    (rows, Some(chosen))
}

/// Why the chosen one was chosen, in words.
pub(crate) fn reason(row: &ProbeRow, fps: u32, cpu_limit: f64) -> String {
    let cpu = row.cpu * 100.0;
    let did = format!("{:.0} pictures a second with {cpu:.0} % of the cores at {fps}", row.fps);
    if row.fps < f64::from(fps) * MARGIN || row.cpu > cpu_limit {
        format!("nothing here is fast enough; {} comes nearest: {did}", row.name)
    } else if let Some(ratio) = row.keyframes.filter(|ratio| *ratio > LIMIT) {
        format!(
            "nothing here keeps its keyframes small; {} comes nearest with {ratio:.1} times the mean: {did}",
            row.name
        )
    } else {
        format!("best picture of those fast enough: {did}, {:.0} ms delay", row.delay_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, fps: f64, cpu: f64, delay_ms: f64, quality: f64) -> ProbeRow {
        ProbeRow {
            name: name.into(),
            fps,
            cpu,
            delay_ms,
            psnr: 35.0,
            kbps: 1000.0,
            keyframes: Some(2.0),
            quality,
            verdict: Verdict::Measured,
        }
    }

    #[track_caller]
    fn check(rows: &[ProbeRow], chosen: &str, verdicts: &[Verdict]) {
        let (rows, index) = rank(rows.to_vec(), 30, 0.6);
        assert_eq!(index.map(|index| rows[index].name.as_str()), Some(chosen));
        let found: Vec<_> = rows.iter().map(|row| row.verdict.clone()).collect();
        assert_eq!(found, verdicts);
    }

    #[test]
    fn the_best_picture_of_those_fast_enough_wins() {
        let rows = [
            row("slow", 38.0, 0.5, 10.0, 99.0),
            row("hungry", 60.0, 0.61, 10.0, 98.0),
            row("good", 60.0, 0.4, 10.0, 95.0),
            row("poor", 90.0, 0.1, 10.0, 90.0),
        ];
        check(
            &rows,
            "good",
            &[
                Verdict::TooSlow { needed_fps: 39.0 },
                Verdict::TooHungry { limit: 0.6 },
                Verdict::Chosen,
                Verdict::LowerQuality { than: "good".into() },
            ],
        );
    }

    #[test]
    fn among_alike_pictures_the_sooner_then_the_cheaper_wins() {
        let rows = [
            row("late", 90.0, 0.1, 150.0, 95.0),
            row("dear", 90.0, 0.4, 12.0, 94.5),
            row("cheap", 90.0, 0.2, 20.0, 94.0),
        ];
        check(
            &rows,
            "cheap",
            &[Verdict::Later { than: "cheap".into() }, Verdict::MoreWork { than: "cheap".into() }, Verdict::Chosen],
        );
    }

    #[test]
    fn where_nothing_is_fast_enough_the_nearest_is_taken() {
        let rows = [row("slower", 10.0, 0.9, 10.0, 99.0), row("slow", 20.0, 0.7, 150.0, 90.0)];
        check(&rows, "slow", &[Verdict::TooSlow { needed_fps: 39.0 }, Verdict::Chosen]);
        assert!(reason(&rows[1], 30, 0.6).starts_with("nothing here is fast enough; slow comes nearest"));
    }

    #[test]
    fn who_makes_large_keyframes_is_refused() {
        let large = ProbeRow { keyframes: Some(2.6), ..row("large", 90.0, 0.1, 1.0, 99.0) };
        let larger = ProbeRow { keyframes: Some(4.0), ..row("larger", 90.0, 0.1, 1.0, 99.0) };
        let unseen = ProbeRow { keyframes: None, ..row("unseen", 90.0, 0.1, 1.0, 80.0) };
        let refused = Verdict::LargeKeyframes { ratio: 2.6 };
        check(&[large.clone(), unseen], "unseen", &[refused.clone(), Verdict::Chosen]);
        check(&[larger, large.clone()], "large", &[Verdict::LargeKeyframes { ratio: 4.0 }, Verdict::Chosen]);
        assert_eq!(refused.to_string(), "its keyframes make chunks of 2.6 times the mean (2.5 at most)");
        assert!(reason(&large, 30, 0.6).starts_with("nothing here keeps its keyframes small; large comes nearest"));
    }

    #[test]
    fn what_makes_rubbish_is_never_taken() {
        let broken = ProbeRow { psnr: 9.0, ..row("broken", 900.0, 0.01, 1.0, 99.0) };
        check(&[broken.clone(), row("sound", 90.0, 0.1, 1.0, 90.0)], "sound", &[Verdict::Broken, Verdict::Chosen]);
        assert_eq!(rank(vec![broken], 30, 0.6).1, None);
    }

    #[test]
    fn verdicts_survive_json() {
        let verdict = Verdict::TooSlow { needed_fps: 39.0 };
        let text = serde_json::to_string(&verdict).expect("JSON");
        assert_eq!(text, r#"{"kind":"too_slow","needed_fps":39.0}"#);
        assert_eq!(serde_json::from_str::<Verdict>(&text).expect("JSON"), verdict);
    }
}
