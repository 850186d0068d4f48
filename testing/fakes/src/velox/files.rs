//! Where binaries lie and what can be wrong with them. Modes are set outright, so that the umask of whoever runs the
//! tests changes nothing. Everything here blocks: it runs on a blocking thread.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde::{Deserialize, Serialize};

use super::binary::Binary;

/// What is wrong with the file that an answer's `path` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFault {
    /// Nothing: a regular file of mode 0755.
    #[default]
    None,
    /// It is deleted right after the answer. The server goes on answering its path from the cache, as the real one
    /// does.
    Vanishes,
    /// It never exists.
    Missing,
    /// It lies in another directory than all others.
    Outside,
    /// The path climbs out of the root with `..`; a good file is there.
    DotDot,
    /// It is a symbolic link to a good file outside.
    Symlink,
    /// Its directory is a symbolic link to one outside.
    SymlinkedDirectory,
    /// It is a directory.
    Directory,
    /// It is a FIFO: opening it for reading waits for a writer that never comes.
    Fifo,
    /// It has no bytes.
    Empty,
    /// It is a shell script, not a binary.
    NoMagic,
    /// It ends in the middle; its header tells.
    Truncated,
    /// Its mode is 0775.
    GroupWritable,
    /// Its mode is 0757.
    WorldWritable,
    /// Its mode is 0644.
    NotExecutable,
    /// Its mode is 0000 (which does not stop root).
    Unreadable,
}

/// The server's directories.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Where answers' paths lead.
    pub(super) root: PathBuf,
    /// The other directory, beside the root, made when a fault needs it.
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

    /// Where the binary of that build belongs.
    pub(super) fn path(&self, hash: &str, name: &str) -> PathBuf {
        self.root.join(hash).join(name)
    }

    /// Puts a build's file where the fault wants it, in place of what was there; the path for the answer.
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
        // A good file replaces a good one by rename; whatever a fault left behind has to go first.
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
            FileFault::Unreadable => write(&path, binary, 0o000)?,
        }
        Ok(path)
    }

    /// What the real server does when a build leaves its cache: the file goes, and its directory with it.
    pub(super) fn forget(&self, hash: &str) -> io::Result<()> {
        remove(&self.root.join(hash))
    }
}

/// Through a rename, so that a rebuild replaces a file that somebody may be copying.
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

/// Removes a directory or a link to one; that it is not there is fine.
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
