//! Patterns of keys: `*` stands for any bytes, `?` for one, and a backslash makes the byte after it ordinary. Pure
//! functions; any thread.

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

#[cfg(test)]
mod tests {
    use super::matches;

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
