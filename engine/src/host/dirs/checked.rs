//! A directory that is created if it is absent, and checked before each use.

use std::{
    fmt,
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

/// Why a directory can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirProblem {
    /// It is a symbolic link.
    SymbolicLink,
    /// It is no directory.
    NotDirectory,
    /// It does not belong to `pillion.group`.
    OtherGroup,
    /// It belongs to another user.
    OtherUser,
    /// Its mode lets other users enter it.
    OpenToOthers,
    /// This user can't write it.
    NotWritable,
}

impl fmt::Display for DirProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SymbolicLink => "it is a symbolic link",
            Self::NotDirectory => "it is not a directory",
            Self::OtherGroup => "it does not belong to pillion.group",
            Self::OtherUser => "it belongs to another user; pillion.group lets users share",
            Self::OpenToOthers => {
                "others may enter it; expected mode 0700, or 2770 with pillion.group"
            }
            Self::NotWritable => "it is not writable",
        })
    }
}

/// Examines whether the directory is this user's or the group's, closed to other users, and writable.
///
/// # Errors
/// It is absent, or its metadata can't be read.
pub fn examine(path: &Path, gid: Option<u32>) -> io::Result<Option<DirProblem>> {
    let found = path.symlink_metadata()?;
    if found.is_symlink() {
        return Ok(Some(DirProblem::SymbolicLink));
    }
    if !found.is_dir() {
        return Ok(Some(DirProblem::NotDirectory));
    }
    let is_own = found.uid() == geteuid().as_raw();
    match gid {
        Some(gid) if found.gid() != gid => return Ok(Some(DirProblem::OtherGroup)),
        None if !is_own => return Ok(Some(DirProblem::OtherUser)),
        _ => {}
    }
    let others = if gid.is_some() { 0o007 } else { 0o077 };
    if found.mode() & others != 0 {
        return Ok(Some(DirProblem::OpenToOthers));
    }
    let is_writable = access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    Ok((!is_writable).then_some(DirProblem::NotWritable))
}

/// As [`examine`], with an error for a directory that can't be used.
pub(super) fn check(path: &Path, gid: Option<u32>) -> Result<()> {
    let problem =
        examine(path, gid).context(|| format!("reading the metadata of {}", path.display()))?;
    match problem {
        None => Ok(()),
        Some(problem) => Err(Error::Config(format!(
            "{} can't be used: {problem}",
            path.display()
        ))),
    }
}
