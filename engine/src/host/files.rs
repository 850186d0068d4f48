//! Files and directories that processes share, those of several users too (`pillion.group`): what is made
//! has the rights of the directory it is made in, whatever the umask of the process that happened to
//! come first. What is read may have been written by anybody who may enter the directory, so a link
//! is not followed, a pipe does not block, and a size has a bound. Any thread that may wait for a disk.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

use crate::descriptors;

/// Of a directory that its group may write to.
const GROUP_WRITES: u32 = 0o020;
/// Of a directory that a group shares.
const GROUP_DIR: u32 = 0o2770;
/// Of a file that such a group shares.
const SHARED: u32 = 0o660;

/// The rights of a directory that is made in one with these: its owner's, and those of the group. In
/// one to which everybody may write the group gets no more than to look.
#[must_use]
pub fn rights_below(mode: u32) -> u32 {
    let everybody = mode & 0o002 != 0;
    0o700 | (mode & if everybody { 0o050 } else { 0o2070 })
}

/// Rights of the directory in which a path lies. Whoever put a link in its place would have us make
/// things elsewhere.
fn rights_above(path: &Path) -> io::Result<u32> {
    let found = above(path).symlink_metadata()?;
    if found.is_dir() {
        Ok(found.mode())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

fn above(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Makes a directory where there is none. The one above it has to stand.
///
/// # Errors
/// The system's; what stands there is something else, a symbolic link to a directory included.
pub fn make_dir(path: &Path) -> io::Result<()> {
    let rights = rights_below(rights_above(path)?);
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(rights)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if path.symlink_metadata()?.is_dir() {
                return Ok(());
            }
            Err(io::ErrorKind::NotADirectory.into())
        }
        Err(error) => Err(error),
    }
}

/// Makes a directory in one of ours, and that one too where it is missing.
///
/// # Errors
/// As [`make_dir`].
pub fn make_dir_in_ours(path: &Path) -> io::Result<()> {
    make_dir(above(path))?;
    make_dir(path)
}

/// Makes a directory that a user named, and all that is missing on the way to it. Links that stand on
/// the way are the user's own. With a group, what is made is the group's, whatever it is made in.
///
/// # Errors
/// As [`make_dir`]; this user may not give a directory to the group.
pub fn make_way(path: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        return Ok(());
    };
    make_way(above(path), group)?;
    make_dir_for(&above(path).canonicalize()?.join(name), group)
}

/// As [`make_dir`]. With a group, the directory is the group's, whatever it is made in.
///
/// # Errors
/// As [`make_dir`]; this user may not give a directory to the group.
pub fn make_dir_for(path: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else {
        return make_dir(path);
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return make_dir(path),
        made => made?,
    }
    let given = give(path, group);
    if given.is_err() {
        // Otherwise the next process would find it, and take it as it is.
        let _ = fs::remove_dir(path);
    }
    given
}

fn give(path: &Path, group: u32) -> io::Result<()> {
    let dir = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_DIRECTORY)
        .open(path)?;
    std::os::unix::fs::fchown(&dir, None, Some(group))?;
    dir.set_permissions(Permissions::from_mode(GROUP_DIR))
}

/// Opens a file that several processes write, made where there is none: for its owner, and for the
/// group where the directory is the group's. `how` says what it is opened for.
///
/// # Errors
/// The system's; what stands there is no regular file.
pub fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    descriptors::hold_standard();
    let how = how.custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK);
    // Anew where a cleaner takes it away between two lines.
    for _ in 0..4 {
        match how.open(path) {
            Ok(file) if file.metadata()?.is_file() => return Ok(file),
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "no regular file",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Makes an empty file that has its rights from its first moment, so that another user never finds
/// one that is closed. Whoever is first makes it.
fn make(path: &Path) -> io::Result<()> {
    let shared = rights_above(path)? & (GROUP_WRITES | 0o002) == GROUP_WRITES;
    let made = if !shared {
        create(path).map(drop)
    } else if make_linked(path, above(path)).is_ok() {
        return Ok(());
    } else {
        // File systems without unnamed files, and places without /proc.
        create(path).and_then(|file| file.set_permissions(Permissions::from_mode(SHARED)))
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
fn make_linked(path: &Path, dir: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{AtFlags, CWD, linkat};

    let file = OpenOptions::new()
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_TMPFILE)
        .open(dir)?;
    file.set_permissions(Permissions::from_mode(SHARED))?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        linked => Ok(linked?),
    }
}

#[cfg(not(target_os = "linux"))]
fn make_linked(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads a small file. `None`: it is not there.
///
/// # Errors
/// The system's; it is no regular file, or has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
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
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
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

    fn dir_with(rights: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(rights)).unwrap();
        dir
    }

    fn both() -> OpenOptions {
        let mut how = OpenOptions::new();
        how.read(true).write(true);
        how
    }

    #[test]
    fn what_is_made_in_a_groups_directory_is_the_groups_whatever_the_umask() {
        let dir = dir_with(0o2770);
        make_dir(&dir.path().join("below")).unwrap();
        make_dir(&dir.path().join("below/further")).unwrap();
        assert_eq!(mode(&dir.path().join("below/further")), 0o2770);
        let file = dir.path().join("below/a.lock");
        open(&file, &mut both()).unwrap();
        assert_eq!(mode(&file), 0o660);
        let plain = dir.path().join("plain");
        create(&plain).unwrap();
        assert_eq!(mode(&plain), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn all_that_is_missing_on_a_way_is_made_also_behind_a_link_of_the_users_own() {
        let dir = dir_with(0o2770);
        let target = dir.path().join("target");
        make_dir(&target).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        make_way(&link.join("a/b"), None).unwrap();
        make_way(&link.join("a/b"), None).unwrap();
        for made in ["a", "a/b"] {
            assert_eq!(mode(&target.join(made)), 0o2770);
        }
    }

    #[test]
    fn directory_of_a_group_is_the_groups_wherever_it_is_made() {
        let dir = dir_with(0o755);
        let path = dir.path().join("a/b");
        // The test's own group is the one that every user may give a directory to.
        let group = dir.path().metadata().unwrap().gid();
        make_way(&path, Some(group)).unwrap();
        make_dir(&path.join("below")).unwrap();
        for made in [path.clone(), dir.path().join("a"), path.join("below")] {
            assert_eq!(mode(&made), 0o2770, "{}", made.display());
            assert_eq!(made.metadata().unwrap().gid(), group);
        }
        // What stands already is its owner's to share.
        let own = dir.path().join("own");
        make_dir(&own).unwrap();
        make_way(&own, Some(group)).unwrap();
        assert_eq!(mode(&own), 0o750);
    }

    #[test]
    fn what_is_made_in_a_directory_of_one_user_is_that_users() {
        let dir = dir_with(0o755);
        make_dir(&dir.path().join("below")).unwrap();
        assert_eq!(mode(&dir.path().join("below")), 0o750);
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        make_dir(&dir.path().join("closed")).unwrap();
        assert_eq!(mode(&dir.path().join("closed")), 0o700);
        let file = dir.path().join("closed/a.lock");
        open(&file, &mut both()).unwrap();
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn what_is_made_where_everybody_may_write_is_not_for_the_group_to_change() {
        let dir = dir_with(0o1777);
        make_dir(&dir.path().join("below")).unwrap();
        assert_eq!(mode(&dir.path().join("below")), 0o750);
        let file = dir.path().join("a.lock");
        open(&file, &mut both()).unwrap();
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_blocks_nobody() {
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
            assert!(open(odd, &mut both()).is_err(), "{}", odd.display());
            assert!(open(odd, OpenOptions::new().append(true)).is_err());
        }
        assert!(make_dir(&link).is_err());
        let to_dir = dir.path().join("to-dir");
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &to_dir).unwrap();
        assert!(make_dir(&to_dir).is_err());
        assert!(make_dir(&to_dir.join("below")).is_err());
        assert!(open(&to_dir.join("a.lock"), &mut both()).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        assert_eq!(read(&target, 6).unwrap().unwrap(), b"secret");
        assert!(read(&target, 5).is_err());
        assert!(read(&dir.path().join("none"), 5).unwrap().is_none());
    }

    #[test]
    fn a_missing_directory_is_not_made_by_the_way() {
        let dir = dir_with(0o700);
        let deep = dir.path().join("a/b");
        assert_eq!(make_dir(&deep).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(open(&deep, &mut both()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
