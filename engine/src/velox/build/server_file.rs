//! Opens the binary of a `path` answer: a file on the server's file system, shared with this host below configured
//! roots. The server may run under another user and its directory may be open to all users, so only a regular file
//! below a root is accepted, and none that is world-writable. Runs on blocking threads.

use std::{
    cmp::Reverse,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Component, Path, PathBuf},
};

use super::{
    error::AttemptError,
    executable::{self, HEADER_LEN, Mismatch},
    open_beneath,
};
use crate::Error;

/// The directories of `velox.path_map`: the server's path and this host's.
pub(in crate::velox) type PathMap = [(PathBuf, PathBuf)];

/// A file that may be copied.
#[derive(Debug)]
pub(in crate::velox) struct OpenedFile {
    pub(in crate::velox) file: File,
    pub(in crate::velox) size: u64,
    /// The modification time, compared after the copy.
    modified: (i64, i64),
}

impl OpenedFile {
    /// Checks that the file was not written to since it was opened: a copy of parts of two files is no valid binary.
    pub(super) fn check_unchanged(&self, path: &str) -> Result<(), AttemptError> {
        let now = self.file.metadata();
        let same =
            |now: &std::fs::Metadata| now.len() == self.size && modified(now) == self.modified;
        if now.is_ok_and(|now| same(&now)) {
            return Ok(());
        }
        Err(AttemptError::FileGone(Error::Remote(format!(
            "velox server answered with the file {path}, which was written to while it was copied"
        ))))
    }
}

fn modified(metadata: &std::fs::Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// The requested platform, and the size limit.
#[derive(Debug, Clone, Copy)]
pub(in crate::velox) struct Expected<'a> {
    pub(in crate::velox) os: &'a str,
    pub(in crate::velox) arch: &'a str,
    pub(in crate::velox) max_size: u64,
}

/// Locates, opens and checks the file of an answer.
pub(super) fn open(
    path: &str,
    path_map: &PathMap,
    expected: Expected<'_>,
) -> Result<OpenedFile, AttemptError> {
    let (root, relative) = locate(Path::new(path), path_map)?;
    let local = root.join(&relative);
    if !root.is_dir() {
        return Err(AttemptError::Permanent(Error::Config(format!(
            "velox.path_map: the server's file {path} would be {}, but {} is no directory here",
            local.display(),
            root.display()
        ))));
    }
    let file =
        open_beneath::open(&root, &relative).map_err(|error| open_error(path, &local, error))?;
    let metadata = file
        .metadata()
        .map_err(|error| open_error(path, &local, error))?;
    let rejected = |reason: &str| {
        AttemptError::remote(format!(
            "velox server answered with the file {path}, which can't be used: {reason}"
        ))
    };
    if !metadata.is_file() {
        return Err(rejected("it is not a regular file"));
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(rejected("it is world-writable; expected mode 0755 or 0644"));
    }
    let size = metadata.len();
    if size > expected.max_size {
        return Err(rejected(&format!(
            "it has {size} bytes, and at most {} are accepted",
            expected.max_size
        )));
    }
    let header = read_header(&file).map_err(|error| open_error(path, &local, error))?;
    check_header(&header, size, expected, &format!("the file {path}"))?;
    Ok(OpenedFile {
        file,
        size,
        modified: modified(&metadata),
    })
}

/// Checks the first bytes and the size of a binary. `name` is its name in the message.
pub(super) fn check_header(
    header: &[u8],
    size: u64,
    expected: Expected<'_>,
    name: &str,
) -> Result<(), AttemptError> {
    executable::check(header, size, expected.os, expected.arch).map_err(|mismatch| {
        let text = |reason: &str| {
            format!("velox server answered with {name}, which can't be used: {reason}")
        };
        match mismatch {
            Mismatch::WrongFormat(reason) => AttemptError::remote(text(&reason)),
            Mismatch::Truncated(reason) => AttemptError::FileGone(Error::Remote(text(&reason))),
        }
    })
}

/// Reads a file's first [`HEADER_LEN`] bytes.
pub(super) fn read_header(file: &File) -> io::Result<Vec<u8>> {
    let mut header = vec![0; HEADER_LEN];
    let mut length = 0;
    while let Some(rest) = header.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    header.truncate(length);
    Ok(header)
}

/// Splits a path into the local directory of the longest matching one of the server's, and the rest.
pub(in crate::velox) fn locate(
    path: &Path,
    path_map: &PathMap,
) -> Result<(PathBuf, PathBuf), AttemptError> {
    let is_normalized = path.is_absolute()
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let matches = path_map.iter().flat_map(|(server, local)| {
        server_prefixes(server, local).filter_map(move |server| {
            let rest = path.strip_prefix(&server).ok()?;
            let length = server.components().count();
            (!rest.as_os_str().is_empty()).then_some((length, local, rest))
        })
    });
    let longest = matches.min_by_key(|(length, ..)| Reverse(*length));
    if let Some((_, local, rest)) = longest.filter(|_| is_normalized) {
        return Ok((local.clone(), rest.to_owned()));
    }
    let configured: Vec<String> = path_map
        .iter()
        .map(|(server, _)| server.display().to_string())
        .collect();
    Err(AttemptError::Permanent(Error::Remote(format!(
        "velox server answered with the path {}, which is below none of the directories in velox.path_map ({})",
        path.display(),
        configured.join(", ")
    ))))
}

/// Returns the prefixes of a directory. A server on this host may resolve its symbolic links (`/private/tmp` for
/// `/tmp`).
fn server_prefixes(server: &Path, local: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let real = (server == local).then(|| local.canonicalize().ok());
    std::iter::once(server.to_owned()).chain(real.flatten())
}

fn open_error(path: &str, local: &Path, error: io::Error) -> AttemptError {
    let shared = "the server's directory has to be shared with this host, and velox.path_map has to say where it is";
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => AttemptError::FileGone(Error::Remote(format!(
            "velox server built {path}, but {} is not there: {shared}",
            local.display()
        ))),
        (io::ErrorKind::PermissionDenied, _) => AttemptError::remote(format!(
            "velox server built {path}, but this user may not read {}",
            local.display()
        )),
        (_, Some(libc::ELOOP | libc::EXDEV)) => AttemptError::remote(format!(
            "velox server built {path}, but {} leads over a symbolic link, and none is followed",
            local.display()
        )),
        // A name that no file system accepts, or a file instead of a directory: the answer is wrong, not this host.
        (
            io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput,
            _,
        ) => AttemptError::remote(format!(
            "velox server built {path}, but {} can't be opened: {error}",
            local.display()
        )),
        _ => AttemptError::Permanent(Error::io(format!("opening {}", local.display()), error)),
    }
}

#[cfg(test)]
mod tests;
