//! The second tier behind the functions of the cache: which keys it has, and the wait for it, which never exceeds
//! `cache.timeout_ms`. On PHP's threads. A frame that waits may be jumped over, so it holds nothing that matters.

use std::{borrow::Cow, sync::Arc, time::Duration};

use pillion_engine::{
    cache::redis::{Entry, Fetched, HostsTurn, ProducingHost, SecondTier, TierError},
    config::WriteMode,
    runtime::{WaitOutcome, wait_until},
    uuid,
};

use super::{
    access::stored,
    codec::{self, Copied},
};
use crate::{
    engine, futures,
    thread_state::thread_state,
    zend::{arguments::Thrown, interrupt::PhpInterrupt, owned::OwnedZval, value_writer::ZvalOut},
};

thread_state! {
    /// Keys and values of calls with several of them.
    static MULTIPLE: Multiple = Multiple {
        keys: Vec::new(),
        values: Vec::new(),
        entries: Vec::new(),
        sent: Vec::new(),
    };
}

struct Multiple {
    keys: Vec<Wanted>,
    entries: Vec<Entry>,
    /// Entries of calls that wait.
    sent: Vec<Arc<[Entry]>>,
    values: Vec<(Vec<u8>, Arc<Fetched>)>,
}

/// A key as PHP has it, and as it is stored, if that differs.
struct Wanted {
    given: Vec<u8>,
    stored: Option<Vec<u8>>,
}

/// Frees what a jump out of a call has left. In RSHUTDOWN.
pub fn script_shutdown() {
    MULTIPLE.with(|multiple| {
        multiple.keys = Vec::new();
        multiple.values = Vec::new();
        multiple.entries = Vec::new();
        multiple.sent = Vec::new();
    });
}

/// The second tier, if there is one and the key's policy has it.
#[inline]
pub fn of(key: &[u8]) -> Option<&'static Arc<SecondTier>> {
    let engine = engine::current();
    let tier = engine.second_tier()?;
    let policy = engine.cache_policies().policy_for(key);
    (!policy.is_first_tier_only).then_some(tier)
}

/// As [`of`], for a store: with the time at which it gets there.
#[inline]
pub fn for_store(key: &[u8]) -> Option<(&'static Arc<SecondTier>, WriteMode)> {
    let tier = of(key)?;
    let policy = engine::current().cache_policies().policy_for(key);
    match policy.write.unwrap_or(tier.write_mode()) {
        WriteMode::FirstTier => None,
        mode => Some((tier, mode)),
    }
}

/// Runs work of the second tier and waits for its result. `None`: there is none in time.
pub fn run<T: Send + 'static>(
    tier: &SecondTier,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Option<T>, Thrown> {
    run_for(tier.timeout(), tier, work)
}

/// As [`run`], with another timeout.
fn run_for<T: Send + 'static>(
    timeout: Duration,
    tier: &SecondTier,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Option<T>, Thrown> {
    if engine::refuse_preloading().is_err() {
        return Ok(None);
    }
    let engine = engine::current();
    if tier.is_refusing() {
        return Ok(None);
    }
    let (Ok(wake), Ok(queue)) = (futures::wake_descriptor(), futures::completions()) else {
        return Ok(None);
    };
    // The runtime holds the call while it works, so a jump over this frame leaks this reference only.
    let Ok(call) = engine.call_second_tier(queue, work) else {
        return Ok(None);
    };
    match wait_until(wake, Some(timeout), &PhpInterrupt, &|| call.is_done()) {
        WaitOutcome::Done => Ok(call.take()),
        WaitOutcome::TimedOut => Ok(None),
        WaitOutcome::Forked => {
            // A call of the parent: its locks may be held by threads that this child does not have.
            std::mem::forget(call);
            Ok(None)
        }
        WaitOutcome::Interrupted => Err(Thrown::Pending),
    }
}

/// As [`run`], for a change that must not be forgotten: while the server does not answer it is counted as lost, and
/// made up for later.
pub fn run_change<T: Send + 'static>(
    tier: &SecondTier,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Option<T>, Thrown> {
    if tier.is_refusing() && engine::refuse_preloading().is_ok() {
        let _ = engine::current().start_second_tier(async move { drop(work.await) });
        return Ok(None);
    }
    run(tier, work)
}

/// Reads the value of a key. Returns `false`, and leaves `out` alone, if there is none.
pub fn read(key: &[u8], out: ZvalOut) -> Result<bool, Thrown> {
    match fetch(key)? {
        Some(fetched) => decode(fetched, out),
        None => Ok(false),
    }
}

fn decode(fetched: Arc<Fetched>, out: ZvalOut) -> Result<bool, Thrown> {
    let copied = codec::copy_bytes(fetched.encoding, &fetched.bytes, out);
    drop(fetched);
    match copied {
        Copied::Done => Ok(true),
        Copied::Buffered(encoding) => codec::decode_buffer(encoding, out),
    }
}

/// Whether this host produces the value of a key.
pub enum Hosts {
    /// It does. With a right to be ended, unless the second tier does not answer or does not have the key.
    Produce(Option<Arc<ProducingHost>>),
    /// Another host has produced it.
    Found,
    /// Another host produces, still.
    Busy,
}

/// Asks for the right of this host to produce a value, and waits as long as `patience` for a value of another one.
pub fn begin_producing(key: &[u8], patience: Duration, out: ZvalOut) -> Result<Hosts, Thrown> {
    let Some((tier, _)) = for_store(key).filter(|(tier, _)| !tier.is_refusing()) else {
        return Ok(Hosts::Produce(None));
    };
    let (asker, stored) = (Arc::clone(tier), stored(key).into_owned());
    let work = async move {
        let owner = uuid::v4().ok()?.simple().to_string().into_bytes();
        asker.begin_producing(stored, owner, patience).await.ok()
    };
    // Each of the last exchanges may take the timeout.
    let timeout = patience.saturating_add(tier.timeout() * 3);
    match run_for(timeout, tier, work)?.flatten() {
        None => Ok(Hosts::Produce(None)),
        Some(HostsTurn::Busy) => Ok(Hosts::Busy),
        Some(HostsTurn::Found(fetched)) => match decode(fetched, out)? {
            true => Ok(Hosts::Found),
            false => Ok(Hosts::Produce(None)),
        },
        Some(HostsTurn::Begun(right)) => {
            let engine = engine::current();
            let renewed = Arc::clone(&right).renew(Arc::clone(tier), engine.producer_timeout());
            let _ = engine.start_second_tier(renewed);
            Ok(Hosts::Produce(Some(right)))
        }
    }
}

/// Ends the right of this host, after the value is stored.
pub fn end_producing(right: Arc<ProducingHost>) {
    let engine = engine::current();
    if let Some(tier) = engine.second_tier() {
        let _ = engine.start_second_tier(right.end(Arc::clone(tier)));
    }
}

/// Whether a key has a value.
pub fn has(key: &[u8]) -> Result<bool, Thrown> {
    Ok(fetch(key)?.is_some())
}

fn fetch(key: &[u8]) -> Result<Option<Arc<Fetched>>, Thrown> {
    let Some(tier) = of(key) else {
        return Ok(None);
    };
    if tier.is_refusing() {
        tier.count_refused_read();
        return Ok(None);
    }
    let (reader, keys) = (Arc::clone(tier), vec![stored(key).into_owned()]);
    let read = run(tier, async move { reader.read(keys).await })?;
    Ok(read
        .and_then(Result::ok)
        .and_then(|mut read| read.pop().flatten()))
}

/// Remembers a key for [`read_multiple`].
pub fn want(key: &[u8]) {
    if of(key).is_some() {
        let wanted = Wanted {
            given: key.to_vec(),
            stored: match stored(key) {
                Cow::Borrowed(_) => None,
                Cow::Owned(stored) => Some(stored),
            },
        };
        MULTIPLE.with(|multiple| multiple.keys.push(wanted));
    }
}

/// The number of remembered keys. Those before belong to calls that this one is nested in.
pub fn wanted() -> usize {
    MULTIPLE.with(|multiple| multiple.keys.len())
}

/// Reads the keys that were remembered since there were `before`, and passes each value with its key to `insert`.
pub fn read_multiple(
    before: usize,
    mut insert: impl FnMut(&[u8], &OwnedZval),
) -> Result<(), Thrown> {
    let keys = MULTIPLE.with(|multiple| multiple.keys.split_off(before.min(multiple.keys.len())));
    let Some(tier) = engine::current().second_tier().filter(|_| !keys.is_empty()) else {
        return Ok(());
    };
    if tier.is_refusing() {
        tier.count_refused_read();
        return Ok(());
    }
    let reader = Arc::clone(tier);
    let work = async move {
        let stored = keys
            .iter()
            .map(|key| key.stored.as_ref().unwrap_or(&key.given).clone());
        let read = reader.read_early(stored.collect()).await?;
        let found = keys.into_iter().zip(read);
        let found = found.filter_map(|(key, value)| Some((key.given, value?)));
        Ok::<_, TierError>(found.collect::<Vec<_>>())
    };
    let Some(Ok(found)) = run(tier, work)? else {
        return Ok(());
    };
    let count = found.len();
    MULTIPLE.with(|multiple| multiple.values.extend(found));
    for _ in 0..count {
        // PHP code of an object may run, and may jump over this frame.
        let mut copied = Copied::Done;
        let value = OwnedZval::with(|out| {
            MULTIPLE.with(|multiple| {
                if let Some((_, fetched)) = multiple.values.last() {
                    copied = codec::copy_bytes(fetched.encoding, &fetched.bytes, out);
                }
            });
        });
        let (value, is_value) = match copied {
            Copied::Done => (value, true),
            Copied::Buffered(encoding) => {
                let mut decoded = Ok(false);
                let value = OwnedZval::with(|out| decoded = codec::decode_buffer(encoding, out));
                (value, decoded?)
            }
        };
        let last = MULTIPLE.with(|multiple| multiple.values.pop());
        if let (Some((key, _)), true) = (&last, is_value) {
            insert(key, &value);
        }
        drop(last);
        value.release();
    }
    Ok(())
}

/// Stores values here, and those that the first tier does not have in it.
pub fn store(mode: WriteMode, tier: &Arc<SecondTier>, entries: Vec<Entry>) -> Result<(), Thrown> {
    if mode == WriteMode::Behind {
        for entry in entries {
            let _ = engine::current().store_behind(tier, entry);
        }
        return Ok(());
    }
    if tier.is_refusing() {
        tier.keep(&entries);
    }
    let (writer, entries) = (Arc::clone(tier), Arc::<[Entry]>::from(entries));
    MULTIPLE.with(|multiple| multiple.sent.push(Arc::clone(&entries)));
    let stored = run_change(tier, async move { drop(writer.set(&entries).await) });
    let sent = MULTIPLE.with(|multiple| multiple.sent.pop());
    if let (Ok(None), Some(entries)) = (&stored, sent) {
        // No answer in time.
        tier.keep(&entries);
    }
    stored.map(drop)
}

/// Remembers a value for [`store_collected`].
pub fn collect(entry: Entry) {
    MULTIPLE.with(|multiple| multiple.entries.push(entry));
}

/// Stores the values that were remembered; those of a call that this one is nested in too.
pub fn store_collected() -> Result<(), Thrown> {
    let entries = MULTIPLE.with(|multiple| std::mem::take(&mut multiple.entries));
    match engine::current().second_tier() {
        Some(tier) if !entries.is_empty() => store(WriteMode::Through, tier, entries),
        _ => Ok(()),
    }
}

/// Removes the values of stored keys here, after the first tier. Returns how many there were.
pub fn remove(tier: &Arc<SecondTier>, keys: Vec<Vec<u8>>) -> Result<u64, Thrown> {
    let writer = Arc::clone(tier);
    let removed = run_change(tier, async move { writer.remove(keys).await })?;
    Ok(removed.and_then(Result::ok).unwrap_or_default())
}
