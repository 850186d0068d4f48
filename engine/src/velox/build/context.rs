//! The parts that all builds of a process share: the client, created at the first build, and the directories of
//! flights and slots, resolved with each build, because a disk may be full or read-only for a while.

use std::{path::PathBuf, sync::Arc};

use super::{
    build_slots::{self, BuildLimit},
    client::Client,
    remote::RemoteBinaries,
    storage::Storage,
};
use crate::backoff::Jitter;
use crate::velox::flight::SingleFlight;
use crate::{Error, Result, artifacts::Store, config::VeloxSettings, host::lock::Lock};

/// The limit of a binary's size.
const MAX_BINARY_SIZE: u64 = 1 << 30;

/// Directories that the processes of the host share.
#[derive(Debug, Clone)]
pub struct BuildDirs {
    /// Segments and locks, if the cache directory can't hold them.
    pub run_dir: PathBuf,
    /// Binaries outside the cache; created when it is needed.
    pub temporary_dir: PathBuf,
}

/// The parts that all builds of a process share.
pub(in crate::velox) struct BuildContext {
    pub(in crate::velox) settings: VeloxSettings,
    pub(in crate::velox) storage: Storage,
    pub(in crate::velox) max_size: u64,
    /// Binaries of other hosts.
    pub(in crate::velox) remote: Option<Arc<dyn RemoteBinaries>>,
    run_dir: PathBuf,
    limit: BuildLimit,
    client: tokio::sync::OnceCell<Client>,
}

impl BuildContext {
    /// Opens and starts nothing.
    pub(in crate::velox) fn new(
        settings: VeloxSettings,
        store: Option<Arc<Store>>,
        dirs: BuildDirs,
        limit: BuildLimit,
    ) -> Self {
        let storage = Storage::new(store, dirs.temporary_dir, dirs.run_dir.clone(), &settings);
        Self {
            storage,
            max_size: MAX_BINARY_SIZE,
            remote: None,
            run_dir: dirs.run_dir,
            limit,
            client: tokio::sync::OnceCell::new(),
            settings,
        }
    }

    /// Returns the client, and creates it at its first use.
    pub(super) async fn client(&self) -> Result<&Client> {
        let make = || async {
            let settings = self.settings.clone();
            // Certificates are read from disk.
            tokio::task::spawn_blocking(move || Client::new(&settings))
                .await
                .unwrap_or_else(|_| Err(Error::State("the process is shutting down".into())))
        };
        self.client.get_or_try_init(make).await
    }

    /// Returns the flights of the host: in the preferred directory, then in the fallback. A few system calls.
    pub(super) fn single_flights(&self) -> impl Iterator<Item = SingleFlight> {
        self.shared_dirs().into_iter().filter_map(|dir| {
            SingleFlight::new(dir.join("flights"))
                .inspect_err(|error| log::warn!(error:%; "flight directory unusable"))
                .ok()
        })
    }

    /// Returns the flights in those directories that exist; creates none.
    pub(in crate::velox) fn existing_flights(&self) -> impl Iterator<Item = SingleFlight> {
        let cache = self.storage.cache().map(|store| store.meta_path());
        let dirs = cache.into_iter().chain([self.run_dir.join("velox")]);
        dirs.filter_map(|dir| SingleFlight::existing(dir.join("flights")))
    }

    /// Waits for a build slot of the host. Returns `None` if no directory is usable: then builds are not limited,
    /// because file errors must not fail a build. Cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::State`] if the process is shutting down.
    pub(super) async fn acquire_slot(
        self: &Arc<Self>,
        jitter: &mut Jitter,
    ) -> Result<Option<Lock>> {
        let context = Arc::clone(self);
        let dirs = tokio::task::spawn_blocking(move || context.shared_dirs());
        for dir in dirs.await.unwrap_or_default() {
            match build_slots::acquire(&dir.join("slots"), &self.limit, jitter).await {
                Ok(lock) => return Ok(Some(lock)),
                Err(error @ Error::State(_)) => return Err(error),
                Err(error) => log::warn!(error:%; "build slots unusable"),
            }
        }
        Ok(None)
    }

    /// Frees disk space in the cache. Returns `false` if nothing could be removed.
    pub(super) async fn make_space(self: &Arc<Self>, need: u64) -> bool {
        let context = Arc::clone(self);
        tokio::task::spawn_blocking(move || context.storage.make_space(need))
            .await
            .unwrap_or(false)
    }

    /// The cache's own directory first, because processes that share a cache must share flights; then, for a cache
    /// that is not writable, the run directory.
    fn shared_dirs(&self) -> Vec<PathBuf> {
        let cache = self.storage.cache().filter(|store| store.is_writable());
        let cache = cache.and_then(|store| store.meta_dir().ok());
        let run = self.run_dir.join("velox");
        cache.into_iter().chain([run]).collect()
    }
}
