//! The types of settings: how a text is parsed, and the description of the expected values. INI, environment and YAML
//! deliver plain text alike, so one parser serves all three.

use std::time::Duration;

use super::{
    DeliveryUrl, Dsn, PathBase, RedisUrl, RelativeTo, Value, duration, listen, metric, paths,
    policy, size, suggest,
    text::{parse_flag, shorten},
};
use crate::secret::{Secret, ServerUrl};

/// Bytes of the text of a setting; paths of the system end there too.
const MAX_TEXT_LEN: usize = 4096;

/// The type of a setting, with its range (both ends included).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueType {
    /// Yes or no.
    Flag,
    /// A whole number.
    Integer(i64, i64),
    /// A number.
    Float(f64, f64),
    /// A duration, see [`duration`].
    Duration(Duration, Duration),
    /// A size in bytes; a bare number counts mebibytes.
    Size(u64, u64),
    /// One short word.
    Word,
    /// A path of the file system, and the base of a relative one that is not in a file.
    Path(RelativeTo),
    /// Pairs of absolute directories.
    PathMap,
    /// Pairs of an absolute directory and the absolute path of a URI.
    UriMap,
    /// A URL, or an absolute path of one.
    DeliveryUrl,
    /// Patterns of keys with the policy of each.
    Policies,
    /// Metrics of the application.
    Metrics,
    /// An `http` or `https` URL.
    Url,
    /// A text that must never be shown.
    Secret,
    /// A Sentry project with its key, shown without the key.
    Dsn,
    /// The address of a Redis server, shown without user and password.
    RedisUrl,
    /// Addresses that a server listens on.
    Listen,
    /// The mode of a file, in octal digits.
    FileMode,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words; `none` for an empty list.
    Words(&'static [&'static str]),
    /// `stderr`, `php` or an absolute path.
    LogTarget,
    /// A sampling rate: `off`, one of `n` as `word:n`, and each as `on` if the flag is set.
    Sampling(&'static str, bool),
}

impl ValueType {
    /// Parses a text that is trimmed and not empty.
    ///
    /// # Errors
    /// The reason without the value, as a noun phrase: `not a duration`.
    pub(in crate::config) fn parse(self, text: &str, base: PathBase<'_>) -> Result<Value, String> {
        if text.len() > MAX_TEXT_LEN
            && !matches!(
                self,
                Self::PathMap | Self::UriMap | Self::Policies | Self::Metrics
            )
        {
            return Err(format!("longer than {MAX_TEXT_LEN} bytes"));
        }
        match self {
            Self::Flag => parse_flag(text).map(Value::Flag).ok_or("not a yes or no"),
            Self::Integer(min, max) => text
                .parse()
                .map_err(|_| "not a whole number")
                .and_then(|n| within(n, min, max).map(Value::Integer)),
            Self::Float(min, max) => text
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .ok_or("not a number")
                .and_then(|n| within(n, min, max).map(Value::Float)),
            Self::Duration(min, max) => duration::parse(text)
                .ok_or("not a duration")
                .and_then(|d| within(d, min, max).map(Value::Duration)),
            Self::Size(min, max) => size::parse(text)
                .ok_or("not a size")
                .and_then(|n| within(n, min, max).map(Value::Size)),
            Self::Word => check_word(text).map(|()| Value::Text(text.into())),
            Self::Path(relative) => paths::parse(text, relative, base),
            Self::PathMap => return paths::parse_map(text, base).map(Value::PathMap),
            Self::UriMap => return paths::parse_map(text, PathBase::Table).map(Value::PathMap),
            Self::DeliveryUrl => return DeliveryUrl::parse(text).map(Value::DeliveryUrl),
            Self::Policies => return policy::parse_list(text).map(Value::Policies),
            Self::Metrics => return Ok(Value::Metrics(metric::parse_list(text))),
            Self::Url => return ServerUrl::parse(text).map(Value::Url),
            Self::Dsn if Dsn::is_off(text) => Ok(Value::Text("off".into())),
            Self::Dsn => return Dsn::parse(text).map(Value::Dsn),
            Self::RedisUrl => return RedisUrl::parse(text).map(Value::RedisUrl),
            Self::Listen => return listen::parse_list(text).map(Value::Listen),
            Self::FileMode => listen::parse_mode(text).map(Value::FileMode),
            Self::Secret => check_word(text).map(|()| Value::Secret(Secret::new(text))),
            Self::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .or_else(|| {
                    words
                        .iter()
                        .find(|word| **word == "off" && parse_flag(text) == Some(false))
                })
                .map(|word| Value::Text((*word).into()))
                .ok_or("unknown word"),
            Self::Words(known) => return parse_words(text, known).map(Value::Words),
            Self::LogTarget => paths::parse_log_target(text, base),
            Self::Sampling(word, has_on) => parse_sampling(text, word, has_on),
        }
        .map_err(str::to_owned)
    }

    /// Whether an empty text in INI means `off`: PHP passes it for `off`, `no`, `false` and `none`.
    pub(in crate::config) fn has_off(self) -> bool {
        match self {
            Self::Flag | Self::Sampling(..) => true,
            Self::Choice(words) => words.contains(&"off"),
            _ => false,
        }
    }

    /// Describes the expected values, for messages and for the documentation.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Flag => "on or off".into(),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::Float(min, max) => format!("a number from {min:?} to {max:?}"),
            Self::Duration(min, max) => format!(
                "a duration from {} to {}, like 90s, 1h30m or 500ms",
                duration::format(min),
                duration::format(max)
            ),
            Self::Size(min, max) => format!(
                "a size from {} to {} (in MiB), or with a unit like 512M or 6G",
                size::format(min),
                size::format(max)
            ),
            Self::Word => "one word without white space".into(),
            Self::Path(RelativeTo::Refused) => "an absolute path".into(),
            Self::Path(RelativeTo::WorkingDirectory) => "a path".into(),
            Self::Path(RelativeTo::StateDir) => {
                "a path; a relative one is below the directory of its file, else below pillion.state_dir"
                    .into()
            }
            Self::PathMap => {
                "server-root=local-root, … with absolute paths; one path alone maps to itself"
                    .into()
            }
            Self::UriMap => "/directory=/location, … with absolute paths".into(),
            Self::DeliveryUrl => {
                "a path like /_pillion, or a URL like https://builds.example".into()
            }
            Self::Policies => {
                "a list like user:{id}:orgs ttl=5m hash=on, build:* ttl=2h; in YAML also a map"
                    .into()
            }
            Self::Metrics => {
                "a list like orders_total type=counter labels=country/kind; in YAML a map".into()
            }
            Self::Url => "a URL like http://127.0.0.1:9000, or https://…".into(),
            Self::Dsn => "a DSN like https://key@sentry.example/1".into(),
            Self::RedisUrl => {
                "host:port, redis://host:port/database, rediss://… or unix:/path, with user:password@ before the \
                 host if it has them"
                    .into()
            }
            Self::Listen => "a list like 127.0.0.1:9180, unix:/run/pillion/serve.sock".into(),
            Self::FileMode => "an octal mode like 0660".into(),
            Self::Secret => "a text without white space or control characters".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Words(words) => format!("none, or a list of {}", words.join(", ")),
            Self::LogTarget => "stderr, php or an absolute path".into(),
            Self::Sampling(word, true) => {
                format!("off, on or {word}:N with N from 1 to {MAX_SAMPLING}")
            }
            Self::Sampling(word, false) => {
                format!("off or {word}:N with N from 1 to {MAX_SAMPLING}")
            }
        }
    }
}

/// The largest `n` of [`ValueType::Sampling`].
const MAX_SAMPLING: u32 = 1_000_000;

fn parse_sampling(text: &str, word: &str, has_on: bool) -> Result<Value, &'static str> {
    // PHP passes an INI entry as `1` or an empty text for `on` and `off`.
    match parse_flag(text) {
        Some(false) => return Ok(Value::Text("off".into())),
        Some(true) if has_on => return Ok(Value::Text("on".into())),
        _ => {}
    }
    let (given, count) = text.split_once(':').ok_or("unknown word")?;
    if !given.trim().eq_ignore_ascii_case(word) {
        return Err("unknown word");
    }
    let count: u32 = count
        .trim()
        .parse()
        .map_err(|_| "no number after the colon")?;
    let count = within(count, 1, MAX_SAMPLING)?;
    Ok(Value::Text(format!("{word}:{count}")))
}

fn within<T: PartialOrd>(value: T, min: T, max: T) -> Result<T, &'static str> {
    if value < min || value > max {
        return Err("out of range");
    }
    Ok(value)
}

fn check_word(text: &str) -> Result<(), &'static str> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("white space or control characters");
    }
    Ok(())
}

/// Parses a list; the result has each word once, in the order of the known ones.
fn parse_words(text: &str, known: &'static [&'static str]) -> Result<Vec<&'static str>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let given: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    let is = |word: &str, given: &str| word.eq_ignore_ascii_case(given);
    if let Some(unknown) = given
        .iter()
        .find(|given| !known.iter().any(|word| is(word, given)))
    {
        let suggestion = suggest::closest(unknown, known.iter().copied())
            .map(|word| format!("; did you mean {word}?"))
            .unwrap_or_default();
        let shown = shorten(unknown);
        return Err(format!("unknown word {shown:?}{suggestion}"));
    }
    Ok(known
        .iter()
        .copied()
        .filter(|word| given.iter().any(|given| is(word, given)))
        .collect())
}
