//! Atomic addition. On PHP's threads.

use std::{sync::Arc, time::Duration};

use pillion_engine::{
    Error,
    cache::{ChangeError, Ttl, encoding, redis::IncrementError},
    error::Violation,
};

use super::{
    access::{key, stored},
    lifetime, second,
};
use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        value_writer::ZvalOut,
    },
};

pub fn increment(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let by = call.int_or(1, 1)?;
    let lifetime = lifetime::argument(call, 2)?;
    let mut sum = by;
    let Some(cache) = engine::current().checked_cache() else {
        ret.int(by);
        return Ok(());
    };
    // A value that is there keeps its lifetime; a new one whose lifetime is over is not stored.
    let (is_over, ttl) = match lifetime.of(key) {
        Some(ttl) => (false, ttl),
        None => (true, Ttl::For(Duration::ZERO)),
    };
    if let Some((tier, _)) = second::for_store(key) {
        let (writer, stored) = (Arc::clone(tier), stored(key).into_owned());
        let sum = second::run(tier, async move { writer.increment(stored, by, ttl).await })?;
        match sum {
            Some(Ok(sum)) => {
                ret.int(sum);
                return Ok(());
            }
            Some(Err(IncrementError::NoInteger)) => return Err(rejected(ANOTHER_THERE)),
            Some(Err(IncrementError::Overflow)) => return Err(rejected(TOO_LARGE)),
            Some(Err(IncrementError::Tier(_))) | None => {}
        }
    }
    let changed = cache.change(&stored(key), ttl, |current| {
        let number = match current {
            None if is_over => return Err(NOTHING),
            None => 0,
            Some((encoding::INT, bytes)) => {
                i64::from_le_bytes(bytes.try_into().map_err(|_| ANOTHER)?)
            }
            Some(_) => return Err(ANOTHER),
        };
        sum = number.checked_add(by).ok_or(TOO_LARGE)?;
        Ok((encoding::INT, sum.to_le_bytes().to_vec()))
    });
    match changed {
        Ok(()) | Err(ChangeError::Refused) => {
            ret.int(sum);
            Ok(())
        }
        Err(ChangeError::Rejected(NOTHING)) => {
            ret.int(by);
            Ok(())
        }
        Err(ChangeError::Rejected(found)) => Err(rejected(found)),
    }
}

const NOTHING: &str = "no value";
const ANOTHER: &str = "another value";
/// On the server a value with tags is no number.
const ANOTHER_THERE: &str = "another value, or one with tags";
const TOO_LARGE: &str = "a number beyond the range of int";

fn rejected(found: &str) -> Thrown {
    Error::InvalidRequest(vec![Violation {
        field: "key".into(),
        message: format!("found {found}; expected an int that can be increased"),
    }])
    .into()
}
