//! Comparison of Go's own version numbers, in the forms of `go env GOVERSION` and of a module's `go` line. Pure.

/// Whether a Go version is older than the required one: `go1.25.3` than `1.26`. A pre-release counts as its release, so
/// that a newer toolchain under test is accepted.
pub(super) fn is_older(version: &str, required: &str) -> bool {
    let numbers = |version: &str| -> [u32; 3] {
        let digits = version.trim_start_matches("go");
        let end = digits.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let digits = digits
            .get(..end.unwrap_or(digits.len()))
            .unwrap_or_default();
        let mut parts = digits.split('.').map(|part| part.parse().unwrap_or(0));
        [(); 3].map(|()| parts.next().unwrap_or(0))
    };
    // A build from Go's own source tree: "devel …".
    if version.contains("devel") {
        return false;
    }
    numbers(version) < numbers(required)
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, required) in [
            ("go1.9", "1.26.1"),
            ("go1.26.0", "1.26.1"),
            ("go1.26", "1.26.1"),
            ("", "1.26"),
            ("go1.25.9", "1.26"),
        ] {
            assert!(is_older(version, required), "{version} {required}");
        }
        for (version, required) in [
            ("go1.26.8", "1.26.1"),
            ("go1.26", "1.26"),
            ("go1.27rc1", "1.27"),
            ("go2.0", "1.99"),
            ("devel go1.20-x", "1.26"),
            ("go1.26.1 X:nocoverageredesign", "1.26.1"),
        ] {
            assert!(!is_older(version, required), "{version} {required}");
        }
    }
}
