//! Presence: a process that is alive holds the lock on a file of its own. A process that can acquire the lock of
//! another one's file knows that the owner is dead, and removes the file; doing that twice changes nothing. Published
//! when the runtime starts, by the thread that starts it.

#[cfg(test)]
mod tests;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    clock, files,
    lock::{Lock, LockMode},
};
use crate::{Error, Result, error::IoContext, failpoint::failpoint, file_size::without_sigxfsz};

/// The published description of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceInfo {
    /// Process id, in the process's own namespace.
    pub pid: u32,
    /// Milliseconds since 1970 at which it joined the host.
    pub since_ms: u64,
    /// The boot in which it runs.
    pub boot_id: String,
    /// The server API it runs under: `cli`, `fpm-fcgi`, `frankenphp`.
    pub mode: String,
    /// Version of Pillion.
    pub version: String,
    /// The `velox.max_concurrent_builds` that it asks for.
    pub max_concurrent_builds: usize,
}

/// A larger file was not written by Pillion.
const MAX_BYTES: u64 = 64 << 10;
/// Attempts to create and lock a file.
const MAX_ATTEMPTS: usize = 16;

/// The locked file of this process. Held for as long as it takes part in the host.
#[derive(Debug)]
pub struct Presence {
    // Never held across a wait.
    lock: Mutex<Lock>,
    dir: PathBuf,
    info: PresenceInfo,
}

impl Presence {
    /// Publishes this process.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn join(run_dir: &Path, info: PresenceInfo) -> Result<Self> {
        let dir = run_dir.join("presence");
        let lock = publish(&dir, &info)?;
        Ok(Self {
            lock: Mutex::new(lock),
            dir,
            info,
        })
    }

    /// Whether other processes can still see it: a cleaner of temporary files may have removed its file.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.lock().is_current()
    }

    /// Publishes it again, in a new file.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn renew(&self) -> Result<()> {
        let lock = publish(&self.dir, &self.info)?;
        *self.lock() = lock;
        Ok(())
    }

    /// The file name, by which slots name their owner.
    #[must_use]
    pub fn name(&self) -> String {
        self.lock()
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// All processes that are alive, this one included.
    #[must_use]
    pub fn list_alive(&self) -> Vec<PresenceInfo> {
        list_alive(&self.dir)
    }

    fn lock(&self) -> MutexGuard<'_, Lock> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let lock = self.lock();
        if lock.is_current() {
            let _ = fs::remove_file(lock.path());
        }
    }
}

/// Writes and locks a new file.
fn publish(dir: &Path, info: &PresenceInfo) -> Result<Lock> {
    files::create_dir(dir).context(|| format!("creating {}", dir.display()))?;
    let lock = lock_new_file(dir, info.pid)?;
    failpoint!("presence.locked");
    let text = serde_json::to_vec(info).map_err(|error| Error::Internal(error.to_string()))?;
    let written = without_sigxfsz(|| lock.file().write_all(&text));
    if written.is_err() {
        let _ = fs::remove_file(lock.path());
    }
    written.context(|| format!("writing {}", lock.path().display()))?;
    failpoint!("presence.joined");
    Ok(lock)
}

/// Creates and locks a file. Tries again if a process that checks for dead ones held it for a moment.
fn lock_new_file(dir: &Path, pid: u32) -> Result<Lock> {
    for _ in 0..MAX_ATTEMPTS {
        let mut random = [0u8; 4];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        // A pid is unique in its namespace only, and containers may share this directory.
        let path = dir.join(format!("{pid}-{:08x}.json", u32::from_le_bytes(random)));
        let lock = Lock::attempt(&path, LockMode::Exclusive)
            .context(|| format!("locking {}", path.display()))?;
        if let Some(lock) = lock {
            return Ok(lock);
        }
    }
    Err(Error::State(format!(
        "no presence could be created in {}",
        dir.display()
    )))
}

/// All processes that are alive, read from `<run_dir>/presence`. Removes the files of dead ones.
#[must_use]
pub fn list_alive(dir: &Path) -> Vec<PresenceInfo> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "json"))
        .filter_map(|entry| read_if_alive(&entry.path()))
        .collect()
}

/// Whether the process with a presence of this name is alive. Removes the file of a dead one.
#[must_use]
pub fn is_alive(dir: &Path, name: &str) -> bool {
    let path = dir.join(name);
    // Trying for the lock would create the file.
    path.exists() && read_if_alive(&path).is_some()
}

fn read_if_alive(path: &Path) -> Option<PresenceInfo> {
    match Lock::attempt(path, LockMode::Exclusive) {
        // Not locked: the owner is dead, or between creating the file and locking it, which `join` survives because
        // `Lock` checks that its file is still the named one.
        Ok(Some(lock)) => {
            failpoint!("presence.dead");
            let _ = fs::remove_file(lock.path());
            None
        }
        Ok(None) => {
            let text = files::read(path, MAX_BYTES).ok()??;
            serde_json::from_slice(&text).ok()
        }
        Err(_) => None,
    }
}

/// Describes this process.
#[must_use]
pub fn describe(mode: &str, max_concurrent_builds: usize) -> PresenceInfo {
    PresenceInfo {
        pid: std::process::id(),
        since_ms: clock::unix_ms(),
        boot_id: clock::boot_id(),
        mode: mode.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        max_concurrent_builds,
    }
}
