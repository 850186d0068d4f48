//! Answers requests from the cache. Runs on PHP's thread: the index is mapped memory, and a file is opened only before
//! its artifact is returned as a build's result.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    builds::Velox,
    flight::FlightId,
    keys::{
        config_keys::ConfigKeys,
        explain::{Explanation, explain},
    },
    protocol::request::BuildRequest,
};
use crate::{
    Error, Result,
    artifacts::{Artifact, IndexRecord, Location, Store},
    config::duration,
    host::clock,
    metrics::velox as metrics,
};

impl Velox {
    /// Logs a build request, and returns its artifact if the cache has it and its file exists. On `None` continue with
    /// [`Velox::enqueue`]. A few system calls, on any thread.
    #[must_use]
    pub fn lookup_cached(&self, request: &BuildRequest) -> Option<Artifact> {
        log::info!(
            request_id = request.request_id,
            os = request.target_platform.os,
            arch = request.target_platform.arch,
            rr_version = request.rr_version,
            plugins_count = request.plugins.len(),
            force_rebuild = request.force_rebuild;
            "build request received"
        );
        if request.force_rebuild {
            metrics::FORCE_REBUILDS.inc();
            return None;
        }
        let started = Instant::now();
        let record = self.find_with_file(request, ConfigKeys::lookup);
        metrics::CACHE_LOOKUP.observe(&[], started.elapsed().as_secs_f64());
        match &record {
            Some(record) => {
                let age = clock::unix_ms().saturating_sub(record.created_ms);
                let age = duration::brief(Duration::from_secs(age / 1000));
                log::info!(
                    request_id = request.request_id,
                    cache_key:% = record.key,
                    cache_age = age,
                    file_size = record.size;
                    "cache hit"
                );
            }
            None => {
                log::debug!(request_id = request.request_id; "cache miss");
            }
        }
        record.map(Artifact::hit)
    }

    /// Returns the artifact of a request that another process has looked up, counted and logged before.
    #[must_use]
    pub fn lookup_again(&self, request: &BuildRequest) -> Option<Artifact> {
        let record = self.find_with_file(request, ConfigKeys::lookup_again);
        record.map(Artifact::hit)
    }

    fn find_with_file(
        &self,
        request: &BuildRequest,
        lookup: impl FnOnce(&ConfigKeys, &Store) -> Option<IndexRecord>,
    ) -> Option<IndexRecord> {
        let store = self.context.storage.cache()?;
        let record = lookup(&ConfigKeys::of(request), store)?;
        let file = store.open_binary(&record).ok().flatten();
        file.map(|_| record)
    }

    /// Returns the path of a binary.
    #[must_use]
    pub fn path_of(&self, artifact: &Artifact) -> PathBuf {
        artifact.path(self.context.storage.cache().map(AsRef::as_ref))
    }

    /// Opens a binary for reading, after its size is checked. Returns `None` if it is gone.
    ///
    /// # Errors
    /// An I/O error.
    pub fn open(&self, artifact: &Artifact) -> Result<Option<File>> {
        match (&artifact.location, self.context.storage.cache()) {
            (Location::Temporary(binary), _) => Ok(binary.open(&artifact.record)),
            (Location::Cached, Some(store)) => store.open_binary(&artifact.record),
            (Location::Cached, None) => Ok(None),
        }
    }

    /// Returns the error of the last build of this configuration on this host, if it has ended within a minute and was
    /// not cancelled.
    #[must_use]
    pub fn recent_failure(&self, request: &BuildRequest) -> Option<Error> {
        let id = FlightId::of(&ConfigKeys::of(request));
        let mut flights = self.context.existing_flights();
        match flights.find_map(|flights| flights.last_outcome(id))?.result {
            Err(Error::Cancelled(_) | Error::State(_)) | Ok(_) => None,
            Err(error) => Some(error),
        }
    }

    /// Explains the result of a lookup.
    #[must_use]
    pub fn explain(&self, request: &BuildRequest) -> Explanation {
        let store = self.context.storage.cache().map(AsRef::as_ref);
        explain(store, request, clock::unix_ms())
    }
}
