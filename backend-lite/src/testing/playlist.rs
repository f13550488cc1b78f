//! A validator of LL-HLS media playlists that remembers what it saw before.

use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PlaylistProblem {
    /// Which line, from 1; 0 for the playlist as a whole.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Checks one version of a playlist after the other.
#[derive(Debug, Default)]
pub struct PlaylistValidator {
    /// Duration of each segment seen, by number.
    segments: BTreeMap<u64, String>,
    parts: BTreeMap<(u64, u64), String>,
    hint: Option<String>,
    known_parts: BTreeSet<String>,
    first: u64,
    discontinuity_sequence: u64,
    discontinuities: BTreeSet<u64>,
    target: Option<u64>,
    ended: bool,
    hints_kept: u64,
    hints_missed: u64,
}

impl PlaylistValidator {
    /// A validator that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the last playlist was the final one.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// How many segments were seen complete.
    pub fn segments_seen(&self) -> usize {
        self.segments.len()
    }

    /// The number of the newest part seen, as segment and part.
    pub fn newest_part(&self) -> Option<(u64, u64)> {
        self.parts.last_key_value().map(|(key, _)| *key)
    }

    /// How many preload hints turned out right and wrong; a forced keyframe may make one wrong.
    pub fn hints(&self) -> (u64, u64) {
        (self.hints_kept, self.hints_missed)
    }

    /// Checks the next version.
    pub fn check(&mut self, text: &str) -> Result<(), PlaylistProblem> {
        Reading::new(self, text)?.run()
    }
}

struct Reading<'a> {
    seen: &'a mut PlaylistValidator,
    lines: Vec<&'a str>,
    msn: u64,
    part: u64,
    extinf: Option<f64>,
    parts_duration: f64,
    part_target: f64,
    target: u64,
    map: Option<String>,
    new_parts: Vec<String>,
    hint: Option<String>,
    discontinuities_here: BTreeSet<u64>,
}

fn problem<T>(line: usize, message: impl Into<String>) -> Result<T, PlaylistProblem> {
    Err(PlaylistProblem { line, message: message.into() })
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, list) = line.split_once(':')?;
    let mut rest = list;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.strip_prefix(',').unwrap_or(next))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

impl<'a> Reading<'a> {
    fn new(seen: &'a mut PlaylistValidator, text: &'a str) -> Result<Self, PlaylistProblem> {
        if !text.is_ascii() || text.contains('\r') || !text.ends_with('\n') {
            return problem(0, "not plain lines");
        }
        let lines: Vec<&str> = text.lines().collect();
        if lines.first() != Some(&"#EXTM3U") {
            return problem(1, "does not begin with #EXTM3U");
        }
        let find = |tag: &str| lines.iter().find_map(|line| line.strip_prefix(tag));
        let number = |tag: &str| find(tag).and_then(|value| value.parse::<u64>().ok());
        let Some(target) = number("#EXT-X-TARGETDURATION:") else { return problem(0, "no target duration") };
        let Some(msn) = number("#EXT-X-MEDIA-SEQUENCE:") else { return problem(0, "no media sequence") };
        let line = |tag: &str| lines.iter().find(|line| line.starts_with(tag)).copied().unwrap_or_default();
        let float = |line: &str, name: &str| attribute(line, name).and_then(|value| value.parse::<f64>().ok());
        let Some(part_target) = float(line("#EXT-X-PART-INF:"), "PART-TARGET") else {
            return problem(0, "no part target");
        };
        let control = line("#EXT-X-SERVER-CONTROL:");
        if attribute(control, "CAN-BLOCK-RELOAD") != Some("YES") {
            return problem(0, "cannot block a reload");
        }
        match float(control, "PART-HOLD-BACK") {
            Some(hold_back) if hold_back >= 3.0 * part_target - 1e-9 => {}
            other => return problem(0, format!("PART-HOLD-BACK {other:?} is below 3 x {part_target}")),
        }
        match float(control, "HOLD-BACK") {
            Some(hold_back) if hold_back >= 3.0 * target as f64 => {}
            other => return problem(0, format!("HOLD-BACK {other:?} is below 3 x {target}")),
        }
        if seen.target.is_some_and(|before| before != target) {
            return problem(0, "the target duration changed");
        }
        if msn < seen.first {
            return problem(0, format!("media sequence {msn} after {}", seen.first));
        }
        if seen.ended {
            return problem(0, "a new version after the end");
        }
        let discontinuity_sequence = number("#EXT-X-DISCONTINUITY-SEQUENCE:").unwrap_or(0);
        let dropped = seen.discontinuities.iter().filter(|&&at| at < msn && at >= seen.first).count() as u64;
        // Only what was seen before it was dropped can be counted, so ask for it only where versions overlap.
        let overlaps = seen.target.is_none() || seen.segments.contains_key(&msn) || msn == seen.first;
        if seen.target.is_some() && overlaps && discontinuity_sequence != seen.discontinuity_sequence + dropped {
            return problem(
                0,
                format!(
                    "discontinuity sequence {discontinuity_sequence}, {dropped} were dropped after {}",
                    seen.discontinuity_sequence
                ),
            );
        }
        seen.target = Some(target);
        seen.first = msn;
        seen.discontinuity_sequence = discontinuity_sequence;
        Ok(Self {
            seen,
            lines,
            msn,
            part: 0,
            extinf: None,
            parts_duration: 0.0,
            part_target,
            target,
            map: None,
            new_parts: Vec::new(),
            hint: None,
            discontinuities_here: BTreeSet::new(),
        })
    }

    fn run(mut self) -> Result<(), PlaylistProblem> {
        let lines = std::mem::take(&mut self.lines);
        let mut fresh_break = false;
        for (index, line) in lines.iter().enumerate() {
            let at = index + 1;
            if self.seen.ended {
                return problem(at, "something after the end");
            }
            if let Some(uri) = line.strip_prefix("#EXT-X-MAP:").and_then(|_| attribute(line, "URI")) {
                if self.map.is_some() && !fresh_break {
                    return problem(at, "a new map without a discontinuity");
                }
                self.map = Some(uri.to_owned());
            } else if *line == "#EXT-X-DISCONTINUITY" {
                fresh_break = true;
                self.discontinuities_here.insert(self.msn);
            } else if line.starts_with("#EXT-X-PART:") {
                self.take_part(at, line)?;
                fresh_break = false;
            } else if let Some(value) = line.strip_prefix("#EXTINF:") {
                let Some(duration) = value.trim_end_matches(',').parse::<f64>().ok() else {
                    return problem(at, "no duration");
                };
                if duration.round() as u64 > self.target {
                    return problem(at, format!("segment of {duration} s above the target of {} s", self.target));
                }
                self.extinf = Some(duration);
            } else if line.starts_with("#EXT-X-PRELOAD-HINT:") {
                self.hint = attribute(line, "URI").map(str::to_owned);
            } else if *line == "#EXT-X-ENDLIST" {
                self.seen.ended = true;
            } else if !line.starts_with('#') {
                self.take_segment(at, line)?;
                fresh_break = false;
            }
        }
        self.finish()
    }

    fn take_part(&mut self, at: usize, line: &str) -> Result<(), PlaylistProblem> {
        if self.map.is_none() {
            return problem(at, "a part before any map");
        }
        let Some(duration) = attribute(line, "DURATION").and_then(|value| value.parse::<f64>().ok()) else {
            return problem(at, "a part without duration");
        };
        if duration > self.part_target + 1e-9 {
            return problem(at, format!("part of {duration} s above the part target of {} s", self.part_target));
        }
        let Some(uri) = attribute(line, "URI") else { return problem(at, "a part without address") };
        let expected = format!("{}.{}.m4s", self.msn, self.part);
        if uri != expected {
            return problem(at, format!("part {uri}, expected {expected}"));
        }
        let known = self.seen.parts.insert((self.msn, self.part), (*line).to_owned());
        match known {
            Some(before) if before != line => return problem(at, format!("part changed from {before}")),
            Some(_) => {}
            None => self.new_parts.push(uri.to_owned()),
        }
        self.seen.known_parts.insert(uri.to_owned());
        self.parts_duration += duration;
        self.part += 1;
        Ok(())
    }

    fn take_segment(&mut self, at: usize, line: &str) -> Result<(), PlaylistProblem> {
        let Some(duration) = self.extinf.take() else { return problem(at, "a segment without duration") };
        if line != format!("{}.m4s", self.msn) {
            return problem(at, format!("segment {line}, expected {}.m4s", self.msn));
        }
        if self.part > 0 && (self.parts_duration - duration).abs() > 1e-3 {
            return problem(at, format!("parts of {} s in a segment of {duration} s", self.parts_duration));
        }
        let value = format!("{duration} {:?}", self.map);
        if let Some(before) = self.seen.segments.insert(self.msn, value.clone())
            && before != value
        {
            return problem(at, format!("segment changed from {before} to {value}"));
        }
        self.msn += 1;
        self.part = 0;
        self.parts_duration = 0.0;
        Ok(())
    }

    fn finish(self) -> Result<(), PlaylistProblem> {
        if let Some(newest) = self.seen.segments.last_key_value().map(|(msn, _)| *msn)
            && newest >= self.msn
        {
            return problem(0, format!("segment {newest} was there and is gone"));
        }
        match (&self.hint, self.seen.ended) {
            (Some(_), true) => return problem(0, "a hint after the end"),
            (Some(hint), false) if self.seen.known_parts.contains(hint) => {
                return problem(0, format!("the hint {hint} names a part that is there"));
            }
            _ => {}
        }
        if let (Some(hint), Some(first)) = (&self.seen.hint, self.new_parts.first()) {
            if hint == first {
                self.seen.hints_kept += 1;
            } else {
                self.seen.hints_missed += 1;
            }
        }
        self.seen.hint = self.hint;
        self.seen.discontinuities.extend(self.discontinuities_here);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.65,HOLD-BACK=6.0\n\
        #EXT-X-PART-INF:PART-TARGET=0.55\n#EXT-X-MEDIA-SEQUENCE:4\n#EXT-X-MAP:URI=\"init-0.mp4\"\n\
        #EXT-X-PART:DURATION=0.5,URI=\"4.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.5,URI=\"4.1.m4s\"\n\
        #EXTINF:1.0,\n4.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"5.0.m4s\"\n";

    #[test]
    fn faults_are_found() {
        PlaylistValidator::new().check(GOOD).unwrap();
        for (from, to) in [
            ("PART-HOLD-BACK=1.65", "PART-HOLD-BACK=1.5"),
            ("DURATION=0.5,URI=\"4.1", "DURATION=0.6,URI=\"4.1"),
            ("4.1.m4s", "4.2.m4s"),
            ("EXTINF:1.0", "EXTINF:1.5"),
            ("EXTINF:1.0", "EXTINF:2.5"),
            ("#EXT-X-MAP:URI=\"init-0.mp4\"\n", ""),
            ("5.0.m4s", "4.1.m4s"),
            ("CAN-BLOCK-RELOAD=YES,", ""),
            ("\n4.m4s", "\n5.m4s"),
        ] {
            let bad = GOOD.replace(from, to);
            assert_ne!(bad, GOOD);
            assert!(PlaylistValidator::new().check(&bad).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn faults_between_versions_are_found() {
        let mut validator = PlaylistValidator::new();
        validator.check(GOOD).unwrap();
        validator.check(GOOD).unwrap();
        assert!(validator.check(&GOOD.replace("SEQUENCE:4", "SEQUENCE:3").replace("4.", "3.")).is_err());
        let mut validator = PlaylistValidator::new();
        validator.check(GOOD).unwrap();
        assert!(validator.check(&GOOD.replace("init-0", "init-1")).is_err(), "a segment's map may not change");
    }
}
