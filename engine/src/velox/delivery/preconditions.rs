//! Conditional and partial requests for a binary (RFC 9110), with its entity tag as the only validator: If-None-Match,
//! If-Range and a single Range. A request for several ranges gets the whole binary. Pure; any thread.

/// The part of a binary that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it: status 200.
    Whole,
    /// These bytes: status 206.
    Part {
        /// The first byte.
        start: u64,
        /// How many, at least one.
        len: u64,
    },
    /// The client has it: status 304.
    NotModified,
    /// The range begins beyond the end: status 416.
    Unsatisfiable,
}

/// Selects the bytes of a GET or HEAD request. `header` returns the value of a header; `etag` has its quotes.
#[must_use]
pub fn select(header: &dyn Fn(&str) -> Option<String>, etag: &str, size: u64) -> Selection {
    if let Some(known) = header("If-None-Match") {
        let is_known = known
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag);
        if is_known {
            return Selection::NotModified;
        }
    }
    let Some(range) = header("Range") else {
        return Selection::Whole;
    };
    // A date never matches: there is no Last-Modified.
    if header("If-Range").is_some_and(|condition| condition.trim() != etag) {
        return Selection::Whole;
    }
    parse(&range, size)
}

fn parse(range: &str, size: u64) -> Selection {
    let single = range
        .trim()
        .split_once('=')
        .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
        .and_then(|(_, range)| range.trim().split_once('-'));
    let Some((first, last)) = single else {
        return Selection::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let (start, end) = match (number(first), number(last)) {
        // The last bytes.
        (None, Some(count)) if first.is_empty() => match count {
            0 => return Selection::Unsatisfiable,
            count => (size.saturating_sub(count), size),
        },
        (Some(first), None) if last.is_empty() => (first, size),
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        // Malformed, or several.
        _ => return Selection::Whole,
    };
    if start >= size {
        return Selection::Unsatisfiable;
    }
    Selection::Part {
        start,
        len: end - start,
    }
}

/// A number of digits only; one beyond the range of the type is its end.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ETAG: &str = "\"abc\"";

    fn selected(headers: &[(&str, &str)]) -> Selection {
        let find = |name: &str| {
            let found = headers.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        select(&find, ETAG, 100)
    }

    #[test]
    fn ranges_select_bytes() {
        let part = |start, len| Selection::Part { start, len };
        for (range, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=10-19", part(10, 10)),
            ("bytes=90-", part(90, 10)),
            ("bytes=-5", part(95, 5)),
            ("bytes=-500", part(0, 100)),
            ("Bytes = 99 - 99999999999999999999999", part(99, 1)),
            ("bytes=100-", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=5-4", Selection::Whole),
            ("bytes=0-1,5-6", Selection::Whole),
            ("bytes=a-b", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
            ("lines=1-2", Selection::Whole),
            ("", Selection::Whole),
        ] {
            assert_eq!(selected(&[("Range", range)]), expected, "{range}");
        }
    }

    #[test]
    fn conditions_compare_the_entity_tag() {
        let known = |tags| selected(&[("If-None-Match", tags), ("Range", "bytes=0-1")]);
        for tags in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert_eq!(known(tags), Selection::NotModified, "{tags}");
        }
        let part = Selection::Part { start: 0, len: 2 };
        assert_eq!(known("\"x\""), part);
        let since = |condition| selected(&[("If-Range", condition), ("Range", "bytes=0-1")]);
        assert_eq!(since(ETAG), part);
        for other in ["\"x\"", "W/\"abc\"", "Sat, 01 Jan 2000 00:00:00 GMT"] {
            assert_eq!(since(other), Selection::Whole, "{other}");
        }
    }

    proptest! {
        #[test]
        fn selected_bytes_lie_within_the_binary(range in "bytes=[0-9]{0,22}-[0-9]{0,22}", size in 0u64..1000) {
            if let Selection::Part { start, len } = parse(&range, size) {
                prop_assert!(len > 0 && start + len <= size);
            }
        }
    }
}
