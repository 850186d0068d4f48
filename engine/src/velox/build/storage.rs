//! Stores binaries: in the cache, or, if that is off, full or not writable, in a temporary store for an hour, because
//! cache errors must not fail a build. The temporary store is created when it is needed; lookups never read it. Runs
//! on blocking threads.

use std::{path::PathBuf, sync::Arc, time::Duration};

use once_cell::sync::OnceCell;

use super::{Build, error::AttemptError};
use crate::velox::{
    flight::BuildOutput, keys::mutable_refs::mutable_ref, protocol::request::BuildRequest,
};
use crate::{
    Result,
    artifacts::{CommitMeta, EvictScope, Staging, Store, StoreOptions, is_full},
    config::VeloxSettings,
    error::IoContext,
    failpoint::failpoint,
    host::{
        clock, files,
        lock::{Lock, LockMode},
    },
};

/// The lifetime of a binary outside the cache.
const TEMPORARY_TTL: Duration = Duration::from_secs(3600);
const MAX_TEMPORARY_ENTRIES: u32 = 256;
/// The disk space that is freed for a binary of unknown size; most need about half of it.
pub(super) const ASSUMED_SIZE: u64 = 64 << 20;
/// The longest wait of one commit for another one.
const COMMIT_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The store for a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Cache,
    Temporary,
}

/// Both stores.
#[derive(Debug)]
pub(in crate::velox) struct Storage {
    cache: Option<Arc<Store>>,
    temporary: OnceCell<Store>,
    temporary_options: StoreOptions,
    ttl: Duration,
    mutable_ttl: Duration,
}

impl Storage {
    /// Opens nothing. `run_dir` is for the index of the temporary store.
    pub(super) fn new(
        cache: Option<Arc<Store>>,
        temporary_dir: PathBuf,
        run_dir: PathBuf,
        settings: &VeloxSettings,
    ) -> Self {
        Self {
            cache,
            temporary: OnceCell::new(),
            temporary_options: StoreOptions {
                max_entries: MAX_TEMPORARY_ENTRIES,
                ttl: TEMPORARY_TTL,
                ..StoreOptions::new(temporary_dir, run_dir)
            },
            ttl: settings.cache.ttl,
            mutable_ttl: settings.mutable_ttl,
        }
    }

    /// Returns the cache, if there is one.
    pub(in crate::velox) fn cache(&self) -> Option<&Arc<Store>> {
        self.cache.as_ref()
    }

    /// Returns the store for an artifact of this request.
    pub(super) fn target(&self, request: &BuildRequest) -> Target {
        let writable = self.cache.as_ref().is_some_and(|store| store.is_writable());
        if writable && !self.lifetime(request).is_zero() {
            Target::Cache
        } else {
            Target::Temporary
        }
    }

    fn lifetime(&self, request: &BuildRequest) -> Duration {
        match mutable_ref(request) {
            Some(_) => self.ttl.min(self.mutable_ttl),
            None => self.ttl,
        }
    }

    fn store(&self, target: Target) -> Result<&Store, AttemptError> {
        match (target, &self.cache) {
            (Target::Cache, Some(store)) => Ok(store),
            _ => self
                .temporary
                .get_or_try_init(|| {
                    let dir = &self.temporary_options.dir;
                    // A missing state directory is not created here: its permissions are set by `host::Dirs`.
                    files::create_dir(dir).context(|| format!("making {}", dir.display()))?;
                    Store::open(self.temporary_options.clone())
                })
                .map_err(AttemptError::Permanent),
        }
    }

    /// Creates a temporary file for a binary of at most `max_size` bytes.
    pub(super) fn stage(&self, target: Target, max_size: u64) -> Result<Staging, AttemptError> {
        let staging = self
            .store(target)?
            .stage()
            .map_err(|error| storage_error(target, ASSUMED_SIZE, error))?;
        Ok(staging.limited(max_size))
    }

    /// Frees disk space in the cache. Returns `false` if nothing could be removed.
    pub(super) fn make_space(&self, need: u64) -> bool {
        let cache = self.cache.as_ref();
        cache.is_some_and(|store| store.make_space(need, EvictScope::Any))
    }

    /// Removes expired binaries from the temporary store, also those of other processes.
    pub(in crate::velox) fn sweep(&self, now_ms: u64) {
        if !self.temporary_options.dir.is_dir() {
            return;
        }
        let Ok(temporary) = self.store(Target::Temporary) else {
            return;
        };
        if let Err(error) = temporary.clean(now_ms) {
            let dir = self.temporary_options.dir.display();
            log::warn!(dir:%, error:%; "temporary binaries not cleaned");
        }
    }

    /// Commits a complete binary.
    pub(super) fn commit(
        &self,
        target: Target,
        staging: Staging,
        build: &Build,
        build_time: Duration,
    ) -> Result<BuildOutput, AttemptError> {
        let (store, size) = (self.store(target)?, staging.size());
        // Two configurations that share a key must not both find it free. Without the lock they might, and one of them
        // would replace the other.
        let lock = store.dir().join(".pillion/place.lock");
        let _lock = Lock::within(&lock, LockMode::Exclusive, COMMIT_LOCK_TIMEOUT)
            .ok()
            .flatten();
        failpoint!("build.placing");
        let (key, ttl) = match target {
            Target::Cache => {
                let key = build.keys.choose_key(store, clock::unix_ms());
                let key = key.map_err(|error| storage_error(target, size, error))?;
                (key, self.lifetime(&build.request))
            }
            Target::Temporary => (build.keys.key, TEMPORARY_TTL),
        };
        let meta = CommitMeta {
            key,
            digest: build.keys.digest,
            config: build.request.config(),
            build_ms: build_time.as_millis().try_into().unwrap_or(u32::MAX),
            ttl,
            replace: build.forced || target == Target::Temporary,
        };
        let record = store
            .commit(staging, meta)
            .map_err(|error| storage_error(target, size, error))?;
        failpoint!("build.kept");
        Ok(BuildOutput {
            path: store.path(&record),
            record,
            built: true,
        })
    }
}

/// Classifies an error of a store: a full cache disk needs space for `size` bytes, as far as that is known; after any
/// other error of the cache the temporary store is used; an error of the temporary store is final.
pub(super) fn storage_error(target: Target, size: u64, error: crate::Error) -> AttemptError {
    match target {
        Target::Cache if is_full(&error) => AttemptError::DiskFull(size, error),
        Target::Cache => AttemptError::Storage(error),
        Target::Temporary => AttemptError::Permanent(error),
    }
}
