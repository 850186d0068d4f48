//! The files that are being sent. All clients of one file share one descriptor: a part is sent from its own position. A
//! file that has changed since its record was written is hashed once before it is sent: its entity tag is the hash.
//! Threads that may block.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use pillion_engine::artifacts::IndexRecord;
use sha2::{Digest, Sha256};

/// The last change of a binary is the rename to its final name, a moment after its record's time; that of its bytes
/// comes before the record. Changes of its mode or owner come later, and cost one hash.
const COMMIT_MS: i64 = 2000;
/// Verdicts that are kept.
const MAX_VERDICTS: usize = 1024;
const BLOCK: usize = 256 << 10;

/// Device and inode.
type Identity = (u64, u64);

/// Open files, and verdicts about changed ones.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    open: Mutex<HashMap<Identity, Weak<File>>>,
    verdicts: Mutex<HashMap<Identity, Verdict>>,
}

/// Whether a file had the bytes of a hash after its last change.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    changed: (i64, i64),
    sha256: [u8; 32],
    is_right: bool,
}

impl OpenFiles {
    /// Returns the descriptor of this file that is open already, or this one.
    ///
    /// # Errors
    /// The system's; `InvalidData` if its bytes are not those of the record.
    pub(super) fn share(&self, file: File, record: &IndexRecord) -> io::Result<Arc<File>> {
        let found = file.metadata()?;
        if !self.is_right(&file, &found, record)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the binary of {} has other bytes than its hash", record.key),
            ));
        }
        let identity = (found.dev(), found.ino());
        // Keeps its inode from being given to another file for as long as it lives.
        let file = Arc::new(file);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open.get(&identity).and_then(Weak::upgrade);
        if let Some(known) = known {
            return Ok(known);
        }
        open.retain(|_, file| file.strong_count() > 0);
        open.insert(identity, Arc::downgrade(&file));
        Ok(file)
    }

    fn is_right(&self, file: &File, found: &Metadata, record: &IndexRecord) -> io::Result<bool> {
        // No program can set this time.
        let changed = (found.ctime(), found.ctime_nsec());
        let ms = |seconds: i64, nanos: i64| {
            seconds
                .saturating_mul(1000)
                .saturating_add(nanos / 1_000_000)
        };
        let changed_ms = ms(changed.0, changed.1);
        let written_ms = ms(found.mtime(), found.mtime_nsec());
        let created_ms = i64::try_from(record.created_ms).unwrap_or(i64::MAX);
        let is_of_commit = changed_ms <= created_ms.saturating_add(COMMIT_MS);
        if is_of_commit && written_ms <= created_ms {
            return Ok(true);
        }
        let identity = (found.dev(), found.ino());
        let known = {
            let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            verdicts.get(&identity).copied()
        };
        if let Some(known) = known
            && known.changed == changed
            && known.sha256 == record.sha256
        {
            return Ok(known.is_right);
        }
        let verdict = Verdict {
            changed,
            sha256: record.sha256,
            is_right: hash(file)? == record.sha256,
        };
        if !verdict.is_right {
            log::error!(cache_key:% = record.key; "cached binary has other bytes than its hash");
        }
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.len() >= MAX_VERDICTS {
            verdicts.clear();
        }
        verdicts.insert(identity, verdict);
        Ok(verdict.is_right)
    }
}

fn hash(file: &File) -> io::Result<[u8; 32]> {
    let (mut hasher, mut block, mut offset) = (Sha256::new(), vec![0; BLOCK], 0);
    loop {
        match file.read_at(&mut block, offset) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => {
                hasher.update(block.get(..count).unwrap_or_default());
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pillion_engine::artifacts::{ConfigDigest, Key};

    use super::*;

    /// The record of a binary that was created then.
    fn record(content: &str, created_ms: u64) -> IndexRecord {
        IndexRecord {
            key: Key(1),
            sha256: Sha256::digest(content).into(),
            size: content.len() as u64,
            created_ms,
            expires_ms: 0,
            accessed_ms: 0,
            build_ms: 0,
            digest: ConfigDigest(0),
        }
    }

    fn replace(path: &Path, content: &str) {
        let other = path.with_extension("new");
        std::fs::write(&other, content).unwrap();
        std::fs::rename(other, path).unwrap();
    }

    #[test]
    fn clients_of_one_file_share_its_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rr");
        std::fs::write(&path, "one").unwrap();
        let files = OpenFiles::default();
        let new = record("one", u64::MAX);
        let open = || files.share(File::open(&path).unwrap(), &new).unwrap();
        let (first, second) = (open(), open());
        assert!(Arc::ptr_eq(&first, &second));
        replace(&path, "two");
        assert!(!Arc::ptr_eq(&first, &open()));
        drop((first, second));
        drop(open());
        assert!(files.open.lock().unwrap().len() <= 1);
    }

    #[test]
    fn changed_file_is_sent_only_with_the_bytes_of_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rr");
        std::fs::write(&path, "one").unwrap();
        let files = OpenFiles::default();
        // Created long before the last change of the file.
        let old = record("one", 1);
        let share = || files.share(File::open(&path).unwrap(), &old).map(drop);
        assert!(share().is_ok() && share().is_ok());
        replace(&path, "two");
        for _ in 0..2 {
            assert_eq!(share().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        replace(&path, "one");
        assert!(share().is_ok());
        // In place, with the former time of modification.
        let modified = path.metadata().unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&path, "two").unwrap();
        File::open(&path).unwrap().set_modified(modified).unwrap();
        assert!(share().is_err());
    }

    #[test]
    fn bytes_changed_a_moment_after_the_commit_are_hashed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rr");
        std::fs::write(&path, "one").unwrap();
        let found = path.metadata().unwrap();
        let written_ms = (found.mtime() * 1000 + found.mtime_nsec() / 1_000_000) as u64;
        let new = record("one", written_ms);
        let files = OpenFiles::default();
        let share = || files.share(File::open(&path).unwrap(), &new).map(drop);
        assert!(share().is_ok());
        assert!(
            files.verdicts.lock().unwrap().is_empty(),
            "no hash is needed"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&path, "two").unwrap();
        assert!(share().is_err());
    }
}
