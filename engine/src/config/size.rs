//! Sizes. A bare number counts mebibytes, because the one setting that users bring along is called
//! `max_size_mb` and counts them; with a unit (`6G`, `512MiB`) any size can be said. All units are
//! powers of 1024, as in PHP's own shorthand and in the plugin.

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

/// Reads a size in bytes; `None` where `text` is not one or does not fit 64 bits.
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

/// Writes a size so that [`parse`] reads it back: whole mebibytes bare, anything else in bytes.
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
    fn a_bare_number_counts_mebibytes_and_a_unit_says_otherwise() {
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
    fn what_is_no_size_is_refused() {
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
        fn every_size_survives_writing_and_reading(bytes: u64) {
            prop_assert_eq!(parse(&format(bytes)), Some(bytes));
        }
    }
}
