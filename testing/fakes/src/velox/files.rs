//! Locations and faults of binaries. Modes are set explicitly, so that the tests' umask has no effect. All functions
//! block: they run on a blocking thread.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde::{Deserialize, Serialize};

use super::binary::Binary;

/// Faults of the file that an answer's `path` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFault {
    /// None: a regular file of mode 0755.
    #[default]
    None,
    /// It is deleted right after the answer. The server continues to answer its path from the cache, like the real
    /// one.
    Vanishes,
    /// It never exists.
    Missing,
    /// It is in another directory than all others.
    Outside,
    /// The path leaves the root with `..`; a valid file is there.
    DotDot,
    /// It is a symbolic link to a valid file outside.
    Symlink,
    /// Its directory is a symbolic link to one outside.
    SymlinkedDirectory,
    /// It is a directory.
    Directory,
    /// It is a FIFO: opening it for reading waits forever for a writer.
    Fifo,
    /// It is empty.
    Empty,
    /// It is a shell script, not a binary.
    NoMagic,
    /// It is truncated, which its header shows.
    Truncated,
    /// Its mode is 0775.
    GroupWritable,
    /// Its mode is 0757.
    WorldWritable,
    /// Its mode is 0644.
    NotExecutable,
}

/// The server's directories.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The root of the answers' paths.
    pub(super) root: PathBuf,
    /// The other directory, beside the root, created when a fault needs it.
    pub(super) outside: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        let mut outside = root.clone().into_os_string();
        outside.push(".outside");
        Self {
            root,
            outside: outside.into(),
        }
    }

    /// The path of that build's binary.
    pub(super) fn path(&self, hash: &str, name: &str) -> PathBuf {
        self.root.join(hash).join(name)
    }

    /// Writes a build's file with its fault, in place of the previous file; returns the path for the answer.
    pub(super) fn place(
        &self,
        hash: &str,
        name: &str,
        fault: FileFault,
        binary: Binary,
    ) -> io::Result<PathBuf> {
        let path = self.path(hash, name);
        let directory = self.root.join(hash);
        let elsewhere = self.outside.join(hash).join(name);
        let half = binary.size() / 2;
        let stands = |path: &Path, fits: fn(&fs::Metadata) -> bool| {
            fs::symlink_metadata(path).map_or(true, |found| fits(&found))
        };
        // A valid file replaces a valid one by rename; the remains of a fault must be removed first.
        if fault != FileFault::None
            || !stands(&directory, fs::Metadata::is_dir)
            || !stands(&path, fs::Metadata::is_file)
        {
            remove(&directory)?;
        }
        match fault {
            FileFault::None | FileFault::Vanishes => write(&path, binary, 0o755)?,
            FileFault::Missing => fs::create_dir_all(&directory)?,
            FileFault::Outside => {
                write(&elsewhere, binary, 0o755)?;
                return Ok(elsewhere);
            }
            FileFault::DotDot => {
                write(&elsewhere, binary, 0o755)?;
                fs::create_dir_all(&directory)?;
                let outside = self.outside.file_name().unwrap_or_default();
                return Ok(directory.join("../..").join(outside).join(hash).join(name));
            }
            FileFault::Symlink => {
                write(&elsewhere, binary, 0o755)?;
                fs::create_dir_all(&directory)?;
                symlink(&elsewhere, &path)?;
            }
            FileFault::SymlinkedDirectory => {
                write(&elsewhere, binary, 0o755)?;
                symlink(self.outside.join(hash), &directory)?;
            }
            FileFault::Directory => fs::create_dir_all(&path)?,
            FileFault::Fifo => {
                fs::create_dir_all(&directory)?;
                mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o755), 0)?;
            }
            FileFault::Empty => write(&path, io::empty(), 0o755)?,
            FileFault::NoMagic => write(&path, &b"#!/bin/sh\necho not a binary\n"[..], 0o755)?,
            FileFault::Truncated => write(&path, binary.take(half), 0o755)?,
            FileFault::GroupWritable => write(&path, binary, 0o775)?,
            FileFault::WorldWritable => write(&path, binary, 0o757)?,
            FileFault::NotExecutable => write(&path, binary, 0o644)?,
        }
        Ok(path)
    }

    /// The real server's cleanup of a build that leaves its cache: removes the file and its directory.
    pub(super) fn forget(&self, hash: &str) -> io::Result<()> {
        remove(&self.root.join(hash))
    }
}

/// Writes by rename, so that a rebuild replaces a file that a client may be copying.
fn write(path: &Path, mut content: impl Read, mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    let unfinished = path.with_extension("unfinished");
    let mut file = fs::File::create(&unfinished)?;
    io::copy(&mut content, &mut file)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    fs::rename(&unfinished, path)
}

/// Removes a directory or a link to one; a missing one is no error.
fn remove(path: &Path) -> io::Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    gone.or_else(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Ok(())
        } else {
            Err(error)
        }
    })
}
