//! The binaries that were built: `<dir>/<hash>/rr` with its `build.json` beside it. The path of an
//! answer stays valid while the binary is kept, also when it is built anew: replaced by rename, never
//! written into. Kept are the lately used ones, within an age and a total size; what was handed out a
//! moment ago is never removed. Runs on blocking threads; all methods may be called from any.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::configuration::Configuration;

/// A client copies the file as soon as it has the answer; so long it may take.
const GRACE: Duration = Duration::from_secs(15 * 60);
/// What a branch or `latest` named may be another commit after this time; the real server's cache.
const MOVING: Duration = Duration::from_secs(30 * 60);
const RECORD: &str = "build.json";

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct KeepLimits {
    /// Time since a binary was last asked for.
    pub max_age: Duration,
    /// Bytes of all binaries together.
    pub max_bytes: u64,
}

impl Default for KeepLimits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(7 * 24 * 3600),
            max_bytes: 5 << 30,
        }
    }
}

/// What `build.json` says of the binary beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    fingerprint: String,
    /// For people; the fingerprint decides.
    configuration: serde_json::Value,
    sha256: String,
    size: u64,
    /// Seconds since 1970.
    built_at: u64,
}

/// The store.
#[derive(Debug)]
pub(super) struct Keep {
    dir: PathBuf,
    limits: KeepLimits,
}

impl Keep {
    /// A store in a directory that is there.
    pub(super) fn new(dir: &Path, limits: KeepLimits) -> Self {
        Self {
            dir: dir.to_owned(),
            limits,
        }
    }

    /// The binary of that very configuration, if it is kept and whole, and marks it as used.
    pub(super) fn find(&self, configuration: &Configuration, now: SystemTime) -> Option<PathBuf> {
        let dir = self.dir_of(configuration);
        let record =
            read_record(&dir).filter(|record| record.fingerprint == configuration.fingerprint())?;
        let built = SystemTime::UNIX_EPOCH + Duration::from_secs(record.built_at);
        let age = now.duration_since(built).unwrap_or_default();
        let binary = dir.join(configuration.binary_name());
        let whole =
            fs::metadata(&binary).is_ok_and(|meta| meta.is_file() && meta.len() == record.size);
        if !whole || (configuration.moves() && age >= MOVING) {
            return None;
        }
        if let Err(error) = File::open(dir.join(RECORD)).and_then(|file| file.set_modified(now)) {
            log::warn!("{}: can't mark the binary as used: {error}", dir.display());
        }
        Some(binary)
    }

    /// Takes a binary from the same file system, and gives the path where it stays.
    ///
    /// # Errors
    /// What the file system refused.
    pub(super) fn put(
        &self,
        configuration: &Configuration,
        file: &Path,
        now: SystemTime,
    ) -> io::Result<PathBuf> {
        let dir = self.dir_of(configuration);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&dir)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
        let (sha256, size) = digest(file)?;
        let record = Record {
            fingerprint: configuration.fingerprint(),
            configuration: serde_json::to_value(configuration).unwrap_or_default(),
            sha256,
            size,
            built_at: now
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
        };
        // Between the two renames the sizes may differ: a miss, and no wrong binary.
        let binary = dir.join(configuration.binary_name());
        fs::rename(file, &binary)?;
        let fresh = dir.join(".build.json");
        let mut out = File::create(&fresh)?;
        out.write_all(&serde_json::to_vec_pretty(&record)?)?;
        out.set_modified(now)?;
        fs::rename(&fresh, dir.join(RECORD))?;
        Ok(binary)
    }

    /// Removes what is too old, then the longest unused until the rest is small enough.
    pub(super) fn clean(&self, now: SystemTime) {
        let mut kept: Vec<(Duration, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let dir = entry.path();
            if let (Some(record), Ok(meta)) = (read_record(&dir), fs::metadata(dir.join(RECORD))) {
                let used = meta.modified().unwrap_or(now);
                kept.push((
                    now.duration_since(used).unwrap_or_default(),
                    record.size,
                    dir,
                ));
            }
        }
        kept.sort();
        let mut total = 0_u64;
        for (unused, size, dir) in kept {
            total = total.saturating_add(size);
            if unused < GRACE || (unused <= self.limits.max_age && total <= self.limits.max_bytes) {
                continue;
            }
            total -= size;
            match fs::remove_dir_all(&dir) {
                Ok(()) => log::info!(
                    "{}: removed, unused for {} s",
                    dir.display(),
                    unused.as_secs()
                ),
                Err(error) => log::warn!("{}: can't be removed: {error}", dir.display()),
            }
        }
    }

    /// The configuration's directory: its hash, and where another configuration with the same hash
    /// sits there, the hash and a piece of the fingerprint.
    fn dir_of(&self, configuration: &Configuration) -> PathBuf {
        let (hash, fingerprint) = (configuration.hash(), configuration.fingerprint());
        let dir = self.dir.join(&hash);
        match read_record(&dir) {
            Some(record) if record.fingerprint != fingerprint => self.dir.join(format!(
                "{hash}-{}",
                fingerprint.get(..16).unwrap_or_default()
            )),
            _ => dir,
        }
    }
}

fn read_record(dir: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(dir.join(RECORD)).ok()?).ok()
}

fn digest(file: &Path) -> io::Result<(String, u64)> {
    let mut from = File::open(file)?;
    let (mut hasher, mut size, mut piece) = (Sha256::new(), 0_u64, vec![0; 256 * 1024]);
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            break;
        }
        hasher.update(piece.get(..length).unwrap_or_default());
        size += length as u64;
    }
    from.sync_all()?;
    Ok((
        hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        size,
    ))
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
