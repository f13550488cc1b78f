//! Parts of bodies: `Range` with one range.

use axum::body::Bytes;

/// What a `Range` header asks for of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// All of it: no header, or one that is to be ignored.
    Whole,
    /// From the first to the last byte.
    Some(usize, usize),
    /// Nothing that is there.
    Unsatisfiable,
}

/// Reads the header for a body of `length` bytes.
pub(super) fn parse(header: Option<&str>, length: usize) -> Range {
    let Some(spec) = header.and_then(|header| header.strip_prefix("bytes=")) else { return Range::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Range::Whole };
    // Several ranges may be answered by the whole.
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) || (first.is_empty() && last.is_empty()) {
        return Range::Whole;
    }
    let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX);
    let range = match (first, last) {
        ("", suffix) => (length.saturating_sub(number(suffix)), length.wrapping_sub(1)),
        (first, "") => (number(first), length.wrapping_sub(1)),
        (first, last) if number(last) < number(first) => return Range::Whole,
        (first, last) => (number(first), number(last).min(length.wrapping_sub(1))),
    };
    if length == 0 || range.0 >= length || spec == "-0" { Range::Unsatisfiable } else { Range::Some(range.0, range.1) }
}

/// Takes the bytes from `first` to `last` out of several pieces without copying.
pub(super) fn slice(pieces: Vec<Bytes>, first: usize, last: usize) -> Vec<Bytes> {
    let mut at = 0;
    let mut out = Vec::new();
    for piece in pieces {
        let (from, to) = (first.max(at), (last + 1).min(at + piece.len()));
        if from < to {
            out.push(piece.slice(from - at..to - at));
        }
        at += piece.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (header, expected) in [
            (None, Range::Whole),
            (Some("bytes=0-4"), Range::Some(0, 4)),
            (Some("bytes=5-"), Range::Some(5, 9)),
            (Some("bytes=-3"), Range::Some(7, 9)),
            (Some("bytes=-30"), Range::Some(0, 9)),
            (Some("bytes=8-99999999999999999999999"), Range::Some(8, 9)),
            (Some("bytes=10-"), Range::Unsatisfiable),
            (Some("bytes=-0"), Range::Unsatisfiable),
            (Some("bytes=5-2"), Range::Whole),
            (Some("bytes=0-1,3-4"), Range::Whole),
            (Some("lines=1-2"), Range::Whole),
            (Some("bytes=-"), Range::Whole),
            (Some("bytes=+1-2"), Range::Whole),
        ] {
            assert_eq!(parse(header, 10), expected, "{header:?}");
        }
        assert_eq!(parse(Some("bytes=0-0"), 0), Range::Unsatisfiable);
    }

    #[test]
    fn slices_run_over_pieces() {
        let pieces = || vec![Bytes::from_static(b"abc"), Bytes::from_static(b"defg"), Bytes::from_static(b"h")];
        for first in 0..8 {
            for last in first..8 {
                assert_eq!(slice(pieces(), first, last).concat(), &b"abcdefgh"[first..=last]);
            }
        }
    }
}
