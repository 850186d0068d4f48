//! `remember()`: a value that is produced when it is missing, by one thread of the host; the others return a stale
//! value where one is allowed, else they wait. A hit costs as much as `get()`. The producer is PHP code, which may
//! throw, call `remember()` itself, or never return: the rights that this thread holds stand in its state, and end with
//! the script at the latest; nothing on these frames has a destructor. On PHP's threads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_engine::{
    cache::{
        Cache, HolderWait, Producer, Producing, Production, Space, Version, redis::ProducingHost,
    },
    host::fork,
};

use super::{
    access::{self, Store, key, read_again, read_and, stored},
    lifetime::{self, Lifetime},
    second::{self, Hosts},
};
use crate::{
    engine,
    thread_state::thread_state,
    zend::{
        arguments::{Call, Thrown},
        call,
        interrupt::PhpInterrupt,
        owned::OwnedZval,
        value,
        value_writer::ZvalOut,
    },
};

/// Producers that a caller waits for without getting a value: they have failed, or it can't be stored. It produces the
/// value itself then, beside another one.
const MAX_PRODUCERS: u32 = 3;
/// How long a producer waits for the value of another key: two that wait for each other go on after it.
const NESTED_TIMEOUT: Duration = Duration::from_millis(200);

/// A right to produce that this thread holds.
struct Held {
    producer: Producer,
    /// The right of this host among others.
    host: Option<Arc<ProducingHost>>,
    /// The cache, as an address.
    cache: usize,
    /// The process: a forked child ends nothing of its parent's.
    generation: u32,
}

struct Thread {
    held: Vec<Held>,
    random: u64,
}

thread_state! {
    static THREAD: Thread = Thread {
        held: Vec::new(),
        random: 0,
    };
}

/// The arguments of a call.
struct Remember<'a, 'b> {
    call: &'a Call<'b>,
    key: &'a [u8],
    beta: f64,
    ret: ZvalOut,
}

pub fn remember(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let this = Remember {
        call,
        key: key(call, 0)?,
        beta: call.float_or(3, 1.0)?,
        ret,
    };
    call.callable(1)?;
    if this.beta.is_nan() || this.beta < 0.0 {
        return Err(call.value_error(3, c"must be greater than or equal to 0"));
    }
    lifetime::check(call, 2)?;
    let stale = call.opt_seconds(4)?;
    if let Some(cache) = engine::current().cache()
        && let Some(due) = this.read(cache)?
    {
        return match due {
            None => Ok(()),
            Some(version) => this.refresh(cache, &version, stale),
        };
    }
    let lifetime = lifetime::argument(call, 2)?;
    match engine::current().checked_cache() {
        Some(cache) if lifetime != Lifetime::Over => this.miss(cache, stale),
        _ => this.produce(stale, &mut None),
    }
}

impl Remember<'_, '_> {
    /// Reads the value. Returns its version if it is to be produced anew, and nothing at all if there is no value.
    #[inline]
    fn read(&self, cache: &Cache) -> Result<Option<Option<Version>>, Thrown> {
        let given = self.call.any(0);
        read_and(
            cache,
            Space::Values,
            given,
            self.key,
            self.ret,
            |version, now| {
                let is_due = cache.is_refresh_due(version, now, self.beta, random);
                is_due.then_some(*version)
            },
        )
    }

    /// Produces the value anew before it expires, unless another thread does.
    fn refresh(
        &self,
        cache: &Cache,
        version: &Version,
        stale: Option<Duration>,
    ) -> Result<(), Thrown> {
        let Producing::Begun(producer) = begin(cache, self.key) else {
            return Ok(());
        };
        if !cache.is_stored_version(version) {
            // Another thread has just done so.
            end(producer);
            return Ok(());
        }
        self.ret.release();
        self.produce(stale, &mut Some(producer))
    }

    /// Produces the value, or returns the one that another thread produces.
    fn miss(&self, cache: &Cache, stale: Option<Duration>) -> Result<(), Thrown> {
        let policy = engine::current().cache_policies().policy_for(self.key);
        let allowed = stale.or(policy.stale).unwrap_or_default();
        let turn = turn(
            cache,
            || begin(cache, self.key),
            |is_busy| match is_busy {
                true if allowed.is_zero() => Ok(false),
                true => read_again(cache, self.key, allowed, self.ret),
                false => Ok(read_again(cache, self.key, Duration::ZERO, self.ret)?
                    || second::read(self.key, self.ret)?),
            },
        );
        let mut producer = match turn? {
            Turn::Found => return Ok(()),
            Turn::Produce(producer) => producer,
        };
        if let Some(begun) = producer {
            match self.host_turn(cache, begun, allowed) {
                Ok(false) => {}
                found => {
                    end(begun);
                    return found.map(|_| ());
                }
            }
        }
        self.produce(stale, &mut producer)
    }

    /// Waits for the turn of this host among others. Returns `true` if the value was read instead.
    fn host_turn(
        &self,
        cache: &Cache,
        producer: Producer,
        allowed: Duration,
    ) -> Result<bool, Thrown> {
        if second::for_store(self.key).is_none() {
            return Ok(false);
        }
        let is_nested = THREAD.with(|thread| thread.held.len() > 1);
        let longest = match is_nested {
            true => NESTED_TIMEOUT,
            false => engine::current().producer_timeout(),
        };
        let first = if allowed.is_zero() {
            longest
        } else {
            Duration::ZERO
        };
        for patience in [first, longest] {
            match second::begin_producing(self.key, patience, self.ret)? {
                Hosts::Found => return Ok(true),
                Hosts::Produce(host) => {
                    attach(producer, host);
                    return Ok(false);
                }
                Hosts::Busy if patience.is_zero() => {
                    if read_again(cache, self.key, allowed, self.ret)? {
                        return Ok(true);
                    }
                }
                Hosts::Busy => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Calls the producer, stores its value, and ends the right to produce, also after an exception. After a fatal error
    /// the end of the script does.
    fn produce(
        &self,
        stale: Option<Duration>,
        producer: &mut Option<Producer>,
    ) -> Result<(), Thrown> {
        let produced = self.call_and_store(stale);
        if let Some(producer) = producer.take() {
            end(producer);
        }
        produced
    }

    fn call_and_store(&self, stale: Option<Duration>) -> Result<(), Thrown> {
        let Some(function) = self.call.any(1) else {
            return Err(Thrown::Pending);
        };
        let begun = Instant::now();
        let function = OwnedZval::new(function);
        let returned = call::call(&function, &[]);
        function.release();
        let took = begun.elapsed();
        let returned = returned?;
        self.ret.copy(value::deref(returned.value()));
        returned.release();
        let lifetime = lifetime::argument(self.call, 2)?;
        let engine = engine::current();
        let Some(cache) = engine.checked_cache() else {
            return Ok(());
        };
        let policy = engine.cache_policies().policy_for(self.key);
        // The time that is stored has the policy's factor, so that a hit needs no policy.
        let factor = policy.beta.filter(|_| self.beta == 1.0).unwrap_or(1.0);
        let production = Production::new(
            took.mul_f64(factor),
            stale.or(policy.stale).unwrap_or_default(),
        );
        let how = Store::Produced(production);
        access::store(
            cache,
            how,
            self.key,
            self.ret.value(),
            lifetime,
            &[],
            Vec::new,
        )?;
        Ok(())
    }
}

/// What is left to do for a caller that has found no value.
pub enum Turn {
    /// Nothing: the value was read meanwhile.
    Found,
    /// To produce the value: with the right to, or without one where that is held for too long or can't be had.
    Produce(Option<Producer>),
}

/// Waits for the turn of this thread to produce a value. `begin` asks for the right; `read` reads the value again, a
/// stale one too where its argument says that another thread produces.
pub fn turn(
    cache: &Cache,
    begin: impl Fn() -> Producing,
    read: impl Fn(bool) -> Result<bool, Thrown>,
) -> Result<Turn, Thrown> {
    let is_nested = THREAD.with(|thread| !thread.held.is_empty());
    let begun = Instant::now();
    for _ in 0..MAX_PRODUCERS {
        let holder = match begin() {
            Producing::Begun(producer) => {
                // Another thread may have produced it since it was found missing.
                return match read(false) {
                    Ok(false) => Ok(Turn::Produce(Some(producer))),
                    found => {
                        end(producer);
                        found.map(|_| Turn::Found)
                    }
                };
            }
            Producing::Refused => break,
            Producing::Busy(holder) => holder,
        };
        if read(true)? {
            return Ok(Turn::Found);
        }
        let is_own = |held: &Held| holder.is(held.producer);
        if THREAD.with(|thread| thread.held.iter().any(is_own)) {
            break;
        }
        let timeout = match is_nested {
            true => NESTED_TIMEOUT.saturating_sub(begun.elapsed()),
            false => Duration::MAX,
        };
        match cache.wait_for_holder(holder, timeout, &PhpInterrupt) {
            HolderWait::Ended => {}
            HolderWait::TimedOut => break,
            HolderWait::Interrupted => return Err(Thrown::Pending),
        }
        if read(false)? {
            return Ok(Turn::Found);
        }
    }
    Ok(Turn::Produce(None))
}

fn begin(cache: &Cache, key: &[u8]) -> Producing {
    begin_stored(cache, &stored(key))
}

/// Asks for the right to produce the value that is stored under a key, which ends by [`end`], or with the script.
pub fn begin_stored(cache: &Cache, key: &[u8]) -> Producing {
    let lease = engine::current().producer_timeout();
    let producing = cache.begin_producing(key, lease);
    if let Producing::Begun(producer) = producing {
        let held = Held {
            producer,
            host: None,
            cache: std::ptr::from_ref(cache).addr(),
            generation: fork::generation(),
        };
        THREAD.with(|thread| thread.held.push(held));
    }
    producing
}

/// Adds the right of this host to that of this thread, which it ends with.
fn attach(producer: Producer, host: Option<Arc<ProducingHost>>) {
    THREAD.with(|thread| {
        let own = thread
            .held
            .iter_mut()
            .find(|held| held.producer == producer);
        if let Some(held) = own {
            held.host = host;
        }
    });
}

/// Ends a right of this thread's.
pub fn end(producer: Producer) {
    let held = THREAD.with(|thread| {
        let position = thread
            .held
            .iter()
            .position(|held| held.producer == producer);
        position.map(|position| thread.held.swap_remove(position))
    });
    if let Some(held) = held {
        release(held);
    }
}

fn release(held: Held) {
    if held.generation != fork::generation() {
        return;
    }
    if let Some(host) = held.host {
        second::end_producing(host);
    }
    let cache = engine::existing().and_then(|engine| engine.open_cache_at(held.cache));
    if let Some(cache) = cache {
        cache.end_producing(held.producer);
    }
}

/// Ends all rights of this thread: a producer has ended the script, or the request. In RSHUTDOWN.
pub fn end_all() {
    while let Some(held) = THREAD.with(|thread| thread.held.pop()) {
        release(held);
    }
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    THREAD.with(|thread| thread.held = Vec::new());
}

/// A number from 0 (excluded) to 1 (xorshift*).
fn random() -> f64 {
    THREAD.with(|thread| {
        if thread.random == 0 {
            let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let seed = time.map_or(0, |time| u64::from(time.subsec_nanos()));
            thread.random = (seed << 32 | u64::from(std::process::id())) | 1;
        }
        let mut bits = thread.random;
        bits ^= bits >> 12;
        bits ^= bits << 25;
        bits ^= bits >> 27;
        thread.random = bits;
        let mixed = bits.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        (mixed + 1) as f64 / (1u64 << 53) as f64
    })
}
