//! A path of an archive, the target of a symbolic link, and the rules for both. Pure.

use std::{cmp::Ordering, ffi::OsStr, os::unix::ffi::OsStrExt as _};

/// Bytes of a path, and of a link's target, at most.
pub(super) const MAX_PATH: usize = 4095;
/// Bytes of a name at most.
const MAX_NAME: usize = 255;
/// Names of a path at most.
pub(super) const MAX_DEPTH: usize = 128;

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: EntryPath,
    /// The nine permission bits.
    pub(super) mode: u16,
    pub(super) kind: Kind,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file of so many bytes.
    File(u64),
    Directory,
    /// A symbolic link to this target.
    Link(Vec<u8>),
}

/// A relative path without empty names, `.` and `..`. Ordered by names, so that the content of a directory follows it
/// without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryPath(Vec<u8>);

impl EntryPath {
    /// Checks a path.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > MAX_PATH {
            return Err("a path that is too long");
        }
        let names = bytes.split(|byte| *byte == b'/');
        if names.clone().count() > MAX_DEPTH {
            return Err("a path with too many directories");
        }
        for name in names {
            match name {
                b"" | b"." | b".." => return Err("a path that leaves the root or is not plain"),
                _ if name.len() > MAX_NAME => return Err("a name that is too long"),
                _ if name.contains(&0) => return Err("a name with a NUL"),
                _ => {}
            }
        }
        Ok(Self(bytes.to_owned()))
    }

    /// The path of a name in this directory.
    pub(super) fn join(&self, name: &OsStr) -> Result<Self, &'static str> {
        let name = name.as_bytes();
        Self::parse(&[self.as_bytes(), b"/", name].concat())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its names, from the root down.
    pub(super) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.split(|byte| *byte == b'/').map(OsStr::from_bytes)
    }

    /// Whether it lies in the directory at `other`.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        let rest = self.0.strip_prefix(other.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&b'/'))
    }

    /// The path as it would be on a file system that ignores case.
    pub(super) fn folded(&self) -> String {
        String::from_utf8_lossy(&self.0).to_lowercase()
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(other.names())
    }
}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for EntryPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.0).escape_debug())
    }
}

/// Checks the target of the link at `path`: relative, inside the root, `..` at its beginning only. Behind a name, `..`
/// may lead elsewhere than it seems to, since the name may be a link.
pub(super) fn check_target(path: &EntryPath, target: &[u8]) -> Result<(), &'static str> {
    if target.is_empty() || target.len() > MAX_PATH || target.contains(&0) {
        return Err("a symbolic link without a usable target");
    }
    if target.first() == Some(&b'/') {
        return Err("a symbolic link with an absolute target");
    }
    let depth = path.names().count() - 1;
    let (mut ups, mut has_name) = (0, false);
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if has_name => return Err("a symbolic link with `..` behind a name"),
            b".." => ups += 1,
            _ => has_name = true,
        }
    }
    match ups > depth {
        true => Err("a symbolic link that leaves the root"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn paths_that_are_not_plain_are_refused() {
        for good in ["a", "a/b", ".a/..b/...", "é"] {
            assert!(EntryPath::parse(good.as_bytes()).is_ok(), "{good}");
        }
        let (long, deep) = ("a".repeat(256), "a/".repeat(MAX_DEPTH) + "a");
        let wide = vec!["a".repeat(200); 21].join("/");
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "./a", "..", "../a", "a/../b", "a/.", "a\0b", &long,
            &deep, &wide,
        ] {
            assert!(EntryPath::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn content_of_a_directory_follows_it_without_a_gap() {
        let mut paths = ["a-b", "a/c", "a", "a.b", "a/b/d", "a/b"].map(path);
        paths.sort();
        let sorted = paths.map(|path| path.to_string());
        assert_eq!(sorted, ["a", "a/b", "a/b/d", "a/c", "a-b", "a.b"]);
        assert!(path("a/b").is_below(&path("a")) && !path("ab").is_below(&path("a")));
    }

    #[test]
    fn targets_stay_inside_the_root() {
        for (link, target) in [
            ("l", "a"),
            ("l", "./a/b"),
            ("a/l", ".."),
            ("a/l", "../b"),
            ("a/b/l", "../../c"),
            ("a/l", "./../b/"),
        ] {
            assert_eq!(check_target(&path(link), target.as_bytes()), Ok(()));
        }
        for (link, target) in [
            ("l", ""),
            ("l", "/etc/passwd"),
            ("l", ".."),
            ("a/l", "../.."),
            ("a/l", ".././../b"),
            // `d` may be a link to the root.
            ("l", "d/.."),
            ("a/l", "../d/../.."),
            ("l", "a\0"),
        ] {
            let checked = check_target(&path(link), target.as_bytes());
            assert!(checked.is_err(), "{link} -> {target:?}");
        }
    }
}
