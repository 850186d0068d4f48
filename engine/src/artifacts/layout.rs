//! The layout on disk, which is the truth about artifacts:
//!
//! ```text
//! <dir>/ab/cd/<key>.<first 8 digits of the sha256>.bin   the binary, 0755
//! <dir>/ab/cd/<key>.json                                 the entry; its rename is the one commit
//! <dir>/ab/cd/<key>.bin                                  a hard link for readers of the old layout
//! <dir>/.pillion/tmp/                                    files on their way
//! ```
//!
//! `.pillion/` is shared with other rooms; names in it that aren't ours are left alone. Each step is
//! taken from the directory anew, so that nothing here holds descriptors, and a directory that was
//! removed under way comes back with the next artifact. Threads that may wait for a disk.

use std::{io, os::unix::ffi::OsStrExt as _, path::PathBuf};

use super::{
    Entry, Key, Record,
    commit::temp_file::Temp,
    dir_fd::Folder,
    file_names::entry_name,
    metadata::{self, BadEntry, MAX_BYTES},
};
use crate::host::files;

/// Ours in the cache directory.
pub(super) const CONTROL: &str = ".pillion";
const TEMPORARY: &str = "tmp";

/// A cache directory.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    dir: PathBuf,
    /// What the directory is shared with.
    group: Option<u32>,
}

impl Disk {
    /// Nothing is opened yet.
    pub(super) fn new(dir: PathBuf, group: Option<u32>) -> Self {
        Self { dir, group }
    }

    /// The directory itself.
    pub(super) fn root(&self) -> io::Result<Folder> {
        Folder::at(&self.dir)
    }

    /// The directory itself, made where it is missing, with the rights of the one above or of the group. That one is
    /// somebody else's to make: of a state directory it has to be known whose it is.
    pub(super) fn make_root(&self) -> io::Result<Folder> {
        match self.root() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_group_dir(&self.dir, self.group)?;
                self.root()
            }
            root => root,
        }
    }

    /// As [`Disk::make_root`], with all directories on the way: for the start, with a directory that
    /// the user named.
    pub(super) fn make_way(&self) -> io::Result<Folder> {
        match self.root() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_dir_all(&self.dir, self.group)?;
                self.root()
            }
            root => root,
        }
    }

    /// Whether files can be put here now; where it was removed, whether it can be made again.
    pub(super) fn is_writable(&self) -> bool {
        let root = match (self.root(), self.dir.parent()) {
            (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => {
                Folder::at(above)
            }
            (root, _) => root,
        };
        root.is_ok_and(|root| root.is_writable())
    }

    /// Stands for this directory in the index's name: its path, device and inode, so that a path
    /// that means another directory elsewhere (in a container, say) has another index.
    pub(super) fn identity(&self) -> io::Result<u64> {
        let (device, inode) = self.root()?.identity()?;
        let mut text = self.dir.as_os_str().as_bytes().to_vec();
        text.extend(device.to_le_bytes());
        text.extend(inode.to_le_bytes());
        Ok(super::ConfigDigest::of(&text).0)
    }

    /// The folder of a key; `None`: no such folder yet.
    pub(super) fn place(&self, key: Key) -> io::Result<Option<Folder>> {
        let mut folder = self.root();
        for name in key.folders() {
            folder = folder.and_then(|folder| folder.folder(&name));
        }
        absent(folder)
    }

    /// The folder of a key, made where it is missing.
    pub(super) fn make_place(&self, key: Key) -> io::Result<Folder> {
        let [outer, inner] = key.folders();
        self.make_root()?.make_folder(&outer)?.make_folder(&inner)
    }

    /// Our own folder in the cache directory, made where it is missing.
    pub(super) fn make_control(&self) -> io::Result<Folder> {
        self.make_root()?.make_folder(CONTROL)
    }

    /// The folder for files on their way; `None`: there is none yet.
    pub(super) fn temporaries(&self) -> io::Result<Option<Folder>> {
        absent(
            self.root()
                .and_then(|root| root.folder(CONTROL))
                .and_then(|control| control.folder(TEMPORARY)),
        )
    }

    pub(super) fn control_path(&self) -> PathBuf {
        self.dir.join(CONTROL)
    }

    pub(super) fn temporary_path(&self) -> PathBuf {
        self.control_path().join(TEMPORARY)
    }

    /// A new file on its way.
    pub(super) fn temp(&self) -> io::Result<Temp> {
        let folder = self.make_control()?.make_folder(TEMPORARY)?;
        Temp::new(folder, &self.temporary_path())
    }

    /// The entry of a key, if it stands on disk whole: readable, and its binary there in its size.
    pub(super) fn entry(&self, key: Key) -> io::Result<Option<Entry>> {
        self.look(key, metadata::parse_entry, |entry| &entry.record)
            .map(Standing::whole)
    }

    /// As [`Disk::entry`], without the configuration.
    pub(super) fn record(&self, key: Key) -> io::Result<Option<Record>> {
        self.standing(key).map(Standing::whole)
    }

    /// What stands on disk under a key.
    pub(super) fn standing(&self, key: Key) -> io::Result<Standing<Record>> {
        self.look(key, metadata::parse_record, |record| record)
    }

    fn look<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&[u8]) -> Result<T, BadEntry>,
        record: impl Fn(&T) -> &Record,
    ) -> io::Result<Standing<T>> {
        let Some(place) = self.place(key)? else {
            return Ok(Standing::Nothing);
        };
        let Some(bytes) = place.read(&entry_name(key), MAX_BYTES)? else {
            return Ok(Standing::Nothing);
        };
        let parsed = match parse(&bytes) {
            Ok(parsed) => parsed,
            Err(BadEntry::Version(_)) => return Ok(Standing::Foreign),
            Err(error) => {
                log::warn!(cache_key:% = key, error:%; "cache entry unreadable");
                return Ok(Standing::Broken);
            }
        };
        let expected = record(&parsed);
        let size = place.file_size(&expected.file_name())?;
        if expected.key != key || size != Some(expected.size) {
            log::warn!(cache_key:% = key, expected = expected.size, found:? = size; "cached binary missing");
            return Ok(Standing::Broken);
        }
        Ok(Standing::Whole(parsed))
    }
}

/// What stands on disk under a key.
#[derive(Debug)]
pub(super) enum Standing<T> {
    /// An entry and its binary.
    Whole(T),
    /// An entry that is none, or one without its binary.
    Broken,
    /// An entry of another version of the format: somebody else's affair.
    Foreign,
    /// No entry.
    Nothing,
}

impl<T> Standing<T> {
    pub(super) fn whole(self) -> Option<T> {
        match self {
            Self::Whole(found) => Some(found),
            _ => None,
        }
    }
}

/// Something else under the name of a folder of ours, a planted link say, is no folder.
pub(super) fn absent(folder: io::Result<Folder>) -> io::Result<Option<Folder>> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match folder {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
