//! Atomic addition. On PHP's threads.

use pillion_engine::{
    Error,
    cache::{ChangeError, encoding},
    error::Violation,
};

use super::{
    access::{key, stored},
    lifetime,
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
    let (Some(cache), Some(ttl)) = (engine::current().checked_cache(), lifetime.of(key)) else {
        ret.int(by);
        return Ok(());
    };
    let changed = cache.change(&stored(key), ttl, |current| {
        let number = match current {
            None => 0,
            Some((encoding::INT, bytes)) => {
                i64::from_le_bytes(bytes.try_into().map_err(|_| "another value")?)
            }
            Some(_) => return Err("another value"),
        };
        sum = number
            .checked_add(by)
            .ok_or("a number beyond the range of int")?;
        Ok((encoding::INT, sum.to_le_bytes().to_vec()))
    });
    match changed {
        Ok(()) | Err(ChangeError::Refused) => {
            ret.int(sum);
            Ok(())
        }
        Err(ChangeError::Rejected(found)) => Err(Error::InvalidRequest(vec![Violation {
            field: "key".into(),
            message: format!("found {found}; expected an int that can be increased"),
        }])
        .into()),
    }
}
