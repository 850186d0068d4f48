//! Locks with a lease. On PHP's threads.

use std::{sync::Arc, time::Duration};

use pillion_engine::{
    cache::{Ttl, redis::TierError},
    uuid,
};

use super::{access::key, second};
use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        value_writer::ZvalOut,
    },
};

/// The lease in an argument.
fn lease(call: &Call<'_>, position: u32) -> Result<Ttl, Thrown> {
    let seconds = call.float_or(position, 0.0)?;
    // More than a duration can hold is as good as for ever.
    let lease = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    if seconds.is_nan() || seconds < 0.0 || lease.is_zero() {
        return Err(call.value_error(position, c"must be greater than 0"));
    }
    Ok(Ttl::For(lease))
}

pub fn lock(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = key(call, 0)?;
    let lease = lease(call, 1)?;
    let given = call.opt_string(2)?;
    let Some(cache) = engine::current().checked_cache() else {
        return Ok(());
    };
    let token = uuid::v4()?.simple().to_string();
    let owner = given.unwrap_or(token.as_bytes());
    if cache.lock(name, owner, lease).is_none() {
        return Ok(());
    }
    if let Some(tier) = engine::current().second_tier() {
        let (locker, name_there, owner_there) = (Arc::clone(tier), name.to_vec(), owner.to_vec());
        let work = async move { locker.lock(name_there, owner_there, lease).await };
        let locked = second::run(tier, work);
        // Without an answer it is a lock of this host; a server that answers, and can't store, gives none.
        if matches!(
            locked,
            Ok(Some(Ok(false) | Err(TierError::Refused(_)))) | Err(_)
        ) {
            let _ = cache.unlock(name, owner);
            return locked.map(drop);
        }
    }
    ret.string(owner);
    Ok(())
}

pub fn unlock(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (name, owner) = (key(call, 0)?, call.string(1)?);
    let Some(cache) = engine::current().checked_cache() else {
        ret.bool(false);
        return Ok(());
    };
    let mut is_released = false;
    if let Some(tier) = engine::current().second_tier() {
        let (locker, name, owner) = (Arc::clone(tier), name.to_vec(), owner.to_vec());
        let released = second::run(tier, async move { locker.unlock(name, owner).await });
        is_released = matches!(released, Ok(Some(Ok(true))));
        if let Err(thrown) = released {
            let _ = cache.unlock(call.string(0)?, call.string(1)?);
            return Err(thrown);
        }
    }
    ret.bool(cache.unlock(name, owner) || is_released);
    Ok(())
}

pub fn lock_refresh(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (name, owner) = (key(call, 0)?, call.string(1)?);
    let lease = lease(call, 2)?;
    ret.bool(false);
    let Some(cache) = engine::current().checked_cache() else {
        return Ok(());
    };
    let mut is_refreshed = cache.refresh_lock(name, owner, lease);
    if let Some(tier) = engine::current().second_tier() {
        let (locker, name, owner) = (Arc::clone(tier), name.to_vec(), owner.to_vec());
        let work = async move { locker.refresh_lock(name, owner, lease, is_refreshed).await };
        if let Some(Ok(refreshed)) = second::run(tier, work)? {
            is_refreshed = refreshed;
        }
    }
    ret.bool(is_refreshed);
    Ok(())
}

pub fn lock_owner(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = key(call, 0)?;
    let held = engine::current()
        .cache()
        .and_then(|cache| cache.held_lock(name));
    if let Some(held) = held {
        ret.string(held.owner);
        return Ok(());
    }
    if let Some(tier) = engine::current().second_tier() {
        let (locker, name) = (Arc::clone(tier), name.to_vec());
        let owner = second::run(tier, async move { locker.lock_owner(name).await })?;
        if let Some(Ok(Some(owner))) = owner {
            ret.string(owner);
        }
    }
    Ok(())
}
