//! The data folder: one server at a time uses it, and says where it answers.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::ServerError;

/// Holds the lock as long as it lives; the system lets go of it even after a crash.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    pub(super) fn lock(path: &Path) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Folder { folder: path.to_owned(), source };
        create(path).map_err(failed)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(path.join("server.url")).ok().map(|url| url.trim().to_owned());
                Err(ServerError::DataLocked { folder: path.to_owned(), holder })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Writes down where the server answers, for a second program on this machine.
    pub(super) fn publish(&self, url: &str) -> io::Result<()> {
        let (new, file) = (self.path.join("server.url.new"), self.path.join("server.url"));
        fs::write(&new, format!("{url}\n"))?;
        fs::rename(new, file)
    }

    /// Takes the address back; the lock goes with the value.
    pub(super) fn release(&self) {
        if let Err(error) = fs::remove_file(self.path.join("server.url")) {
            tracing::debug!(%error, "server.url was gone already");
        }
    }
}

/// Makes the folder for this user only: keys and password hashes are in it.
fn create(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
