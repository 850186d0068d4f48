//! Tags in the second tier. Each has a key with its version, a random number; a value holds the versions that its tags
//! had when it was stored, and is valid while they have them. To invalidate a tag removes its key, and the next value
//! with the tag gives it a new version. So a key that the server has evicted is a miss, never a value that is no longer
//! valid. On the runtime.

use std::{collections::HashMap, sync::Arc};

use ::redis::{Pipeline, Value};

use super::{
    error::TierError,
    payload::{Payload, TagVersion},
    tier::{SecondTier, TAG_KEYS},
};
use crate::metrics::cache as counts;

/// Lifetime of a tag's key after the last store of a value with it, in milliseconds: 30 days.
const TTL: u64 = 30 * 24 * 3600 * 1000;

impl SecondTier {
    /// Makes all values with one of the tags invalid, in the second tier.
    ///
    /// # Errors
    /// The server does not answer: done as soon as it does.
    pub async fn invalidate_tags(self: &Arc<Self>, tags: Vec<Vec<u8>>) -> Result<(), TierError> {
        let keys: Vec<_> = tags.iter().map(|tag| self.tag_key(tag)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut pipeline = Pipeline::new();
        pipeline.cmd("UNLINK").arg(&keys);
        let result =
            self.exchange(pipeline)
                .await
                .and_then(|values| match values.into_iter().next() {
                    Some(Value::ServerError(error)) => Err(TierError::Refused(error.to_string())),
                    _ => Ok(()),
                });
        if result.is_err() {
            counts::LOST_WRITES.add(keys.len() as u64);
            self.repairs.add(keys);
        }
        if let Some(cache) = self.first.cache() {
            // A value that was read before it was invalid may be stored by now.
            tags.iter().for_each(|tag| cache.invalidate_tag(tag));
        }
        result
    }

    /// The current versions of tags; a tag without one gets a new one.
    pub(super) async fn tag_versions<'a>(
        self: &Arc<Self>,
        names: impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<HashMap<Vec<u8>, u64>, TierError> {
        let mut names: Vec<Vec<u8>> = names.cloned().collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let mut pipeline = Pipeline::new();
        for name in &names {
            let key = self.tag_key(name);
            let version =
                getrandom::u64().map_err(|error| TierError::Refused(error.to_string()))?;
            pipeline
                .cmd("SET")
                .arg(&key)
                .arg(format!("{version:016x}"))
                .arg("NX")
                .arg("PX")
                .arg(TTL);
            pipeline.cmd("GET").arg(&key);
            pipeline.cmd("PTTL").arg(&key);
        }
        let values = self.exchange(pipeline).await?;
        self.renew(&names, &values).await;
        let versions = values.iter().skip(1).step_by(3).map(version);
        Ok(names
            .into_iter()
            .zip(versions)
            .filter_map(|(name, version)| Some((name, version?)))
            .collect())
    }

    /// Renews the lifetime of tags of which half is over; not more often, because the server reports it as a change.
    async fn renew(self: &Arc<Self>, names: &[Vec<u8>], values: &[Value]) {
        let mut pipeline = Pipeline::new();
        for (name, left) in names.iter().zip(values.iter().skip(2).step_by(3)) {
            if matches!(left, Value::Int(left) if (0..(TTL / 2).cast_signed()).contains(left)) {
                pipeline.cmd("PEXPIRE").arg(self.tag_key(name)).arg(TTL);
            }
        }
        if !pipeline.is_empty() {
            let _ = self.exchange(pipeline).await;
        }
    }

    /// Replaces values by `None` if their tags have other versions now.
    pub(super) async fn drop_invalidated<T>(
        self: &Arc<Self>,
        values: &mut [Option<(Payload, T)>],
    ) -> Result<(), TierError> {
        let mut names: Vec<_> = values
            .iter()
            .flatten()
            .flat_map(|(payload, _)| payload.tags.iter().map(|tag| tag.name.clone()))
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = names.iter().map(|name| self.tag_key(name)).collect();
        let mut pipeline = Pipeline::new();
        pipeline.cmd("MGET").arg(&keys);
        let found = match self.exchange(pipeline).await?.into_iter().next() {
            Some(Value::Array(found)) if found.len() == keys.len() => found,
            _ => return Err(self.unexpected()),
        };
        let current: HashMap<_, _> = names
            .iter()
            .zip(&keys)
            .zip(&found)
            .filter(|((_, key), _)| !self.repairs.contains(key))
            .filter_map(|((name, _), value)| Some((name.as_slice(), version(value)?)))
            .collect();
        let is_current = |tag: &TagVersion| current.get(tag.name.as_slice()) == Some(&tag.version);
        for value in values {
            value.take_if(|(payload, _)| !payload.tags.iter().all(is_current));
        }
        Ok(())
    }

    fn tag_key(&self, name: &[u8]) -> Vec<u8> {
        self.own_key(TAG_KEYS, name)
    }
}

fn version(answer: &Value) -> Option<u64> {
    match answer {
        Value::BulkString(text) => u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok(),
        _ => None,
    }
}
