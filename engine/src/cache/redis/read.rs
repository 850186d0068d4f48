//! Reads through the second tier into the first one. Equal keys that are read at the same time are read once. A value
//! is stored in the first tier with the time that it has left, unless a process has stored or removed the key since
//! the read began. On the runtime.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ::redis::{Pipeline, Value};

use super::{
    error::TierError,
    flights::{Answer, Fetched, Led},
    payload::{self, Payload},
    tier::SecondTier,
};
use crate::{
    cache::{Coverage, NewValue, Tag, Ttl},
    metrics::cache as counts,
};

/// Keys that are read by one command.
const BATCH: usize = 500;

impl SecondTier {
    /// Reads values, in the order of the keys, and stores them in the first tier. `None`: the key has no value.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn read(
        self: &Arc<Self>,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Arc<Fetched>>>, TierError> {
        let mut answers: Vec<Option<Answer>> = Vec::new();
        answers.resize_with(keys.len(), || None);
        let (landing, joined) = self.flights.take_off(keys, self.first.cache());
        let fetched = self.fetch(&landing.1).await;
        for (led, answer) in landing.1.iter().zip(fetched) {
            if let Some(place) = answers.get_mut(led.place) {
                *place = Some(answer.clone());
            }
            led.answer.send_replace(Some(answer));
        }
        drop(landing);
        for (place, mut receiver) in joined {
            let answer = receiver.wait_for(Option::is_some).await;
            let answer = answer.ok().and_then(|answer| answer.clone());
            if let Some(place) = answers.get_mut(place) {
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

    /// Reads the values of keys, one answer for each.
    async fn fetch(self: &Arc<Self>, led: &[Led]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(led.len());
        for batch in led.chunks(BATCH) {
            match self.fetch_batch(batch).await {
                Ok(values) => answers.extend(values.into_iter().map(Ok)),
                Err(error) => answers.extend(batch.iter().map(|_| Err(error.clone()))),
            }
        }
        answers
    }

    async fn fetch_batch(
        self: &Arc<Self>,
        led: &[Led],
    ) -> Result<Vec<Option<Arc<Fetched>>>, TierError> {
        let keys: Vec<_> = led.iter().map(|led| self.key(&led.key)).collect();
        let mut pipeline = Pipeline::new();
        pipeline.cmd("MGET").arg(&keys);
        for key in &keys {
            pipeline.cmd("PTTL").arg(key);
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
        for ((value, ttl), key) in found.into_iter().zip(values).zip(&keys) {
            let (Value::BulkString(bytes), Some(ttl)) = (value, ttl_of(&ttl)) else {
                read.push(None);
                continue;
            };
            let payload = payload::read(&bytes).filter(|_| !self.repairs.contains(key));
            if payload.is_none() {
                log::debug!(key = String::from_utf8_lossy(key).as_ref(); "value of the second tier is not usable");
            }
            read.push(payload.map(|payload| (payload, ttl)));
        }
        // Before their versions are read: a tag that is invalidated since then makes what is stored invalid.
        let mut tags: Vec<_> = read
            .iter()
            .map(|value| self.first_tags(value.as_ref(), coverage))
            .collect();
        self.drop_invalidated(&mut read).await?;
        let mut tags = tags.drain(..);
        let fill = |(value, led): (Option<(Payload, Ttl)>, &Led)| {
            let tags = tags.next().unwrap_or_default();
            let (payload, ttl) = value?;
            Some(self.fill(led, payload, ttl, &tags))
        };
        Ok(read.into_iter().zip(led).map(fill).collect())
    }

    /// The tags of a value in the first tier; none if it is not to be stored there.
    fn first_tags(&self, value: Option<&(Payload, Ttl)>, coverage: Option<Tag>) -> Vec<Tag> {
        let (Some((payload, _)), Some(coverage), Some(cache)) =
            (value, coverage, self.first.cache())
        else {
            return Vec::new();
        };
        let tags = payload.tags.iter().map(|tag| cache.tag(&tag.name));
        tags.chain([coverage]).collect()
    }

    /// Stores a value in the first tier.
    fn fill(&self, led: &Led, payload: Payload, ttl: Ttl, tags: &[Tag]) -> Arc<Fetched> {
        if let (Some(cache), Some(guard)) = (self.first.cache(), led.guard)
            && !tags.is_empty()
            && !led.is_stale.load(Ordering::Acquire)
        {
            let value = NewValue {
                bytes: &payload.bytes,
                encoding: payload.encoding,
                ttl,
                tags,
            };
            cache.fill(&led.key, &value, guard);
            // Changed between the check and the store.
            if led.is_stale.load(Ordering::Acquire) {
                cache.remove_fenced(&led.key);
            }
        }
        Arc::new(Fetched {
            encoding: payload.encoding,
            bytes: payload.bytes,
            ttl,
        })
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
