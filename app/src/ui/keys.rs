//! Keyboard shortcuts: which keys do what, and when they rest.

use egui::{Context, Event, Key, Modifiers};

use super::Page;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortcut {
    Go(Page),
    Search,
    Help,
    Back,
    GoLive,
    PlayPause,
    Mute,
    Fullscreen,
    VolumeUp,
    VolumeDown,
    JumpToLive,
    Barrage,
    WriteInChat,
    SwarmPanel,
}

/// The list for people: what it does (a Fluent key) and the keys.
pub(super) const LIST: [(&str, &str); 13] = [
    ("shortcut-play", "Space  K"),
    ("shortcut-mute", "M"),
    ("shortcut-volume", "↑  ↓"),
    ("shortcut-fullscreen", "F  F11"),
    ("shortcut-live", "End"),
    ("shortcut-barrage", "D  F2"),
    ("shortcut-chat", "Enter"),
    ("shortcut-panel", "Shift+I"),
    ("shortcut-search", "Ctrl+K"),
    ("shortcut-go-live", "Ctrl+Shift+L"),
    ("shortcut-pages", "Ctrl+1  2  3"),
    ("shortcut-back", "Esc"),
    ("shortcut-help", "?"),
];

/// Where the keyboard is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Focus {
    /// A text is being written: single letters belong to it.
    writing: bool,
    /// A button or the like has the keyboard: Space, Enter and arrows belong to it.
    widget: bool,
}

/// What was pressed since the last pass.
pub(super) fn pressed(ctx: &Context, page: Page, dialog: bool) -> Vec<Shortcut> {
    let writing = ctx.text_edit_focused();
    let focus = Focus { writing, widget: writing || ctx.memory(|memory| memory.focused().is_some()) };
    if dialog {
        return Vec::new();
    }
    ctx.input(|input| {
        // While an input method composes, every key is its own.
        if input.events.iter().any(|event| matches!(event, Event::Ime(_))) {
            return Vec::new();
        }
        let keys = input.events.iter().filter_map(|event| match event {
            Event::Key { key, pressed: true, repeat, modifiers, .. } => {
                shortcut(*key, *modifiers, *repeat, page, focus)
            }
            _ => None,
        });
        keys.collect()
    })
}

fn shortcut(key: Key, modifiers: Modifiers, repeat: bool, page: Page, focus: Focus) -> Option<Shortcut> {
    let plain = modifiers.is_none();
    let command = modifiers.command && !modifiers.alt;
    let again = matches!(key, Key::ArrowUp | Key::ArrowDown);
    if repeat && !again {
        return None;
    }
    // These work everywhere.
    let everywhere = match key {
        Key::K if command && !modifiers.shift => Some(Shortcut::Search),
        Key::Num1 if command => Some(Shortcut::Go(Page::Home)),
        Key::Num2 if command => Some(Shortcut::Go(Page::Studio)),
        Key::Num3 if command => Some(Shortcut::Go(Page::Settings)),
        Key::L if command && modifiers.shift => Some(Shortcut::GoLive),
        Key::F1 if plain => Some(Shortcut::Help),
        Key::F11 if plain && page == Page::Watch => Some(Shortcut::Fullscreen),
        Key::F2 if plain && page == Page::Watch => Some(Shortcut::Barrage),
        Key::Escape if plain && !focus.writing => Some(Shortcut::Back),
        _ => None,
    };
    if everywhere.is_some() || focus.writing {
        return everywhere;
    }
    if matches!(key, Key::Questionmark) || (key == Key::Slash && modifiers.shift_only()) {
        return Some(Shortcut::Help);
    }
    if page != Page::Watch {
        return None;
    }
    match key {
        Key::I if modifiers.shift_only() => Some(Shortcut::SwarmPanel),
        _ if !plain => None,
        Key::K => Some(Shortcut::PlayPause),
        Key::M => Some(Shortcut::Mute),
        Key::F => Some(Shortcut::Fullscreen),
        Key::D => Some(Shortcut::Barrage),
        _ if focus.widget => None,
        Key::Space => Some(Shortcut::PlayPause),
        Key::Enter => Some(Shortcut::WriteInChat),
        Key::ArrowUp => Some(Shortcut::VolumeUp),
        Key::ArrowDown => Some(Shortcut::VolumeDown),
        Key::End => Some(Shortcut::JumpToLive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Focus = Focus { writing: false, widget: false };
    const WRITING: Focus = Focus { writing: true, widget: true };
    const BUTTON: Focus = Focus { writing: false, widget: true };

    #[track_caller]
    fn check(key: Key, modifiers: Modifiers, page: Page, focus: Focus, expected: Option<Shortcut>) {
        assert_eq!(shortcut(key, modifiers, false, page, focus), expected, "{key:?} {modifiers:?} {page:?} {focus:?}");
    }

    #[test]
    fn single_letters_rest_while_writing() {
        for key in [Key::M, Key::F, Key::K, Key::D, Key::Space, Key::Enter, Key::Questionmark, Key::Escape] {
            check(key, Modifiers::NONE, Page::Watch, WRITING, None);
        }
        check(Key::M, Modifiers::NONE, Page::Watch, FREE, Some(Shortcut::Mute));
        check(Key::M, Modifiers::NONE, Page::Home, FREE, None);
        check(Key::K, Modifiers::COMMAND, Page::Watch, WRITING, Some(Shortcut::Search));
        check(Key::F11, Modifiers::NONE, Page::Watch, WRITING, Some(Shortcut::Fullscreen));
    }

    #[test]
    fn a_focused_button_keeps_space_enter_and_arrows() {
        for key in [Key::Space, Key::Enter, Key::ArrowUp] {
            check(key, Modifiers::NONE, Page::Watch, BUTTON, None);
        }
        check(Key::Space, Modifiers::NONE, Page::Watch, FREE, Some(Shortcut::PlayPause));
        check(Key::F, Modifiers::NONE, Page::Watch, BUTTON, Some(Shortcut::Fullscreen));
    }

    #[test]
    fn going_live_takes_three_keys_and_no_repeat() {
        let keys = Modifiers::COMMAND | Modifiers::SHIFT;
        check(Key::L, keys, Page::Studio, FREE, Some(Shortcut::GoLive));
        check(Key::L, Modifiers::NONE, Page::Studio, FREE, None);
        assert_eq!(shortcut(Key::L, keys, true, Page::Studio, FREE), None);
        assert_eq!(shortcut(Key::ArrowUp, Modifiers::NONE, true, Page::Watch, FREE), Some(Shortcut::VolumeUp));
    }
}
