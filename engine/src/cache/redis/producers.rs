//! The right to produce a value, among all hosts: a key with the owner's token and a short lease, which the producing
//! process renews, so that another host takes over soon from one that has died. A caller holds the right of its host
//! beside it. Other hosts look for the value meanwhile. On the runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{error::TierError, flights::Fetched, tier::SecondTier};
use crate::cache::Ttl;

const KIND: &[u8] = b"producer:";
/// Time after which the right of a dead process ends.
const LEASE: Duration = Duration::from_secs(1);
/// Interval of renewals.
const RENEWAL: Duration = Duration::from_millis(250);
/// First and longest pause between two looks for a value that another host produces.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// The result of [`SecondTier::begin_producing`].
#[derive(Debug)]
pub enum HostsTurn {
    /// This host produces. The right is to be renewed: [`ProducingHost::renew`].
    Begun(Arc<ProducingHost>),
    /// The value, which the first tier has by now, if it has the memory.
    Found(Arc<Fetched>),
    /// Another host produces, still.
    Busy,
}

/// The right of this host.
#[derive(Debug)]
pub struct ProducingHost {
    name: Vec<u8>,
    owner: Vec<u8>,
    has_ended: AtomicBool,
}

impl SecondTier {
    /// Acquires the right to produce the value of a key, or reads the value if another host has produced it; waits for
    /// one of both as long as `patience`.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn begin_producing(
        self: &Arc<Self>,
        key: Vec<u8>,
        owner: Vec<u8>,
        patience: Duration,
    ) -> Result<HostsTurn, TierError> {
        let name = self.own_key(KIND, &key);
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            let is_acquired = self.acquire(&name, owner.clone(), Ttl::For(LEASE)).await?;
            let found = self.read(vec![key.clone()]).await?.pop().flatten();
            if let Some(value) = found {
                if is_acquired {
                    self.release(&name, owner).await?;
                }
                return Ok(HostsTurn::Found(value));
            }
            if is_acquired {
                return Ok(HostsTurn::Begun(Arc::new(ProducingHost {
                    name,
                    owner,
                    has_ended: AtomicBool::new(false),
                })));
            }
            if begun.elapsed() >= patience {
                return Ok(HostsTurn::Busy);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

impl ProducingHost {
    /// Renews the right until it ends, or `limit` has passed. Gives it up then.
    pub async fn renew(self: Arc<Self>, tier: Arc<SecondTier>, limit: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            tokio::time::sleep(RENEWAL).await;
            if self.has_ended.load(Ordering::Acquire) {
                return;
            }
            let owner = self.owner.clone();
            let renewed = tier.renew_lease(&self.name, owner, Ttl::For(LEASE)).await;
            if !matches!(renewed, Ok(true)) {
                return;
            }
        }
    }

    /// Gives the right up.
    pub async fn end(self: Arc<Self>, tier: Arc<SecondTier>) {
        self.has_ended.store(true, Ordering::Release);
        let _ = tier.release(&self.name, self.owner.clone()).await;
    }
}
