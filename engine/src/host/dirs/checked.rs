//! A directory that is created if it is absent, and checked before each use.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::geteuid,
};

use crate::{Error, Result, error::IoContext};

/// Creates the directory if it is absent, and checks it.
pub(super) fn prepare(path: &Path, gid: Option<u32>) -> Result<PathBuf> {
    if !path.is_absolute() {
        return Err(Error::Config(format!(
            "{} is not an absolute path",
            path.display()
        )));
    }
    let mode = if gid.is_some() { 0o2770 } else { 0o700 };
    if let Some(parent) = path.parent() {
        // Other users may pass through a new parent (`/var/lib/pillion`).
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)
            .context(|| format!("creating {}", parent.display()))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => set_owner(path, gid, mode).context(|| format!("creating {}", path.display()))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io(format!("creating {}", path.display()), error)),
    }
    check(path, gid)?;
    Ok(path.to_owned())
}

fn set_owner(path: &Path, gid: Option<u32>, mode: u32) -> io::Result<()> {
    if let Some(gid) = gid {
        std::os::unix::fs::lchown(path, None, Some(gid))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Checks that the directory is this user's or the group's, closed to other users, and writable.
pub(super) fn check(path: &Path, gid: Option<u32>) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::Config(format!(
            "{} can't be used: {why}",
            path.display()
        )))
    };
    let found = path
        .symlink_metadata()
        .context(|| format!("reading the metadata of {}", path.display()))?;
    if found.is_symlink() {
        return refuse("it is a symbolic link");
    }
    if !found.is_dir() {
        return refuse("it is not a directory");
    }
    let ours = found.uid() == geteuid().as_raw();
    match gid {
        Some(gid) if found.gid() != gid => return refuse("it does not belong to pillion.group"),
        None if !ours => {
            return refuse("it belongs to another user; pillion.group lets users share");
        }
        _ => {}
    }
    let others = if gid.is_some() { 0o007 } else { 0o077 };
    if found.mode() & others != 0 {
        return refuse("others may enter it; expected mode 0700, or 2770 with pillion.group");
    }
    if access(path, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return refuse("it is not writable");
    }
    Ok(())
}
