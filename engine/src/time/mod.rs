//! Times as text. RFC 3339 is formatted in UTC with milliseconds, and parsed in all forms that Go writes (any number of
//! decimals, any offset); HTTP dates are parsed by `httpdate`. Civil calendar arithmetic after Howard Hinnant,
//! "chrono-Compatible Low-Level Date Algorithms", because a crate for dates would be larger than this file. Parses
//! untrusted bytes, so no arithmetic may overflow or panic. Pure functions; any thread.

#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of year 9999; RFC 3339 has no digits for later ones.
const MAX_MS: u64 = 253_402_300_799_999;

/// Formats Unix milliseconds as `2026-11-21T08:10:00.123Z`. Times after year 9999 are formatted as its end.
#[must_use]
pub(crate) fn format_rfc3339(unix_ms: u64) -> String {
    let mut text = String::with_capacity(24);
    append_ms(&mut text, unix_ms);
    text
}

/// Appends a time as RFC 3339 with milliseconds. A time before 1970 is formatted as 1970.
pub(crate) fn append_rfc3339(out: &mut String, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    append_ms(out, u64::try_from(since.as_millis()).unwrap_or(MAX_MS));
}

fn append_ms(out: &mut String, unix_ms: u64) {
    let unix_ms = unix_ms.min(MAX_MS);
    let (year, month, day) = civil_from_days((unix_ms / DAY_MS) as i64);
    let ms = unix_ms % DAY_MS;
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1000 % 60,
        ms % 1000
    );
}

/// Parses an HTTP date (RFC 9110 §5.6.7) as Unix seconds. Returns `None` for one before 1970.
pub(crate) fn parse_http_date(text: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Parses an RFC 3339 time as Unix milliseconds; times before 1970 are 0 (Go's zero time is year 1). The end of year
/// 9999, which [`format_rfc3339`] returns for "never", is parsed as `u64::MAX`.
#[must_use]
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
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
    // 60 is a leap second, counted as the first second of the next minute.
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
    Some(if unix_ms >= MAX_MS { u64::MAX } else { unix_ms })
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

/// Returns the zone in minutes east of Greenwich.
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

/// Returns the days between 1970-01-01 and a date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Returns year, month and day of a number of days after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
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
