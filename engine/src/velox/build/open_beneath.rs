//! Opens a file below a directory without ever leaving it: `openat2(RESOLVE_BENEATH |
//! RESOLVE_NO_SYMLINKS)` where the kernel has it, else step by step with `O_NOFOLLOW`. Blocking threads.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path},
};

/// Opens `relative` below `root` for reading. `root` itself may be reached through symbolic links;
/// nothing below it may be one. A FIFO does not block.
pub(in crate::velox) fn open(root: &Path, relative: &Path) -> io::Result<File> {
    let root = open_at(libc::AT_FDCWD, root, libc::O_DIRECTORY | PATH_ONLY)?;
    #[cfg(target_os = "linux")]
    match openat2(root.as_raw_fd(), relative) {
        // Kernels before 5.6, and sandboxes that do not know the call.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {}
        other => return other.map(File::from),
    }
    step_by_step(root, relative)
}

#[cfg(target_os = "linux")]
const PATH_ONLY: i32 = libc::O_PATH;
#[cfg(not(target_os = "linux"))]
const PATH_ONLY: i32 = libc::O_RDONLY;

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn open_at(dir: RawFd, path: &Path, flags: i32) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    // SAFETY: a path that ends with NUL, and a descriptor that the caller keeps open.
    owned(unsafe { libc::openat(dir, path.as_ptr(), flags | libc::O_CLOEXEC) })
}

#[cfg(target_os = "linux")]
fn openat2(root: RawFd, relative: &Path) -> io::Result<OwnedFd> {
    let path = c_path(relative)?;
    // SAFETY: all bits zero are a valid `open_how`.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOFOLLOW) as u64;
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
    // SAFETY: a path that ends with NUL, a struct of the given size, an open descriptor.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            root,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    owned(fd.try_into().unwrap_or(-1))
}

fn step_by_step(mut dir: OwnedFd, relative: &Path) -> io::Result<File> {
    let mut steps = relative.components().peekable();
    while let Some(step) = steps.next() {
        let Component::Normal(name) = step else {
            return Err(io::Error::from_raw_os_error(libc::EXDEV));
        };
        let flags = if steps.peek().is_some() {
            libc::O_DIRECTORY | PATH_ONLY
        } else {
            libc::O_RDONLY | libc::O_NONBLOCK
        };
        dir = open_at(dir.as_raw_fd(), Path::new(name), flags | libc::O_NOFOLLOW)?;
    }
    Ok(File::from(dir))
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::fs::symlink};

    use super::*;

    type Open = fn(&Path, &Path) -> io::Result<File>;

    fn by_steps(root: &Path, relative: &Path) -> io::Result<File> {
        step_by_step(
            open_at(libc::AT_FDCWD, root, libc::O_DIRECTORY | PATH_ONLY)?,
            relative,
        )
    }

    #[test]
    fn a_file_below_is_opened_and_the_root_may_be_a_link() {
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
    fn no_link_and_no_dots_lead_out() {
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
    fn a_fifo_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = c_path(&dir.path().join("fifo")).unwrap();
        // SAFETY: a path that ends with NUL.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        assert!(open(dir.path(), Path::new("fifo")).is_ok());
    }
}
