//! Creation of directories that processes share.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

/// Mode bit of a directory that its group may write to.
pub(super) const GROUP_WRITES: u32 = 0o020;
/// Mode of a directory that a group shares.
const GROUP_DIR: u32 = 0o2770;

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
pub(super) fn parent_mode(path: &Path) -> io::Result<u32> {
    let found = parent(path).symlink_metadata()?;
    if found.is_dir() {
        Ok(found.mode())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

pub(super) fn parent(path: &Path) -> &Path {
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
