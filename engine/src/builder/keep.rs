//! The binaries that were built. They lie in an artifact store (`<dir>/store`), which bounds them by
//! age and size; what an answer names is `<dir>/<hash>/rr`, a hard link to the stored file. That path
//! stays while the binary is kept, also when it is built anew: replaced by rename, never written into.
//! Threads that may wait for a disk.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::configuration::Configuration;
use crate::{
    artifacts::{Clock, CommitMeta, ConfigDigest, Key, Record, Store, StoreOptions},
    error::{IoContext, Result},
};

/// A client copies the file as soon as it has the answer; so long it may take.
const GRACE: Duration = Duration::from_secs(15 * 60);
/// What a branch or `latest` named may be another commit after this time; the real server's cache.
const MOVING: Duration = Duration::from_secs(30 * 60);
/// Binaries at most; each has some twenty megabytes.
const ENTRIES: u32 = 4096;
const CLAIM: &str = "build.json";

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct KeepLimits {
    /// Time since a binary was built.
    pub max_age: Duration,
    /// Bytes of all binaries together; the longest unused go first.
    pub max_bytes: u64,
}

impl Default for KeepLimits {
    /// 7 days, 5 GiB.
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(7 * 24 * 3600),
            max_bytes: 5 << 30,
        }
    }
}

/// Whose binary stands beside it, and which one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    fingerprint: String,
    sha256: String,
    size: u64,
    /// For people; the fingerprint decides.
    configuration: serde_json::Value,
}

/// Store and links.
#[derive(Debug)]
pub(super) struct Keep {
    dir: PathBuf,
    store: Store,
    limits: KeepLimits,
}

impl Keep {
    /// Opens the store in a directory that is there.
    ///
    /// # Errors
    /// The directory can't be written.
    pub(super) fn open(dir: &Path, limits: KeepLimits, clock: Clock) -> Result<Self> {
        let index = dir.join("index");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&index)
            .context(|| index.display().to_string())?;
        let mut options = StoreOptions::new(dir.join("store"), index);
        options.max_entries = ENTRIES;
        options.max_size = limits.max_bytes;
        options.ttl = limits.max_age;
        options.grace = GRACE;
        let store = Store::attach(options, clock)?;
        store.prepare()?;
        Ok(Self {
            dir: dir.to_owned(),
            store,
            limits,
        })
    }

    /// The path of the binary of that very configuration, if it is kept and whole.
    pub(super) fn find(&self, configuration: &Configuration) -> Option<PathBuf> {
        let (key, digest) = names(configuration);
        let record = self.store.find_exact(key, digest)?;
        let shown = match self.store.open_binary(&record) {
            Ok(Some(_)) => self.show(configuration, &record),
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        match shown {
            Ok(path) => Some(path),
            Err(error) => {
                log::warn!(hash = configuration.hash(), error:%; "kept binary unusable");
                None
            }
        }
    }

    /// Takes a binary in, and gives the path where it stays.
    ///
    /// # Errors
    /// What the file system refused.
    pub(super) fn put(
        &self,
        configuration: &Configuration,
        file: &Path,
        took: Duration,
    ) -> Result<PathBuf> {
        let doing = || file.display().to_string();
        let built = File::open(file).context(doing)?;
        let size = built.metadata().context(doing)?.len();
        let mut staging = self.store.stage()?;
        staging.copy_from(&built, size, || false)?;
        let (key, digest) = names(configuration);
        let ttl = if configuration.moves() {
            MOVING
        } else {
            self.limits.max_age
        };
        let record = self.store.commit(
            staging,
            CommitMeta {
                key,
                digest,
                config: configuration.to_json(),
                build_ms: took.as_millis().try_into().unwrap_or(u32::MAX),
                ttl,
                replace: true,
            },
        )?;
        self.show(configuration, &record)
    }

    /// Removes links to what the store has let go.
    pub(super) fn clean(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let dir = entry.path();
            if read_claim(&dir).is_none() || !is_left_alone(&dir) {
                continue;
            }
            match fs::remove_dir_all(&dir) {
                Ok(()) => log::info!(path:% = dir.display(); "binary removed"),
                Err(error) => log::warn!(path:% = dir.display(), error:%; "binary not removed"),
            }
        }
    }

    /// Makes `<hash>/rr` be the stored binary.
    fn show(&self, configuration: &Configuration, record: &Record) -> Result<PathBuf> {
        let claim = Claim {
            fingerprint: configuration.fingerprint(),
            sha256: record.sha256_hex(),
            size: record.size,
            configuration: configuration.to_json(),
        };
        let dir = self.dir_of(configuration);
        let binary = dir.join(configuration.binary_name());
        let whole = fs::metadata(&binary).is_ok_and(|meta| meta.len() == record.size);
        if whole && read_claim(&dir).as_ref() == Some(&claim) {
            return Ok(binary);
        }
        let doing = || binary.display().to_string();
        let json = serde_json::to_vec_pretty(&claim).unwrap_or_default();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&dir)
            .context(doing)?;
        replace(&binary, |fresh| link(&self.store.path(record), fresh)).context(doing)?;
        replace(&dir.join(CLAIM), |fresh| fs::write(fresh, json)).context(doing)?;
        Ok(binary)
    }

    /// The configuration's directory: its hash, and where another configuration with the same hash
    /// sits there, the hash and a piece of the fingerprint.
    fn dir_of(&self, configuration: &Configuration) -> PathBuf {
        let (hash, fingerprint) = (configuration.hash(), configuration.fingerprint());
        let dir = self.dir.join(&hash);
        match read_claim(&dir) {
            Some(claim) if claim.fingerprint != fingerprint => {
                let piece = fingerprint.get(..16).unwrap_or_default();
                self.dir.join(format!("{hash}-{piece}"))
            }
            _ => dir,
        }
    }
}

fn names(configuration: &Configuration) -> (Key, ConfigDigest) {
    let json = configuration.to_json();
    (
        Key::from_sha256(&configuration.digest()),
        ConfigDigest::of_value(&json),
    )
}

fn read_claim(dir: &Path) -> Option<Claim> {
    serde_json::from_slice(&fs::read(dir.join(CLAIM)).ok()?).ok()
}

/// Whether the link is the last name of its file, and has been for a while: the store's own names are
/// gone. Where there are no hard links it is the age of the copy that counts; it is made again from
/// the store when it is wanted again.
fn is_left_alone(dir: &Path) -> bool {
    let meta = ["rr", "rr.exe"]
        .iter()
        .find_map(|name| fs::metadata(dir.join(name)).ok());
    meta.is_none_or(|meta| {
        let changed = Duration::from_secs(meta.ctime().try_into().unwrap_or(0));
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
        meta.nlink() == 1 && age.is_ok_and(|age| age > GRACE)
    })
}

/// A second name for a file, or a copy of it where the file system has no such thing.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

/// Puts a new file in the place of an old one in one step.
fn replace(file: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let fresh = file.with_extension("fresh");
    let _ = fs::remove_file(&fresh);
    make(&fresh)?;
    fs::rename(&fresh, file)?;
    // Two names of one file both stay when one is renamed to the other.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
