//! Names of accounts and channels: what they may look like, and when two are the same.

/// Shortest name in characters.
const SHORTEST: usize = 2;
/// Longest name in characters.
const LONGEST: usize = 32;
/// Names that would pass for the server or its people.
const RESERVED: [&str; 10] =
    ["admin", "administrator", "moderator", "system", "server", "runnel", "official", "support", "me", "current"];

/// A name that may be used, with the folded form by which it is unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    text: String,
    key: String,
}

/// Says why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Too short or too long.
    #[error("the name has {0} characters; {SHORTEST} to {LONGEST} are allowed")]
    Length(usize),
    /// A character that is not allowed.
    #[error("{0:?} is not allowed in a name; letters (Latin, Chinese, Japanese, Korean), digits, '-', '_' and '.' are")]
    Character(char),
    /// Begins or ends with a sign.
    #[error("a name begins and ends with a letter or digit")]
    Edge,
    /// Stands for the server or its people, or looks like an id.
    #[error("the name is reserved")]
    Reserved,
}

impl Name {
    /// Checks a name.
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(NameError::Length(length));
        }
        if let Some(bad) = text.chars().find(|&c| !(is_letter(c) || matches!(c, '-' | '_' | '.'))) {
            return Err(NameError::Character(bad));
        }
        if !(text.starts_with(is_letter) && text.ends_with(is_letter)) {
            return Err(NameError::Edge);
        }
        let key = fold(text);
        let looks_like_an_id = length == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if RESERVED.contains(&key.as_str()) || looks_like_an_id {
            return Err(NameError::Reserved);
        }
        Ok(Self { text: text.to_owned(), key })
    }

    /// The name as its owner writes it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The folded form.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// Folds case and leaves out the signs, so that `Anna.B` and `anna_b` are one name.
pub(crate) fn fold(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// Letters of scripts that do not imitate each other.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["anna", "Anna.B-2", "小河", "x1", &"z".repeat(32)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("a", NameError::Length(1)),
            ("", NameError::Length(0)),
            ("an na", NameError::Character(' ')),
            ("аnna", NameError::Character('а')), // A Cyrillic letter that looks Latin.
            ("../x", NameError::Character('/')),
            (".hidden", NameError::Edge),
            ("Ad-min", NameError::Reserved),
            ("0123456789abcdef0123456789abcdef", NameError::Reserved),
        ] {
            assert_eq!(Name::parse(bad), Err(error), "{bad}");
        }
        assert_eq!(Name::parse("Anna_B").unwrap().key(), Name::parse("anna.b").unwrap().key());
    }
}
