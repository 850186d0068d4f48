//! The second tier of the cache behind a command. A command is more patient than a request of PHP: it waits for the
//! connection, and a failure is its error.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_engine::{
    Error, Result,
    cache::redis::{SecondTier, TierError},
    config::WriteMode,
    engine::Engine,
    error::IoContext,
};
use tokio::{runtime, time::sleep};

/// Time for a server that does not answer at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// The second tier, and the runtime of its work.
pub(super) struct Second<'a> {
    engine: &'a Engine,
    tier: &'a Arc<SecondTier>,
    runtime: runtime::Runtime,
}

impl<'a> Second<'a> {
    /// The second tier, or `None` if the settings name none.
    ///
    /// # Errors
    /// The runtime can't be started.
    pub(super) fn open(engine: &'a Engine) -> Result<Option<Self>> {
        let Some(tier) = engine.second_tier() else {
            return Ok(None);
        };
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context(|| "the runtime can't be started")?;
        Ok(Some(Self {
            engine,
            tier,
            runtime,
        }))
    }

    /// Whether the policy of a key has the second tier.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        let policies = self.engine.cache_policies();
        !policies.policy_for(key).is_first_tier_only
    }

    /// Whether the values of a key are stored there.
    pub(super) fn stores(&self, key: &[u8]) -> bool {
        let policy = self.engine.cache_policies().policy_for(key);
        let mode = policy.write.unwrap_or(self.tier.write_mode());
        self.has(key) && mode != WriteMode::FirstTier
    }

    /// Runs an operation, again while the server does not answer.
    ///
    /// # Errors
    /// The server does not answer for two seconds, or refuses the operation.
    pub(super) fn run<T, F>(&self, operation: impl Fn(Arc<SecondTier>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, TierError>>,
    {
        let end = Instant::now() + PATIENCE;
        self.runtime.block_on(async {
            loop {
                match operation(Arc::clone(self.tier)).await {
                    Err(TierError::Unavailable) if Instant::now() < end => sleep(PAUSE).await,
                    other => return other.map_err(|error| Error::Remote(error.to_string())),
                }
            }
        })
    }

    /// As [`Second::run`], for a change that the first tier has made already.
    ///
    /// # Errors
    /// As [`Second::run`].
    pub(super) fn change<T, F>(&self, operation: impl Fn(Arc<SecondTier>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, TierError>>,
    {
        self.run(operation)
            .map_err(|error| Error::Remote(format!("done on this host only: {error}")))
    }
}
