//! Answers requests from the cache. Runs on PHP's thread: the index is mapped memory, and a file is opened only before
//! its artifact is returned as a build's result.

use std::time::{Duration, Instant};

use super::{
    builds::Velox,
    keys::{
        config_keys::ConfigKeys,
        explain::{Explanation, explain},
    },
    protocol::request::BuildRequest,
};
use crate::{
    artifacts::{Artifact, IndexRecord},
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
        let record = self.find_with_file(request);
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

    fn find_with_file(&self, request: &BuildRequest) -> Option<IndexRecord> {
        let store = self.context.storage.cache()?;
        let record = ConfigKeys::of(request).lookup(store)?;
        let file = store.open_binary(&record).ok().flatten();
        file.map(|_| record)
    }

    /// Explains the result of a lookup.
    #[must_use]
    pub fn explain(&self, request: &BuildRequest) -> Explanation {
        let store = self.context.storage.cache().map(AsRef::as_ref);
        explain(store, request, clock::unix_ms())
    }
}
