//! What is answered without a flight: lookups, and the beginning of every build. On PHP's thread; the
//! index is mapped memory, and a file is looked at only where it is about to be handed out.

use std::time::{Duration, Instant};

use super::{
    artifact::{Artifact, CacheStatus},
    builds::Velox,
    keys::config_keys::{Explanation, Identity, explain},
    protocol::request::Request,
};
use crate::{artifacts::Record, config::duration, host::clock, metrics::velox as metrics};

impl Velox {
    /// What the index knows of this configuration; no I/O. Whether the file still stands is for whoever
    /// opens it to find out.
    #[must_use]
    pub fn find(&self, request: &Request) -> Option<Artifact> {
        let store = self.inner().keeper.cache()?;
        let record = Identity::of(request).lookup(store)?;
        Some(Artifact {
            path: store.path(&record),
            record,
            config: request.config(),
            cache_status: CacheStatus::Hit,
        })
    }

    /// The beginning of every build: says in the log that it was asked for, and answers at once where an
    /// artifact is there, its file looked at. `None`: go on with [`Velox::fly`]. A few system calls, on
    /// any thread.
    #[must_use]
    pub fn begin(&self, request: &Request) -> Option<Artifact> {
        log::info!(
            request_id = request.request_id,
            os = request.os,
            arch = request.arch,
            rr_version = request.rr_version,
            plugins_count = request.plugins.len(),
            force_rebuild = request.force_rebuild;
            "build request received"
        );
        if request.force_rebuild {
            metrics::FORCE_REBUILDS.inc();
            return None;
        }
        let begun = Instant::now();
        let artifact = self
            .find(request)
            .filter(|artifact| self.stands(&artifact.record));
        metrics::CACHE_LOOKUP.observe(&[], begun.elapsed().as_secs_f64());
        match &artifact {
            Some(Artifact { record, .. }) => {
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
        artifact
    }

    fn stands(&self, record: &Record) -> bool {
        let cache = self.inner().keeper.cache();
        cache.is_some_and(|store| store.open_binary(record).is_ok_and(|file| file.is_some()))
    }

    /// Says what a lookup would find, and why.
    #[must_use]
    pub fn explain(&self, request: &Request) -> Explanation {
        let store = self.inner().keeper.cache().map(AsRef::as_ref);
        explain(store, request, clock::unix_ms())
    }
}
