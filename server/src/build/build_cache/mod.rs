//! The cache of built binaries: an artifact store below the server's directory (`store/`), bounded by age and size,
//! whose binaries [`published`] links to the paths that clients read. Threads that may block on a disk.

mod published;

use std::{
    fs::{self, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use pillion_engine::{
    artifacts::{
        Clock, CommitMeta, ConfigDigest, EvictScope, IndexRecord, Key, Store, StoreOptions, is_full,
    },
    error::{IoContext, Result},
};

use super::configuration::Configuration;
use published::{COPY_TIMEOUT, PublishedBinaries};

/// Lifetime of a binary whose configuration names a branch or `latest`, which may be another commit by then; that of
/// the Velox server's cache.
const MUTABLE_TTL: Duration = Duration::from_secs(30 * 60);
/// A binary has about twenty megabytes.
const MAX_ENTRIES: u32 = 4096;

/// Limits of the cache.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// Lifetime of a binary.
    pub ttl: Duration,
    /// Bytes of all binaries; above it, those unused longest are removed.
    pub max_bytes: u64,
}

impl Default for CacheLimits {
    /// 7 days, 5 GiB.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(7 * 24 * 3600),
            max_bytes: 5 << 30,
        }
    }
}

/// The binaries of one server.
#[derive(Debug)]
pub(super) struct BuildCache {
    published: PublishedBinaries,
    store: Store,
    clock: Clock,
    limits: CacheLimits,
}

impl BuildCache {
    /// Opens the cache in an existing directory.
    ///
    /// # Errors
    /// The directory can't be written.
    pub(super) fn open(dir: &Path, limits: CacheLimits, clock: Clock) -> Result<Self> {
        let index = dir.join("index");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&index)
            .context(|| index.display().to_string())?;
        let mut options = StoreOptions::new(dir.join("store"), index);
        options.max_entries = MAX_ENTRIES;
        options.max_size = limits.max_bytes;
        options.ttl = limits.ttl;
        options.grace = COPY_TIMEOUT;
        let store = Store::attach(options, clock.clone())?;
        store.prepare()?;
        Ok(Self {
            published: PublishedBinaries::new(dir),
            store,
            clock,
            limits,
        })
    }

    /// The path of the configuration's binary, if it is cached and whole.
    pub(super) fn find(&self, configuration: &Configuration) -> Option<PathBuf> {
        let (key, digest) = key_of(configuration);
        let record = self.store.find_exact(key, digest)?;
        let path = match self.store.open_binary(&record) {
            Ok(Some(_)) => self
                .published
                .ensure(configuration, &record, &self.store.path(&record)),
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        match path {
            Ok(path) => Some(path),
            Err(error) => {
                log::warn!(hash = configuration.hash(), error:%; "cached binary unusable");
                None
            }
        }
    }

    /// Stores a binary, and returns its published path. If the disk is full, removes unused binaries and tries again.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn put(
        &self,
        configuration: &Configuration,
        file: &Path,
        build_duration: Duration,
    ) -> Result<PathBuf> {
        let name = || file.display().to_string();
        let built = File::open(file).context(name)?;
        let size = built.metadata().context(name)?.len();
        let record = match self.commit(configuration, &built, size, build_duration) {
            Err(error) if is_full(&error) && self.store.make_space(size, EvictScope::Unused) => {
                // The bytes are free when the links are removed too.
                self.published.remove_unstored();
                self.commit(configuration, &built, size, build_duration)?
            }
            committed => committed?,
        };
        self.published
            .publish(configuration, &record, &self.store.path(&record))
    }

    fn commit(
        &self,
        configuration: &Configuration,
        built: &File,
        size: u64,
        build_duration: Duration,
    ) -> Result<IndexRecord> {
        let mut staging = self.store.stage()?;
        staging.copy_from(built, size, || false)?;
        let (key, digest) = key_of(configuration);
        let ttl = if configuration.is_mutable() {
            MUTABLE_TTL
        } else {
            self.limits.ttl
        };
        self.store.commit(
            staging,
            CommitMeta {
                key,
                digest,
                config: configuration.to_json(),
                build_ms: build_duration.as_millis().try_into().unwrap_or(u32::MAX),
                ttl,
                replace: true,
            },
        )
    }

    /// Removes expired and surplus binaries, and the links of removed ones.
    pub(super) fn clean(&self) {
        if let Err(error) = self.store.clean(self.clock.now_ms()) {
            log::warn!(path:% = self.store.dir().display(), error:%; "cleaning failed");
        }
        self.published.remove_unstored();
    }
}

fn key_of(configuration: &Configuration) -> (Key, ConfigDigest) {
    let json = configuration.to_json();
    (
        Key::from_sha256(&configuration.digest()),
        ConfigDigest::of_value(&json),
    )
}

#[cfg(test)]
mod tests;
