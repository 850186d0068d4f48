//! Stores, removals and counters of the second tier. The first tier gets a value after the server: then it never has
//! one that the server may replace by an older one, and each of its values can be dropped at any time. A failure is
//! counted, and what the server may still have is removed when it answers again. On the runtime.

use std::{collections::HashSet, sync::Arc};

use ::redis::{Cmd, Pipeline, Value, cmd};

use super::{
    entry::{Entry, FirstCopy, milliseconds},
    error::TierError,
    payload::{self, TagVersion},
    tier::{OWN_KEYS, SecondTier},
};
use crate::{
    cache::{Cache, Coverage, FillGuard, NewValue, PatternEvent, Stored, Tag, Ttl},
    config::ValueFormat,
    metrics::cache as counts,
};

/// Keys of one command.
const BATCH: usize = 500;
/// Keys that the server visits for one answer to `SCAN`.
const SCANNED: usize = 1000;

/// Why a counter was not increased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncrementError {
    /// The value is no integer.
    NoInteger,
    /// The sum would be none.
    Overflow,
    /// As of other operations.
    Tier(TierError),
}

impl SecondTier {
    /// Stores values. Those that are not stored are counted as lost.
    ///
    /// # Errors
    /// The server does not answer, or refuses a value.
    pub async fn set(self: &Arc<Self>, entries: &[Entry]) -> Result<(), TierError> {
        let mut result = Ok(());
        for batch in entries.chunks(BATCH) {
            if let Err(error) = self.set_batch(batch).await {
                result = Err(error);
            }
        }
        result
    }

    async fn set_batch(self: &Arc<Self>, entries: &[Entry]) -> Result<(), TierError> {
        let lost = |error: TierError| {
            counts::SET_FAILURES.add(entries.len() as u64);
            counts::LOST_WRITES.add(entries.len() as u64);
            self.repairs
                .add(entries.iter().map(|entry| self.key(&entry.key)));
            for entry in entries {
                self.echoes.forget(&entry.key);
            }
            self.keep(entries);
            error
        };
        let first = self.first.cache();
        // A change of the key that is reported before the answer is noticed, and one that another process makes.
        let guards: Vec<_> = entries
            .iter()
            .map(|entry| first.map(|cache| cache.fill_guard(&entry.key)))
            .collect();
        let coverage = first.map(|cache| cache.covered(Coverage::Tracked));
        let tags = entries.iter().flat_map(|entry| &entry.tags);
        let versions = self.tag_versions(tags).await.map_err(lost)?;
        let keys: Vec<_> = entries.iter().map(|entry| self.key(&entry.key)).collect();
        let mut pipeline = Pipeline::new();
        pipeline.cmd("MULTI");
        // Each store is reported once then.
        pipeline.cmd("EXISTS").arg(&keys);
        for entry in entries {
            let tags = entry.tags.iter().map(|name| TagVersion {
                name: name.clone(),
                // Without a version the value is never valid.
                version: versions.get(name).copied().unwrap_or_default(),
            });
            pipeline.add_command(self.set_command(entry, &tags.collect::<Vec<_>>()));
        }
        // A key that was read is a key whose changes are reported; a store by this connection has ended that.
        pipeline.cmd("EXISTS").arg(&keys);
        pipeline.cmd("EXEC");
        if self.is_tracking() {
            // The second store of a key is not reported.
            let unique: HashSet<_> = entries.iter().map(|entry| &entry.key).collect();
            unique.into_iter().for_each(|key| self.echoes.expect(key));
        }
        let answers = self.exchange(pipeline).await.map_err(lost)?;
        let answers = match answers.into_iter().next_back() {
            Some(Value::Array(answers)) => answers.into_iter().skip(1),
            Some(Value::ServerError(error)) => {
                let error = lost(TierError::Refused(error.to_string()));
                self.start_repair();
                return Err(error);
            }
            _ => return Err(lost(self.unexpected())),
        };
        let mut result = Ok(());
        for (((entry, key), answer), guard) in entries.iter().zip(keys).zip(answers).zip(guards) {
            self.flights.change(&entry.key);
            if let Value::ServerError(error) = answer {
                counts::SET_FAILURES.inc();
                counts::LOST_WRITES.inc();
                self.repairs.add([key]);
                self.echoes.forget(&entry.key);
                self.keep(std::slice::from_ref(entry));
                result = Err(TierError::Refused(error.to_string()));
            } else {
                self.repairs.forget(&key);
                match (&entry.first, guard, coverage) {
                    (Some(copy), Some(guard), Some(coverage)) => {
                        self.copy(entry, copy, guard, coverage);
                    }
                    _ => self.check_first_tier(entry),
                }
            }
        }
        if result.is_err() {
            // A server without memory can still remove the former values.
            self.start_repair();
        }
        result
    }

    /// Stores a value of the server in the first tier, or nothing if another one may be newer.
    fn copy(&self, entry: &Entry, copy: &FirstCopy, guard: FillGuard, coverage: Tag) {
        let Some(cache) = self.first.cache() else {
            return;
        };
        let stored = match copy.claim() {
            true => {
                let tags: Vec<_> = copy.tags.iter().copied().chain([coverage]).collect();
                let value = new_value(entry, &tags);
                cache.set_sent(&entry.key, &value, copy.production, guard)
            }
            // The caller did not wait for the answer.
            false => Stored::No,
        };
        if stored != Stored::Yes {
            cache.remove_fenced(&entry.key);
        }
        self.count_store(cache, &entry.key, stored);
    }

    /// Stores values in the first tier that the server does not get, unless that is done: they stay until a process
    /// connects.
    pub fn keep(&self, entries: &[Entry]) {
        let Some(cache) = self.first.cache() else {
            return;
        };
        let coverage = cache.covered(Coverage::Untracked);
        for entry in entries {
            let Some(copy) = entry.first.as_ref().filter(|copy| copy.claim()) else {
                continue;
            };
            let tags: Vec<_> = copy.tags.iter().copied().chain([coverage]).collect();
            let value = new_value(entry, &tags);
            let stored = match copy.production {
                Some(how) => cache.set_produced(&entry.key, &value, how),
                None => cache.set(&entry.key, &value),
            };
            if stored != Stored::Yes {
                cache.remove_fenced(&entry.key);
            }
            self.count_store(cache, &entry.key, stored);
        }
    }

    fn count_store(&self, cache: &Cache, key: &[u8], stored: Stored) {
        if let Some(pattern) = self.policies.number_of(key) {
            let event = match stored {
                Stored::Refused => PatternEvent::Refused,
                Stored::Yes | Stored::No => PatternEvent::Stored,
            };
            cache.count_pattern(pattern, event, 1);
        }
    }

    /// The stores that no call waits for are in the first tier already. Two threads that store the same key at the same
    /// time may reach the tiers in different orders, which the server does not report: both have one connection.
    fn check_first_tier(&self, entry: &Entry) {
        let Some(cache) = self.first.cache() else {
            return;
        };
        self.queue.unless_waiting(&entry.key, || {
            if cache.has_other(&entry.key, entry.encoding, &entry.bytes) {
                cache.remove_fenced(&entry.key);
            }
        });
    }

    fn set_command(&self, entry: &Entry, tags: &[TagVersion]) -> Cmd {
        let format = self.policies.policy_for(&entry.key).format;
        let format = format.unwrap_or(ValueFormat::Json);
        let mut command = cmd("SET");
        command.arg(self.key(&entry.key)).arg(payload::write(
            format,
            entry.encoding,
            &entry.bytes,
            tags,
        ));
        if let Some(milliseconds) = milliseconds(entry.ttl) {
            command.arg("PX").arg(milliseconds);
        }
        command
    }

    /// Stores a value if the key has none, then in the first tier too. Returns whether it is stored.
    ///
    /// # Errors
    /// The server does not answer, or refuses the value.
    pub async fn add(self: &Arc<Self>, entry: Entry) -> Result<bool, TierError> {
        self.settle().await;
        let mut command = self.set_command(&entry, &[]);
        command.arg("NX");
        let first = self.first.cache();
        let before = first.map(|cache| {
            (
                cache.fill_guard(&entry.key),
                cache.covered(Coverage::Tracked),
            )
        });
        let mut pipeline = Pipeline::new();
        pipeline.cmd("MULTI");
        pipeline.add_command(command);
        pipeline.cmd("EXISTS").arg(self.key(&entry.key));
        pipeline.cmd("EXEC");
        let answer = match self.exchange(pipeline).await?.into_iter().next_back() {
            Some(Value::Array(answers)) => answers.into_iter().next(),
            answer => answer,
        };
        match answer {
            Some(Value::Okay) => {
                self.flights.change(&entry.key);
                self.repairs.forget(&self.key(&entry.key));
                if let (Some(cache), Some((guard, coverage))) = (first, before) {
                    let value = new_value(&entry, std::slice::from_ref(&coverage));
                    if cache.fill(&entry.key, &value, guard) != Stored::Yes {
                        cache.remove_fenced(&entry.key);
                    }
                }
                Ok(true)
            }
            Some(Value::Nil) => Ok(false),
            Some(Value::ServerError(error)) => {
                counts::SET_FAILURES.inc();
                Err(TierError::Refused(error.to_string()))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Removes values. Returns how many there were.
    ///
    /// # Errors
    /// The server does not answer: they are removed as soon as it does.
    pub async fn remove(self: &Arc<Self>, keys: Vec<Vec<u8>>) -> Result<u64, TierError> {
        self.settle().await;
        let mut removed = 0;
        let mut result = Ok(());
        for batch in keys.chunks(BATCH) {
            let own: Vec<_> = batch.iter().map(|key| self.key(key)).collect();
            let mut pipeline = Pipeline::new();
            pipeline.cmd("UNLINK").arg(&own);
            let answer = self.exchange(pipeline).await;
            match answer.map(|values| values.into_iter().next()) {
                Ok(Some(Value::Int(count))) => removed += u64::try_from(count).unwrap_or_default(),
                other => {
                    counts::LOST_WRITES.add(own.len() as u64);
                    self.repairs.add(own);
                    result = Err(other.err().unwrap_or_else(|| {
                        TierError::Refused("the server did not remove a key".into())
                    }));
                }
            }
            for key in batch {
                self.flights.change(key);
                if let Some(cache) = self.first.cache() {
                    // A value that was read before it was removed here may be stored by now.
                    cache.remove_fenced(key);
                }
            }
        }
        result.map(|()| removed)
    }

    /// Sets when a value expires. Returns whether there is one.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn touch(self: &Arc<Self>, key: Vec<u8>, ttl: Ttl) -> Result<bool, TierError> {
        self.settle().await;
        let key = self.key(&key);
        let mut pipeline = Pipeline::new();
        pipeline.cmd("MULTI");
        match milliseconds(ttl) {
            Some(milliseconds) => pipeline.cmd("PEXPIRE").arg(&key).arg(milliseconds),
            None => pipeline.cmd("PERSIST").arg(&key),
        };
        pipeline.cmd("EXISTS").arg(&key);
        pipeline.cmd("EXEC");
        let answers = self
            .exchange(pipeline)
            .await
            .inspect_err(|_| counts::LOST_WRITES.inc())?;
        match answers.last() {
            Some(Value::Array(answers)) => Ok(matches!(answers.last(), Some(Value::Int(1)))),
            Some(Value::ServerError(error)) => Err(TierError::Refused(error.to_string())),
            _ => Err(self.unexpected()),
        }
    }

    /// Adds to an integer, and returns the sum. A key without a value counts as 0 and gets the lifetime. The first tier
    /// has no copy then: another host may add at any time.
    ///
    /// # Errors
    /// The value is no integer; the sum would not be one; the server does not answer.
    pub async fn increment(
        self: &Arc<Self>,
        key: Vec<u8>,
        by: i64,
        ttl: Ttl,
    ) -> Result<i64, IncrementError> {
        self.settle().await;
        let name = self.key(&key);
        let mut pipeline = Pipeline::new();
        pipeline.cmd("MULTI");
        pipeline.cmd("SET").arg(&name).arg(0).arg("NX");
        if let Some(milliseconds) = milliseconds(ttl) {
            pipeline.arg("PX").arg(milliseconds);
        }
        pipeline.cmd("INCRBY").arg(&name).arg(by);
        pipeline.cmd("EXEC");
        let answers = self
            .exchange(pipeline)
            .await
            .map_err(IncrementError::Tier)?;
        self.flights.change(&key);
        if let Some(cache) = self.first.cache() {
            cache.remove_fenced(&key);
        }
        let refused = |error: String| {
            if error.contains("overflow") {
                IncrementError::Overflow
            } else if error.contains("not an integer") || error.contains("WRONGTYPE") {
                IncrementError::NoInteger
            } else {
                IncrementError::Tier(TierError::Refused(error))
            }
        };
        match answers.into_iter().next_back() {
            Some(Value::Array(answers)) => match answers.into_iter().next_back() {
                Some(Value::Int(sum)) => Ok(sum),
                Some(Value::ServerError(error)) => Err(refused(error.to_string())),
                _ => Err(IncrementError::Tier(self.unexpected())),
            },
            Some(Value::ServerError(error)) => Err(refused(error.to_string())),
            _ => Err(IncrementError::Tier(self.unexpected())),
        }
    }

    /// Removes the values of all keys for which `is_meant` is true, one page of keys after the other; locks stay.
    /// Returns how many there were. Keys that are stored meanwhile may stay.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn remove_where(
        self: &Arc<Self>,
        is_meant: impl Fn(&[u8]) -> bool + Send,
    ) -> Result<u64, TierError> {
        self.settle().await;
        let pattern = [&escaped(&self.prefix), b"*".as_slice()].concat();
        let (mut cursor, mut removed) = (b"0".to_vec(), 0);
        loop {
            let mut pipeline = Pipeline::new();
            pipeline
                .cmd("SCAN")
                .arg(&cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(SCANNED);
            let answer = self
                .exchange(pipeline)
                .await
                .map(|values| values.into_iter().next());
            let page = match answer {
                Ok(Some(Value::Array(page))) => page,
                Ok(_) => return Err(self.unexpected()),
                Err(error) => {
                    counts::LOST_WRITES.inc();
                    return Err(error);
                }
            };
            let [Value::BulkString(next), Value::Array(keys)] = page.as_slice() else {
                return Err(self.unexpected());
            };
            let keys = keys.iter().filter_map(|key| match key {
                Value::BulkString(key) => key.strip_prefix(self.prefix.as_slice()),
                _ => None,
            });
            let keys = keys.filter(|key| !key.starts_with(OWN_KEYS) && is_meant(key));
            let keys: Vec<_> = keys.map(<[u8]>::to_vec).collect();
            if !keys.is_empty() {
                removed += self.remove(keys).await?;
            }
            if next == b"0" {
                return Ok(removed);
            }
            cursor.clone_from(next);
        }
    }

    /// Removes all values of the namespace; without one, all of the database. Locks stay.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn clear(self: &Arc<Self>) -> Result<(), TierError> {
        self.flights.change_all();
        self.remove_where(|_| true).await?;
        Ok(())
    }
}

fn new_value<'a>(entry: &'a Entry, tags: &'a [Tag]) -> NewValue<'a> {
    NewValue {
        bytes: &entry.bytes,
        encoding: entry.encoding,
        ttl: entry.ttl,
        tags,
    }
}

/// A prefix in which no byte has a meaning in a pattern.
fn escaped(prefix: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'*' | b'?' | b'[' | b']' | b'\\' => vec![b'\\', *byte],
        byte => vec![*byte],
    };
    prefix.iter().flat_map(escape).collect()
}
