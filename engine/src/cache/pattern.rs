//! Patterns of keys: `*` stands for any bytes, `?` for one, and a backslash makes the byte after it ordinary. Pure
//! functions; any thread.

use std::ops::Range;

/// Whether a key matches the whole pattern. Takes time proportional to the product of both lengths at most.
#[must_use]
pub fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut rest, mut bytes) = (pattern, key);
    // Where to go on if the rest does not match: after the last `*`, and one byte later in the key.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let advanced = match (rest, bytes) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, bytes));
                rest = after;
                continue;
            }
            ([], []) => return true,
            ([b'?', after @ ..], [_, later @ ..]) => Some((after, later)),
            ([b'\\', expected, after @ ..], [byte, later @ ..]) => {
                (expected == byte).then_some((after, later))
            }
            ([expected, after @ ..], [byte, later @ ..]) => {
                (expected == byte).then_some((after, later))
            }
            _ => None,
        };
        match (advanced, retry) {
            (Some(next), _) => (rest, bytes) = next,
            (None, Some((after, [_, later @ ..]))) => {
                retry = Some((after, later));
                (rest, bytes) = (after, later);
            }
            (None, _) => return false,
        }
    }
}

/// The pattern with `*` in place of each name in braces.
pub(super) fn without_names(pattern: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(pattern.len());
    let mut is_name = false;
    for byte in pattern {
        match byte {
            b'{' => {
                is_name = true;
                plain.push(b'*');
            }
            b'}' => is_name = false,
            _ if is_name => {}
            byte => plain.push(*byte),
        }
    }
    plain
}

/// The parts of a key for which the stars of the pattern stand: each but the last one as short as possible. Returns
/// `None` if the key does not match.
pub(super) fn variable_parts(pattern: &[u8], key: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut parts = Vec::new();
    let (mut rest, mut start) = (pattern, 0);
    loop {
        let (literal, after) = rest.split_at_checked(first_star(rest))?;
        start += literal_bytes(literal);
        let Some(after) = after.strip_prefix(b"*") else {
            return Some(parts);
        };
        // Up to the first place from which the rest of the pattern matches.
        let end = (start..=key.len())
            .find(|end| key.get(*end..).is_some_and(|key| matches(after, key)))?;
        parts.push(start..end);
        (rest, start) = (after, end);
    }
}

/// The position of the first star, or the end.
fn first_star(pattern: &[u8]) -> usize {
    let mut is_escaped = false;
    for (position, byte) in pattern.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'*' => return position,
            _ => {}
        }
    }
    pattern.len()
}

/// Bytes of the keys that match a pattern without stars.
fn literal_bytes(pattern: &[u8]) -> usize {
    let mut count = 0;
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' {
            bytes.next();
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_stars() {
        assert_eq!(without_names(b"user:{id}:orgs"), b"user:*:orgs");
        assert_eq!(without_names(b"{a}{b}"), b"**");
    }

    #[test]
    fn variable_parts_are_the_bytes_of_the_stars() {
        let parts = |pattern: &str, key: &str| {
            let parts = variable_parts(pattern.as_bytes(), key.as_bytes())?;
            let parts: Vec<_> = parts
                .iter()
                .map(|part| key[part.clone()].to_owned())
                .collect();
            Some(parts.join("|"))
        };
        for (pattern, key, expected) in [
            ("a", "a", Some("")),
            ("user:*:orgs", "user:7:orgs", Some("7")),
            ("t:*:*", "t:1:a:b", Some("1|a:b")),
            ("*b*", "abab", Some("a|ab")),
            ("\\*?*", "*xy", Some("y")),
            ("a*c", "abd", None),
        ] {
            assert_eq!(parts(pattern, key).as_deref(), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn star_question_mark_and_backslash_have_their_meaning() {
        for (pattern, key, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("user:*:orgs", "user:7:orgs", true),
            ("user:*:orgs", "user:7:orgs:x", false),
            ("*a*b", "xaxbxab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\\\b", "a\\b", true),
            ("a\\", "a\\", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), key.as_bytes()),
                expected,
                "{pattern} {key}"
            );
        }
        assert!(!matches(b"*a*a*a*a*a*b", &[b'a'; 5000]));
    }
}
