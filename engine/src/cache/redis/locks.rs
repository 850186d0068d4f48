//! Locks of all hosts: a key with the owner's token and the lease. The caller holds the lock of the host beside it. A
//! script compares the token before it renews or removes; it is sent whole each time, because a server may forget it.
//! On the runtime.

use std::sync::Arc;

use ::redis::{Pipeline, Value};

use super::{entry::milliseconds, error::TierError, tier::SecondTier};
use crate::cache::Ttl;

const KIND: &[u8] = b"lock:";

/// Removes the lock of an owner.
const UNLOCK: &str =
    "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0";
/// Renews the lease of an owner; where that is allowed, acquires the lock again if the server has lost it.
const REFRESH: &str = "local owner=redis.call('get',KEYS[1]) \
                       if owner and owner~=ARGV[1] or not owner and ARGV[3]=='0' then return 0 end \
                       redis.call('set',KEYS[1],ARGV[1],'PX',ARGV[2]) return 1";

impl SecondTier {
    /// Acquires a lock for `owner`, until the lease is over. Returns `false` if it is held.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn lock(
        self: &Arc<Self>,
        name: Vec<u8>,
        owner: Vec<u8>,
        lease: Ttl,
    ) -> Result<bool, TierError> {
        self.acquire(&self.lock_key(&name), owner, lease).await
    }

    /// Sets a key to the owner's token, if it is free. Returns `false` if it is not.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        key: &[u8],
        owner: Vec<u8>,
        lease: Ttl,
    ) -> Result<bool, TierError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SET").arg(key).arg(owner).arg("NX");
        if let Some(milliseconds) = milliseconds(lease) {
            pipeline.arg("PX").arg(milliseconds);
        }
        match self.exchange(pipeline).await?.into_iter().next() {
            Some(Value::Okay) => Ok(true),
            Some(Value::Nil) => Ok(false),
            Some(Value::ServerError(error)) => Err(TierError::Refused(error.to_string())),
            _ => Err(self.unexpected()),
        }
    }

    /// Releases a lock, if `owner` holds it. Returns whether it did.
    ///
    /// # Errors
    /// The server does not answer: the lock ends with its lease.
    pub async fn unlock(
        self: &Arc<Self>,
        name: Vec<u8>,
        owner: Vec<u8>,
    ) -> Result<bool, TierError> {
        self.release(&self.lock_key(&name), owner).await
    }

    /// Removes a key, if it has the owner's token. Returns whether it had.
    pub(super) async fn release(
        self: &Arc<Self>,
        key: &[u8],
        owner: Vec<u8>,
    ) -> Result<bool, TierError> {
        self.run_script(UNLOCK, key, &[owner]).await
    }

    /// Renews the lease of a key, if it has the owner's token. Returns whether it has.
    pub(super) async fn renew_lease(
        self: &Arc<Self>,
        key: &[u8],
        owner: Vec<u8>,
        lease: Ttl,
    ) -> Result<bool, TierError> {
        let lease = milliseconds(lease).unwrap_or(1 << 48).to_string();
        let arguments = [owner, lease.into_bytes(), vec![b'0']];
        self.run_script(REFRESH, key, &arguments).await
    }

    /// Renews the lease of a lock, if `owner` holds it. Returns whether it does. With `is_held`, the lock is also
    /// acquired if no owner holds it: the server was not available when it was acquired on this host.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn refresh_lock(
        self: &Arc<Self>,
        name: Vec<u8>,
        owner: Vec<u8>,
        lease: Ttl,
        is_held: bool,
    ) -> Result<bool, TierError> {
        let lease = milliseconds(lease)
            .unwrap_or(1 << 48)
            .to_string()
            .into_bytes();
        self.run_script(
            REFRESH,
            &self.lock_key(&name),
            &[owner, lease, vec![b'0' + u8::from(is_held)]],
        )
        .await
    }

    /// The token of a lock's owner; `None`: it is not held.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn lock_owner(self: &Arc<Self>, name: Vec<u8>) -> Result<Option<Vec<u8>>, TierError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("GET").arg(self.lock_key(&name));
        match self.exchange(pipeline).await?.into_iter().next() {
            Some(Value::BulkString(owner)) => Ok(Some(owner)),
            Some(Value::Nil) => Ok(None),
            Some(Value::ServerError(error)) => Err(TierError::Refused(error.to_string())),
            _ => Err(self.unexpected()),
        }
    }

    fn lock_key(&self, name: &[u8]) -> Vec<u8> {
        self.own_key(KIND, name)
    }

    /// Runs a script with one key; returns whether it returned 1.
    async fn run_script(
        self: &Arc<Self>,
        script: &str,
        key: &[u8],
        arguments: &[Vec<u8>],
    ) -> Result<bool, TierError> {
        // The server caches a script that `EVAL` has sent, and may forget it at any time: a text of 150 bytes is sent
        // each time instead of its digest and a second attempt.
        let mut pipeline = Pipeline::new();
        pipeline
            .cmd("EVAL")
            .arg(script)
            .arg(1)
            .arg(key)
            .arg(arguments);
        match self.exchange(pipeline).await?.into_iter().next() {
            Some(Value::Int(number)) => Ok(number == 1),
            Some(Value::ServerError(error)) => Err(TierError::Refused(error.to_string())),
            _ => Err(self.unexpected()),
        }
    }
}
