//! The second tier of the shared cache: opened by the first call that needs it, of the settings and this process. Its
//! work runs on the runtime, and PHP's thread waits for it.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{Engine, cache_cell::CacheCell};
use crate::{
    Error, Result,
    cache::{
        Cache,
        redis::{Entry, FirstTier, SecondTier},
    },
    config::Capability,
    runtime::{CompletionQueue, RuntimeCall},
};

/// Time for which a process that ends waits for its stores.
const MAX_FLUSH: Duration = Duration::from_secs(1);

/// Why the second tier is not cleared.
const CLEARS_DATABASE: &str = "\
    pillion.cache_namespace: found none; expected one, or pillion.cache_clear_database=on: all keys of the server's \
    database would be removed";

impl FirstTier for CacheCell {
    fn cache(&self) -> Option<&Cache> {
        self.get()
    }
}

impl Engine {
    /// The second tier, or `None` if the settings name none.
    #[must_use]
    #[inline]
    pub fn second_tier(&self) -> Option<&Arc<SecondTier>> {
        match self.second_tier.get() {
            Some(tier) => tier.as_ref(),
            None => self.open_second_tier(),
        }
    }

    /// The second tier, for the removal of all values.
    ///
    /// # Errors
    /// The cache has no namespace that separates its keys from those of other programs, and the settings do not allow to
    /// remove all.
    pub fn second_tier_to_clear(&self) -> Result<Option<&Arc<SecondTier>>> {
        let settings = &self.settings().cache;
        match self.second_tier() {
            Some(_) if settings.namespace.is_none() && !settings.clear_database => {
                Err(Error::Config(CLEARS_DATABASE.into()))
            }
            tier => Ok(tier),
        }
    }

    #[cold]
    fn open_second_tier(&self) -> Option<&Arc<SecondTier>> {
        let open = || {
            self.check_capability(Capability::Cache).ok()?;
            let first: Arc<CacheCell> = Arc::clone(&self.cache);
            SecondTier::new(&self.settings().cache, first)
        };
        self.second_tier.get_or_init(open).as_ref()
    }

    /// Starts work of the second tier for the thread of `queue`.
    ///
    /// # Errors
    /// The runtime can't start, or the process is shutting down.
    pub fn call_second_tier<T: Send + 'static>(
        &self,
        queue: Arc<CompletionQueue>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Arc<RuntimeCall<T>>> {
        self.prepare_second_tier()?;
        self.warm_once();
        self.runtime.call(queue, work)
    }

    /// Stores a value in the second tier, later.
    ///
    /// # Errors
    /// As [`Engine::call_second_tier`].
    pub fn store_behind(&self, tier: &Arc<SecondTier>, entry: Entry) -> Result<()> {
        self.prepare_second_tier()?;
        match tier.set_behind(entry) {
            Some(work) => self.runtime.spawn_background(work),
            None => Ok(()),
        }
    }

    /// Starts work of the second tier for which no thread waits.
    ///
    /// # Errors
    /// As [`Engine::call_second_tier`].
    pub fn start_second_tier(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        self.prepare_second_tier()?;
        self.runtime.spawn_background(work)
    }

    /// Starts to connect to the second tier, where there is one without a connection. A standing server calls it again
    /// and again: no call of its own needs the connection, which its pages report.
    pub fn connect_second_tier(&self) {
        let Some(tier) = self.second_tier().filter(|tier| !tier.is_connected()) else {
            return;
        };
        let tier = Arc::clone(tier);
        if let Err(error) = self.start_second_tier(async move { tier.connect_idle().await }) {
            log::debug!(error:%; "second tier not connected");
        }
    }

    /// The process joins the host with its first work on the runtime.
    fn prepare_second_tier(&self) -> Result<()> {
        self.check_capability(Capability::Runtime)?;
        self.membership.get_or_try_init(|| self.join()).map(|_| ())
    }

    /// Reads the values of keys with the policy `warm`, as far as the host has none, when the process asks the second
    /// tier for the first time. No call waits for them.
    fn warm_once(&self) {
        if self.is_warmed.swap(true, Ordering::Relaxed) {
            return;
        }
        let (Some(tier), Some(cache)) = (self.second_tier(), self.cache()) else {
            return;
        };
        let policies = self.cache_policies.iter();
        let keys: Vec<_> = policies
            .filter(|policy| policy.is_warmed && !policy.is_first_tier_only)
            .map(|policy| self.cache_policies.stored_key(policy.pattern.as_bytes()))
            .filter(|key| !cache.has(key))
            .map(std::borrow::Cow::into_owned)
            .collect();
        if keys.is_empty() {
            return;
        }
        let tier = Arc::clone(tier);
        let work = async move { drop(tier.read(keys).await) };
        if let Err(error) = self.runtime.spawn_background(work) {
            log::debug!(error:%; "values of the second tier not read in advance");
        }
    }

    /// Waits for stores that no call has waited for, when the process ends: while the server answers, and a second at
    /// most.
    pub(super) fn stop_second_tier(&self, timeout: Duration) {
        let Some(Some(tier)) = self.second_tier.get() else {
            return;
        };
        let end = Instant::now() + timeout.min(MAX_FLUSH);
        while tier.queued() > 0 && tier.is_available() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        tier.count_unsent();
    }
}
