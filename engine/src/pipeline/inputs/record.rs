//! The parts of the last run of each task of each checkout, below the host's state directory: small files, replaced by
//! rename, bounded in number and size. Without one there is nothing to compare, and nothing fails. Blocking thread.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use super::parts::Parts;
use crate::{error::IoContext as _, host::files, remote::protocol::Checksum, uuid};

/// Bytes of a record at most; a task with more files has none.
const MAX_RECORD: usize = 16 << 20;
/// Records of a host at most.
const MAX_RECORDS: usize = 20_000;
/// Records that remain when there are too many.
const KEPT_RECORDS: usize = 15_000;

/// The records of a host.
#[derive(Debug, Clone)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// The records in a directory, which is created when it is needed.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The parts of the last run of a task in the workspace `root`.
    #[must_use]
    pub fn read(&self, root: &Path, id: &str) -> Option<Parts> {
        let bytes = files::read(&self.path(root, id), MAX_RECORD as u64).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Stores the parts of a run.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, root: &Path, id: &str, parts: &Parts) -> crate::Result<()> {
        let bytes = serde_json::to_vec(parts).unwrap_or_default();
        if bytes.is_empty() || bytes.len() > MAX_RECORD {
            return Ok(());
        }
        let context = || format!("writing a record in {}", self.directory.display());
        files::create_dir_all(&self.directory, None).context(context)?;
        let path = self.path(root, id);
        let temporary = path.with_extension(format!(
            "{}.tmp",
            uuid::v4().map_err(std::io::Error::other).context(context)?
        ));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.context(context)
    }

    /// Removes the oldest records if there are too many.
    pub fn clean(&self) {
        let entries: Vec<_> = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        if entries.len() <= MAX_RECORDS {
            return;
        }
        let age = |entry: &fs::DirEntry| {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let mut aged: Vec<_> = entries
            .iter()
            .map(|entry| (age(entry), entry.path()))
            .collect();
        aged.sort();
        for (_, path) in aged.iter().take(entries.len().saturating_sub(KEPT_RECORDS)) {
            let _ = fs::remove_file(path);
        }
    }

    fn path(&self, root: &Path, id: &str) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(root.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(id.as_bytes());
        let name = Checksum(hash.finalize().into());
        self.directory.join(format!("{name}.json"))
    }
}
