//! The layout on disk, which is the truth about artifacts:
//!
//! ```text
//! <dir>/ab/cd/<key>.<first 8 digits of the sha256>.bin   the binary, 0755
//! <dir>/ab/cd/<key>.json                                 the entry; its rename is the one commit
//! <dir>/ab/cd/<key>.bin                                  a hard link for readers of the old layout
//! <dir>/.pillion/tmp/                                    files on their way
//! ```
//!
//! Other modules use `.pillion/` too; unknown names in it are left alone. Each operation starts at the directory's
//! path, so that this module holds no descriptors, and a removed directory comes back with the next artifact. Threads
//! that may wait for a disk.

use std::{io, os::unix::ffi::OsStrExt as _, path::PathBuf};

use super::{
    IndexRecord, Key, MetadataFile,
    commit::temp_file::TempFile,
    dir_fd::DirFd,
    file_names::metadata_name,
    metadata::{self, MAX_BYTES, MetadataError},
};
use crate::host::files;

/// Pillion's own directory in the cache directory.
pub(super) const META_DIR: &str = ".pillion";
const TEMP_DIR: &str = "tmp";

/// A cache directory.
#[derive(Debug, Clone)]
pub(super) struct CacheDir {
    dir: PathBuf,
    /// The group that shares the directory.
    group: Option<u32>,
}

impl CacheDir {
    /// Opens nothing yet.
    pub(super) fn new(dir: PathBuf, group: Option<u32>) -> Self {
        Self { dir, group }
    }

    /// Opens the directory.
    pub(super) fn root(&self) -> io::Result<DirFd> {
        DirFd::open_path(&self.dir)
    }

    /// Opens the directory, or creates it if it is absent, with the mode of its parent or of the group. The parent has
    /// to exist: only its creator knows its owner.
    pub(super) fn create_root(&self) -> io::Result<DirFd> {
        match self.root() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_group_dir(&self.dir, self.group)?;
                self.root()
            }
            root => root,
        }
    }

    /// As [`CacheDir::create_root`], and creates all parents: for the start, with a directory that the user named.
    pub(super) fn create_dirs(&self) -> io::Result<DirFd> {
        match self.root() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_dir_all(&self.dir, self.group)?;
                self.root()
            }
            root => root,
        }
    }

    /// Whether files can be created now, or, if the directory is absent, whether it can be.
    pub(super) fn is_writable(&self) -> bool {
        let root = match (self.root(), self.dir.parent()) {
            (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => {
                DirFd::open_path(above)
            }
            (root, _) => root,
        };
        root.is_ok_and(|root| root.is_writable())
    }

    /// The directory's id in the index's name: a digest of path, device and inode, so that a path that means another
    /// directory elsewhere (in a container) has another index.
    pub(super) fn dir_id(&self) -> io::Result<u64> {
        let (device, inode) = self.root()?.device_and_inode()?;
        let mut text = self.dir.as_os_str().as_bytes().to_vec();
        text.extend(device.to_le_bytes());
        text.extend(inode.to_le_bytes());
        Ok(super::ConfigDigest::of(&text).0)
    }

    /// Opens the directory of a key. Returns `None` if it is absent.
    pub(super) fn open_shard(&self, key: Key) -> io::Result<Option<DirFd>> {
        let mut folder = self.root();
        for name in key.shard_names() {
            folder = folder.and_then(|folder| folder.open_dir(&name));
        }
        none_if_absent(folder)
    }

    /// Opens the directory of a key, or creates it.
    pub(super) fn create_shard(&self, key: Key) -> io::Result<DirFd> {
        let [outer, inner] = key.shard_names();
        self.create_root()?.create_dir(&outer)?.create_dir(&inner)
    }

    /// Opens `.pillion`, or creates it.
    pub(super) fn create_meta_dir(&self) -> io::Result<DirFd> {
        self.create_root()?.create_dir(META_DIR)
    }

    /// Opens the directory of temporary files. Returns `None` if it is absent.
    pub(super) fn open_temp_dir(&self) -> io::Result<Option<DirFd>> {
        none_if_absent(
            self.root()
                .and_then(|root| root.open_dir(META_DIR))
                .and_then(|control| control.open_dir(TEMP_DIR)),
        )
    }

    pub(super) fn meta_path(&self) -> PathBuf {
        self.dir.join(META_DIR)
    }

    pub(super) fn temp_path(&self) -> PathBuf {
        self.meta_path().join(TEMP_DIR)
    }

    /// Creates a temporary file.
    pub(super) fn create_temp(&self) -> io::Result<TempFile> {
        let folder = self.create_meta_dir()?.create_dir(TEMP_DIR)?;
        TempFile::new(folder, &self.temp_path())
    }

    /// Reads the metadata file of a key, if it is valid and its binary has the right size.
    pub(super) fn read_metadata(&self, key: Key) -> io::Result<Option<MetadataFile>> {
        self.read_with(key, metadata::parse_metadata, |entry| &entry.record)
            .map(DiskState::into_whole)
    }

    /// As [`CacheDir::read_metadata`], without the configuration.
    pub(super) fn read_record(&self, key: Key) -> io::Result<Option<IndexRecord>> {
        self.read_state(key).map(DiskState::into_whole)
    }

    /// The state of a key on disk.
    pub(super) fn read_state(&self, key: Key) -> io::Result<DiskState<IndexRecord>> {
        self.read_with(key, metadata::parse_record, |record| record)
    }

    fn read_with<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&[u8]) -> Result<T, MetadataError>,
        record: impl Fn(&T) -> &IndexRecord,
    ) -> io::Result<DiskState<T>> {
        let Some(place) = self.open_shard(key)? else {
            return Ok(DiskState::Absent);
        };
        let Some(bytes) = place.read(&metadata_name(key), MAX_BYTES)? else {
            return Ok(DiskState::Absent);
        };
        let parsed = match parse(&bytes) {
            Ok(parsed) => parsed,
            Err(MetadataError::Version(_)) => return Ok(DiskState::Foreign),
            Err(error) => {
                log::warn!(cache_key:% = key, error:%; "cache entry unreadable");
                return Ok(DiskState::Broken);
            }
        };
        let expected = record(&parsed);
        let size = place.file_size(&expected.file_name())?;
        if expected.key != key || size != Some(expected.size) {
            log::warn!(cache_key:% = key, expected = expected.size, found:? = size; "cached binary missing");
            return Ok(DiskState::Broken);
        }
        Ok(DiskState::Whole(parsed))
    }
}

/// The state of a key on disk.
#[derive(Debug)]
pub(super) enum DiskState<T> {
    /// A valid metadata file and its binary.
    Whole(T),
    /// An invalid metadata file, or one without its binary.
    Broken,
    /// A metadata file of another version of the format, which is left alone.
    Foreign,
    /// No metadata file.
    Absent,
}

impl<T> DiskState<T> {
    pub(super) fn into_whole(self) -> Option<T> {
        match self {
            Self::Whole(found) => Some(found),
            _ => None,
        }
    }
}

/// Turns an absent directory into `None`; another kind of file in its place, a planted link for one, counts as absent.
pub(super) fn none_if_absent(folder: io::Result<DirFd>) -> io::Result<Option<DirFd>> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match folder {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
