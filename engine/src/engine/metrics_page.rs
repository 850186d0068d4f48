//! The page of metrics: the numbers that all processes of the host count in shared memory, and those that are read from
//! its state now. Starts no thread. On PHP's threads.

use super::{Engine, application_metrics::ApplicationMetrics, cache_metrics::CacheMetrics};
use crate::{
    Error,
    metrics::{self, Family, Format, Samples, Source, info},
    sentry::SentryDirs,
};

/// The versions on the page.
struct Versions<'a> {
    php: &'a str,
    sapi: &'a str,
}

impl Source for Versions<'_> {
    fn read(&self, samples: &mut Samples) {
        let pillion = env!("CARGO_PKG_VERSION");
        samples.add(&info::PILLION_INFO, &[pillion], 1.0);
        if !self.php.is_empty() {
            samples.add(&info::PHP_INFO, &[self.php, self.sapi], 1.0);
        }
    }
}

impl Engine {
    /// Renders the metrics of the host. `php` is PHP's version, empty in a process without PHP. Parts of the host that
    /// can't be opened are zeros.
    #[must_use]
    pub fn render_metrics(&self, php: &str, format: Format) -> String {
        let (own, application) = self.metric_families(php);
        let families: Vec<Family> = own.into_iter().chain(application).collect();
        metrics::render(&families, format)
    }

    /// The metrics of the host, and those of the application. `php` as for [`Engine::render_metrics`].
    pub(super) fn metric_families(&self, php: &str) -> (Vec<Family>, Vec<Family>) {
        let dirs = self.dirs().ok();
        let shared = dirs.map(|dirs| {
            // The directories may have been removed since they were resolved, or replaced.
            dirs.restore()?;
            metrics::share(&dirs.run).map_err(|error| Error::io("sharing the metrics", error))
        });
        if let Some(Err(error)) = shared {
            log::debug!(error:%; "metrics not shared with other processes");
        }
        let versions = Versions {
            php,
            sapi: &self.mode,
        };
        let store = self.store().ok().flatten();
        let velox = self.velox().ok();
        let workers = self.registered_workers();
        // Without a transport, the state of others is read; no outbox is made for that.
        let sentry = self.sentry.get();
        let unopened: Option<SentryDirs> = match sentry {
            Some(_) => None,
            None => dirs.map(|dirs| self.sentry.dirs(dirs)),
        };
        let cache = CacheMetrics(self);
        let tier = self.second_tier();
        let application = ApplicationMetrics::of(self);
        let sources: [Option<&dyn Source>; 9] = [
            Some(&versions),
            application.as_ref().map(|read| read as &dyn Source),
            Some(&workers),
            Some(&cache),
            tier.map(|tier| &**tier as &dyn Source),
            store.map(|store| &**store as &dyn Source),
            velox.map(|velox| &**velox as &dyn Source),
            sentry.map(|sentry| &**sentry as &dyn Source),
            unopened.as_ref().map(|dirs| dirs as &dyn Source),
        ];
        let sources: Vec<&dyn Source> = sources.into_iter().flatten().collect();
        let families = metrics::snapshot(&sources);
        let application = application.map(ApplicationMetrics::into_families);
        (families, application.unwrap_or_default())
    }
}
