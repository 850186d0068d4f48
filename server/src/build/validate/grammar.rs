//! The grammar of what ends up in a Go module or on a `go` command line: module paths, versions,
//! version queries, platform words. Whoever passes here can break neither a `go.mod` line nor a Go
//! string nor be taken for a flag. Rules after golang.org/x/mod `module.CheckPath`,
//! `module.CheckPathMajor` and `semver`. Pure functions, any thread.

/// Names that Windows keeps for devices; Go refuses them as path elements everywhere.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The longest module path or version that is looked at; the file systems behind Go's module cache
/// allow 255 bytes a name.
const LONGEST: usize = 255;

/// Whether that is a module path that Go fetches: `github.com/roadrunner-server/http/v5`.
///
/// # Errors
/// What is wrong, as the end of a sentence that names the field.
pub(in crate::build) fn module_path(path: &str) -> Result<(), String> {
    if path.is_empty() || path.len() > LONGEST {
        return Err(format!("must be a Go module path of 1 to {LONGEST} bytes"));
    }
    let wrong = |why: &str| Err(format!("{path:?} is not a Go module path: {why}"));
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
        if let Err(why) = path_element(element) {
            return wrong(&why);
        }
    }
    if major_suffix(path).is_none() {
        return wrong(
            "a last part like /v2 has a number from 2 on, without zeros before it (and gopkg.in paths end in .v1)",
        );
    }
    Ok(())
}

fn path_element(element: &str) -> Result<(), String> {
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
    if DEVICES
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

/// The major version that a path's end asks for: `/v5` → `v5`, none → empty; `None` where the end
/// is malformed.
pub(in crate::build) fn major_suffix(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("gopkg.in/") {
        let (_, major) = rest.rsplit_once(".v")?;
        let major = major.strip_suffix("-unstable").unwrap_or(major);
        return (number(major)).then(|| path.rsplit_once('.').map_or("", |(_, end)| end));
    }
    let last = path.rsplit_once('/').map_or("", |(_, last)| last);
    match last.strip_prefix('v') {
        Some(digits)
            if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.') =>
        {
            (number(digits) && digits != "0" && digits != "1").then_some(last)
        }
        _ => Some(""),
    }
}

/// Whether a canonical version (`v5.1.9`) belongs to a path (`…/v5`), as Go demands. `+incompatible`
/// ones of a path without a suffix count as belonging.
pub(in crate::build) fn version_fits_path(version: &str, path: &str) -> bool {
    let major = version.split('.').next().unwrap_or_default();
    match major_suffix(path) {
        Some("") => matches!(major, "v0" | "v1") || version.ends_with("+incompatible"),
        // gopkg.in allows v0 for .v1, and any version may be a v0.0.0- pseudo-version there.
        Some(suffix) if path.starts_with("gopkg.in/") => {
            let suffix = suffix.strip_suffix("-unstable").unwrap_or(suffix);
            major == suffix || (suffix == "v1" && major == "v0") || version.starts_with("v0.0.0-")
        }
        Some(suffix) => major == suffix,
        None => false,
    }
}

/// Whether that is a semantic version in Go's canonical form: three numbers without zeros before
/// them, an optional pre-release, no build part but `+incompatible`.
pub(in crate::build) fn canonical_version(version: &str) -> bool {
    let Some(rest) = version.strip_prefix('v') else {
        return false;
    };
    if version.len() > LONGEST {
        return false;
    }
    let rest = rest.strip_suffix("+incompatible").unwrap_or(rest);
    let (numbers, pre) = rest
        .split_once('-')
        .map_or((rest, None), |(n, pre)| (n, Some(pre)));
    let ident = |c: char| c.is_ascii_alphanumeric() || c == '-';
    numbers.split('.').count() == 3
        && numbers.split('.').all(number)
        && pre.is_none_or(|pre| {
            pre.split('.').all(|part| {
                let numeric = part.chars().all(|c| c.is_ascii_digit());
                !part.is_empty() && part.chars().all(ident) && (!numeric || number(part))
            })
        })
}

/// Whether that may stand behind the `@` of `go list -m module@query`: a version, a branch, a tag,
/// a commit, `latest`. Comparisons (`<v1.2.3`) are left out: they pin nothing.
///
/// # Errors
/// What is wrong, as the end of a sentence that names the field.
pub(in crate::build) fn version_query(query: &str) -> Result<(), String> {
    if query.is_empty() || query.len() > LONGEST {
        return Err(format!(
            "must be a version, branch, tag or commit of 1 to {LONGEST} bytes"
        ));
    }
    let wrong = |why: &str| {
        Err(format!(
            "{query:?} is not a version, branch, tag or commit: {why}"
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
        return wrong("`none` asks for no version at all");
    }
    Ok(())
}

/// Whether a query can name something else tomorrow. Canonical versions and whole commits cannot.
pub(in crate::build) fn moves(query: &str) -> bool {
    let commit = query.len() == 40 && query.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    !(commit || canonical_version(query))
}

/// Whether that is a word as Go names operating systems and processors: `linux`, `386`.
pub(in crate::build) fn platform_word(word: &str) -> bool {
    (1..=32).contains(&word.len())
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// The real server's own rule for `rr_version`: `^(v\d+\.\d+\.\d+.*|master|[a-f0-9]{7,40})$`.
pub(in crate::build) fn rr_version(version: &str) -> bool {
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    version == "master"
        || ((7..=40).contains(&version.len()) && version.chars().all(hex))
        || starts_like_a_version(version)
}

fn starts_like_a_version(version: &str) -> bool {
    // `.` of that expression matches anything but a line break.
    let Some(rest) = version
        .strip_prefix('v')
        .filter(|rest| !rest.contains('\n'))
    else {
        return false;
    };
    let mut parts = rest.splitn(3, '.');
    let digits = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    };
    digits(parts.next())
        && digits(parts.next())
        && parts
            .next()
            .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()))
}

/// 36 characters, dashes where they belong, hexadecimal digits of any case elsewhere.
pub(in crate::build) fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn number(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests;
