//! Undeliverable envelopes, one file each, a [`letter`]. A file is named by time
//! and a random id, so that names sort by age and contain no secret; the directory is private to the user because the
//! metadata contains the DSN. Bounded by count and bytes. On threads that may block.

mod cached_count;
mod letter;
mod replay;
pub(super) mod replay_state;

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

pub(super) use cached_count::CachedFileCount;
pub use letter::{Cause, DeadLetter, Metadata};

use super::outbox::Record;
use crate::{failpoint::failpoint, shm::publish};

const SUFFIX: &str = ".letter";
const TEMP_SUFFIX: &str = ".tmp";
/// Temporary files older than this were left by a process that crashed while writing one.
const STALE_TEMP_AGE: Duration = Duration::from_secs(600);

/// Removes temporary files of processes that died while they wrote a dead letter; its record is still in an outbox.
pub(super) fn sweep(dir: &Path, now: SystemTime) {
    publish::remove_stale(dir, now, STALE_TEMP_AGE, |name| name.ends_with(TEMP_SUFFIX));
}

/// The dead-letter directory of a host.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    dir: PathBuf,
    max_count: usize,
    max_bytes: u64,
}

impl DeadLetters {
    /// The directory `dir`, which is created with the first dead letter.
    #[must_use]
    pub const fn new(dir: PathBuf, max_count: usize, max_bytes: u64) -> Self {
        Self {
            dir,
            max_count,
            max_bytes,
        }
    }

    /// Writes a dead letter. Returns the oldest ones, which it removed to keep the limits.
    ///
    /// # Errors
    /// The directory can't be created or written to.
    pub fn put(
        &self,
        record: &Record,
        cause: Cause<'_>,
        now_ms: u64,
    ) -> io::Result<Vec<DeadLetter>> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let id = format!("{now_ms:013}-{random:016x}");
        let metadata = Metadata {
            reason: cause.reason.to_owned(),
            connection: cause.connection,
            given_up_ms: now_ms,
            accepted_ms: record.accepted_ms,
            attempts: record.attempts,
            dsn: String::from_utf8_lossy(&record.dsn).into_owned(),
        };
        let temporary = self.dir.join(format!("{id}{TEMP_SUFFIX}"));
        let written = letter::write(&temporary, &metadata, &record.envelope).and_then(|()| {
            failpoint!("dead-letter.written");
            fs::rename(&temporary, self.path(&id))
        });
        failpoint!("dead-letter.named");
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        Ok(self.enforce_limits())
    }

    /// Removes the oldest dead letters until the limits hold.
    fn enforce_limits(&self) -> Vec<DeadLetter> {
        let all = self.list_files();
        let mut count = all.len();
        let mut bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
        let mut removed = Vec::new();
        for (id, size) in all {
            if count <= self.max_count && bytes <= self.max_bytes {
                break;
            }
            removed.extend(self.read(&id));
            self.remove(&id);
            count -= 1;
            bytes -= size;
        }
        removed
    }

    /// The newest dead letters.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<DeadLetter> {
        let files = self.list_files();
        let newest = files.iter().rev().take(limit);
        newest.filter_map(|(id, _)| self.read(id)).collect()
    }

    /// All ids, the oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.list_files().into_iter().map(|(id, _)| id).collect()
    }

    /// Number and bytes of all files.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        let files = self.list_files();
        (files.len(), files.iter().map(|(_, bytes)| bytes).sum())
    }

    /// The modification time of the directory.
    pub(super) fn changed(&self) -> Option<SystemTime> {
        self.dir.metadata().and_then(|found| found.modified()).ok()
    }

    /// Reads the metadata of a dead letter, and not its envelope.
    pub(super) fn metadata(&self, id: &str) -> Option<Metadata> {
        Metadata::read(&self.path(id))
    }

    /// Reads a dead letter. Returns `None` if it does not exist or is invalid.
    #[must_use]
    pub fn read(&self, id: &str) -> Option<DeadLetter> {
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return None;
        }
        DeadLetter::read(&self.path(id), id)
    }

    /// Removes a dead letter. Returns `false` if it did not exist.
    pub fn remove(&self, id: &str) -> bool {
        fs::remove_file(self.path(id)).is_ok()
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}{SUFFIX}"))
    }

    /// Ids and file sizes, the oldest first.
    fn list_files(&self) -> Vec<(String, u64)> {
        let mut files: Vec<(String, u64)> = fs::read_dir(&self.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let id = entry.file_name().to_str()?.strip_suffix(SUFFIX)?.to_owned();
                Some((id, entry.metadata().ok()?.len()))
            })
            .collect();
        files.sort_unstable();
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Cause<'_> = Cause {
        reason: "refused",
        connection: true,
    };

    fn record(text: &str) -> Record {
        Record {
            dsn: b"https://hunter2@h/1".to_vec(),
            envelope: text.as_bytes().to_vec(),
            accepted_ms: 5,
            attempts: 3,
        }
    }

    #[test]
    fn dead_letters_are_listed_bounded_and_named_without_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let letters = DeadLetters::new(dir.path().join("dead"), 2, 1 << 20);
        for n in 0..3 {
            let removed = letters
                .put(&record(&format!("a\nb{n}")), REFUSED, 100 + n)
                .unwrap();
            assert_eq!(removed.len(), usize::from(n == 2));
        }
        let list = letters.list(10);
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].envelope, b"a\nb2");
        assert_eq!(
            (list[1].metadata.reason.as_str(), list[1].metadata.attempts),
            ("refused", 3)
        );
        assert_eq!(letters.metadata(&list[1].id).unwrap(), list[1].metadata);
        assert!(list[1].metadata.connection);
        assert!(!letters.ids().join(" ").contains("hunter2"));
        assert!(letters.remove(&list[0].id) && !letters.remove(&list[0].id));
        assert!(letters.read("../../etc/passwd").is_none());
        let small = DeadLetters::new(dir.path().join("dead"), 10, 10);
        assert_eq!(small.put(&record("x"), REFUSED, 200).unwrap().len(), 2);
    }
}
