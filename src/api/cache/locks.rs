//! Locks with a lease. On PHP's threads.

use pillion_engine::{cache::Ttl, uuid};

use super::access::key;
use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        value_writer::ZvalOut,
    },
};

/// The lease in an argument.
fn lease(call: &Call<'_>, position: u32) -> Result<Ttl, Thrown> {
    let lease = call.seconds(position)?;
    if lease.is_zero() {
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
    if cache.lock(name, owner, lease).is_some() {
        ret.string(owner);
    }
    Ok(())
}

pub fn unlock(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (name, owner) = (key(call, 0)?, call.string(1)?);
    let cache = engine::current().checked_cache();
    ret.bool(cache.is_some_and(|cache| cache.unlock(name, owner)));
    Ok(())
}

pub fn lock_refresh(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (name, owner) = (key(call, 0)?, call.string(1)?);
    let lease = lease(call, 2)?;
    let cache = engine::current().checked_cache();
    ret.bool(cache.is_some_and(|cache| cache.refresh_lock(name, owner, lease)));
    Ok(())
}

pub fn lock_owner(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = key(call, 0)?;
    let held = engine::current()
        .cache()
        .and_then(|cache| cache.held_lock(name));
    if let Some(held) = held {
        ret.string(held.owner);
    }
    Ok(())
}
