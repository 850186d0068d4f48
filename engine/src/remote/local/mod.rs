//! Artifacts in a directory. Each is one file: its bytes, and behind them its record, so that both appear with one
//! link, which succeeds for the first writer alone. Several gateways may share the directory, and other programs too:
//! their files stay. Blocking threads.
//!
//! # Files
//!
//! `<namespace>/<space>/<two digits>/<key>`; the modification time is the time of the last use. `.tmp/` has unfinished
//! uploads where the file system has no files without a name.

mod now;
mod trailer;
mod walk;

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use super::{
    object::{Metadata, ObjectName},
    spool::Spool,
    usage::{Limits, Reason, Usage},
};
use crate::{Result, error::IoContext as _, uuid};
use walk::walk;

const TEMPORARY: &str = ".tmp";
/// The time of the last use is as exact as this: not every hit writes to the disk.
const TOUCH_INTERVAL: Duration = Duration::from_secs(60);
/// Attempts to give an upload its name.
const MAX_ATTEMPTS: u32 = 5;
/// Age of an unfinished upload that no process can be writing.
const ABANDONED_AFTER: Duration = Duration::from_secs(48 * 3600);

/// A directory of artifacts.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
}

/// An artifact that is open for reading.
#[derive(Debug)]
pub struct LocalObject {
    /// Its file; the first bytes are the artifact.
    pub file: File,
    /// Its record.
    pub metadata: Metadata,
    used: SystemTime,
}

impl LocalObject {
    /// Whether its use is to be recorded.
    #[must_use]
    pub fn is_touch_due(&self) -> bool {
        let age = SystemTime::now().duration_since(self.used);
        age.unwrap_or_default() >= TOUCH_INTERVAL
    }

    /// Records its use. A directory that can't be written is one that others clean.
    pub fn touch(&self) {
        let _ = self.file.set_modified(SystemTime::now());
    }
}

/// The result of a cleaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Bytes that remain.
    pub bytes: u64,
    /// Artifacts removed because of their age.
    pub expired: u64,
    /// Artifacts removed because of the size limit.
    pub lru: u64,
}

impl Cleaned {
    /// Counts a removal.
    pub fn count(&mut self, reason: Reason, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        match reason {
            Reason::Expired => self.expired += 1,
            Reason::Lru => self.lru += 1,
        }
    }
}

impl LocalStore {
    /// Opens a directory; creates it if it is absent.
    ///
    /// # Errors
    /// It can't be created or written, or its file system has no hard links.
    pub fn open(root: &Path) -> Result<Self> {
        let doing = || format!("gateway.local_root {}", root.display());
        let store = Self {
            root: root.to_owned(),
        };
        create_dirs(&root.join(TEMPORARY)).context(doing)?;
        // Not by the first upload.
        store.try_link().context(doing)?;
        Ok(store)
    }

    fn try_link(&self) -> io::Result<()> {
        let name = uuid::v4().map_err(io::Error::other)?.to_string();
        let path = self.root.join(TEMPORARY).join(name);
        self.spool()?.publish(&[], &path)?;
        fs::remove_file(path)
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// The system's.
    pub fn spool(&self) -> io::Result<Spool> {
        let temporary = self.root.join(TEMPORARY);
        match Spool::create(&temporary) {
            // Removed by a cleaner of temporary files. The root is not made again: it may be an unmounted disk.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let created = fs::DirBuilder::new().mode(0o700).create(&temporary);
                created.or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(error),
                })?;
                Spool::create(&temporary)
            }
            created => created,
        }
    }

    /// Stores an upload; returns `false` if the name exists.
    ///
    /// # Errors
    /// The system's.
    pub fn publish(
        &self,
        name: &ObjectName,
        spool: &Spool,
        metadata: &Metadata,
    ) -> io::Result<bool> {
        let path = self.path(name);
        let record = trailer::encode(metadata);
        let mut attempt = 0;
        loop {
            attempt += 1;
            if let Some(directory) = path.parent() {
                create_dirs(directory)?;
            }
            match spool.publish(&record, &path) {
                // A cleaning has removed the directory, which was empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < MAX_ATTEMPTS => {
                }
                published => return published,
            }
        }
    }

    /// Finds an artifact; `None` if it is absent. A file that is none is removed.
    ///
    /// # Errors
    /// The system's.
    pub fn find(&self, name: &ObjectName) -> io::Result<Option<LocalObject>> {
        let path = self.path(name);
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let record = trailer::read(&file, |bytes, offset| file.read_exact_at(bytes, offset));
        let Some(metadata) = record? else {
            log::warn!(path = path.display().to_string(); "artifact is damaged; removed");
            remove_same(&path, &file);
            return Ok(None);
        };
        let used = file.metadata()?.modified()?;
        Ok(Some(LocalObject {
            file,
            metadata,
            used,
        }))
    }

    /// Finds an artifact as [`LocalStore::find`] does, without a wait for the disk. Any thread.
    ///
    /// # Errors
    /// It takes a wait, or [`LocalStore::find`] would fail too.
    pub fn find_now(&self, name: &ObjectName) -> io::Result<Option<LocalObject>> {
        let file = match now::open(&self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(metadata) = now::record(&file)? else {
            // A damaged file has to be removed.
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let used = file.metadata()?.modified()?;
        Ok(Some(LocalObject {
            file,
            metadata,
            used,
        }))
    }

    /// Removes an artifact, unless another one has its name by now.
    pub fn remove(&self, name: &ObjectName, object: &LocalObject) {
        remove_same(&self.path(name), &object.file);
    }

    /// Removes the artifacts that the limits exclude, and files of killed uploads.
    ///
    /// # Errors
    /// The root can't be read.
    pub fn clean(&self, limits: Limits, now: SystemTime) -> io::Result<Cleaned> {
        let mut usage = Usage::default();
        walk(&self.root, &mut |file| {
            usage.add(&file.name, file.used, file.bytes);
        })?;
        let mut plan = usage.plan(limits, now);
        let mut cleaned = Cleaned {
            bytes: usage.total(),
            ..Cleaned::default()
        };
        walk(&self.root, &mut |file| {
            if let Some(reason) = plan.removes(&file.name, file.used, file.bytes)
                && walk::remove(file.path)
            {
                cleaned.count(reason, file.bytes);
            }
        })?;
        let unfinished = fs::read_dir(self.root.join(TEMPORARY));
        for entry in unfinished.into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|found| found.modified());
            let age = age.map(|modified| now.duration_since(modified).unwrap_or_default());
            if age.is_ok_and(|age| age > ABANDONED_AFTER) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(cleaned)
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        let (directory, file) = name.parts();
        self.root.join(directory).join(shard(name)).join(file)
    }
}

/// The directory of a file inside its space, which keeps directories small.
fn shard(name: &ObjectName) -> String {
    let digest: [u8; 32] = Sha256::digest(name.key.as_str()).into();
    let [first, ..] = digest;
    format!("{first:02x}")
}

fn create_dirs(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Removes a file if it is still the open one. Each removal locks it for this moment: without the lock, another writer
/// could remove it after the comparison and publish its own, which would be removed then. Without a chance for the
/// lock, the removal is left to its holder.
fn remove_same(path: &Path, open: &File) {
    if flock(open, FlockOperation::NonBlockingLockExclusive).is_err() {
        return;
    }
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let named = fs::symlink_metadata(path).map(identity).ok();
    if named.is_some() && named == open.metadata().map(identity).ok() {
        let _ = fs::remove_file(path);
    }
    // Another descriptor of the same opening may live on, in a response.
    let _ = flock(open, FlockOperation::Unlock);
}

#[cfg(test)]
mod tests;
