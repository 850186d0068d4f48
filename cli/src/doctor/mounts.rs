//! The file system of a path, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;

/// A file system, with its sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// `tmpfs`, `ext4`; empty if unknown.
    pub(super) kind: String,
    pub(super) point: PathBuf,
    pub(super) size: u64,
    pub(super) free: u64,
    pub(super) free_files: u64,
    pub(super) is_read_only: bool,
}

impl Mount {
    /// The mount of a path, or of the nearest directory above it that exists.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let existing = path.ancestors().find(|path| path.exists())?;
        let real = fs::canonicalize(existing).ok()?;
        let stat = statvfs(&real).ok()?;
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let (point, kind) = find(&table, &real).unwrap_or_default();
        Some(Self {
            kind,
            point,
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            free_files: match stat.f_files {
                // The file system has no such limit.
                0 => u64::MAX,
                _ => stat.f_favail,
            },
            is_read_only: stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        })
    }

    pub(super) fn is_memory(&self) -> bool {
        matches!(self.kind.as_str(), "tmpfs" | "ramfs")
    }

    /// File systems on which locks and mapped files of several machines don't work together.
    pub(super) fn is_network(&self) -> bool {
        let kinds = [
            "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs",
        ];
        kinds.contains(&self.kind.as_str()) || self.kind.starts_with("fuse")
    }
}

/// The mount with the longest point above `path`: point and type. Of two at one point, the later one hides the other.
fn find(table: &str, path: &Path) -> Option<(PathBuf, String)> {
    let mounts = table.lines().filter_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let point = PathBuf::from(unescape(head.split(' ').nth(4)?));
        let kind = tail.split(' ').next()?.to_owned();
        path.starts_with(&point).then_some((point, kind))
    });
    mounts.max_by_key(|(point, _)| point.components().count())
}

/// Blanks in paths are octal escapes.
fn unescape(text: &str) -> String {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let replace = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    escapes.into_iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_and_last_mount_point_is_the_one_of_a_path() {
        let table = "\
            22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            30 22 0:25 / /dev/shm rw - tmpfs tmpfs rw,size=65536k\n\
            31 22 0:26 / /a\\040b rw shared:2 master:1 - nfs4 host:/a rw\n\
            32 22 0:27 / /dev/shm rw - ramfs ramfs rw\n";
        let kind = |path: &str| find(table, Path::new(path)).map(|(_, kind)| kind);
        assert_eq!(kind("/dev/shm/pillion-0").as_deref(), Some("ramfs"));
        assert_eq!(kind("/dev/shmem").as_deref(), Some("ext4"));
        assert_eq!(kind("/a b/c").as_deref(), Some("nfs4"));
    }
}
