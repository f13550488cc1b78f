//! Walking boxes of untrusted bytes, without recursion into what is not asked for.

/// One box: its type and its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Box4<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) body: &'a [u8],
    /// Where the box starts within the walked bytes.
    pub(crate) start: usize,
    /// Where its body starts within the walked bytes.
    pub(crate) body_start: usize,
}

/// The boxes of `data`, in order; a box that does not fit ends the walk with an error.
pub(crate) fn boxes(data: &[u8]) -> impl Iterator<Item = Result<Box4<'_>, Truncated>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        if position >= data.len() {
            return None;
        }
        let found = box_at(data, position).ok_or(Truncated { at: position });
        position = found.map_or(data.len(), |found| found.body_start + found.body.len());
        Some(found)
    })
}

/// A box claims more bytes than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("box at byte {at} does not fit into what holds it")]
pub struct Truncated {
    /// Where the box starts.
    pub at: usize,
}

fn box_at(data: &[u8], start: usize) -> Option<Box4<'_>> {
    let rest = data.get(start..)?;
    let (size, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (length, header) = match u32::from_be_bytes(*size) {
        0 => (data.len() - start, 8),
        1 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk::<8>()?)).ok()?, 16),
        size => (size as usize, 8),
    };
    let body_start = start.checked_add(header)?;
    let end = start.checked_add(length)?;
    Some(Box4 { kind: *kind, body: data.get(body_start..end)?, start, body_start })
}

/// The body of the first box of this type directly within `data`.
pub(crate) fn child<'a>(data: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(data).map_while(Result::ok).find(|found| found.kind == *kind).map(|found| found.body)
}

/// The body found by following types downwards.
pub(crate) fn descend<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, kind| child(data, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn boxes_are_found_by_path() {
        let inner = of(b"free", b"x");
        let data = [of(b"skip", b""), of(b"moov", &[of(b"trak", &inner), of(b"udta", b"")].concat())].concat();
        assert_eq!(descend(&data, &[b"moov", b"trak", b"free"]), Some(&b"x"[..]));
        assert_eq!(descend(&data, &[b"moov", b"free"]), None);
    }

    #[test]
    fn sizes_that_lie_end_the_walk() {
        for data in
            [&b"\0\0\0\x09moov"[..], b"\0\0\0\x07moov", b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff", b"moo"]
        {
            assert_eq!(boxes(data).map(|found| found.is_err()).collect::<Vec<_>>(), [true], "{data:?}");
        }
    }

    #[test]
    fn size_zero_reaches_to_the_end() {
        assert_eq!(child(b"\0\0\0\0mdatabc", b"mdat"), Some(&b"abc"[..]));
    }
}
