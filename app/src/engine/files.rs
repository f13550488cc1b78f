//! Files that a person names: by the system's dialog, or in the window where the system has none.

use std::path::PathBuf;
use std::time::Duration;

use super::{Core, News, Tell};
use crate::command::Secret;
use crate::state::{Event, FileWish};

/// How long the desktop may take to say whether it has a dialog.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a file is wanted for, with all that is needed once it is named.
pub(super) enum Wish {
    /// Its pictures and sound are broadcast.
    Source,
    /// It holds keys under this passphrase.
    ImportKeys(Secret),
    /// Keys go into it under this passphrase.
    ExportKeys(Secret),
}

impl Wish {
    fn for_the_screen(&self) -> FileWish {
        match self {
            Self::Source => FileWish::Source,
            Self::ImportKeys(_) => FileWish::ImportKeys,
            Self::ExportKeys(_) => FileWish::ExportKeys,
        }
    }

    /// Shows the dialog and waits for the answer.
    async fn ask(&self) -> Option<PathBuf> {
        let dialog = rfd::AsyncFileDialog::new();
        let file = match self {
            Self::Source | Self::ImportKeys(_) => dialog.pick_file().await,
            Self::ExportKeys(_) => dialog.set_file_name("runnel-key.age").save_file().await,
        };
        file.map(|file| file.path().to_owned())
    }
}

/// What tasks tell about files.
pub(super) enum Answer {
    /// A file was named.
    Chosen(Wish, PathBuf),
    /// There is no dialog here: the window has to ask.
    NoDialog(Wish),
}

impl Core {
    /// Asks for a file by the system's dialog, or else in the window.
    pub(super) fn want_file(&mut self, wish: Wish) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let answer = if dialog_exists().await {
                let Some(path) = wish.ask().await else { return };
                Answer::Chosen(wish, path)
            } else {
                tracing::info!("there is no file dialog here, neither a desktop portal's nor zenity");
                Answer::NoDialog(wish)
            };
            give(&tell, answer).await;
        });
    }

    /// A path was typed in the window, or none.
    pub(super) fn take_path(&mut self, path: Option<PathBuf>) {
        if let (Some(wish), Some(path)) = (self.wish.take(), path) {
            self.named(wish, path, true);
        }
    }

    pub(super) fn take_file(&mut self, answer: Answer) {
        match answer {
            Answer::Chosen(wish, path) => self.named(wish, path, false),
            Answer::NoDialog(wish) => {
                self.outlet.emit(Event::PathWanted(wish.for_the_screen()));
                self.wish = Some(wish);
            }
        }
    }

    /// A typed path was not confirmed by anyone: what is there already stays.
    fn named(&mut self, wish: Wish, path: PathBuf, typed: bool) {
        match wish {
            Wish::Source => self.show_file(path),
            Wish::ImportKeys(passphrase) => self.import_keys(path, passphrase),
            Wish::ExportKeys(passphrase) => self.export_keys(path, typed, passphrase),
        }
    }
}

async fn give(tell: &Tell, answer: Answer) {
    // The engine may be ending.
    let _ = tell.send(News::File(answer)).await;
}

/// Whether the system can show a file dialog. A dialog that cannot be shown answers as one that was closed, so it is asked for
/// first.
#[cfg(target_os = "linux")]
async fn dialog_exists() -> bool {
    let portal = async {
        let bus = zbus::Connection::session().await?;
        let (name, path) = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop");
        let proxy = zbus::Proxy::new(&bus, name, path, "org.freedesktop.portal.FileChooser").await?;
        proxy.get_property::<u32>("version").await
    };
    if matches!(tokio::time::timeout(PATIENCE, portal).await, Ok(Ok(_))) {
        return true;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join("zenity").is_file())
}

/// These systems always can.
#[cfg(not(target_os = "linux"))]
async fn dialog_exists() -> bool {
    true
}
