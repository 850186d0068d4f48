//! Opens a file below a directory and never outside of it: `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)` if the
//! kernel has it, else step by step with `O_NOFOLLOW`. Runs on blocking threads.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Component, Path},
};

#[cfg(target_os = "linux")]
use rustix::fs::{ResolveFlags, openat2};
use rustix::{
    fs::{Mode, OFlags, open as open_path, openat},
    io::Errno,
};

/// Opens `relative` below `root` for reading. The path of `root` may contain symbolic links; the path below it must
/// not. Does not block on a FIFO.
pub(super) fn open(root: &Path, relative: &Path) -> io::Result<File> {
    let root = open_root(root)?;
    #[cfg(target_os = "linux")]
    {
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(
            &root,
            relative,
            FILE | OFlags::NOFOLLOW,
            Mode::empty(),
            resolve,
        ) {
            // Kernels before 5.6, and sandboxes that do not allow the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return Ok(opened.map(File::from)?),
        }
    }
    step_by_step(root, relative)
}

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
#[cfg(target_os = "linux")]
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn open_root(root: &Path) -> io::Result<OwnedFd> {
    Ok(open_path(root, DIRECTORY, Mode::empty())?)
}

fn step_by_step(mut dir: OwnedFd, relative: &Path) -> io::Result<File> {
    let mut steps = relative.components().peekable();
    while let Some(step) = steps.next() {
        let Component::Normal(name) = step else {
            return Err(Errno::XDEV.into());
        };
        let flags = if steps.peek().is_some() {
            DIRECTORY
        } else {
            FILE
        };
        dir = openat(&dir, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(File::from(dir))
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::fs::symlink};

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    type Open = fn(&Path, &Path) -> io::Result<File>;

    fn by_steps(root: &Path, relative: &Path) -> io::Result<File> {
        step_by_step(open_root(root)?, relative)
    }

    #[test]
    fn file_below_is_opened_and_the_root_may_be_a_link() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("real/a")).unwrap();
        std::fs::write(dir.path().join("real/a/rr"), "x").unwrap();
        symlink("real", dir.path().join("link")).unwrap();
        for open in [open as Open, by_steps] {
            let mut text = String::new();
            let mut file = open(&dir.path().join("link"), Path::new("a/rr")).unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "x");
            let missing = open(dir.path(), Path::new("real/b/rr")).unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn links_and_dots_do_not_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("root/a")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        symlink("../../secret", dir.path().join("root/a/rr")).unwrap();
        symlink("..", dir.path().join("root/up")).unwrap();
        let root = dir.path().join("root");
        for open in [open as Open, by_steps] {
            for path in [
                "a/rr",
                "up/secret",
                "../secret",
                "a/../../secret",
                "/etc/passwd",
            ] {
                assert!(open(&root, Path::new(path)).is_err(), "{path}");
            }
        }
    }

    #[test]
    fn fifo_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for open in [open as Open, by_steps] {
            assert!(open(dir.path(), Path::new("fifo")).is_ok());
        }
    }
}
