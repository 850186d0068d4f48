//! The grammar of a request's texts, as the Velox server validates them. Pure.

/// Returns whether `text` matches the Velox server's rule for versions: `^(v\d+\.\d+\.\d+.*|master|[a-f0-9]{7,40})$`.
#[must_use]
pub fn is_rr_version(text: &str) -> bool {
    if text == "master" {
        return true;
    }
    if (7..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return true;
    }
    // `.` in the rule matches all but a line feed.
    let Some(rest) = text.strip_prefix('v').filter(|rest| !rest.contains('\n')) else {
        return false;
    };
    let mut parts = rest.splitn(3, '.');
    let number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    number(parts.next())
        && number(parts.next())
        && parts
            .next()
            .is_some_and(|part| part.starts_with(|first: char| first.is_ascii_digit()))
}

/// Returns whether `text` matches protovalidate's rule for `string.uuid`: 36 characters, hexadecimal digits of either
/// case, and dashes.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if matches!(at, 8 | 13 | 18 | 23) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}
