//! Named locks with a lease: entries of a kind of their own, which are not evicted before they expire. A lock ends by
//! [`Cache::unlock`] of its owner, or when its lease is over. Each acquisition gets a higher fencing number. Any
//! thread.

use std::sync::atomic::Ordering;

use super::{
    Cache,
    entry::{HashedKey, Kind},
    layout::header,
    new_entry::NewEntry,
    table,
    value::{Condition, Stored, Ttl},
};

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLock {
    /// The token of its owner.
    pub owner: Vec<u8>,
    /// Grows with each acquisition of any lock of the cache.
    pub fencing: u64,
}

impl Cache {
    /// Acquires the lock `name` for `owner` until the lease is over. Returns its fencing number, or `None` if it is
    /// held (by the same owner too), or if there is no memory for it.
    #[must_use]
    pub fn lock(&self, name: &[u8], owner: &[u8], lease: Ttl) -> Option<u64> {
        let fencing = self
            .memory
            .word(header::FENCING)
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        let stored = self.store_lock(name, owner, fencing, lease, Condition::Absent);
        (stored == Stored::Yes).then_some(fencing)
    }

    /// Releases the lock, if `owner` holds it.
    #[must_use]
    pub fn unlock(&self, name: &[u8], owner: &[u8]) -> bool {
        let key = self.hashed(Kind::Lock, name);
        loop {
            let Some((found, _)) = self.read_lock_of(key, owner) else {
                return false;
            };
            if self.blocks(self.now()).remove(found.slot, found.word) {
                return true;
            }
        }
    }

    /// Renews the lease, if `owner` holds the lock. Returns `false` too if there is no memory: the old lease stays.
    #[must_use]
    pub fn refresh_lock(&self, name: &[u8], owner: &[u8], lease: Ttl) -> bool {
        let key = self.hashed(Kind::Lock, name);
        loop {
            let Some((found, held)) = self.read_lock_of(key, owner) else {
                return false;
            };
            let condition = Condition::Unchanged(found.slot, found.word);
            match self.store_lock(name, owner, held.fencing, lease, condition) {
                Stored::Yes => return true,
                Stored::Refused => return false,
                Stored::No => {}
            }
        }
    }

    /// Returns the lock if it is held.
    #[must_use]
    pub fn held_lock(&self, name: &[u8]) -> Option<HeldLock> {
        self.read_lock(self.hashed(Kind::Lock, name))
            .map(|(_, held)| held)
    }

    fn read_lock(&self, key: HashedKey<'_>) -> Option<(table::Found, HeldLock)> {
        let (found, bytes) =
            table::read(&self.memory, key, |found| (*found, self.value_bytes(found)))?;
        if found.head.is_expired(self.now()) {
            return None;
        }
        let (fencing, owner) = bytes.split_first_chunk::<8>()?;
        Some((
            found,
            HeldLock {
                owner: owner.to_vec(),
                fencing: u64::from_le_bytes(*fencing),
            },
        ))
    }

    /// The lock, if `owner` holds it.
    fn read_lock_of(&self, key: HashedKey<'_>, owner: &[u8]) -> Option<(table::Found, HeldLock)> {
        self.read_lock(key).filter(|(_, held)| held.owner == owner)
    }

    fn store_lock(
        &self,
        name: &[u8],
        owner: &[u8],
        fencing: u64,
        lease: Ttl,
        condition: Condition,
    ) -> Stored {
        let now = self.now();
        let mut value = fencing.to_le_bytes().to_vec();
        value.extend_from_slice(owner);
        let key = self.hashed(Kind::Lock, name);
        let entry = NewEntry {
            kind: Kind::Lock,
            hash: key.hash,
            key: name,
            value: &value,
            encoding: 0,
            tags: &[],
            expires: lease.expires(now),
            created: now,
            extra: 0,
        };
        self.store(&entry, now, condition)
    }
}
