//! What all builds of one process share: the client, made when it is first needed, and the directories of
//! flights and slots, looked for anew with each build, since a disk may be full or read-only for a while.

use std::{path::PathBuf, sync::Arc};

use super::{
    build::{
        build_slots::{Limit, Slots},
        client::Client,
        retry::Jitter,
        server_file::PathRoot,
        storage::Keeper,
    },
    flight::{Flights, inflight::Locals},
};
use crate::{Error, Result, config::VeloxSettings, host::lock::Lock};

/// Directories that the processes of the host share.
#[derive(Debug, Clone)]
pub struct Places {
    /// Segments and locks, where the cache directory can't hold them.
    pub run_dir: PathBuf,
    /// Binaries that the cache does not keep; made when it is needed.
    pub spare_dir: PathBuf,
}

/// Shared by the door and its pilots.
pub(super) struct Inner {
    pub(super) settings: VeloxSettings,
    pub(super) keeper: Keeper,
    pub(super) roots: Vec<PathRoot>,
    pub(super) most: u64,
    pub(super) locals: Arc<Locals>,
    pub(super) run_dir: PathBuf,
    pub(super) limit: Limit,
    pub(super) client: tokio::sync::OnceCell<Client>,
}

impl Inner {
    /// The client, made at its first use.
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

    /// The flights of the host, and where they are kept if the first place fails. A few system calls.
    pub(super) fn flights(&self) -> impl Iterator<Item = Flights> {
        self.places().into_iter().filter_map(|dir| {
            Flights::new(dir.join("flights"))
                .inspect_err(|error| log::warn!(error:%; "flight directory unusable"))
                .ok()
        })
    }

    /// Those of both places that stand already, for who only looks.
    pub(super) fn standing_flights(&self) -> impl Iterator<Item = Flights> {
        let beside = self.keeper.cache().map(|store| store.control_path());
        let places = beside.into_iter().chain([self.run_dir.join("velox")]);
        places.filter_map(|dir| Flights::standing(dir.join("flights")))
    }

    /// Waits for a place among the builds of the host. `None`: no directory can be had, and nothing is
    /// limited, since trouble with files fails no build. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::State`]: the process is shutting down.
    pub(super) async fn slot(self: &Arc<Self>, jitter: &mut Jitter) -> Result<Option<Lock>> {
        let inner = Arc::clone(self);
        let places = tokio::task::spawn_blocking(move || inner.places());
        for dir in places.await.unwrap_or_default() {
            let slots = Slots::new(dir.join("slots"), Arc::clone(&self.limit));
            match slots.take(jitter).await {
                Ok(lock) => return Ok(Some(lock)),
                Err(error @ Error::State(_)) => return Err(error),
                Err(error) => log::warn!(error:%; "build slots unusable"),
            }
        }
        Ok(None)
    }

    /// Beside the cache, because whoever shares it has to share flights too; where that can't be written
    /// now, in the run directory.
    fn places(&self) -> Vec<PathBuf> {
        let cache = self.keeper.cache().filter(|store| store.is_writable());
        let beside = cache.and_then(|store| store.control().ok());
        let run = self.run_dir.join("velox");
        beside.into_iter().chain([run]).collect()
    }
}
