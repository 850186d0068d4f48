//! The right to produce the value of a key: an entry of a kind of its own, which names the process that holds it. It
//! ends when the holder ends it, when its process dies (the kernel releases the lock of its [`Owner`]), or after a
//! lease, since a stopped process never ends it. A waiter sleeps on the word of the entry's slot (a futex in the
//! segment), and looks for dead holders meanwhile. No value here has a destructor: the holder runs PHP code, which may
//! never return. On PHP's threads.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::{
    Cache,
    entry::Kind,
    layout::header,
    new_entry::NewEntry,
    owners::Owner,
    table::{self, Found},
    value::{Condition, Stored, Ttl},
};
use crate::{failpoint::failpoint, host::fork, runtime::Interrupt};

/// Interval in which a waiter looks for a dead holder.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// Bits of the number of an owner.
const OWNER_BITS: u32 = 10;

/// The right to produce the value of a key, held by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    slot: usize,
    holder: u64,
}

/// The result of [`Cache::begin_producing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Producing {
    /// This process holds the right, until [`Cache::end_producing`].
    Begun(Producer),
    /// Another thread or process holds it.
    Busy(Holder),
    /// There is no memory for it: the value is produced without the right.
    Refused,
}

/// A holder of the right: of another thread or process, or of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    slot: usize,
    holder: u64,
}

impl Holder {
    /// Whether it is the holder that began as `producer`.
    #[must_use]
    pub fn is(self, producer: Producer) -> bool {
        self.holder == producer.holder
    }

    fn owner(self) -> Owner {
        Owner {
            number: self.holder as usize & ((1 << OWNER_BITS) - 1),
            count: (self.holder >> OWNER_BITS) as u32 & ((1 << Owner::COUNT_BITS) - 1),
        }
    }
}

/// The result of [`Cache::wait_for_holder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderWait {
    /// It does not hold the right any more.
    Ended,
    /// The timeout passed.
    TimedOut,
    /// An interrupt ended the wait.
    Interrupted,
}

impl Cache {
    /// Begins to produce the value of a key, unless another thread or process does. `lease` is the longest time for
    /// which the others wait.
    #[must_use]
    pub fn begin_producing(&self, key: &[u8], lease: Duration) -> Producing {
        let hashed = self.hashed(Kind::Producer, key);
        let number = self
            .memory
            .word(header::FENCING)
            .fetch_add(1, Ordering::Relaxed);
        let own = self.owners.identity();
        let holder = own.number as u64
            | u64::from(own.count) << OWNER_BITS
            | number << (OWNER_BITS + Owner::COUNT_BITS);
        loop {
            let now = self.now();
            let entry = NewEntry {
                kind: Kind::Producer,
                hash: hashed.hash,
                key,
                value: &[],
                encoding: 0,
                tags: &[],
                expires: Ttl::For(lease).expires(now),
                created: now,
                extra: holder,
            };
            match self.store(&entry, now, Condition::Absent) {
                Stored::Yes => {
                    failpoint!("cache.producer.begun");
                    // It is gone already if the lease was over before it began.
                    return match table::find(&self.memory, hashed) {
                        Some(Found { slot, .. }) => Producing::Begun(Producer { slot, holder }),
                        None => Producing::Refused,
                    };
                }
                Stored::Refused => return Producing::Refused,
                Stored::No => {}
            }
            let Some(found) = table::read(&self.memory, hashed, |found| *found) else {
                continue;
            };
            let holder = Holder {
                slot: found.slot,
                holder: found.head.extra,
            };
            if self.owners.is_alive(&self.memory, holder.owner()) {
                return Producing::Busy(holder);
            }
            self.blocks(now).remove(found.slot, found.word);
        }
    }

    /// Ends the right to produce, and wakes its waiters. Has no effect if it has ended.
    pub fn end_producing(&self, producer: Producer) {
        while let Some(found) = self.held(producer.slot, producer.holder) {
            if self.blocks(self.now()).remove(found.slot, found.word) {
                failpoint!("cache.producer.ended");
                futex::wake_all(self.memory.slot(found.slot));
                return;
            }
        }
    }

    /// Waits until `holder` does not hold the right any more, at most so long.
    #[must_use]
    pub fn wait_for_holder(
        &self,
        holder: Holder,
        timeout: Duration,
        interrupt: &dyn Interrupt,
    ) -> HolderWait {
        let start = Instant::now();
        let generation = fork::generation();
        loop {
            if interrupt.pending() {
                if !interrupt.serve() {
                    return HolderWait::Interrupted;
                }
                // An interrupt has forked: the cache of this child is another one.
                if generation != fork::generation() {
                    return HolderWait::TimedOut;
                }
            }
            let found = self.held(holder.slot, holder.holder);
            let Some(found) = found.filter(|found| {
                !found.head.is_expired(self.now())
                    && self.owners.is_alive(&self.memory, holder.owner())
            }) else {
                return HolderWait::Ended;
            };
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return HolderWait::TimedOut;
            }
            let slot = self.memory.slot(found.slot);
            futex::wait(slot, found.word.0, left.min(CHECK_INTERVAL));
        }
    }

    /// The entry of a holder, if the slot still has it; its lease may be over.
    fn held(&self, slot: usize, holder: u64) -> Option<Found> {
        loop {
            let found = Found::load(&self.memory, slot, self.memory.load_slot(slot))?;
            if found.is_unchanged(&self.memory) {
                let is_held = found.head.kind() == Kind::Producer && found.head.extra == holder;
                return is_held.then_some(found);
            }
        }
    }
}

/// Sleeps on the upper half of a slot's word, which changes with each version of the slot.
mod futex {
    use super::{AtomicU64, Duration};

    #[cfg(target_os = "linux")]
    fn upper_half(word: &AtomicU64) -> *const u32 {
        let halves = word.as_ptr().cast::<u32>().cast_const();
        let upper = usize::from(cfg!(target_endian = "little"));
        // SAFETY: within the word.
        unsafe { halves.add(upper) }
    }

    /// Sleeps until the word is not `expected` any more and its changer wakes, a signal arrives, or the time is over.
    #[cfg(target_os = "linux")]
    pub(super) fn wait(word: &AtomicU64, expected: u64, time: Duration) {
        let time = libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(0),
            tv_nsec: time.subsec_nanos().into(),
        };
        // SAFETY: a word of the segment, which stays mapped during the call, and a timespec. Not private: other
        // processes wake it.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                upper_half(word),
                libc::FUTEX_WAIT,
                (expected >> 32) as u32,
                &raw const time,
            );
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn wake_all(word: &AtomicU64) {
        // SAFETY: a word of the segment.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                upper_half(word),
                libc::FUTEX_WAKE,
                i32::MAX,
            )
        };
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn wait(_: &AtomicU64, _: u64, time: Duration) {
        std::thread::sleep(time.min(Duration::from_millis(2)));
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn wake_all(_: &AtomicU64) {}
}
