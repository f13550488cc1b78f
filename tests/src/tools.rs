//! Programs that are not ours, for checking our output the way the world will.

use std::path::PathBuf;

/// Where a program is, or `None` if it is not installed.
pub fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Says on standard error that a check was left out and why; nothing is skipped in silence.
///
/// In continuous integration a missing tool is a failure, not a skip.
///
/// # Panics
/// When `CI` is set.
pub fn skip(what: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} cannot be checked: {why}");
    eprintln!("SKIPPED {what}: {why}");
}
