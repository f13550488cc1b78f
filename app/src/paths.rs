//! Where Runnel keeps its files: the XDG folders, or everything under one folder on request.

use std::path::{Path, PathBuf};

use directories::{ProjectDirs, UserDirs};

/// The folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    data: PathBuf,
    cache: PathBuf,
    pictures: PathBuf,
    videos: PathBuf,
}

/// No home folder could be found.
#[derive(Debug, thiserror::Error)]
#[error("no home folder is known for this user (set HOME, or name a folder with --home)")]
pub struct NoHome;

impl Paths {
    /// The user's own folders, or those under `home` where one is named.
    ///
    /// # Errors
    /// [`NoHome`] where the system knows no home folder.
    pub fn find(home: Option<&Path>) -> Result<Self, NoHome> {
        if let Some(home) = home {
            return Ok(Self::under(home));
        }
        let project = ProjectDirs::from("", "", "runnel").ok_or(NoHome)?;
        let user = UserDirs::new();
        let user_folder =
            |pick: fn(&UserDirs) -> Option<&Path>| user.as_ref().and_then(pick).map(|folder| folder.join("Runnel"));
        Ok(Self {
            config: project.config_dir().to_owned(),
            data: project.data_dir().to_owned(),
            cache: project.cache_dir().to_owned(),
            pictures: user_folder(UserDirs::picture_dir).unwrap_or_else(|| project.data_dir().join("screenshots")),
            videos: user_folder(UserDirs::video_dir).unwrap_or_else(|| project.data_dir().join("recordings")),
        })
    }

    /// Everything under one folder: for tests, for the demo, and for a stick one carries about.
    pub fn under(root: &Path) -> Self {
        Self {
            config: root.join("config"),
            data: root.join("data"),
            cache: root.join("cache"),
            pictures: root.join("screenshots"),
            videos: root.join("recordings"),
        }
    }

    /// The app's settings.
    pub fn settings(&self) -> PathBuf {
        self.config.join("settings.toml")
    }

    /// What the app knows of one community; `id` is made harmless as a file name.
    pub fn community(&self, id: &str) -> PathBuf {
        let safe: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(64).collect();
        self.data.join("communities").join(safe)
    }

    /// Folder of the keys' index and, where there is no keyring, of the encrypted file.
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Data of the embedded server.
    pub fn server(&self) -> PathBuf {
        self.data.join("server")
    }

    /// The encoders' measured speeds, one day old at most.
    pub fn probe_cache(&self) -> PathBuf {
        self.cache.join("encoders.json")
    }

    /// How much was uploaded to other viewers today and this month.
    pub fn traffic(&self) -> PathBuf {
        self.data.join("traffic.toml")
    }

    /// What the desktop allowed to capture without asking again.
    pub fn grants(&self) -> PathBuf {
        self.data.join("grants")
    }

    /// Where screenshots go.
    pub fn pictures(&self) -> &Path {
        &self.pictures
    }

    /// Where recordings go.
    pub fn videos(&self) -> &Path {
        &self.videos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_holds_all_when_asked() {
        let paths = Paths::find(Some(Path::new("/stick"))).unwrap();
        for path in [paths.settings(), paths.community("a"), paths.keys(), paths.server(), paths.probe_cache()] {
            assert!(path.starts_with("/stick"), "{}", path.display());
        }
    }

    #[test]
    fn a_community_cannot_name_a_path_outside() {
        let paths = Paths::under(Path::new("/r"));
        assert_eq!(paths.community("../../etc/passwd"), Path::new("/r/data/communities/______etc_passwd"));
        assert_eq!(paths.community(&"x".repeat(999)).file_name().unwrap().len(), 64);
    }
}
