//! A versioned TOML file that survives older apps, newer apps and damage.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// What such a file can hold.
pub trait Document: Clone + Default + Serialize + DeserializeOwned {
    /// Version that this app writes.
    const VERSION: u32;

    /// Brings values into their legal ranges.
    fn confine(&mut self);
}

/// A file together with everything that was in it, known or not.
#[derive(Clone, Debug)]
pub struct SettingsFile<T> {
    path: PathBuf,
    raw: Table,
    value: T,
    /// False where a file is there that could not be opened: it must not be replaced by defaults.
    writable: bool,
}

/// A file that was read, and what was wrong with it.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The file; its values are usable whatever was wrong.
    pub file: SettingsFile<T>,
    /// What was wrong, for the person to read.
    pub problems: Vec<SettingsProblem>,
}

/// Something was wrong with a settings file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsProblem {
    /// The file is not TOML; it was kept beside the new one.
    #[error("the settings in {} could not be read ({reason}); they were kept as {} and the defaults are used", path.display(), kept.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where its contents are now.
        kept: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The file is there but cannot be opened, so nothing will be written over it.
    #[error("the settings in {} cannot be opened ({reason}); the defaults are used", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// One value makes no sense; its default is used and the file's value is kept until it is changed.
    #[error("the setting {key} has a value that makes no sense ({reason}); its default is used")]
    BadValue {
        /// Dotted name of the setting.
        key: String,
        /// What was wrong.
        reason: String,
    },
    /// A newer app wrote the file; what this one does not know is kept.
    #[error(
        "the settings were written by a newer version (form {found}, this app knows {known}); what it does not know is kept"
    )]
    Newer {
        /// The file's version.
        found: u32,
        /// The version this app writes.
        known: u32,
    },
}

impl<T: Document> SettingsFile<T> {
    /// Reads `path`; a missing file gives the defaults.
    pub fn load(path: &Path) -> Loaded<T> {
        let empty = |problems: Vec<SettingsProblem>| {
            let writable = !matches!(problems[..], [SettingsProblem::Unreadable { .. }]);
            let file = Self { path: path.to_owned(), raw: Table::new(), value: T::default(), writable };
            Loaded { file, problems }
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return empty(Vec::new()),
            Err(error) => {
                return empty(vec![SettingsProblem::Unreadable { path: path.to_owned(), reason: error.to_string() }]);
            }
        };
        let parsed = String::from_utf8(bytes).map_err(|error| error.to_string());
        match parsed.and_then(|text| text.parse::<Table>().map_err(|error| error.message().to_owned())) {
            Ok(raw) => Self::from_table(path, raw),
            Err(reason) => match set_aside(path) {
                Ok(kept) => empty(vec![SettingsProblem::Damaged { path: path.to_owned(), kept, reason }]),
                // What could not be moved must not be written over.
                Err(error) => {
                    let reason = format!("{reason}, and it could not be set aside: {error}");
                    empty(vec![SettingsProblem::Unreadable { path: path.to_owned(), reason }])
                }
            },
        }
    }

    fn from_table(path: &Path, raw: Table) -> Loaded<T> {
        let mut problems = Vec::new();
        let found =
            raw.get("version").and_then(Value::as_integer).and_then(|version| u32::try_from(version).ok()).unwrap_or(1);
        if found > T::VERSION {
            problems.push(SettingsProblem::Newer { found, known: T::VERSION });
        }
        let mut value = Value::Table(raw.clone()).try_into::<T>().unwrap_or_else(|_| one_by_one(&raw, &mut problems));
        value.confine();
        Loaded { file: Self { path: path.to_owned(), raw, value, writable: true }, problems }
    }

    /// The values.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Writes new values; the file appears whole or not at all, and keys that this app does not know stay.
    ///
    /// # Errors
    /// When the file cannot be written; the values are kept in memory all the same.
    pub fn set(&mut self, value: T) -> io::Result<()> {
        self.put(value)?;
        self.save()
    }

    /// Puts new values in force without writing them; [`SettingsFile::save`] does that, when it suits.
    ///
    /// # Errors
    /// When a value has no form in TOML; nothing is changed then.
    pub fn put(&mut self, value: T) -> io::Result<()> {
        let table = |value: &T| Table::try_from(value).map_err(io::Error::other);
        let before = table(&self.value)?;
        let after = table(&value)?;
        merge(&mut self.raw, &before, &after);
        let version = self.raw.get("version").and_then(Value::as_integer).unwrap_or(0).max(i64::from(T::VERSION));
        self.raw.insert("version".to_owned(), Value::Integer(version));
        self.value = value;
        Ok(())
    }

    /// Writes the values in force.
    ///
    /// # Errors
    /// When the file cannot be written; the values stay in force.
    pub fn save(&self) -> io::Result<()> {
        if !self.writable {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file could not be read, so it is not replaced",
            ));
        }
        let text = toml::to_string_pretty(&self.raw).map_err(io::Error::other)?;
        replace(&self.path, text.as_bytes())
    }
}

/// Takes each value of the file that makes sense and leaves the others at their defaults.
fn one_by_one<T: Document>(raw: &Table, problems: &mut Vec<SettingsProblem>) -> T {
    let mut good = Table::new();
    let mut value = T::default();
    for (path, leaf) in leaves(raw, &mut Vec::new()) {
        let mut candidate = good.clone();
        insert(&mut candidate, &path, leaf.clone());
        match Value::Table(candidate.clone()).try_into::<T>() {
            Ok(parsed) => (value, good) = (parsed, candidate),
            Err(error) => {
                let reason = error.message().lines().next().unwrap_or_default().to_owned();
                problems.push(SettingsProblem::BadValue { key: path.join("."), reason });
            }
        }
    }
    value
}

fn leaves<'a>(table: &'a Table, prefix: &mut Vec<String>) -> Vec<(Vec<String>, &'a Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        prefix.push(key.clone());
        match value {
            Value::Table(inner) => found.extend(leaves(inner, prefix)),
            other => found.push((prefix.clone(), other)),
        }
        prefix.pop();
    }
    found
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Writes into `raw` what changed from `before` to `after`, leaving alone what neither of them knows.
fn merge(raw: &mut Table, before: &Table, after: &Table) {
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        raw.remove(key);
    }
    for (key, value) in after {
        match (value, raw.get_mut(key)) {
            (Value::Table(inner), Some(Value::Table(existing))) => {
                let nothing = Table::new();
                merge(existing, before.get(key).and_then(Value::as_table).unwrap_or(&nothing), inner);
            }
            (value, Some(_)) if before.get(key) == Some(value) => {}
            (value, _) => {
                raw.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Renames a damaged file to the first free `NAME.damaged-N`.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kept = (1..1000)
        .map(|number| path.with_file_name(format!("{name}.damaged-{number}")))
        .find(|candidate| !candidate.exists())
        .ok_or_else(|| io::Error::new(io::ErrorKind::AlreadyExists, "a thousand damaged ones are kept already"))?;
    fs::rename(path, &kept)?;
    Ok(kept)
}

/// Writes a file so that a reader, or a crash, meets the old contents or the new, never a part.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = private_file(&fresh).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    });
    if written.is_err() {
        // Nothing more can be done about a half-written temporary file than to try to remove it.
        let _ = fs::remove_file(&fresh);
    }
    written
}

/// Opens a new file that only its owner may read: settings name accounts and servers.
fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Language, P2pMode, Settings, ThemeChoice};

    fn load(text: &str) -> (tempfile::TempDir, Loaded<Settings>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        fs::write(&path, text).unwrap();
        let loaded = SettingsFile::load(&path);
        (folder, loaded)
    }

    #[test]
    fn a_missing_file_means_defaults_and_no_complaint() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = SettingsFile::<Settings>::load(&folder.path().join("none.toml"));
        assert_eq!((loaded.file.get(), loaded.problems.len()), (&Settings::default(), 0));
    }

    #[test]
    fn what_was_set_is_there_next_time() {
        let (folder, mut loaded) = load("");
        let mut settings = loaded.file.get().clone();
        settings.sharing.mode = P2pMode::Assist;
        settings.studio.size = "640x360".parse().unwrap();
        settings.playback.volume = 0.7;
        loaded.file.set(settings.clone()).unwrap();
        assert!(fs::read_to_string(folder.path().join("settings.toml")).unwrap().contains("volume = 0.7\n"));
        let again = SettingsFile::<Settings>::load(&folder.path().join("settings.toml"));
        assert_eq!((again.file.get(), again.problems.len()), (&settings, 0));
    }

    #[test]
    fn a_newer_file_keeps_what_this_app_does_not_know() {
        let (folder, mut loaded) =
            load("version = 7\nlanguage = \"en\"\n[appearance]\ntheme = \"dark\"\nglow = 3\n[holograms]\non = true\n");
        assert_eq!(loaded.problems, [SettingsProblem::Newer { found: 7, known: 1 }]);
        let mut settings = loaded.file.get().clone();
        assert_eq!(settings.appearance.theme, ThemeChoice::Dark);
        settings.appearance.theme = ThemeChoice::Light;
        loaded.file.set(settings).unwrap();
        let table: Table = fs::read_to_string(folder.path().join("settings.toml")).unwrap().parse().unwrap();
        assert_eq!(table["version"].as_integer(), Some(7));
        assert_eq!(table["appearance"]["theme"].as_str(), Some("light"));
        assert_eq!(table["appearance"]["glow"].as_integer(), Some(3));
        assert_eq!(table["holograms"]["on"].as_bool(), Some(true));
    }

    /// A file as the first version of the app wrote it; it stays readable for ever.
    #[test]
    fn the_first_version_is_still_read() {
        let (_folder, loaded) = load(
            "version = 1\nlanguage = \"zh-CN\"\nwelcomed = true\nrole = \"watch\"\n[sharing]\nconsented = true\nmode = \"assist\"\n\
             upload_cap_kbps = 4000\nlan_only = false\n[studio]\nsize = \"1280x720\"\n[[communities.joined]]\nid = \"x\"\nurl = \"http://h\"\nname = \"H\"\n",
        );
        assert_eq!(loaded.problems, []);
        let settings = loaded.file.get();
        assert_eq!((settings.language, settings.sharing.upload_cap_kbps), (Language::Chinese, 4000));
        assert_eq!(settings.communities.joined[0].name, "H");
    }

    #[test]
    fn one_bad_value_costs_only_itself() {
        let (_folder, loaded) =
            load("language = \"en\"\n[studio]\nfps = \"many\"\nbitrate_kbps = 900\nsize = \"3x3\"\n");
        let keys: Vec<_> =
            loaded.problems.iter().map(|problem| matches!(problem, SettingsProblem::BadValue { .. })).collect();
        assert_eq!(keys, [true, true]);
        let settings = loaded.file.get();
        assert_eq!(
            (settings.language, settings.studio.fps, settings.studio.bitrate_kbps),
            (Language::English, 30, 900)
        );
    }

    #[test]
    fn ranges_hold_whatever_the_file_says() {
        let (_folder, loaded) = load("[appearance]\ntext_scale = 900\n[playback]\ndelay_ms = 1\nvolume = nan\n");
        let settings = loaded.file.get();
        assert_eq!(
            (settings.appearance.text_scale, settings.playback.delay_ms, settings.playback.volume),
            (200, 300, 0.8)
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_not_lost() {
        let (folder, mut loaded) = load("= = nonsense\u{0}");
        assert!(matches!(&loaded.problems[..], [SettingsProblem::Damaged { .. }]), "{:?}", loaded.problems);
        loaded.file.set(Settings::default()).unwrap();
        let kept = fs::read_to_string(folder.path().join("settings.toml.damaged-1")).unwrap();
        assert_eq!(kept, "= = nonsense\u{0}");
        fs::write(folder.path().join("settings.toml"), [0xff, 0xfe]).unwrap();
        let again = SettingsFile::<Settings>::load(&folder.path().join("settings.toml"));
        assert_eq!(again.problems.len(), 1);
        assert!(folder.path().join("settings.toml.damaged-2").exists());
    }

    #[test]
    fn a_damaged_file_that_cannot_be_set_aside_is_not_written_over() {
        let (folder, _) = load("");
        let path = folder.path().join("settings.toml");
        fs::write(&path, "= = nonsense").unwrap();
        for number in 1..1000 {
            fs::write(folder.path().join(format!("settings.toml.damaged-{number}")), "").unwrap();
        }
        let mut loaded = SettingsFile::<Settings>::load(&path);
        assert!(matches!(&loaded.problems[..], [SettingsProblem::Unreadable { .. }]), "{:?}", loaded.problems);
        assert!(loaded.file.set(Settings::default()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "= = nonsense");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let (_folder, loaded) = load(&text);
            proptest::prop_assert!(loaded.file.get().studio.fps >= 1);
        }
    }
}
