//! RFC 3339 times for the entries and for `index.json`: written in UTC to the millisecond, read in
//! every form that Go writes (any number of decimals, any offset). Foreign bytes come in here, so
//! nothing may overflow or panic. Civil calendar arithmetic after Howard Hinnant,
//! "chrono-Compatible Low-Level Date Algorithms". Pure functions; any thread.

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of year 9999, beyond which RFC 3339 has no digits.
const LAST_MS: u64 = 253_402_300_799_999;

/// Writes Unix milliseconds as `2026-11-21T08:10:00.123Z`. Later than year 9999 is written as its end.
pub(super) fn format(unix_ms: u64) -> String {
    let unix_ms = unix_ms.min(LAST_MS);
    let (year, month, day) = civil((unix_ms / DAY_MS) as i64);
    let ms = unix_ms % DAY_MS;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1000 % 60,
        ms % 1000
    )
}

/// Reads an RFC 3339 time as Unix milliseconds; times before 1970 are 0 (Go's zero time is year 1).
/// The end of year 9999, which [`format()`] writes for "never", reads as `u64::MAX`.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (head, tail) = text.split_at_checked(19)?;
    let bytes: &[u8; 19] = head.as_bytes().try_into().ok()?;
    let [
        _,
        _,
        _,
        _,
        b'-',
        _,
        _,
        b'-',
        _,
        _,
        b'T' | b't' | b' ',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
    ] = bytes
    else {
        return None;
    };
    let field = |from: usize, to: usize| number(head.get(from..to)?);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    // 60 is a leap second, which counts as the next minute's first.
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (ms, zone) = decimals(tail)?;
    let offset_minutes = offset(zone)?;
    let days = days_from_civil(year, month, day);
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
    let unix_ms = u64::try_from(seconds * 1000 + ms).unwrap_or(0);
    Some(if unix_ms >= LAST_MS {
        u64::MAX
    } else {
        unix_ms
    })
}

fn number(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Splits `.123456Z` into milliseconds and the zone.
fn decimals(tail: &str) -> Option<(i64, &str)> {
    let Some(rest) = tail.strip_prefix('.') else {
        return Some((0, tail));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, zone) = rest.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    let padded: String = digits.chars().chain("00".chars()).take(3).collect();
    Some((number(&padded)?, zone))
}

/// Minutes east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days between 1970-01-01 and that day.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of that many days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_and_read() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_792_663_799_999, "2026-10-22T10:09:59.999Z"),
        ] {
            assert_eq!(format(ms), text);
            assert_eq!(parse(text), Some(ms));
        }
    }

    #[test]
    fn what_go_writes_is_read() {
        let noon = parse("2025-11-13T12:00:00Z");
        assert_eq!(noon, Some(1_763_035_200_000));
        assert_eq!(parse("2025-11-13T15:00:00+03:00"), noon);
        assert_eq!(parse("2025-11-13T08:30:00.000000000-03:30"), noon);
        assert_eq!(
            parse("2025-11-13T12:00:00.123456789Z"),
            noon.map(|ms| ms + 123)
        );
        assert_eq!(parse("2025-11-13T12:00:00.5Z"), noon.map(|ms| ms + 500));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(0));
    }

    #[test]
    fn never_survives_the_round_trip() {
        assert_eq!(parse(&format(u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2025-11-13",
            "2025-11-13T12:00:00",
            "2025-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00.Z",
            "2025-01-01T00:00:00+1:00",
            "2025-01-01T00:00:00+01:00Z",
            "2025-01-01T00:00:0éZ",
            "-025-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_millisecond_reads_back_as_itself(ms in 0..LAST_MS) {
            proptest::prop_assert_eq!(parse(&format(ms)), Some(ms));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
