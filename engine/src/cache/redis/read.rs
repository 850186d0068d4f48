//! Reads through the second tier into the first one. Equal keys that are read at the same time are read once. A value
//! is stored in the first tier with the time that it has left, unless a process has stored or removed the key since
//! the read began. A call with many keys gets its values before they are stored: lifetimes and stores take as long as
//! the values themselves. On the runtime.

use std::{sync::Arc, time::Duration};

use ::redis::{Pipeline, Value};

use super::{
    error::TierError,
    flights::{Answer, Fetched, Landing, Led},
    payload::{self, Payload},
    tier::SecondTier,
};
use crate::{
    cache::{Coverage, NewValue, Stored, Tag, Ttl},
    config::WriteMode,
    metrics::cache as counts,
};

/// Keys that are read by one command.
const BATCH: usize = 500;
/// Keys from which on a call does not wait until its values are stored.
const MANY: usize = 16;

/// A value that was read: as the caller gets it, its tags in the first tier (none: it is not to be stored there), and
/// its lifetime, if it is known.
struct Read {
    value: Arc<Fetched>,
    tags: Vec<Tag>,
    ttl: Option<Ttl>,
}

impl SecondTier {
    /// Reads values, in the order of the keys, and stores them in the first tier. `None`: the key has no value.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn read(
        self: &Arc<Self>,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Arc<Fetched>>>, TierError> {
        self.read_and_store(keys, usize::MAX).await
    }

    /// As [`SecondTier::read`]; many values are stored later.
    ///
    /// # Errors
    /// As [`SecondTier::read`].
    pub async fn read_early(
        self: &Arc<Self>,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Arc<Fetched>>>, TierError> {
        self.read_and_store(keys, MANY).await
    }

    /// Reads values, and stores them before the answer if there are fewer than `many`.
    async fn read_and_store(
        self: &Arc<Self>,
        keys: Vec<Vec<u8>>,
        many: usize,
    ) -> Result<Vec<Option<Arc<Fetched>>>, TierError> {
        let mut answers: Vec<Option<Answer>> = Vec::new();
        answers.resize_with(keys.len(), || None);
        let (mut landing, joined) = self.flights.take_off(keys, self.first.cache());
        let is_early = landing.led.len() >= many;
        let mut read = Vec::with_capacity(landing.led.len());
        for batch in landing.led.chunks(BATCH) {
            match self.read_batch(batch, !is_early).await {
                Ok(values) => read.extend(values.into_iter().map(Ok)),
                Err(error) => read.extend(batch.iter().map(|_| Err(error.clone()))),
            }
        }
        match is_early {
            true => self.fence(&mut landing.led, &read),
            false => self.fill(&landing, &read, |key| self.is_stored_through(key)),
        }
        let led: Vec<Answer> = read
            .iter()
            .map(|read| match read {
                Ok(read) => Ok(read.as_ref().map(|read| Arc::clone(&read.value))),
                Err(error) => Err(error.clone()),
            })
            .collect();
        for (led, answer) in landing.led.iter().zip(&led) {
            if let Some(place) = answers.get_mut(led.place) {
                *place = Some(answer.clone());
            }
        }
        landing.answer(led);
        if is_early {
            let tier = Arc::clone(self);
            tokio::spawn(async move { tier.fill_later(&landing, read).await });
        } else {
            drop(landing);
        }
        for mut joined in joined {
            let answer = joined.answer().await;
            if let Some(place) = answers.get_mut(joined.place) {
                *place = answer;
            }
        }
        let result: Result<Vec<_>, _> = answers
            .into_iter()
            .map(|answer| answer.unwrap_or(Err(TierError::Unavailable)))
            .collect();
        match &result {
            Ok(values) => {
                let hits = values.iter().flatten().count();
                counts::SECOND_TIER_HITS.add(hits as u64);
                counts::SECOND_TIER_MISSES.add((values.len() - hits) as u64);
            }
            Err(_) => counts::GET_FAILURES.inc(),
        }
        result
    }

    /// Reads values that are current, and with `lifetimes` the time that they have left.
    async fn read_batch(
        self: &Arc<Self>,
        led: &[Led],
        lifetimes: bool,
    ) -> Result<Vec<Option<Read>>, TierError> {
        let keys: Vec<_> = led.iter().map(|led| self.key(&led.key)).collect();
        let mut pipeline = Pipeline::with_capacity(1 + if lifetimes { keys.len() } else { 0 });
        pipeline.cmd("MGET").arg(&keys);
        if lifetimes {
            ask_lifetimes(&mut pipeline, keys.iter());
        }
        // A connection covers what is read from now on.
        let coverage = self
            .first
            .cache()
            .map(|cache| cache.covered(Coverage::Tracked));
        let mut values = self.exchange(pipeline).await?.into_iter();
        let found = match values.next() {
            Some(Value::Array(found)) if found.len() == keys.len() => found,
            Some(Value::ServerError(error)) => return Err(TierError::Refused(error.to_string())),
            _ => return Err(self.unexpected()),
        };
        let mut read = Vec::with_capacity(found.len());
        for (value, key) in found.into_iter().zip(&keys) {
            let ttl = match lifetimes {
                true => values.next().as_ref().and_then(ttl_of),
                false => None,
            };
            let Value::BulkString(bytes) = value else {
                read.push(None);
                continue;
            };
            if lifetimes && ttl.is_none() {
                read.push(None);
                continue;
            }
            let payload = payload::read(&bytes).filter(|_| !self.repairs.contains(key));
            if payload.is_none() {
                log::debug!(key = String::from_utf8_lossy(key).as_ref(); "value of the second tier is not usable");
            }
            read.push(payload.map(|payload| (payload, ttl)));
        }
        // Before their versions are read: a tag that is invalidated since then makes what is stored invalid.
        let tags: Vec<_> = read
            .iter()
            .map(|value| self.first_tags(value.as_ref(), coverage))
            .collect();
        self.drop_invalidated(&mut read).await?;
        let read = read.into_iter().zip(tags).map(|(value, tags)| {
            let (payload, ttl) = value?;
            let value = Arc::new(Fetched {
                encoding: payload.encoding,
                bytes: payload.bytes,
            });
            Some(Read { value, tags, ttl })
        });
        Ok(read.collect())
    }

    /// The tags of a value in the first tier; none if it is not to be stored there.
    fn first_tags(
        &self,
        value: Option<&(Payload, Option<Ttl>)>,
        coverage: Option<Tag>,
    ) -> Vec<Tag> {
        let (Some((payload, _)), Some(coverage), Some(cache)) =
            (value, coverage, self.first.cache())
        else {
            return Vec::new();
        };
        let tags = payload.tags.iter().map(|tag| cache.tag(&tag.name));
        tags.chain([coverage]).collect()
    }

    /// Asks for the lifetimes of values, and stores them in the first tier.
    async fn fill_later(
        self: &Arc<Self>,
        landing: &Landing,
        mut read: Vec<Result<Option<Read>, TierError>>,
    ) {
        for (batch, read) in landing.led.chunks(BATCH).zip(read.chunks_mut(BATCH)) {
            let mut pipeline = Pipeline::with_capacity(batch.len());
            let mut found: Vec<_> = batch
                .iter()
                .zip(read)
                .filter_map(|(led, read)| Some((self.key(&led.key), read.as_mut().ok()?.as_mut()?)))
                .collect();
            ask_lifetimes(&mut pipeline, found.iter().map(|(key, _)| key));
            if pipeline.is_empty() {
                continue;
            }
            let Ok(lifetimes) = self.exchange(pipeline).await else {
                return;
            };
            for ((_, read), lifetime) in found.iter_mut().zip(&lifetimes) {
                read.ttl = ttl_of(lifetime);
            }
        }
        self.fill(landing, &read, |_| false);
    }

    /// Whether the first tier gets a value of the key after the server.
    fn is_stored_through(&self, key: &[u8]) -> bool {
        let policy = self.policies.policy_for(key);
        policy.write.unwrap_or(self.write_mode()) == WriteMode::Through
    }

    /// Keeps older values out of the first tier, before newer ones are returned that are stored there later.
    fn fence(&self, led: &mut [Led], read: &[Result<Option<Read>, TierError>]) {
        let Some(cache) = self.first.cache() else {
            return;
        };
        for (led, read) in led.iter_mut().zip(read) {
            if let (Ok(Some(read)), Some(guard)) = (read, led.guard)
                && self.is_stored_through(&led.key)
            {
                let (encoding, bytes) = (read.value.encoding, &read.value.bytes);
                led.guard = cache.fence(&led.key, encoding, bytes, guard);
            }
        }
    }

    /// Stores the values with a known lifetime in the first tier. If that has another value of the key, either may be the
    /// newer one: with `removes` it is removed, and the next read reads the server again, so that no process of the
    /// host returns an older value afterwards.
    fn fill(
        &self,
        landing: &Landing,
        read: &[Result<Option<Read>, TierError>],
        removes: impl Fn(&[u8]) -> bool,
    ) {
        let Some(cache) = self.first.cache() else {
            return;
        };
        for (number, (led, read)) in landing.led.iter().zip(read).enumerate() {
            let (Ok(Some(read)), Some(guard)) = (read, led.guard) else {
                continue;
            };
            let Some(ttl) = read.ttl else { continue };
            if read.tags.is_empty() {
                continue;
            }
            let value = NewValue {
                bytes: &read.value.bytes,
                encoding: read.value.encoding,
                ttl,
                tags: &read.tags,
            };
            let is_filled =
                !landing.is_stale(number) && cache.fill(&led.key, &value, guard) == Stored::Yes;
            // It may be changed between the check and the store.
            let is_kept = is_filled && !landing.is_stale(number);
            if !is_kept && (is_filled || removes(&led.key)) {
                cache.remove_fenced(&led.key);
            }
        }
    }
}

fn ask_lifetimes<'a>(pipeline: &mut Pipeline, keys: impl Iterator<Item = &'a Vec<u8>>) {
    for key in keys {
        pipeline.cmd("PTTL").arg(key);
    }
}

/// The lifetime in an answer to `PTTL`; `None`: the key is gone.
fn ttl_of(answer: &Value) -> Option<Ttl> {
    match answer {
        Value::Int(-1) => Some(Ttl::Forever),
        Value::Int(left) => {
            let left = u64::try_from(*left).ok().filter(|left| *left > 0)?;
            Some(Ttl::For(Duration::from_millis(left)))
        }
        _ => None,
    }
}
