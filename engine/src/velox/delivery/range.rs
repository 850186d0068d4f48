//! The `Range` header (RFC 9110, section 14). One range is answered with a part; several ranges with the whole file,
//! which the standard allows, since a multipart body would pass through buffers. Pure; any thread.

/// The part of a file that a response has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All of it, because there is no range, or none that is understood.
    Whole,
    /// From the first to the last byte, both included.
    Part {
        /// Position of the first byte.
        first: u64,
        /// Position of the last byte, within the file.
        last: u64,
    },
    /// The range lies beyond the end.
    Unsatisfiable,
}

impl Range {
    /// Reads the value of a `Range` header for a file of `size` bytes.
    #[must_use]
    pub fn parse(header: Option<&str>, size: u64) -> Self {
        let text = header.and_then(|text| parse(text, size));
        text.unwrap_or(Self::Whole)
    }

    /// Position of the first byte, and number of bytes.
    #[must_use]
    pub const fn span(self, size: u64) -> (u64, u64) {
        match self {
            Self::Whole => (0, size),
            Self::Part { first, last } => (first, last.saturating_sub(first).saturating_add(1)),
            Self::Unsatisfiable => (0, 0),
        }
    }
}

/// `None` if the text is no single range of bytes.
fn parse(text: &str, size: u64) -> Option<Range> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let end = size.checked_sub(1);
    if first.is_empty() {
        let count = number(last)?;
        return Some(match end {
            Some(last) if count > 0 => Range::Part {
                first: size.saturating_sub(count),
                last,
            },
            _ => Range::Unsatisfiable,
        });
    }
    let first = number(first)?;
    let last = match last {
        "" => u64::MAX,
        last => number(last)?,
    };
    if last < first {
        return None;
    }
    Some(match end {
        Some(end) if first <= end => Range::Part {
            first,
            last: last.min(end),
        },
        _ => Range::Unsatisfiable,
    })
}

/// Digits only; a number beyond 64 bits is the largest one.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, size: u64) -> Range {
        Range::parse(Some(text), size)
    }

    const fn part(first: u64, last: u64) -> Range {
        Range::Part { first, last }
    }

    #[test]
    fn single_ranges_are_parts_within_the_file() {
        for (text, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-", part(0, 99)),
            ("bytes=99-", part(99, 99)),
            ("bytes=10-19", part(10, 19)),
            ("bytes=10-1000", part(10, 99)),
            ("bytes=-1", part(99, 99)),
            ("bytes=-100", part(0, 99)),
            ("bytes=-1000", part(0, 99)),
            ("BYTES=5-6", part(5, 6)),
            ("Bytes = 99 - ", part(99, 99)),
            ("bytes=5-99999999999999999999999", part(5, 99)),
            ("bytes=100-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", Range::Unsatisfiable),
        ] {
            assert_eq!(of(text, 100), expected, "{text}");
        }
    }

    #[test]
    fn other_ranges_mean_the_whole_file() {
        assert_eq!(Range::parse(None, 100), Range::Whole);
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=0-1,2-3",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=0x1-2",
            "items=0-1",
            "bytes 0-1",
        ] {
            assert_eq!(of(text, 100), Range::Whole, "{text}");
        }
    }

    #[test]
    fn empty_file_has_no_part() {
        for text in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(of(text, 0), Range::Unsatisfiable, "{text}");
        }
    }

    proptest! {
        #[test]
        fn part_lies_within_the_file(text in "bytes=[0-9]{0,21}-[0-9]{0,21}", size: u64) {
            let range = of(&text, size);
            let (first, count) = range.span(size);
            prop_assert!(first.checked_add(count).is_some_and(|end| end <= size));
            if let Range::Part { first, last } = range {
                prop_assert!(first <= last && last < size && count > 0);
            }
        }
    }
}
