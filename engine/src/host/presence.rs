//! How a process shows that it lives: it holds the lock on a file of its own. Whoever can take that
//! lock knows that the owner is dead, and removes the file; doing that twice changes nothing. Made
//! when the runtime starts, by the thread that starts it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    clock, files,
    lock::{Kind, Lock},
};
use crate::{
    Error, Result,
    error::IoContext,
    failpoint::{FailPoint, reach},
    file_size::without_signal,
};

/// What a living process tells about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceInfo {
    /// Process id, in the process' own namespace.
    pub pid: u32,
    /// Milliseconds since 1970 at which it joined the host.
    pub since_ms: u64,
    /// The boot it lives in.
    pub boot_id: String,
    /// The server API it runs under: `cli`, `fpm-fcgi`, `frankenphp`.
    pub mode: String,
    /// Version of Pillion.
    pub version: String,
    /// The `velox.max_concurrent_builds` that it asks for.
    pub max_concurrent_builds: usize,
}

/// A larger file is none of ours.
const MAX_BYTES: u64 = 64 << 10;

/// Held for as long as the process takes part in the host.
#[derive(Debug)]
pub struct Presence {
    // Never held over anything that waits.
    lock: Mutex<Lock>,
    dir: PathBuf,
    info: PresenceInfo,
}

impl Presence {
    /// Joins the host.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn join(run_dir: &Path, info: PresenceInfo) -> Result<Self> {
        let dir = run_dir.join("presence");
        let lock = show(&dir, &info)?;
        Ok(Self {
            lock: Mutex::new(lock),
            dir,
            info,
        })
    }

    /// Whether others can still see it; a cleaner of temporary files may have removed its file.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.lock().is_current()
    }

    /// Shows it again, in a new file.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn renew(&self) -> Result<()> {
        let lock = show(&self.dir, &self.info)?;
        *self.lock() = lock;
        Ok(())
    }

    /// The name of this process' presence, for slots that name their owner.
    #[must_use]
    pub fn name(&self) -> String {
        self.lock()
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// All that live, this process included.
    #[must_use]
    pub fn living(&self) -> Vec<PresenceInfo> {
        living(&self.dir)
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

/// A file that says who we are, and is locked for as long as we live.
fn show(dir: &Path, info: &PresenceInfo) -> Result<Lock> {
    files::make_dir(dir).context(|| format!("making {}", dir.display()))?;
    let lock = claim(dir, info.pid)?;
    reach(FailPoint::PresenceLocked);
    let text = serde_json::to_vec(info).map_err(|error| Error::Internal(error.to_string()))?;
    let written = without_signal(|| lock.file().write_all(&text));
    if written.is_err() {
        let _ = fs::remove_file(lock.path());
    }
    written.context(|| format!("writing {}", lock.path().display()))?;
    reach(FailPoint::PresenceJoined);
    Ok(lock)
}

/// A new file that we hold. Tried anew where somebody who looks for the dead held it for a moment.
fn claim(dir: &Path, pid: u32) -> Result<Lock> {
    for _ in 0..16 {
        let mut random = [0u8; 4];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        // A pid is unique in its namespace only, and containers may share this directory.
        let path = dir.join(format!("{pid}-{:08x}.json", u32::from_le_bytes(random)));
        let lock = Lock::attempt(&path, Kind::Exclusive)
            .context(|| format!("locking {}", path.display()))?;
        if let Some(lock) = lock {
            return Ok(lock);
        }
    }
    Err(Error::State(format!(
        "no presence could be made in {}",
        dir.display()
    )))
}

/// All processes that live, read from `<run_dir>/presence`. The dead ones' files are removed.
#[must_use]
pub fn living(dir: &Path) -> Vec<PresenceInfo> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "json"))
        .filter_map(|entry| read_living(&entry.path()))
        .collect()
}

/// Whether the process with the presence of this name lives. The file of a dead one is removed.
#[must_use]
pub fn lives(dir: &Path, name: &str) -> bool {
    let path = dir.join(name);
    // To try for the lock would make the file.
    path.exists() && read_living(&path).is_some()
}

fn read_living(path: &Path) -> Option<PresenceInfo> {
    match Lock::attempt(path, Kind::Exclusive) {
        // Nobody holds it: dead, or between making the file and locking it, which `join` survives
        // because `Lock` looks whether its file is still the named one.
        Ok(Some(lock)) => {
            reach(FailPoint::PresenceDead);
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

/// What this process says of itself.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_seen_and_the_dead_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let first = Presence::join(dir.path(), describe("cli", 5)).unwrap();
        let second = Presence::join(dir.path(), describe("cli", 2)).unwrap();
        assert_ne!(first.name(), second.name());
        let asks: Vec<_> = first
            .living()
            .iter()
            .map(|p| p.max_concurrent_builds)
            .collect();
        assert_eq!(asks.iter().min(), Some(&2));
        assert_eq!(asks.len(), 2);
        // As after kill -9: the file stays, and nobody holds it.
        let stale = dir.path().join("presence/1-dead.json");
        fs::write(&stale, "{}").unwrap();
        drop(second);
        assert_eq!(first.living().len(), 1);
        assert!(!stale.exists());
    }

    #[test]
    fn a_presence_that_a_cleaner_removed_is_shown_again() {
        let dir = tempfile::tempdir().unwrap();
        let presence = Presence::join(dir.path(), describe("cli", 5)).unwrap();
        assert!(presence.is_shown());
        fs::remove_dir_all(dir.path().join("presence")).unwrap();
        assert!(!presence.is_shown());
        assert!(presence.living().is_empty());
        presence.renew().unwrap();
        assert!(presence.is_shown());
        assert_eq!(presence.living().len(), 1);
        drop(presence);
        let left = fs::read_dir(dir.path().join("presence")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn what_is_no_file_in_the_directory_of_presences_is_nobody_and_blocks_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let first = Presence::join(dir.path(), describe("cli", 5)).unwrap();
        let at = |name: &str| dir.path().join("presence").join(name);
        fs::create_dir(at("3-dir.json")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("3-link.json")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("3-socket.json")).unwrap();
        assert_eq!(first.living().len(), 1);
        assert!(Path::new("/etc/passwd").exists());
    }

    #[test]
    fn a_file_with_foreign_bytes_is_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let first = Presence::join(dir.path(), describe("cli", 5)).unwrap();
        let odd = dir.path().join("presence/2-odd.json");
        let _held = Lock::attempt(&odd, Kind::Exclusive).unwrap().unwrap();
        fs::write(&odd, [0xff, 0xfe, b'{']).unwrap();
        assert_eq!(first.living().len(), 1);
    }
}
