//! Stores: set, add, change and touch are one operation with a condition. The entry is filled before the lock of its
//! key is taken; under the lock its slot is changed by one compare-and-swap, and the replaced entry is freed after it.
//! On PHP's threads.

use super::{
    Cache,
    entry::{Encoding, HashedKey, Kind, MAX_TAG_WORDS, Space},
    key_lock::KeyLock,
    new_entry::NewEntry,
    production::Production,
    stats::Counter,
    table::{self, Found},
    value::{ChangeError, Condition, NewValue, Stored, Ttl},
    words::BlockState,
};
use crate::failpoint::failpoint;

/// Attempts to change a value that other processes change too.
const MAX_CHANGES: usize = 10_000;

impl Cache {
    /// Stores a value in place of another one.
    pub fn set(&self, key: &[u8], value: &NewValue<'_>) -> Stored {
        self.set_in(Space::Values, key, value)
    }

    /// As [`Cache::set`], in a space.
    pub fn set_in(&self, space: Space, key: &[u8], value: &NewValue<'_>) -> Stored {
        self.store_value(space, key, value, 0, Condition::Always)
    }

    /// As [`Cache::set`], for a value of `remember()`.
    pub fn set_produced(&self, key: &[u8], value: &NewValue<'_>, how: Production) -> Stored {
        self.store_value(Space::Values, key, value, how.word(), Condition::Always)
    }

    /// Stores a value, if the key has none.
    pub fn add(&self, key: &[u8], value: &NewValue<'_>) -> Stored {
        self.add_in(Space::Values, key, value)
    }

    /// As [`Cache::add`], in a space.
    pub fn add_in(&self, space: Space, key: &[u8], value: &NewValue<'_>) -> Stored {
        self.store_value(space, key, value, 0, Condition::Absent)
    }

    /// Changes the value of a key atomically: `change` gets the encoding and the bytes of the current one, and returns
    /// the new ones, or an error, which ends the change. It may run again when another process was first. A value keeps
    /// its expiry and its tags; a new one gets `ttl`.
    ///
    /// # Errors
    /// The error of `change`; [`ChangeError::Refused`] if there is no memory.
    pub fn change<E>(
        &self,
        key: &[u8],
        ttl: Ttl,
        change: impl FnMut(Option<(Encoding, &[u8])>) -> Result<(Encoding, Vec<u8>), E>,
    ) -> Result<(), ChangeError<E>> {
        self.change_in(Space::Values, key, ttl, change)
    }

    /// As [`Cache::change`], in a space.
    ///
    /// # Errors
    /// As [`Cache::change`].
    pub fn change_in<E>(
        &self,
        space: Space,
        key: &[u8],
        ttl: Ttl,
        mut change: impl FnMut(Option<(Encoding, &[u8])>) -> Result<(Encoding, Vec<u8>), E>,
    ) -> Result<(), ChangeError<E>> {
        let kind = space.kind();
        let hashed = self.hashed(kind, key);
        for _ in 0..MAX_CHANGES {
            let now = self.now();
            let current = self.current(hashed);
            let (encoding, bytes) = change(
                current
                    .as_ref()
                    .map(|(found, bytes, _)| (found.head.encoding, bytes.as_slice())),
            )
            .map_err(ChangeError::Rejected)?;
            let (condition, expires, tags) = match &current {
                Some((found, _, tags)) => (
                    Condition::Unchanged(found.slot, found.word),
                    found.head.expires,
                    tags.as_slice(),
                ),
                None => (Condition::Absent, ttl.expires(now), [].as_slice()),
            };
            let extra = current.as_ref().map_or(0, |(found, ..)| found.head.extra);
            let entry = NewEntry {
                kind,
                hash: hashed.hash,
                key,
                value: &bytes,
                encoding,
                tags,
                expires,
                created: now,
                extra,
            };
            match self.store(&entry, now, condition) {
                Stored::Yes => return Ok(()),
                Stored::Refused => return Err(ChangeError::Refused),
                Stored::No => {}
            }
        }
        Err(ChangeError::Refused)
    }

    /// Sets when the value of a key expires. Returns `false` if it has none, or if there is no memory.
    pub fn touch(&self, key: &[u8], ttl: Ttl) -> bool {
        let hashed = self.hashed(Kind::Value, key);
        for _ in 0..MAX_CHANGES {
            let Some((found, bytes, tags)) = self.current(hashed) else {
                return false;
            };
            let now = self.now();
            let entry = NewEntry {
                kind: Kind::Value,
                hash: hashed.hash,
                key,
                value: &bytes,
                encoding: found.head.encoding,
                tags: &tags,
                expires: ttl.expires(now),
                created: found.head.created,
                extra: found.head.extra,
            };
            let condition = Condition::Unchanged(found.slot, found.word);
            match self.store(&entry, now, condition) {
                Stored::Yes => return true,
                Stored::Refused => return false,
                Stored::No => {}
            }
        }
        false
    }

    /// The value of a key, with its bytes and its tags, to be stored again in another form.
    fn current(&self, key: HashedKey<'_>) -> Option<(Found, Vec<u8>, Vec<u64>)> {
        table::read(&self.memory, key, |found| {
            self.is_valid(found).then(|| {
                let tags = found.head.tag_words(&self.memory, found.block);
                (*found, self.value_bytes(found), tags)
            })
        })
        .flatten()
    }

    pub(super) fn store_value(
        &self,
        space: Space,
        key: &[u8],
        value: &NewValue<'_>,
        extra: u64,
        condition: Condition,
    ) -> Stored {
        let kind = space.kind();
        let now = self.now();
        let mut tags = [0; MAX_TAG_WORDS];
        if value.tags.len() > MAX_TAG_WORDS {
            return Stored::Refused;
        }
        for (word, tag) in tags.iter_mut().zip(value.tags) {
            *word = tag.0;
        }
        let entry = NewEntry {
            kind,
            hash: self.hashed(kind, key).hash,
            key,
            value: value.bytes,
            encoding: value.encoding,
            tags: tags.get(..value.tags.len()).unwrap_or_default(),
            expires: value.ttl.expires(now),
            created: now,
            extra,
        };
        let stored = self.store(&entry, now, condition);
        if stored == Stored::Yes && space == Space::Apcu {
            self.count(Counter::stores(space));
        }
        stored
    }

    pub(super) fn store(&self, entry: &NewEntry<'_>, now: u64, condition: Condition) -> Stored {
        let blocks = self.blocks(now);
        let reserved = entry
            .plan()
            .filter(|_| entry.value.len() <= self.memory.layout.max_value())
            .and_then(|plan| blocks.reserve_entry(&plan));
        let Some((first, parts)) = reserved else {
            self.count(Counter::Refused);
            return Stored::Refused;
        };
        let head = entry.fill(&self.memory, first, &parts);
        let key = HashedKey {
            kind: entry.kind,
            hash: entry.hash,
            bytes: entry.key,
        };
        loop {
            let lock = KeyLock::acquire(&self.memory, entry.hash);
            loop {
                let found = table::find(&self.memory, key);
                let is_met = match condition {
                    Condition::Always => true,
                    Condition::Absent => !found.as_ref().is_some_and(|found| self.is_valid(found)),
                    Condition::Quiet(before) => {
                        lock.follows(before)
                            && !found.as_ref().is_some_and(|found| self.is_valid(found))
                    }
                    Condition::Since(before) => lock.follows(before),
                    Condition::Unchanged(slot, word) => found
                        .as_ref()
                        .is_some_and(|found| found.slot == slot && found.word.is_same(word)),
                };
                let place = match &found {
                    Some(found) => Some((found.slot, found.word)),
                    None => lock.slot_for_new(now),
                };
                // A process that takes the lock over from here on changes the version of the slot first.
                if !lock.is_held() {
                    break;
                }
                let (true, Some((slot, old))) = (is_met, place) else {
                    drop(lock);
                    blocks.free_reserved(parts.into_iter().chain([first]));
                    if is_met {
                        self.count(Counter::Refused);
                        return Stored::Refused;
                    }
                    return Stored::No;
                };
                let replaced = blocks.blocks_of(old);
                let first_word = blocks.set_slot(first, slot);
                let part_words: Vec<_> = parts
                    .iter()
                    .map(|part| (*part, blocks.set_slot(*part, slot)))
                    .collect();
                failpoint!("cache.entry.filled");
                if !self
                    .memory
                    .swap_slot(slot, old, old.next(first, entry.hash))
                {
                    continue;
                }
                failpoint!("cache.slot.changed");
                drop(lock);
                for (part, word) in part_words {
                    blocks.publish(part, word, BlockState::Part);
                }
                blocks.publish(first, first_word, BlockState::First);
                blocks.count_stored(&head, entry.kind, replaced.as_ref());
                if let Some(replaced) = replaced {
                    if found.is_none() {
                        blocks.count_eviction(&replaced);
                    }
                    blocks.free_entry(&replaced, None);
                }
                return Stored::Yes;
            }
        }
    }
}
