//! Parses sizes. A bare number counts mebibytes, because the setting that users bring along is called `max_size_mb` and
//! counts them; a unit (`6G`, `512MiB`) allows any size. All units are powers of 1024, as in PHP's shorthand and in the
//! plugin.

/// Bytes in a mebibyte.
pub const MIB: u64 = 1 << 20;

const UNITS: [(&str, u64); 13] = [
    ("", MIB),
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", MIB),
    ("mb", MIB),
    ("mib", MIB),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tib", 1 << 40),
];

/// Parses a size in bytes. Returns `None` if `text` is not a size or does not fit 64 bits.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// Formats a size so that [`parse`] reads it back: whole mebibytes bare, other sizes in bytes.
#[must_use]
pub fn format(bytes: u64) -> String {
    if bytes.is_multiple_of(MIB) {
        (bytes / MIB).to_string()
    } else {
        format!("{bytes}B")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bare_number_counts_mebibytes() {
        for (text, bytes) in [
            ("5000", 5000 * MIB),
            ("6G", 6 << 30),
            ("6 GiB", 6 << 30),
            ("512mb", 512 * MIB),
            ("1024K", MIB),
            ("7b", 7),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn invalid_sizes_are_refused() {
        for text in [
            "",
            "M",
            "-1",
            "1.5G",
            "5 apples",
            "99999999999999999999",
            "18446744073709551615T",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn formatted_size_parses_back(bytes: u64) {
            prop_assert_eq!(parse(&format(bytes)), Some(bytes));
        }
    }
}
