//! A file by its path, where the system has no dialog for it: typed, pasted, or dropped on the window.

use std::path::{Path, PathBuf};

use egui::Ui;

use crate::command::Command;
use crate::state::FileWish;
use crate::ui::Cx;
use crate::widget::{Field, Kind, text};

use super::{Foot, Outcome, buttons, entered, focus_once, head};

/// Longest path that is taken, in characters: what systems allow.
const LONGEST: usize = 4096;

/// Asks for the path; what is dropped on the window meanwhile is taken over into `path` by the window.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, wish: FileWish, path: &mut String) -> Outcome {
    let title = match wish {
        FileWish::Source => "path-title-source",
        FileWish::ImportKeys => "path-title-import",
        FileWish::ExportKeys => "path-title-export",
    };
    // Wayland's desktops give windows like ours nothing that is dropped on them.
    let droppable = wish != FileWish::ExportKeys && !cx.state.devices.screen_asks;
    head(ui, cx, &cx.text(title), &cx.text(if droppable { "path-text-drop" } else { "path-text" }));
    let label = cx.text("path-label");
    let hint = if cfg!(windows) { r"C:\…" } else { "/…" };
    let field = Field::new(&label).hint(hint).limit(LONGEST).show(ui, cx.theme, path);
    focus_once(ui, &field);
    let typed = typed(path);
    if typed.is_none() && !path.trim().is_empty() {
        text::hint(ui, cx.theme, &cx.text("path-whole"));
    }
    let go = cx.text(if wish == FileWish::ExportKeys { "path-save" } else { "path-open" });
    let foot = Foot { stay: &cx.text("cancel"), go: &go, kind: Kind::Primary, enabled: typed.is_some() };
    match (buttons(ui, cx, foot), typed) {
        (answer, Some(file)) if answer == Some(true) || answer.is_none() && entered(ui, &field) => {
            cx.send(Command::TakePath(Some(file)));
            Outcome::Done
        }
        (Some(_), _) => Outcome::Done,
        (None, _) => Outcome::Open,
    }
}

/// The path that was meant: as typed, in quotes as terminals give it, or as the address that file managers copy.
fn typed(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    let bare = [('"', '"'), ('\'', '\'')]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(text);
    let path = match bare.strip_prefix("file://") {
        Some(address) => PathBuf::from(unescaped(address)?),
        None => PathBuf::from(bare),
    };
    let whole = path.is_absolute() && path != Path::new("/") && !bare.contains('\0');
    whole.then_some(path)
}

/// `%20` and its like as the bytes they stand for.
fn unescaped(address: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_understood_however_it_was_pasted() {
        let film = Some(PathBuf::from("/films/a b.mkv"));
        for text in ["/films/a b.mkv", "  /films/a b.mkv\n", "'/films/a b.mkv'", "file:///films/a%20b.mkv"] {
            assert_eq!(typed(text), film, "{text}");
        }
        assert_eq!(typed("file:///%E8%A7%86%E9%A2%91.mp4"), Some(PathBuf::from("/视频.mp4")));
        for text in ["", "/", "film.mkv", "file://host", "file:///%", "file:///%zz", "file:///%ff", "/a\0b"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }
}
