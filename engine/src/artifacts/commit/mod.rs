//! Commits artifacts and removes them. Everything that can fail for want of space is done before the first final name
//! appears; the rename of the metadata file is the commit, and the index follows under its lock. A process killed at
//! any step leaves the old state or the new one, and perhaps orphan files, which the next cleaning removes. Bytes are
//! synced before they get a name, directories after the last name: after a power failure, a reader finds the whole
//! artifact or a miss. Threads that may wait.

pub(crate) mod copy;
pub(crate) mod put;
pub(crate) mod staging;
pub(crate) mod temp_file;

use std::{io, io::Write as _, time::Duration};

use serde_json::Value;

use super::{
    ConfigDigest, IndexRecord, Key, Staging, Store,
    dir_fd::DirFd,
    file_names::{link_name, metadata_name, random_name},
    index::Pending,
    metadata,
};
use crate::{
    Error, Result, error::IoContext as _, failpoint::failpoint, metrics::velox as metrics,
};
use staging::Staged;

/// An artifact to commit, its bytes apart.
#[derive(Debug, Clone)]
pub struct CommitMeta {
    /// The cache key.
    pub key: Key,
    /// Digest of the exact canonical configuration.
    pub digest: ConfigDigest,
    /// The configuration, for people and for exports.
    pub config: Value,
    /// Build time in milliseconds; 0 if unknown.
    pub build_ms: u32,
    /// Lifetime from now on; [`Duration::MAX`] for ever.
    pub ttl: Duration,
    /// Whether it replaces an artifact of that key that is not expired. Otherwise the first one stays.
    pub replace: bool,
}

impl Store {
    /// Commits a binary. Returns the record that is found under the key from now on: of these bytes, or of an equal
    /// configuration that another process committed before (unless `replace`).
    ///
    /// # Errors
    /// [`Error::Io`]: the disk is full, read-only or broken; nothing was changed. [`Error::State`]: the key belongs to
    /// another configuration (unless `replace`).
    pub fn commit(&self, staging: Staging, meta: CommitMeta) -> Result<IndexRecord> {
        let key = meta.key;
        let doing = || format!("keeping artifact {key} in {}", self.options.dir.display());
        if let Some(first) = self.existing(&meta).context(doing)? {
            return self.use_existing(first, &meta);
        }
        if !metadata::fits(&meta.config) {
            let text = "its configuration is longer than an entry may be";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text)).context(doing);
        }
        let staged = staging.finish();
        let since = staged.since;
        let now_ms = self.clock.now_ms();
        let ttl_ms = u64::try_from(meta.ttl.as_millis()).unwrap_or(u64::MAX);
        let record = IndexRecord {
            key,
            sha256: staged.sha256,
            size: staged.size,
            created_ms: now_ms,
            expires_ms: now_ms.saturating_add(ttl_ms),
            accessed_ms: now_ms,
            build_ms: meta.build_ms,
            digest: meta.digest,
        };
        match self.publish(staged, &record, &meta).context(doing)? {
            None => {
                metrics::CACHE_WRITE.observe(&[], since.elapsed().as_secs_f64());
                self.recent_commits.remember(&record);
                Ok(record)
            }
            Some(first) => self.use_existing(first, &meta),
        }
    }

    /// Runs the steps in their order. Returns the existing record if another process was first after all.
    fn publish(
        &self,
        staged: Staged,
        record: &IndexRecord,
        meta: &CommitMeta,
    ) -> io::Result<Option<IndexRecord>> {
        let key = record.key;
        let entry = self.cache_dir.create_temp()?;
        entry
            .file()
            .write_all(&metadata::format(record, &meta.config)?)?;
        entry.seal(0o644)?;
        staged.temp.seal(0o755)?;
        let place = self.cache_dir.create_shard(key)?;
        failpoint!("commit.written");

        let binary = record.file_name();
        let writer = self.writer();
        if let Some(first) = self.existing(meta)? {
            return Ok(Some(first));
        }
        // Under the lock: a process that removes an artifact of the same bytes removes a file of this name.
        staged.temp.publish(&place, &binary)?;
        failpoint!("commit.binary");
        let old = self.cache_dir.read_record(key)?;
        let commit = || {
            self.link(&place, &binary, key);
            failpoint!("commit.linked");
            entry.publish(&place, &metadata_name(key))?;
            failpoint!("commit.entry");
            if let Some(writer) = &writer {
                self.index_record(writer, record);
                failpoint!("commit.indexed");
            }
            self.append_change(key);
            failpoint!("commit.announced");
            io::Result::Ok(())
        };
        let committed = match &writer {
            Some(writer) => writer.with_pending(key, Pending::Change, commit),
            None => commit(),
        };
        if let Err(error) = committed {
            // Without the lock, the binary may belong to another process by now.
            if writer.is_some() {
                self.roll_back(&place, &binary, key, old.as_ref());
            }
            return Err(error);
        }
        failpoint!("commit.closed");
        if let Some(writer) = &writer {
            self.evict_surplus(writer);
        }
        drop(writer);
        place.sync()?;
        failpoint!("commit.synced");
        if let Some(old) = old.filter(|old| old.file_name() != binary) {
            // A process may be serving it: the cleaning counts its grace period from this ctime.
            let _ = place.chmod(&old.file_name(), 0o755);
        }
        log::debug!(cache_key:% = key, file_size = record.size; "artifact committed");
        Ok(None)
    }

    /// Undoes a commit after its metadata file failed: removes the binary, and links the second name to the old one
    /// again.
    fn roll_back(&self, place: &DirFd, binary: &str, key: Key, old: Option<&IndexRecord>) {
        let stands = old.map(IndexRecord::file_name);
        match &stands {
            Some(name) if name == binary => return,
            Some(name) => self.link(place, name, key),
            None => drop(place.remove(&link_name(key))),
        }
        let _ = place.remove(binary);
    }

    /// The artifact, not expired, that a commit without `replace` leaves in place.
    fn existing(&self, meta: &CommitMeta) -> io::Result<Option<IndexRecord>> {
        if meta.replace {
            return Ok(None);
        }
        let found = self.cache_dir.read_record(meta.key)?;
        Ok(found.filter(|record| !record.is_expired(self.clock.now_ms())))
    }

    fn use_existing(&self, first: IndexRecord, meta: &CommitMeta) -> Result<IndexRecord> {
        if first.digest != meta.digest {
            return Err(Error::State(format!(
                "key {} belongs to an artifact of another configuration",
                first.key
            )));
        }
        if self.peek(first.key).is_none() {
            self.sync_key(first.key);
        }
        Ok(first)
    }

    /// Links the binary to its second name too, atomically; file systems without hard links do without.
    pub(super) fn link(&self, place: &DirFd, binary: &str, key: Key) {
        let linked = random_name().and_then(|name| {
            place.link(binary, place, &name)?;
            failpoint!("commit.link");
            let renamed = place.rename(&name, place, &link_name(key));
            // Renaming one of two names of a file to the other leaves both.
            place.remove(&name)?;
            renamed
        });
        if let Err(error) = linked {
            log::debug!(cache_key:% = key, error:%; "no hard link for old readers");
        }
    }

    /// Removes an artifact, even if it is in use; a process that has its file open may read on. Returns `false` if
    /// there was none.
    ///
    /// # Errors
    /// An I/O error.
    pub fn forget(&self, key: Key) -> Result<bool> {
        let doing = || {
            format!(
                "removing artifact {key} from {}",
                self.options.dir.display()
            )
        };
        let writer = self.writer();
        match &writer {
            Some(writer) => writer.with_pending(key, Pending::Change, || {
                let known = writer.remove(key).is_some();
                Ok(self.erase(key).context(doing)? || known)
            }),
            None => self.erase(key).context(doing),
        }
    }

    /// Removes the files of a key: the metadata file first, because it names the others.
    pub(super) fn erase(&self, key: Key) -> io::Result<bool> {
        let Some(place) = self.cache_dir.open_shard(key)? else {
            return Ok(false);
        };
        let record = self.cache_dir.read_record(key)?;
        let found = place.remove(&metadata_name(key))?;
        failpoint!("erase.entry");
        // The link before the binary: a link alone could be the Velox plugin's, and would be left alone for as long as
        // that one keeps its files.
        place.remove(&link_name(key))?;
        failpoint!("erase.link");
        if let Some(record) = record {
            place.remove(&record.file_name())?;
        }
        failpoint!("erase.binary");
        self.append_change(key);
        failpoint!("erase.announced");
        Ok(found)
    }
}
