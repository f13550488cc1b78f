//! Which files on disk must go.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A file as far as this decision goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aged {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// The files to delete so that no file is older than `age` and all together hold at most `bytes`, oldest first.
pub(super) fn plan(mut files: Vec<Aged>, now: SystemTime, age: Duration, bytes: u64) -> Vec<Aged> {
    files.sort_by_key(|file| file.modified);
    let mut total: u64 = files.iter().map(|file| file.bytes).sum();
    let goes = |file: &Aged| {
        let too_old = now.duration_since(file.modified).is_ok_and(|old| old > age);
        let goes = too_old || total > bytes;
        if goes {
            total -= file.bytes;
        }
        goes
    };
    let count = files.iter().map(goes).take_while(|goes| *goes).count();
    files.truncate(count);
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: u64, seconds: u64) -> Aged {
        Aged { path: name.into(), bytes, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) }
    }

    fn planned(bytes: u64, age: u64) -> Vec<String> {
        let files = vec![file("b", 10, 200), file("a", 10, 100), file("c", 10, 300)];
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(400);
        let plan = plan(files, now, Duration::from_secs(age), bytes);
        plan.iter().map(|file| file.path.display().to_string()).collect()
    }

    #[test]
    fn the_oldest_go_by_age_and_by_size() {
        assert!(planned(30, 300).is_empty());
        assert_eq!(planned(30, 299), ["a"]);
        assert_eq!(planned(15, 1000), ["a", "b"]);
        assert_eq!(planned(0, 1000), ["a", "b", "c"]);
        // A clock that jumped back deletes nothing.
        let future = vec![file("a", 10, 5000)];
        assert!(plan(future, SystemTime::UNIX_EPOCH, Duration::ZERO, 100).is_empty());
    }
}
