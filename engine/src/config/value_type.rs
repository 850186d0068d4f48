//! The types of settings: how a text becomes a value, and what would be right where it does not.
//! INI, environment and YAML bring plain text alike, so one reader serves all three.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::{
    dsn::Dsn,
    duration,
    error::Problem,
    secret::{Secret, ServerUrl},
    size, suggest,
};

/// The longest text that any setting may have, in bytes; paths of the system end there too.
const LONGEST_TEXT: usize = 4096;

/// The type of a setting, with its range (both ends included).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
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
    /// A path of the file system, and what a relative one stands on where no file names it.
    Path(Relative),
    /// Pairs of absolute directories.
    PathMap,
    /// An `http` or `https` URL.
    Url,
    /// A text that must never be shown.
    Secret,
    /// A Sentry project with its key, shown without it.
    Dsn,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any of these words, in a list; `none`: none of them.
    Words(&'static [&'static str]),
    /// `stderr`, `php` or an absolute path.
    LogTarget,
    /// How often: `off`, every `n`-th time as `word:n`, and each time as `on` where that is said so.
    Every(&'static str, bool),
}

/// What a relative path in INI or environment stands on. In a file it stands on the file's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relative {
    /// Refused: the working directory is another one in php-fpm, a worker and a console.
    Refused,
    /// The working directory.
    WorkingDirectory,
    /// `state_dir`.
    StateDir,
}

/// The value of a setting. Its `Display` is fit for people: secrets are masked.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is what its kind says")]
pub enum Value {
    Flag(bool),
    Integer(i64),
    Float(f64),
    Duration(Duration),
    Size(u64),
    Text(String),
    Words(Vec<&'static str>),
    Path(PathBuf),
    InStateDir(PathBuf),
    PathMap(Vec<(PathBuf, PathBuf)>),
    Url(ServerUrl),
    Secret(Secret),
    Dsn(Dsn),
}

/// Where the text stood, as far as that decides what a relative path means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// INI or environment, with the working directory.
    Process(&'a Path),
    /// A file in this directory.
    File(&'a Path),
    /// The table's own default.
    Table,
}

impl Kind {
    /// Reads a text, already trimmed and not empty.
    ///
    /// # Errors
    /// What is wrong with it, to be said after the value itself: `is not a duration`.
    pub(super) fn read(self, text: &str, origin: Origin<'_>) -> Result<Value, String> {
        if text.len() > LONGEST_TEXT && self != Self::PathMap {
            return Err(format!("is longer than {LONGEST_TEXT} bytes"));
        }
        match self {
            Self::Flag => flag(text).map(Value::Flag).ok_or("is not a yes or no"),
            Self::Integer(min, max) => text
                .parse()
                .map_err(|_| "is not a whole number")
                .and_then(|n| within(n, min, max).map(Value::Integer)),
            Self::Float(min, max) => text
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .ok_or("is not a number")
                .and_then(|n| within(n, min, max).map(Value::Float)),
            Self::Duration(min, max) => duration::parse(text)
                .ok_or("is not a duration")
                .and_then(|d| within(d, min, max).map(Value::Duration)),
            Self::Size(min, max) => size::parse(text)
                .ok_or("is not a size")
                .and_then(|n| within(n, min, max).map(Value::Size)),
            Self::Word => word(text).map(|()| Value::Text(text.into())),
            Self::Path(relative) => path(text, relative, origin),
            Self::PathMap => return path_map(text, origin).map(Value::PathMap),
            Self::Url => return ServerUrl::parse(text).map(Value::Url),
            Self::Dsn if Dsn::is_off(text) => Ok(Value::Text("off".into())),
            Self::Dsn => return Dsn::parse(text).map(Value::Dsn),
            Self::Secret => word(text).map(|()| Value::Secret(Secret::new(text))),
            Self::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .or_else(|| {
                    words
                        .iter()
                        .find(|word| **word == "off" && flag(text) == Some(false))
                })
                .map(|word| Value::Text((*word).into()))
                .ok_or("is none of the known words"),
            Self::Words(known) => return words(text, known).map(Value::Words),
            Self::LogTarget => log_target(text, origin),
            Self::Every(word, has_on) => every(text, word, has_on),
        }
        .map_err(str::to_owned)
    }

    /// Whether an empty text in INI means `off`: PHP hands it over where `off`, `no`, `false` or `none` stood.
    pub(super) fn has_off(self) -> bool {
        match self {
            Self::Flag | Self::Every(..) => true,
            Self::Choice(words) => words.contains(&"off"),
            _ => false,
        }
    }

    /// What would be right, for messages and for the documentation.
    #[must_use]
    pub fn expectation(self) -> String {
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
            Self::Path(Relative::Refused) => "an absolute path".into(),
            Self::Path(Relative::WorkingDirectory) => "a path".into(),
            Self::Path(Relative::StateDir) => {
                "a path; a relative one stands on the file that names it, else on pillion.state_dir"
                    .into()
            }
            Self::PathMap => {
                "server-root=local-root, … with absolute paths; one path alone maps to itself"
                    .into()
            }
            Self::Url => "a URL like http://127.0.0.1:9000, or https://…".into(),
            Self::Dsn => "a DSN like https://key@sentry.example/1".into(),
            Self::Secret => "a text without white space or control characters".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Words(words) => format!("none, or a list of {}", words.join(", ")),
            Self::LogTarget => "stderr, php or an absolute path".into(),
            Self::Every(word, true) => format!("off, on or {word}:N with N from 1 to {MOST_EVERY}"),
            Self::Every(word, false) => format!("off or {word}:N with N from 1 to {MOST_EVERY}"),
        }
    }
}

/// The largest `n` of [`Kind::Every`].
const MOST_EVERY: u32 = 1_000_000;

/// PHP hands an INI entry over as `1` or an empty text where `on` or `off` stood.
fn every(text: &str, word: &str, has_on: bool) -> Result<Value, &'static str> {
    match flag(text) {
        Some(false) => return Ok(Value::Text("off".into())),
        Some(true) if has_on => return Ok(Value::Text("on".into())),
        _ => {}
    }
    let (said, count) = text.split_once(':').ok_or("is none of the known words")?;
    if !said.trim().eq_ignore_ascii_case(word) {
        return Err("is none of the known words");
    }
    let count: u32 = count.trim().parse().map_err(|_| "has no number of times")?;
    let count = within(count, 1, MOST_EVERY)?;
    Ok(Value::Text(format!("{word}:{count}")))
}

fn within<T: PartialOrd>(value: T, min: T, max: T) -> Result<T, &'static str> {
    if value < min || value > max {
        return Err("is out of range");
    }
    Ok(value)
}

/// The words of PHP's INI and of YAML.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" | "y" => Some(true),
        "0" | "off" | "no" | "false" | "n" | "none" => Some(false),
        _ => None,
    }
}

fn word(text: &str) -> Result<(), &'static str> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("holds white space or control characters");
    }
    Ok(())
}

fn path(text: &str, relative: Relative, origin: Origin<'_>) -> Result<Value, &'static str> {
    if text.contains('\0') {
        return Err("holds a NUL byte");
    }
    let given = Path::new(text);
    if given.is_absolute() {
        return Ok(Value::Path(tidy(given)));
    }
    match (origin, relative) {
        (Origin::File(dir), _) => Ok(Value::Path(tidy(&dir.join(given)))),
        (_, Relative::StateDir) => Ok(Value::InStateDir(tidy(given))),
        (Origin::Process(cwd), Relative::WorkingDirectory) => {
            Ok(Value::Path(tidy(&cwd.join(given))))
        }
        _ => Err("is not an absolute path"),
    }
}

/// Reads a list, each word once and in the order of the known ones.
fn words(text: &str, known: &'static [&'static str]) -> Result<Vec<&'static str>, String> {
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
        let meant = suggest::closest(unknown, known.iter().copied())
            .map(|word| format!(" (did you mean {word}?)"))
            .unwrap_or_default();
        let shown = Problem::shorten(unknown);
        return Err(format!(
            "names {shown:?}, which is none of the known words{meant}"
        ));
    }
    Ok(known
        .iter()
        .copied()
        .filter(|word| given.iter().any(|given| is(word, given)))
        .collect())
}

/// Drops `.` from a path and leaves `..`, which only the file system can resolve.
fn tidy(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

fn path_map(text: &str, origin: Origin<'_>) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut pairs = Vec::new();
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let (server, local) = entry.split_once('=').unwrap_or((entry, entry));
        pairs.push(path_pair(server.trim(), local.trim(), origin)?);
    }
    if pairs.is_empty() {
        return Err("names no path".into());
    }
    Ok(pairs)
}

/// Reads one pair of directories. The server's must be absolute, since it says where on the server.
pub(super) fn path_pair(
    server: &str,
    local: &str,
    origin: Origin<'_>,
) -> Result<(PathBuf, PathBuf), String> {
    let not_absolute = |text: &str| {
        let shown = Problem::shorten(text);
        format!("names {shown:?}, which is not an absolute path")
    };
    let Ok(Value::Path(server)) = path(server, Relative::Refused, Origin::Table) else {
        return Err(not_absolute(server));
    };
    let Ok(Value::Path(local)) = path(local, Relative::Refused, origin) else {
        return Err(not_absolute(local));
    };
    Ok((server, local))
}

fn log_target(text: &str, origin: Origin<'_>) -> Result<Value, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "stderr" | "php://stderr" | "/dev/stderr" => Ok(Value::Text("stderr".into())),
        "php" => Ok(Value::Text("php".into())),
        "stdout" | "-" | "php://stdout" | "php://output" | "/dev/stdout" | "/dev/fd/1"
        | "/proc/self/fd/1" => Err(
            "is standard output, where a RoadRunner worker speaks its protocol and a command prints its result",
        ),
        _ => path(text, Relative::Refused, origin),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Integer(n) => n.fmt(f),
            Self::Float(n) => write!(f, "{n:?}"),
            Self::Duration(d) => f.write_str(&duration::format(*d)),
            Self::Size(bytes) => f.write_str(&size::format(*bytes)),
            Self::Text(text) => f.write_str(text),
            Self::Words(words) if words.is_empty() => f.write_str("none"),
            Self::Words(words) => f.write_str(&words.join(", ")),
            Self::Path(path) | Self::InStateDir(path) => path.display().fmt(f),
            Self::PathMap(pairs) => {
                for (i, (server, local)) in pairs.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}={}", server.display(), local.display())?;
                }
                Ok(())
            }
            Self::Url(url) => url.fmt(f),
            Self::Secret(secret) => secret.fmt(f),
            Self::Dsn(dsn) => dsn.fmt(f),
        }
    }
}
