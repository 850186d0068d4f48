//! The processes that hold a lock, for status pages: as `/proc/locks` lists them. Any thread that may block.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// The pids of the processes that have locked the file at `path` exclusively, in this process's namespace; those of
/// other namespaces are not named. Empty without `/proc`.
///
/// The number of the file system differs from the file's on stacked file systems, so that two files with one number may
/// be mixed up: compare with pids that are known.
#[must_use]
pub fn holders(path: &Path) -> Vec<u32> {
    let Ok(inode) = path.symlink_metadata().map(|found| found.ino()) else {
        return Vec::new();
    };
    let text = fs::read_to_string("/proc/locks").unwrap_or_default();
    text.lines()
        .filter_map(|line| holder(line, inode))
        .collect()
}

/// `1: FLOCK  ADVISORY  WRITE 4711 00:1b:5142 0 EOF`
fn holder(line: &str, inode: u64) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (kind, _, mode) = (words.next()?, words.next()?, words.next()?);
    let pid = words.next()?.parse().ok().filter(|pid| *pid != 0)?;
    let file = words.next()?.rsplit(':').next()?;
    (kind == "FLOCK" && mode == "WRITE" && file.parse() == Ok(inode)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::lock::{Lock, LockMode};

    #[test]
    fn holder_of_an_exclusive_lock_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(holders(&path).is_empty());
        let lock = Lock::attempt(&path, LockMode::Exclusive).unwrap().unwrap();
        assert_eq!(holders(&path), [std::process::id()]);
        drop(lock);
        assert!(holders(&path).is_empty());
    }

    #[test]
    fn lines_of_other_files_and_kinds_are_skipped() {
        let line = |text| holder(text, 5142);
        assert_eq!(
            line("1: FLOCK  ADVISORY  WRITE 4711 00:1b:5142 0 EOF"),
            Some(4711)
        );
        for other in [
            "1: FLOCK  ADVISORY  READ  4711 00:1b:5142 0 EOF",
            "1: POSIX  ADVISORY  WRITE 4711 00:1b:5142 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 0 00:1b:5142 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 4711 00:1b:51 0 EOF",
            "1: -> FLOCK  ADVISORY  WRITE 4711 00:1b:5142 0 EOF",
            "1:",
        ] {
            assert_eq!(line(other), None, "{other}");
        }
    }
}
