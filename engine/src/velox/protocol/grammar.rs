//! The grammar of a request's texts: the Velox server's rules, and Go's versions (`semver` of golang.org/x/mod). Pure.

/// The longest module path or version, in bytes: file systems of Go's module cache allow no longer names.
pub const MAX_NAME_LEN: usize = 255;

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
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Returns whether `version` is semantic and in Go's canonical form: `v` and three numbers without leading zeros, an
/// optional pre-release, no build metadata but `+incompatible`.
#[must_use]
pub fn is_canonical_version(version: &str) -> bool {
    let Some(rest) = version.strip_prefix('v') else {
        return false;
    };
    if version.len() > MAX_NAME_LEN {
        return false;
    }
    let rest = rest.strip_suffix("+incompatible").unwrap_or(rest);
    let (numbers, pre) = match rest.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (rest, None),
    };
    let identifier = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && pre.is_none_or(|pre| {
            pre.split('.').all(|part| {
                let numeric = part.bytes().all(|byte| byte.is_ascii_digit());
                !part.is_empty() && part.bytes().all(identifier) && (!numeric || is_number(part))
            })
        })
}

/// Returns whether `text` is a decimal number without leading zeros.
#[must_use]
pub fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// Returns whether a reference can resolve to another commit later. Only a canonical version (pseudo-versions are
/// such) and a full commit hash can't: `master`, `latest`, a branch, `v5`, `5.2.7` and an abbreviated hash can.
#[must_use]
pub fn is_mutable(reference: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_commit = reference.len() == 40 && reference.bytes().all(is_hex);
    !(is_commit || is_canonical_version(reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_versions_and_full_hashes_are_immutable() {
        for fixed in [
            "v2025.1.2",
            "v1.2.3-rc.1",
            "v1.2.3+incompatible",
            "v0.0.0-20241231235959-abcdef012345",
            &"a1".repeat(20),
        ] {
            assert!(!is_mutable(fixed), "{fixed}");
        }
        for mutable in [
            "master",
            "latest",
            "v5",
            "v5.1",
            "5.2.7",
            "v1.2.3.4",
            "v1.2.x",
            "v1.02.3",
            "v1.2.3+build",
            "abcdef0",
            "v1.2.3-",
            "v1.2.3 x",
            "",
            "feature/x",
        ] {
            assert!(is_mutable(mutable), "{mutable}");
        }
    }
}
