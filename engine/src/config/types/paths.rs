//! Parses settings that are paths: one path, a map of paths, the log target.

use std::path::{Component, Path, PathBuf};

use super::{Value, text::shorten};

/// The base of a relative path in INI or environment. In a file the base is the file's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelativeTo {
    /// Refused: the working directory differs between php-fpm, a worker and a console.
    Refused,
    /// The working directory.
    WorkingDirectory,
    /// `state_dir`.
    StateDir,
}

/// The location of the text, as far as it determines the base of a relative path.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum PathBase<'a> {
    /// INI or environment, with the working directory.
    Process(&'a Path),
    /// A file in this directory.
    File(&'a Path),
    /// The table's own default.
    Table,
}

pub(super) fn parse(
    text: &str,
    relative: RelativeTo,
    base: PathBase<'_>,
) -> Result<Value, &'static str> {
    if text.contains('\0') {
        return Err("a NUL byte");
    }
    let given = Path::new(text);
    if given.is_absolute() {
        return Ok(Value::Path(normalize(given)));
    }
    match (base, relative) {
        (PathBase::File(dir), _) => Ok(Value::Path(normalize(&dir.join(given)))),
        (_, RelativeTo::StateDir) => Ok(Value::InStateDir(normalize(given))),
        (PathBase::Process(cwd), RelativeTo::WorkingDirectory) => {
            Ok(Value::Path(normalize(&cwd.join(given))))
        }
        _ => Err("not an absolute path"),
    }
}

/// Removes `.` from a path and keeps `..`, which only the file system can resolve.
fn normalize(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

pub(super) fn parse_map(text: &str, base: PathBase<'_>) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut pairs = Vec::new();
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let (server, local) = entry.split_once('=').unwrap_or((entry, entry));
        pairs.push(parse_pair(server.trim(), local.trim(), base)?);
    }
    if pairs.is_empty() {
        return Err("no path".into());
    }
    Ok(pairs)
}

/// Parses one pair of directories. The server's must be absolute, because the base is on another machine.
pub(in crate::config) fn parse_pair(
    server: &str,
    local: &str,
    base: PathBase<'_>,
) -> Result<(PathBuf, PathBuf), String> {
    let not_absolute = |text: &str| format!("{:?} is not an absolute path", shorten(text));
    let Ok(Value::Path(server)) = parse(server, RelativeTo::Refused, PathBase::Table) else {
        return Err(not_absolute(server));
    };
    let Ok(Value::Path(local)) = parse(local, RelativeTo::Refused, base) else {
        return Err(not_absolute(local));
    };
    Ok((server, local))
}

pub(super) fn parse_log_target(text: &str, base: PathBase<'_>) -> Result<Value, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "stderr" | "php://stderr" | "/dev/stderr" => Ok(Value::Text("stderr".into())),
        "php" => Ok(Value::Text("php".into())),
        "stdout" | "-" | "php://stdout" | "php://output" | "/dev/stdout" | "/dev/fd/1"
        | "/proc/self/fd/1" => Err(
            "standard output, which carries a RoadRunner worker's protocol and a command's result",
        ),
        _ => parse(text, RelativeTo::Refused, base),
    }
}
