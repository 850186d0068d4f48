//! Parses and formats durations in Go's notation (`1h30m`, `500ms`, `1.5h`, `0`), which a `.rr.yaml` uses. A bare
//! number is seconds: Go's decoder would take nanoseconds, which `build_timeout: 300` never means. Integer arithmetic
//! only, so that no value is rounded.

use std::{fmt::Write as _, time::Duration};

/// Units in nanoseconds. Longer names first, so that `ms` is not read as `m`.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Go stores durations in 63 bits of nanoseconds, about 292 years.
const MAX_NANOS: u128 = i64::MAX as u128;

/// Parses a duration. Returns `None` if `text` is not a duration, is negative, or exceeds Go's maximum.
/// Source of the grammar: Go's `time.ParseDuration`.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if let Some((nanos, "")) = number(rest, 1_000_000_000) {
        return to_duration(nanos);
    }
    let mut total = 0_u128;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at(end);
        let (unit, scale) = UNITS.into_iter().find(|(unit, _)| {
            tail.strip_prefix(unit)
                .is_some_and(|next| !next.starts_with(|c: char| c.is_alphabetic()))
        })?;
        let (nanos, "") = number(digits, scale)? else {
            return None;
        };
        total = total.checked_add(nanos)?;
        rest = tail.strip_prefix(unit)?;
        if rest.is_empty() {
            return to_duration(total);
        }
    }
}

/// Parses digits with an optional fraction, in units of `scale`; returns the rest of the text too.
fn number(text: &str, scale: u128) -> Option<(u128, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0_u128;
    for digit in whole.bytes() {
        value = value
            .checked_mul(10)?
            .checked_add(u128::from(digit - b'0'))?;
    }
    value = value.checked_mul(scale)?;
    let mut weight = scale;
    for digit in fraction.bytes() {
        weight /= 10;
        value = value.checked_add(u128::from(digit - b'0') * weight)?;
    }
    Some((value, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

fn to_duration(nanos: u128) -> Option<Duration> {
    (nanos <= MAX_NANOS)
        .then(|| u64::try_from(nanos).ok())
        .flatten()
        .map(Duration::from_nanos)
}

/// Formats a duration in the shortest form that [`parse`] reads back unchanged: `1h30m`, `500ms`, `0s`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut out = String::new();
    let seconds = duration.as_secs();
    let nanos = duration.subsec_nanos();
    for (count, unit) in [
        (seconds / 3600, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ] {
        if count > 0 {
            let _ = write!(out, "{count}{unit}");
        }
    }
    for (scale, unit) in [(1_000_000, "ms"), (1_000, "µs"), (1, "ns")] {
        if nanos > 0 && nanos.is_multiple_of(scale) {
            let _ = write!(out, "{}{unit}", nanos / scale);
            break;
        }
    }
    if out.is_empty() {
        out.push_str("0s");
    }
    out
}

/// Formats a duration for a log line, rounded to about three digits: `58.3s`, `125ms`, `2m5s`, `1h15m`.
#[must_use]
pub fn brief(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros == 0 {
        return "0s".to_owned();
    }
    if micros < 1_000 {
        return format!("{micros}µs");
    }
    let tenths = (duration.as_millis() + 50) / 100;
    if duration.as_secs() == 0 && tenths < 10 {
        return format!("{}ms", duration.as_millis());
    }
    if tenths < 600 {
        return match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            tenth => format!("{}.{tenth}s", tenths / 10),
        };
    }
    let mut rounded =
        Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_millis() >= 500));
    if rounded.as_secs() >= 3600 {
        rounded = Duration::from_secs((rounded.as_secs() + 30) / 60 * 60);
    }
    format(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brief_durations_have_units_and_few_digits() {
        for (micros, text) in [
            (0, "0s"),
            (850, "850µs"),
            (125_400, "125ms"),
            (949_999, "949ms"),
            (950_000, "1s"),
            (58_349_000, "58.3s"),
            (59_960_000, "1m"),
            (125_200_000, "2m5s"),
            (4_500_000_000, "1h15m"),
            (3_599_600_000, "1h"),
            (90_000_000_000, "25h"),
        ] {
            assert_eq!(brief(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn durations_parse_as_in_go() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("500ms", 500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+5s", 5_000_000_000),
            ("1us", 1_000),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("3h0m0.000000001s", 10_800_000_000_001),
            ("9223372036854775807ns", i64::MAX as u64),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn bare_number_is_seconds() {
        assert_eq!(parse("90"), Some(Duration::from_secs(90)));
        assert_eq!(parse("1.5"), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn texts_that_go_refuses_are_refused() {
        for text in [
            "",
            " ",
            "-5s",
            "5 m",
            "5minutes",
            "5x",
            "h",
            ".s",
            ".",
            "+",
            "1..5s",
            "1h 30m",
            "1m30",
            "5M",
            "7d",
            "1e3s",
            "٣s",
            "9223372036854775808ns",
            "99999999999999999999999999999999999h",
            "1.1.1s",
            "5ms5",
            "--1s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn formatted_duration_parses_back(nanos in 0..=i64::MAX as u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }

        #[test]
        fn formatted_round_duration_parses_back(hours in 0_u64..1000, minutes in 0_u64..60, millis in 0_u64..1000) {
            let duration = Duration::from_millis((hours * 60 + minutes) * 60_000 + millis);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }

        #[test]
        fn parser_never_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn text_near_the_grammar_parses_back_or_is_refused(text in "[0-9.+-]{0,25}(ns|us|µs|ms|s|m|h|)([0-9.]{0,4}(ms|s|m|)){0,3}") {
            if let Some(duration) = parse(&text) {
                prop_assert_eq!(parse(&format(duration)), Some(duration));
            }
        }
    }
}
