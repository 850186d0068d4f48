//! Grammar of all text that gets into a Go module or onto a `go` command line: module paths, versions, version queries,
//! platforms. Accepted text can neither break a line of a `go.mod` or a Go string, nor be taken for a flag. Rules of
//! golang.org/x/mod `module.CheckPath` and `module.CheckPathMajor`. Pure functions, any thread.

use pillion_engine::velox::protocol::grammar::{MAX_NAME_LEN, is_number};

/// Names of Windows devices, which Go forbids as path elements on every system.
const WINDOWS_DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Checks a path of a module that Go can fetch: `github.com/roadrunner-server/http/v5`.
///
/// # Errors
/// The broken rule, as the end of a sentence that begins with the field.
pub(in crate::build) fn check_module_path(path: &str) -> Result<(), String> {
    if path.is_empty() || path.len() > MAX_NAME_LEN {
        return Err(format!(
            "must be a Go module path of 1 to {MAX_NAME_LEN} bytes"
        ));
    }
    let wrong = |reason: &str| Err(format!("{path:?} is not a Go module path: {reason}"));
    let (first, rest) = path
        .split_once('/')
        .map_or((path, None), |(a, b)| (a, Some(b)));
    let host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if !first.contains('.') {
        return wrong("the part before the first slash must be a host name with a dot");
    }
    if first.starts_with('-') || !first.chars().all(host) {
        return wrong("a host name has lower-case letters, digits, dots and dashes only");
    }
    for element in std::iter::once(first).chain(rest.into_iter().flat_map(|rest| rest.split('/'))) {
        if let Err(reason) = check_path_element(element) {
            return wrong(&reason);
        }
    }
    if major_suffix(path).is_none() {
        return wrong(
            "a last part like /v2 has a number from 2 on, without zeros before it (and gopkg.in paths end in .v1)",
        );
    }
    Ok(())
}

fn check_path_element(element: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    if element.is_empty() {
        return Err("it has an empty part".into());
    }
    if let Some(bad) = element.chars().find(|c| !allowed(*c)) {
        return Err(format!("{bad:?} may not be part of it"));
    }
    if element.starts_with('.') || element.ends_with('.') {
        return Err(format!("the part {element:?} starts or ends with a dot"));
    }
    let short = element.split_once('.').map_or(element, |(short, _)| short);
    if WINDOWS_DEVICES
        .iter()
        .any(|device| short.eq_ignore_ascii_case(device))
    {
        return Err(format!("{short:?} is the name of a Windows device"));
    }
    let tail = short.rsplit_once('~').map_or("", |(_, tail)| tail);
    if !tail.is_empty() && tail.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("{short:?} looks like a Windows short name"));
    }
    Ok(())
}

/// The major version in a path's suffix: `/v5` → `v5`, no suffix → empty; `None` if the suffix is malformed.
pub(super) fn major_suffix(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("gopkg.in/") {
        let (_, major) = rest.rsplit_once(".v")?;
        let major = major.strip_suffix("-unstable").unwrap_or(major);
        return (is_number(major)).then(|| path.rsplit_once('.').map_or("", |(_, end)| end));
    }
    let last = path.rsplit_once('/').map_or("", |(_, last)| last);
    match last.strip_prefix('v') {
        Some(digits)
            if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.') =>
        {
            (is_number(digits) && digits != "0" && digits != "1").then_some(last)
        }
        _ => Some(""),
    }
}

/// Whether a canonical version (`v5.1.9`) matches the suffix of a path (`…/v5`), as Go requires; a path without a
/// suffix also matches `+incompatible` versions.
pub(in crate::build) fn version_matches_path(version: &str, path: &str) -> bool {
    let major = version.split('.').next().unwrap_or_default();
    match major_suffix(path) {
        Some("") => matches!(major, "v0" | "v1") || version.ends_with("+incompatible"),
        // On gopkg.in, v0 matches .v1, and a v0.0.0- pseudo-version matches every suffix.
        Some(suffix) if path.starts_with("gopkg.in/") => {
            let suffix = suffix.strip_suffix("-unstable").unwrap_or(suffix);
            major == suffix || (suffix == "v1" && major == "v0") || version.starts_with("v0.0.0-")
        }
        Some(suffix) => major == suffix,
        None => false,
    }
}

/// Checks a query of `go list -m module@query`: a version, a branch, a tag, a commit, `latest`. Comparisons
/// (`<v1.2.3`) are forbidden, because they pin nothing.
///
/// # Errors
/// The broken rule, as the end of a sentence that begins with the field.
pub(in crate::build) fn check_version_query(query: &str) -> Result<(), String> {
    if query.is_empty() || query.len() > MAX_NAME_LEN {
        return Err(format!(
            "must be a version, branch, tag or commit of 1 to {MAX_NAME_LEN} bytes"
        ));
    }
    let wrong = |reason: &str| {
        Err(format!(
            "{query:?} is not a version, branch, tag or commit: {reason}"
        ))
    };
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/' | '~');
    if !query.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return wrong("it must start with a letter or a digit");
    }
    if let Some(bad) = query.chars().find(|c| !allowed(*c)) {
        return wrong(&format!("{bad:?} may not be part of it"));
    }
    if query.split('/').any(|part| part.is_empty() || part == "..") || query.contains("..") {
        return wrong("it has an empty part or two dots in a row");
    }
    if query == "none" {
        return wrong("`none` means no version");
    }
    Ok(())
}

/// Whether a word has the form of Go's names of systems and processors: `linux`, `386`.
pub(super) fn is_platform_word(word: &str) -> bool {
    (1..=32).contains(&word.len())
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
