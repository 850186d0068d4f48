//! Conditional requests (RFC 9110, section 13): `If-Match`, `If-Unmodified-Since`, `If-None-Match`,
//! `If-Modified-Since`, `If-Range`. The entity tag is the SHA-256, so it is strong, and equal on every host. Pure; any
//! thread.

use std::time::SystemTime;

use super::range::Range;

/// The identity of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag with its quotes.
    pub etag: String,
    /// The time of the last change, in Unix seconds.
    pub modified: u64,
}

/// The part of a file that a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it or a range: status 200, 206 or 416.
    Bytes(Range),
    /// 304: the client has this very file.
    NotModified,
    /// 412: the file is not that which the client means.
    Failed,
}

/// Returns a header of a request by its name; several lines of it as one list.
pub type FindHeader<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Validators {
    /// Checks the conditions of a GET or HEAD request in the order of the standard. Only GET has ranges.
    #[must_use]
    pub fn select(&self, header: &FindHeader<'_>, size: u64, is_get: bool) -> Selection {
        let is_unchanged = match header("If-Match") {
            Some(tags) => self.is_in(&tags, Comparison::Strong),
            None => date(header, "If-Unmodified-Since").is_none_or(|date| self.modified <= date),
        };
        if !is_unchanged {
            return Selection::Failed;
        }
        let is_known = match header("If-None-Match") {
            Some(tags) => self.is_in(&tags, Comparison::Weak),
            None => date(header, "If-Modified-Since").is_some_and(|date| self.modified <= date),
        };
        if is_known {
            return Selection::NotModified;
        }
        let has_range = is_get
            && header("If-Range").is_none_or(|condition| {
                // A date is compared by value: another file may have an earlier one.
                condition == self.etag || parse_date(&condition) == Some(self.modified)
            });
        let range = header("Range").filter(|_| has_range);
        Selection::Bytes(Range::parse(range.as_deref(), size))
    }

    /// Whether a list of entity tags has that of the file.
    fn is_in(&self, tags: &str, comparison: Comparison) -> bool {
        // Tags of binaries have no comma.
        tags.trim() == "*"
            || tags.split(',').map(str::trim).any(|tag| {
                let opaque = match comparison {
                    Comparison::Strong => tag,
                    Comparison::Weak => tag.strip_prefix("W/").unwrap_or(tag),
                };
                opaque == self.etag
            })
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Strong,
    Weak,
}

/// The date of a header; `None` without one, or if it is no date, which then does not count.
fn date(header: &FindHeader<'_>, name: &str) -> Option<u64> {
    parse_date(&header(name)?)
}

fn parse_date(text: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCEED: Selection = Selection::Bytes(Range::Part { first: 0, last: 1 });
    const WHOLE: Selection = Selection::Bytes(Range::Whole);

    fn select(headers: &[(&str, &str)], is_get: bool) -> Selection {
        let validators = Validators {
            etag: "\"abc\"".into(),
            // Sun, 06 Nov 1994 08:49:37 GMT
            modified: 784_111_777,
        };
        let find = |name: &str| {
            let found = headers
                .iter()
                .find(|(own, _)| name.eq_ignore_ascii_case(own));
            found.map(|(_, value)| (*value).to_owned())
        };
        validators.select(&find, 100, is_get)
    }

    /// Selects with a range.
    fn check(headers: &[(&'static str, &'static str)]) -> Selection {
        select(&[headers, &[("range", "bytes=0-1")]].concat(), true)
    }

    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";

    #[test]
    fn known_file_is_not_sent_again() {
        for tags in ["\"abc\"", "*", "\"x\", W/\"abc\"", "W/\"abc\""] {
            assert_eq!(check(&[("if-none-match", tags)]), Selection::NotModified);
        }
        for tags in ["\"x\"", "abc", "", "\"abc"] {
            assert_eq!(check(&[("if-none-match", tags)]), PROCEED, "{tags}");
        }
        assert_eq!(
            check(&[("if-modified-since", SAME)]),
            Selection::NotModified
        );
        assert_eq!(
            check(&[("if-modified-since", AFTER)]),
            Selection::NotModified
        );
        assert_eq!(check(&[("if-modified-since", BEFORE)]), PROCEED);
        // The tag counts, and not the date.
        let both = [("if-none-match", "\"x\""), ("if-modified-since", SAME)];
        assert_eq!(check(&both), PROCEED);
    }

    #[test]
    fn other_file_fails_a_precondition() {
        assert_eq!(check(&[("if-match", "\"abc\"")]), PROCEED);
        assert_eq!(check(&[("if-match", "*")]), PROCEED);
        assert_eq!(check(&[("if-match", "W/\"abc\"")]), Selection::Failed);
        assert_eq!(check(&[("if-match", "\"x\"")]), Selection::Failed);
        assert_eq!(check(&[("if-unmodified-since", SAME)]), PROCEED);
        assert_eq!(check(&[("if-unmodified-since", BEFORE)]), Selection::Failed);
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

    #[test]
    fn only_get_has_ranges() {
        assert_eq!(select(&[("range", "bytes=0-1")], false), WHOLE);
        let known = [("if-none-match", "*"), ("range", "bytes=0-1")];
        assert_eq!(select(&known, false), Selection::NotModified);
    }
}
