//! What may be said.

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refused {
    /// Nothing is left of it.
    #[error("the message is empty")]
    Empty,
    /// It is too long.
    #[error("the message has {length} characters; at most {most} are allowed")]
    TooLong {
        /// How long it is.
        length: usize,
        /// The longest allowed.
        most: usize,
    },
    /// Too many at once.
    #[error("you write too fast; wait {millis} ms")]
    TooFast {
        /// How long to wait.
        millis: u64,
    },
    /// Muted in this room.
    #[error("you are muted in this chat")]
    Muted {
        /// Until when, in seconds since 1970; for good without it.
        until: Option<i64>,
    },
}

/// Marks on one letter; more only climb over the lines above.
const MARKS: usize = 3;

/// Takes out what is not seen, joins lines, and measures.
pub(super) fn tidy(text: &str, most: usize) -> Result<String, Refused> {
    let mut out = String::with_capacity(text.len().min(most * 4));
    let (mut length, mut marks) = (0, 0);
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = !out.is_empty();
            continue;
        }
        if crate::text::is_unseen(c) {
            continue;
        }
        let is_mark = matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}');
        marks = if is_mark { marks + 1 } else { 0 };
        if marks > MARKS {
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
            length += 1;
        }
        out.push(c);
        length += 1;
    }
    match length {
        0 => Err(Refused::Empty),
        _ if length > most => Err(Refused::TooLong { length, most }),
        _ => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_tidied() {
        assert_eq!(tidy("  hello \n\n world ", 20).unwrap(), "hello world");
        assert_eq!(tidy("弹幕 好看", 5).unwrap(), "弹幕 好看");
        assert_eq!(tidy("a\u{202e}b\u{7}c", 5).unwrap(), "abc");
        assert_eq!(tidy(&format!("z{}", "\u{301}".repeat(50)), 10).unwrap().chars().count(), 1 + MARKS);
        assert_eq!(tidy(" \u{200b} ", 5), Err(Refused::Empty));
        assert_eq!(tidy(&"x".repeat(201), 200), Err(Refused::TooLong { length: 201, most: 200 }));
    }
}
