//! The binaries that were built. They lie in an artifact store (`<dir>/store`), which bounds them by
//! age and size; `links` shows them to clients. Threads that may wait for a disk.

mod published;

use std::{
    fs::{self, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::build::{
    cache::published::{GRACE, Published},
    configuration::Configuration,
};
use pillion_engine::{
    artifacts::{Clock, CommitMeta, ConfigDigest, Key, Record, Room, Store, StoreOptions, is_full},
    error::{IoContext, Result},
};

/// What a branch or `latest` named may be another commit after this time; the real server's cache.
const MOVING: Duration = Duration::from_secs(30 * 60);
/// Binaries at most; each has some twenty megabytes.
const ENTRIES: u32 = 4096;

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

/// Store and links.
#[derive(Debug)]
pub(in crate::build) struct BuildCache {
    published: Published,
    store: Store,
    clock: Clock,
    limits: KeepLimits,
}

impl BuildCache {
    /// Opens the store in a directory that is there.
    ///
    /// # Errors
    /// The directory can't be written.
    pub(in crate::build) fn open(dir: &Path, limits: KeepLimits, clock: Clock) -> Result<Self> {
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
        let store = Store::attach(options, clock.clone())?;
        store.prepare()?;
        Ok(Self {
            published: Published::new(dir),
            store,
            clock,
            limits,
        })
    }

    /// The path of the binary of that very configuration, if it is kept and whole.
    pub(in crate::build) fn find(&self, configuration: &Configuration) -> Option<PathBuf> {
        let (key, digest) = names(configuration);
        let record = self.store.find_exact(key, digest)?;
        let shown = match self.store.open_binary(&record) {
            Ok(Some(_)) => self
                .published
                .shown(configuration, &record, &self.store.path(&record)),
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

    /// Takes a binary in, and gives the path where it stays. A full disk makes room, and it is tried once
    /// more.
    ///
    /// # Errors
    /// What the file system refused.
    pub(in crate::build) fn put(
        &self,
        configuration: &Configuration,
        file: &Path,
        took: Duration,
    ) -> Result<PathBuf> {
        let doing = || file.display().to_string();
        let built = File::open(file).context(doing)?;
        let size = built.metadata().context(doing)?.len();
        let record = match self.take_in(configuration, &built, size, took) {
            Err(error) if is_full(&error) && self.store.make_room(size, Room::Unused) => {
                // The bytes are free when the links have gone too.
                self.published.clean();
                self.take_in(configuration, &built, size, took)?
            }
            kept => kept?,
        };
        self.published
            .show(configuration, &record, &self.store.path(&record))
    }

    fn take_in(
        &self,
        configuration: &Configuration,
        built: &File,
        size: u64,
        took: Duration,
    ) -> Result<Record> {
        let mut staging = self.store.stage()?;
        staging.copy_from(built, size, || false)?;
        let (key, digest) = names(configuration);
        let ttl = if configuration.moves() {
            MOVING
        } else {
            self.limits.max_age
        };
        self.store.commit(
            staging,
            CommitMeta {
                key,
                digest,
                config: configuration.to_json(),
                build_ms: took.as_millis().try_into().unwrap_or(u32::MAX),
                ttl,
                replace: true,
            },
        )
    }

    /// Removes what is too old or too much, and links to what the store has let go.
    pub(in crate::build) fn clean(&self) {
        if let Err(error) = self.store.clean(self.clock.now_ms()) {
            log::warn!(path:% = self.store.dir().display(), error:%; "cleaning failed");
        }
        self.published.clean();
    }
}

fn names(configuration: &Configuration) -> (Key, ConfigDigest) {
    let json = configuration.to_json();
    (
        Key::from_sha256(&configuration.digest()),
        ConfigDigest::of_value(&json),
    )
}

#[cfg(test)]
mod tests;
