//! Go's own version numbers, as `go env GOVERSION` and the `go` line of a module write them. Pure.

/// Whether one Go version is older than another: `go1.25.3` than `1.26`. Pre-releases count as their
/// release, so that a newer toolchain under test is not refused.
pub(in crate::build) fn is_older(have: &str, need: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        let plain = version.trim_start_matches("go");
        let plain: String = plain
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        plain
            .split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    // A build from Go's own source tree: "devel …".
    if have.contains("devel") {
        return false;
    }
    let (have, need) = (numbers(have), numbers(need));
    let at = |list: &[u32], index: usize| list.get(index).copied().unwrap_or(0);
    (0..3)
        .map(|index| (at(&have, index), at(&need, index)))
        .find(|(have, need)| have != need)
        .is_some_and(|(h, n)| h < n)
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn go_versions_are_compared_by_their_numbers() {
        for (have, need) in [
            ("go1.9", "1.26.1"),
            ("go1.26.0", "1.26.1"),
            ("go1.26", "1.26.1"),
            ("", "1.26"),
            ("go1.25.9", "1.26"),
        ] {
            assert!(is_older(have, need), "{have} {need}");
        }
        for (have, need) in [
            ("go1.26.8", "1.26.1"),
            ("go1.26", "1.26"),
            ("go1.27rc1", "1.27"),
            ("go2.0", "1.99"),
            ("devel go1.20-x", "1.26"),
            ("go1.26.1 X:nocoverageredesign", "1.26.1"),
        ] {
            assert!(!is_older(have, need), "{have} {need}");
        }
    }
}
