//! What all builds of one process share, made when it is first needed: the client, and the directory of
//! flights and slots. Any thread.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::{
    client::Client,
    flight::Flights,
    keep::Keeper,
    local::Locals,
    slots::{Limit, Slots},
    source::PathRoot,
};
use crate::{Error, Result, config::VeloxSettings};

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
    pub(super) shared: OnceLock<Shared>,
    pub(super) client: tokio::sync::OnceCell<Client>,
}

/// What lies in files that the host shares; missing where no directory for it can be had.
pub(super) struct Shared {
    flights: Option<Flights>,
    slots: Option<Slots>,
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

    pub(super) fn flights(&self) -> Option<&Flights> {
        self.shared().flights.as_ref()
    }

    pub(super) fn slots(&self) -> Option<&Slots> {
        self.shared().slots.as_ref()
    }

    /// Beside the cache, because whoever shares it has to share flights too; else in the run directory.
    fn shared(&self) -> &Shared {
        self.shared.get_or_init(|| {
            let cache = self.keeper.cache().filter(|store| store.is_writable());
            let beside = cache.map(|store| store.dir().join(".pillion"));
            let candidates = beside.into_iter().chain([self.run_dir.join("velox")]);
            for dir in candidates {
                let flights = Flights::new(dir.join("flights"));
                let slots = Slots::new(dir.join("slots"), Arc::clone(&self.limit));
                match (flights, slots) {
                    (Ok(flights), Ok(slots)) => {
                        return Shared {
                            flights: Some(flights),
                            slots: Some(slots),
                        };
                    }
                    (Err(error), _) | (_, Err(error)) => {
                        log::warn!(error:%; "flight directory unusable");
                    }
                }
            }
            Shared {
                flights: None,
                slots: None,
            }
        })
    }
}
