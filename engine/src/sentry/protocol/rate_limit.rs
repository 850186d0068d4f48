//! Rate limits in a response: `X-Sentry-Rate-Limits` and `Retry-After` (develop.sentry.dev: rate-limiting; Relay's
//! `utils/rate_limits.rs` writes them). Parses untrusted text. Pure.

use std::time::Duration;

use super::category::Category;
use crate::time::parse_http_date;

/// The limit of a 429 without one (rule 3).
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);
/// The longest limit that is believed: a clock that jumps must not stop sending for ever.
const MAX_LIMIT_SECONDS: f64 = 24.0 * 3600.0;

/// A limit on one category, or on everything.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// Counted from now.
    pub duration: Duration,
    /// `None`: everything.
    pub category: Option<Category>,
}

/// The limits of a response, by Sentry's rules: `X-Sentry-Rate-Limits` on any status, else on a 429 `Retry-After`,
/// else one minute. `now` is Unix time in seconds.
#[must_use]
pub fn from_response(
    status: u16,
    rate_limits: &[&str],
    retry_after: Option<&str>,
    now: u64,
) -> Vec<RateLimit> {
    let mut limits = Vec::new();
    if !rate_limits.is_empty() {
        for quota in rate_limits.iter().flat_map(|header| header.split(',')) {
            quota_limit(quota, &mut limits);
        }
        return limits;
    }
    if status == 429 {
        limits.push(RateLimit {
            duration: retry_after
                .and_then(|text| after(text, now))
                .unwrap_or(DEFAULT_LIMIT),
            category: None,
        });
    }
    limits
}

/// `retry_after:categories:scope:reason_code:namespaces:…`
fn quota_limit(quota: &str, limits: &mut Vec<RateLimit>) {
    let mut fields = quota.trim().split(':').map(str::trim);
    let Some(first) = fields.next().filter(|first| !first.is_empty()) else {
        return;
    };
    // An invalid number counts as the default, as in Relay's clients.
    let duration = seconds(first).unwrap_or(DEFAULT_LIMIT);
    let Some(categories) = fields.next() else {
        return;
    };
    if categories.is_empty() {
        limits.push(RateLimit {
            duration,
            category: None,
        });
    }
    for name in categories.split(';').map(str::trim) {
        // Unknown categories are ignored; if all are unknown, nothing is limited.
        if let Some(category) = Category::named(name) {
            limits.push(RateLimit {
                duration,
                category: Some(category),
            });
        }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && value >= 0.0)
        .then(|| Duration::from_secs_f64(value.min(MAX_LIMIT_SECONDS).ceil()))
}

/// Seconds or an HTTP date.
fn after(text: &str, now: u64) -> Option<Duration> {
    let text = text.trim();
    seconds(text).or_else(|| {
        let at = parse_http_date(text)?;
        let left = at.saturating_sub(now);
        Some(Duration::from_secs(left.min(MAX_LIMIT_SECONDS as u64)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(header: &str) -> Vec<(u64, Option<Category>)> {
        from_response(200, &[header], None, 0)
            .into_iter()
            .map(|limit| (limit.duration.as_secs(), limit.category))
            .collect()
    }

    #[test]
    fn header_of_relay_is_parsed() {
        use Category::{Error, Span, Transaction};
        for (header, expected) in [
            ("60:error:organization", vec![(60, Some(Error))]),
            (
                "60:transaction:key, 2700:default;error:organization:quota",
                vec![
                    (60, Some(Transaction)),
                    (2700, Some(Category::Default)),
                    (2700, Some(Error)),
                ],
            ),
            ("90.5::project", vec![(91, None)]),
            ("  10 : span ; novelty : key ", vec![(10, Some(Span))]),
            ("10:novelty:key", vec![]),
            ("10:", vec![(10, None)]),
            ("10", vec![]),
            (",,:::", vec![]),
            ("soon:error:key", vec![(60, Some(Error))]),
            ("-5:error", vec![(60, Some(Error))]),
            ("1e99:error", vec![(86_400, Some(Error))]),
            (
                "5:metric_bucket:org:code:custom;other:more",
                vec![(5, Some(Category::MetricBucket))],
            ),
        ] {
            assert_eq!(limits(header), expected, "{header}");
        }
    }

    #[test]
    fn header_wins_over_retry_after_wins_over_default() {
        let duration = |status, header: &[&str], after| {
            let found = from_response(status, header, after, 784_111_777);
            found
                .iter()
                .map(|limit| limit.duration.as_secs())
                .collect::<Vec<_>>()
        };
        assert_eq!(duration(429, &["5::org"], Some("9")), [5]);
        assert_eq!(duration(429, &[], Some("9.2")), [10]);
        assert_eq!(
            duration(429, &[], Some("Sun, 06 Nov 1994 08:50:37 GMT")),
            [60]
        );
        assert_eq!(
            duration(429, &[], Some("Sun, 06 Nov 1994 08:49:47 GMT")),
            [10]
        );
        assert_eq!(
            duration(429, &[], Some("Tue, 06 Nov 1990 08:49:47 GMT")),
            [0]
        );
        assert_eq!(duration(429, &[], Some("whenever")), [60]);
        assert_eq!(duration(429, &[], None), [60]);
        // Retry-After of a load balancer must not limit everything.
        assert_eq!(duration(503, &[], Some("9")), [0u64; 0]);
        assert_eq!(duration(200, &["3:error", "4:span"], None), [3, 4]);
    }

    /// A quota as Relay or another server may write it: the text and the expected limits.
    fn quota() -> impl Strategy<Value = (String, Vec<(u64, Option<Category>)>)> {
        let blank = || prop_oneof![Just(""), Just(" "), Just("  ")];
        let names = proptest::collection::vec(
            prop_oneof![
                (0..Category::ALL.len()).prop_map(|at| Some(Category::ALL[at])),
                Just(None),
            ],
            0..4,
        );
        let number = prop_oneof![
            (0..4000u64).prop_map(|n| (n.to_string(), n)),
            (0..4000u64, 1..10u64).prop_map(|(n, tenth)| (format!("{n}.{tenth}"), n + 1)),
            Just(("soon".to_owned(), 60)),
            (100_000..9_000_000u64).prop_map(|n| (n.to_string(), 86_400)),
        ];
        let rest = prop_oneof![
            Just(""),
            Just(":organization"),
            Just(":key:quota_exceeded"),
            Just(":project:reason:custom;other:and:more"),
        ];
        (number, names, blank(), blank(), rest).prop_map(|((text, seconds), names, a, b, rest)| {
            let listed: Vec<&str> = names
                .iter()
                .map(|name| name.map_or("novelty", Category::name))
                .collect();
            let header = format!(
                "{a}{text}{b}:{a}{}{b}{rest}{a}",
                listed.join(&format!("{b};{a}"))
            );
            let expected = match names.is_empty() {
                true => vec![(seconds, None)],
                false => names
                    .into_iter()
                    .flatten()
                    .map(|category| (seconds, Some(category)))
                    .collect(),
            };
            (header, expected)
        })
    }

    proptest! {
        #[test]
        fn quotas_match_a_model(
            quotas in proptest::collection::vec(quota(), 1..6),
            split in 0..6usize,
            status in prop_oneof![Just(200u16), Just(429), Just(503)],
            after in proptest::option::of(0..1000u64),
        ) {
            let texts: Vec<&str> = quotas.iter().map(|(text, _)| text.as_str()).collect();
            let (first, second) = texts.split_at(split.min(texts.len()));
            let headers: Vec<String> = [first, second]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(|part| part.join(", "))
                .collect();
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let after = after.map(|seconds| seconds.to_string());
            let found: Vec<_> = from_response(status, &headers, after.as_deref(), 0)
                .into_iter()
                .map(|limit| (limit.duration.as_secs(), limit.category))
                .collect();
            // With X-Sentry-Rate-Limits nothing else counts, on any status.
            let expected: Vec<_> = quotas.iter().flat_map(|(_, limits)| limits.clone()).collect();
            prop_assert_eq!(found, expected, "{:?}", headers);
        }

        #[test]
        fn arbitrary_text_does_not_panic(header in ".{0,80}", after in ".{0,40}") {
            let _ = from_response(429, &[&header], Some(&after), 0);
            let _ = from_response(429, &[], Some(&after), u64::MAX);
        }
    }
}
