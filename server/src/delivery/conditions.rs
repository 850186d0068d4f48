//! Conditional requests (RFC 9110, section 13): `If-Match`, `If-Unmodified-Since`, `If-None-Match`,
//! `If-Modified-Since`, `If-Range`. The entity tag is the SHA-256, so it is strong, and equal on every host. Pure.

use std::time::SystemTime;

use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};

/// The identity of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag with its quotes.
    pub etag: String,
    /// The time of the last change, in Unix seconds.
    pub modified: u64,
}

/// The answer to the conditions of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The file, or its range.
    Proceed {
        /// Whether a `Range` header counts.
        allows_range: bool,
    },
    /// 304: the client has this very file.
    NotModified,
    /// 412: the file is not that which the client means.
    Failed,
}

impl Validators {
    /// Checks the conditions in the order of the standard.
    #[must_use]
    pub fn check(&self, headers: &HeaderMap) -> Verdict {
        let if_match = self.matches_any(headers, header::IF_MATCH, Comparison::Strong);
        let is_unchanged = match if_match {
            Some(matches) => matches,
            None => {
                date(headers, header::IF_UNMODIFIED_SINCE).is_none_or(|date| self.modified <= date)
            }
        };
        if !is_unchanged {
            return Verdict::Failed;
        }
        let is_known = match self.matches_any(headers, header::IF_NONE_MATCH, Comparison::Weak) {
            Some(matches) => matches,
            None => {
                date(headers, header::IF_MODIFIED_SINCE).is_some_and(|date| self.modified <= date)
            }
        };
        if is_known {
            return Verdict::NotModified;
        }
        let allows_range = headers.get(header::IF_RANGE).is_none_or(|value| {
            let text = value.as_bytes();
            text == self.etag.as_bytes()
                // A date is compared by value: another file may have an earlier one.
                || parse_date(value).is_some_and(|date| date == self.modified)
        });
        Verdict::Proceed { allows_range }
    }

    /// Whether a list of entity tags has that of the file; `None` without the header.
    fn matches_any(
        &self,
        headers: &HeaderMap,
        name: HeaderName,
        comparison: Comparison,
    ) -> Option<bool> {
        let mut values = headers.get_all(name).iter().peekable();
        values.peek()?;
        Some(values.any(|value| {
            let text = value.as_bytes().trim_ascii();
            // Tags of this server have no comma.
            text == b"*"
                || text.split(|byte| *byte == b',').any(|tag| {
                    let tag = tag.trim_ascii();
                    let opaque = match comparison {
                        Comparison::Strong => tag,
                        Comparison::Weak => tag.strip_prefix(b"W/").unwrap_or(tag),
                    };
                    opaque == self.etag.as_bytes()
                })
        }))
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Strong,
    Weak,
}

/// The date of a header; `None` without one, or if it is no date, which then does not count.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name).and_then(parse_date)
}

fn parse_date(value: &HeaderValue) -> Option<u64> {
    let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCEED: Verdict = Verdict::Proceed { allows_range: true };
    const WHOLE: Verdict = Verdict::Proceed {
        allows_range: false,
    };

    fn check(headers: &[(&'static str, &'static str)]) -> Verdict {
        let validators = Validators {
            etag: "\"abc\"".into(),
            // Sun, 06 Nov 1994 08:49:37 GMT
            modified: 784_111_777,
        };
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        validators.check(&headers)
    }

    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";

    #[test]
    fn known_file_is_not_sent_again() {
        for tags in ["\"abc\"", "*", "\"x\", W/\"abc\"", "W/\"abc\""] {
            assert_eq!(check(&[("if-none-match", tags)]), Verdict::NotModified);
        }
        for tags in ["\"x\"", "abc", "", "\"abc"] {
            assert_eq!(check(&[("if-none-match", tags)]), PROCEED, "{tags}");
        }
        assert_eq!(check(&[("if-modified-since", SAME)]), Verdict::NotModified);
        assert_eq!(check(&[("if-modified-since", AFTER)]), Verdict::NotModified);
        assert_eq!(check(&[("if-modified-since", BEFORE)]), PROCEED);
        // The tag counts, and not the date.
        let both = [("if-none-match", "\"x\""), ("if-modified-since", SAME)];
        assert_eq!(check(&both), PROCEED);
    }

    #[test]
    fn other_file_fails_a_precondition() {
        assert_eq!(check(&[("if-match", "\"abc\"")]), PROCEED);
        assert_eq!(check(&[("if-match", "*")]), PROCEED);
        assert_eq!(check(&[("if-match", "W/\"abc\"")]), Verdict::Failed);
        assert_eq!(check(&[("if-match", "\"x\"")]), Verdict::Failed);
        assert_eq!(check(&[("if-unmodified-since", SAME)]), PROCEED);
        assert_eq!(check(&[("if-unmodified-since", BEFORE)]), Verdict::Failed);
        assert_eq!(check(&[("if-unmodified-since", "yesterday")]), PROCEED);
    }

    #[test]
    fn range_of_another_file_is_the_whole_file() {
        assert_eq!(check(&[("if-range", "\"abc\"")]), PROCEED);
        assert_eq!(check(&[("if-range", SAME)]), PROCEED);
        for other in ["\"x\"", "W/\"abc\"", AFTER, BEFORE, "*", ""] {
            assert_eq!(check(&[("if-range", other)]), WHOLE, "{other}");
        }
    }
}
