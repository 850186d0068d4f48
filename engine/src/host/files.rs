//! Files and directories that processes share, those of several users too (`pillion.group`). New ones get their mode
//! from the directory that they are created in, whatever the umask of the first process is. Content may come from any
//! user that may enter the directory, so a link is not followed, a pipe does not block, and sizes are bounded. Any
//! thread that may wait for a disk.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

use crate::descriptors;

/// Mode bit of a directory that its group may write to.
const GROUP_WRITES: u32 = 0o020;
/// Mode of a directory that a group shares.
const GROUP_DIR: u32 = 0o2770;
/// Mode of a file that a group shares.
const SHARED_FILE: u32 = 0o660;
/// Attempts to open or create a file that is removed meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// The mode of a directory that is created in one of `mode`: all rights of the owner, and those of the group. In a
/// directory that everybody may write to, the group may only read.
#[must_use]
pub fn inherited_mode(mode: u32) -> u32 {
    let everybody = mode & 0o002 != 0;
    0o700 | (mode & if everybody { 0o050 } else { 0o2070 })
}

/// Whether a directory of this user still has the mode of its creation where the group should have all rights: its
/// creator has not set the final mode yet, or has died before.
#[must_use]
pub fn is_unfinished(mode: u32, owner: u32, inherited: u32) -> bool {
    inherited & GROUP_WRITES != 0
        && mode & 0o777 == 0o700
        && owner == rustix::process::geteuid().as_raw()
}

/// The mode of the parent directory. A link in its place is an error: it would lead new files elsewhere.
fn parent_mode(path: &Path) -> io::Result<u32> {
    let found = parent(path).symlink_metadata()?;
    if found.is_dir() {
        Ok(found.mode())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

fn parent(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Creates a directory if it is absent. Its parent has to exist.
///
/// # Errors
/// An I/O error; the path leads to something else, a symbolic link to a directory included.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mode = inherited_mode(parent_mode(path)?);
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = path.symlink_metadata()?;
            if !found.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            match is_unfinished(found.mode(), found.uid(), mode) {
                true => fs::set_permissions(path, Permissions::from_mode(mode)),
                false => Ok(()),
            }
        }
        Err(error) => Err(error),
    }
}

/// Creates a directory, and its parent if that is absent.
///
/// # Errors
/// As [`create_dir`].
pub fn create_dir_with_parent(path: &Path) -> io::Result<()> {
    create_dir(parent(path))?;
    create_dir(path)
}

/// Creates a directory that a user named, and all absent parents. Existing links among those are the user's own. With a
/// group, new directories belong to the group, wherever they are created.
///
/// # Errors
/// As [`create_dir`]; this user may not give a directory to the group.
pub fn create_dir_all(path: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        return Ok(());
    };
    create_dir_all(parent(path), group)?;
    create_group_dir(&parent(path).canonicalize()?.join(name), group)
}

/// As [`create_dir`]. With a group, a new directory belongs to the group, wherever it is created.
///
/// # Errors
/// As [`create_dir`]; this user may not give a directory to the group.
pub fn create_group_dir(path: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else {
        return create_dir(path);
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return create_dir(path),
        made => made?,
    }
    let shared = share_with(path, group);
    if shared.is_err() {
        // Otherwise the next process would find it, and use it as it is.
        let _ = fs::remove_dir(path);
    }
    shared
}

fn share_with(path: &Path, group: u32) -> io::Result<()> {
    let dir = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_DIRECTORY)
        .open(path)?;
    std::os::unix::fs::fchown(&dir, None, Some(group))?;
    dir.set_permissions(Permissions::from_mode(GROUP_DIR))
}

/// Opens a file that several processes write, and creates it if it is absent: for its owner, and for the group where
/// the directory is the group's.
///
/// # Errors
/// An I/O error; the path leads to something else than a regular file.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    descriptors::reserve_stdio();
    let options = options.custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK);
    // Again if a cleaner removes it between two lines.
    for _ in 0..MAX_ATTEMPTS {
        match options.open(path) {
            Ok(file) if file.metadata()?.is_file() => return Ok(file),
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "no regular file",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_shared(path)?,
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Creates an empty file with its final mode, so that another user never finds one that it can't open. Only the first
/// process creates it.
fn create_shared(path: &Path) -> io::Result<()> {
    let shared = parent_mode(path)? & (GROUP_WRITES | 0o002) == GROUP_WRITES;
    let made = if !shared {
        create(path).map(drop)
    } else if create_linked(path, parent(path)).is_ok() {
        return Ok(());
    } else {
        // A file system without unnamed files, or no /proc.
        create(path).and_then(|file| file.set_permissions(Permissions::from_mode(SHARED_FILE)))
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)
}

#[cfg(target_os = "linux")]
fn create_linked(path: &Path, dir: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{AtFlags, CWD, linkat};

    let file = OpenOptions::new()
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_TMPFILE)
        .open(dir)?;
    file.set_permissions(Permissions::from_mode(SHARED_FILE))?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        linked => Ok(linked?),
    }
}

#[cfg(not(target_os = "linux"))]
fn create_linked(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads a small file. Returns `None` if it is absent.
///
/// # Errors
/// An I/O error; it is no regular file, or has more than `max_bytes`.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let refuse = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    if !file.metadata()?.is_file() {
        return refuse("no regular file");
    }
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return refuse("too large");
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::{ffi::CString, os::unix::ffi::OsStrExt as _};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    fn dir_with(mode: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        dir
    }

    fn read_write() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options
    }

    #[test]
    fn new_files_in_a_groups_directory_are_the_groups() {
        let dir = dir_with(0o2770);
        create_dir(&dir.path().join("below")).unwrap();
        create_dir(&dir.path().join("below/further")).unwrap();
        assert_eq!(mode(&dir.path().join("below/further")), 0o2770);
        let file = dir.path().join("below/a.lock");
        open(&file, &mut read_write()).unwrap();
        assert_eq!(mode(&file), 0o660);
        let plain = dir.path().join("plain");
        create(&plain).unwrap();
        assert_eq!(mode(&plain), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn unfinished_directory_of_a_group_gets_its_mode() {
        let dir = dir_with(0o2770);
        let half_made = dir.path().join("below");
        DirBuilder::new().mode(0o700).create(&half_made).unwrap();
        create_dir(&half_made).unwrap();
        assert_eq!(mode(&half_made), 0o2770);
        let own = dir_with(0o755);
        let closed = own.path().join("closed");
        DirBuilder::new().mode(0o700).create(&closed).unwrap();
        create_dir(&closed).unwrap();
        assert_eq!(mode(&closed), 0o700, "a user's own is left alone");
    }

    #[test]
    fn absent_parents_are_created_also_behind_a_users_own_link() {
        let dir = dir_with(0o2770);
        let target = dir.path().join("target");
        create_dir(&target).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        create_dir_all(&link.join("a/b"), None).unwrap();
        create_dir_all(&link.join("a/b"), None).unwrap();
        for made in ["a", "a/b"] {
            assert_eq!(mode(&target.join(made)), 0o2770);
        }
    }

    #[test]
    fn directory_of_a_group_is_the_groups_wherever_it_is_created() {
        let dir = dir_with(0o755);
        let path = dir.path().join("a/b");
        // Every user may give a directory to its own group.
        let group = dir.path().metadata().unwrap().gid();
        create_dir_all(&path, Some(group)).unwrap();
        create_dir(&path.join("below")).unwrap();
        for made in [path.clone(), dir.path().join("a"), path.join("below")] {
            assert_eq!(mode(&made), 0o2770, "{}", made.display());
            assert_eq!(made.metadata().unwrap().gid(), group);
        }
        // An existing directory is its owner's to share.
        let own = dir.path().join("own");
        create_dir(&own).unwrap();
        create_dir_all(&own, Some(group)).unwrap();
        assert_eq!(mode(&own), 0o750);
    }

    #[test]
    fn new_files_in_a_directory_of_one_user_are_that_users() {
        let dir = dir_with(0o755);
        create_dir(&dir.path().join("below")).unwrap();
        assert_eq!(mode(&dir.path().join("below")), 0o750);
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        create_dir(&dir.path().join("closed")).unwrap();
        assert_eq!(mode(&dir.path().join("closed")), 0o700);
        let file = dir.path().join("closed/a.lock");
        open(&file, &mut read_write()).unwrap();
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn new_files_in_a_public_directory_are_not_the_groups_to_write() {
        let dir = dir_with(0o1777);
        create_dir(&dir.path().join("below")).unwrap();
        assert_eq!(mode(&dir.path().join("below")), 0o750);
        let file = dir.path().join("a.lock");
        open(&file, &mut read_write()).unwrap();
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn path_to_no_regular_file_is_refused_without_blocking() {
        let dir = dir_with(0o2770);
        let pipe = dir.path().join("pipe");
        let name = CString::new(pipe.as_os_str().as_bytes()).unwrap();
        // SAFETY: a path that ends with NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let target = dir.path().join("target");
        fs::write(&target, "secret").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let socket = dir.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for odd in [&pipe, &link, &socket, &dir.path().to_owned()] {
            assert!(read(odd, 100).is_err(), "{}", odd.display());
            assert!(open(odd, &mut read_write()).is_err(), "{}", odd.display());
            assert!(open(odd, OpenOptions::new().append(true)).is_err());
        }
        assert!(create_dir(&link).is_err());
        let to_dir = dir.path().join("to-dir");
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &to_dir).unwrap();
        assert!(create_dir(&to_dir).is_err());
        assert!(create_dir(&to_dir.join("below")).is_err());
        assert!(open(&to_dir.join("a.lock"), &mut read_write()).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        assert_eq!(read(&target, 6).unwrap().unwrap(), b"secret");
        assert!(read(&target, 5).is_err());
        assert!(read(&dir.path().join("none"), 5).unwrap().is_none());
    }

    #[test]
    fn absent_parent_of_a_file_is_not_created() {
        let dir = dir_with(0o700);
        let deep = dir.path().join("a/b");
        assert_eq!(
            create_dir(&deep).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert!(open(&deep, &mut read_write()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
