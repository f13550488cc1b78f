//! Keeping what probes found, for a day per machine.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::{EncodeError, ProbeRequest, ProbeTable, VERSION};
use crate::format::WallClock;

/// How long a table is good for.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// Tables that are kept.
const MOST_TABLES: usize = 16;
/// A larger file is not ours.
const MOST_BYTES: u64 = 1 << 20;

/// A table for this request: from the cache if it holds one made here within a day, else by probing.
///
/// A cache that is missing, damaged or cannot be written is as good as none.
///
/// # Errors
/// As [`super::run`].
pub fn cached_or_run(cache: Option<&Path>, now: WallClock, request: &ProbeRequest) -> Result<ProbeTable, EncodeError> {
    let machine = machine();
    let mut tables = cache.map(read).unwrap_or_default();
    if let Some(table) = tables.iter().find(|table| serves(table, &machine, now, request)) {
        return Ok(table.clone());
    }
    let table = super::run(request, now)?;
    if let Some(cache) = cache {
        tables.retain(|old| !same_question(old, request) && fresh(old, now) && old.machine == machine);
        tables.insert(0, table.clone());
        tables.truncate(MOST_TABLES);
        if let Err(error) = write(cache, &tables) {
            tracing::warn!(path = %cache.display(), %error, "cannot keep what the encoder probe found");
        }
    }
    Ok(table)
}

fn fresh(table: &ProbeTable, now: WallClock) -> bool {
    let age = now.as_micros().saturating_sub(table.made_at.as_micros());
    (0..GOOD_FOR.as_micros() as i64).contains(&age)
}

fn same_question(table: &ProbeTable, request: &ProbeRequest) -> bool {
    (table.size, table.fps, table.bitrate_kbps) == (request.size, request.fps, request.bitrate_kbps)
        && table.choice == request.choice.to_string()
}

fn serves(table: &ProbeTable, machine: &str, now: WallClock, request: &ProbeRequest) -> bool {
    table.version == VERSION && table.machine == machine && fresh(table, now) && same_question(table, request)
}

fn read(path: &Path) -> Vec<ProbeTable> {
    let mut text = String::new();
    let Ok(file) = fs::File::open(path) else { return Vec::new() };
    if file.take(MOST_BYTES).read_to_string(&mut text).is_err() {
        return Vec::new();
    }
    serde_json::from_str(&text).unwrap_or_default()
}

/// Through a second file, so that a kill leaves the old one.
fn write(path: &Path, tables: &[ProbeTable]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&beside, serde_json::to_vec_pretty(tables)?)?;
    fs::rename(&beside, path)
}

/// What makes this machine the one it is, as far as encoding goes.
pub(crate) fn machine() -> String {
    let first_line = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.lines().next().map(str::to_owned));
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split_once(':').map(|(_, model)| model.trim().to_owned())
    });
    let host = first_line("/etc/hostname").or_else(|| std::env::var("COMPUTERNAME").ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = [
        host.unwrap_or_default(),
        cpu.unwrap_or_default(),
        format!("{cores} cores"),
        std::env::consts::OS.to_owned(),
        std::env::consts::ARCH.to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
    ];
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::EncoderChoice;
    use crate::format::Size;

    const NOW: WallClock = WallClock::from_micros(1_800_000_000_000_000);
    const DAY: i64 = 24 * 3_600_000_000;

    fn request(fps: u32) -> ProbeRequest {
        let size = Size::new(64, 64).expect("legal");
        let choice = EncoderChoice::Named("rav1e:fast".into());
        ProbeRequest { budget: Duration::from_millis(50), ..ProbeRequest::new(size, fps, 100, choice) }
    }

    fn later(micros: i64) -> WallClock {
        WallClock::from_micros(NOW.as_micros() + micros)
    }

    #[test]
    fn a_table_serves_for_a_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper/probe.json");
        let get = |now: WallClock, fps: u32| {
            let table = cached_or_run(Some(&path), now, &request(fps)).expect("rav1e is there");
            assert_eq!(table.chosen, "rav1e:fast");
            table.made_at
        };
        assert_eq!(get(NOW, 30), NOW);
        assert_eq!(get(later(DAY - 1), 30), NOW);
        assert_eq!(get(later(1), 25), later(1), "another question");
        assert_eq!(get(later(2), 30), NOW, "both are kept");
        assert_eq!(get(later(DAY), 30), later(DAY), "too old");
        assert_eq!(get(later(-1), 30), later(-1), "from the future: the clock jumped");
    }

    #[test]
    fn a_damaged_cache_is_ignored_and_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("probe.json");
        for damage in [&b"{"[..], b"[{\"version\":1}]", b"\xff\xfe", b"[]"] {
            fs::write(&path, damage).expect("written");
            cached_or_run(Some(&path), NOW, &request(30)).expect("rav1e is there");
            assert_eq!(read(&path).len(), 1);
        }
        let other = ProbeTable { machine: "elsewhere".into(), ..read(&path).remove(0) };
        write(&path, &[other]).expect("written");
        let found = cached_or_run(Some(&path), later(5), &request(30)).expect("rav1e is there");
        assert_eq!(found.made_at, later(5), "another machine's table does not count");
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        cached_or_run(Some(Path::new("/proc/nowhere/probe.json")), NOW, &request(30)).expect("rav1e is there");
    }
}
