//! The ceilings of the pauses between the attempts of a build, by the settings `velox.retry`, and the header
//! `Retry-After`.

use std::time::{Duration, SystemTime};

use crate::{backoff, config::RetrySettings};

/// The steps by which the backoff after a failed connection is ahead of the one after an answer: a server that restarts
/// is unreachable for seconds.
const CONNECT_STEPS: u32 = 2;

/// Returns the ceiling of the pause after `failed` attempts, from 1.
#[must_use]
pub(super) fn backoff_ceiling(retry: &RetrySettings, failed: u32) -> Duration {
    backoff::ceiling(
        retry.initial_delay,
        retry.backoff_multiplier,
        retry.max_delay,
        failed.saturating_sub(1),
    )
}

/// Like [`backoff_ceiling`], after attempts that reached no server.
#[must_use]
pub(super) fn connect_backoff_ceiling(retry: &RetrySettings, failed: u32) -> Duration {
    backoff_ceiling(retry, failed.saturating_add(CONNECT_STEPS))
}

/// Parses the header `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
#[must_use]
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_those_of_the_plugin_documentation() {
        let retry = RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            backoff_multiplier: 2.0,
        };
        let seconds: Vec<u64> = (1..8)
            .map(|failed| backoff_ceiling(&retry, failed).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10, 10]);
        assert_eq!(backoff_ceiling(&retry, u32::MAX), retry.max_delay);
        let steep = RetrySettings {
            backoff_multiplier: f64::INFINITY,
            ..retry
        };
        assert_eq!(backoff_ceiling(&steep, 2), steep.max_delay);
    }

    #[test]
    fn unreachable_server_has_more_time_than_one_that_answers() {
        let retry = RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            backoff_multiplier: 2.0,
        };
        let seconds: Vec<u64> = (1..5)
            .map(|failed| connect_backoff_ceiling(&retry, failed).as_secs())
            .collect();
        assert_eq!(seconds, [4, 8, 10, 10]);
        assert_eq!(connect_backoff_ceiling(&retry, u32::MAX), retry.max_delay);
    }

    #[test]
    fn retry_after_is_parsed_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(value, now), expected, "{value}");
        }
    }
}
