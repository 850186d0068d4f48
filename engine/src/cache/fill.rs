//! Stores of values that were read from the second tier: they must not replace what another process has stored or
//! removed since the read began. The lock word of the key's bucket, which each store changes, tells. Any thread.

use std::time::Duration;

use super::{
    Cache,
    entry::{Encoding, Kind, Space},
    key_lock::KeyLock,
    production::Production,
    table,
    value::{Condition, NewValue, Stored, Ttl},
};

/// Milliseconds by which a value may expire later here than in the second tier.
const EXPIRY_SLACK: u64 = 100;

/// The state of a key before it is read from the second tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillGuard(u64);

impl Cache {
    /// The state of a key, before it is read from the second tier.
    #[must_use]
    pub fn fill_guard(&self, key: &[u8]) -> FillGuard {
        let hash = self.hashed(Kind::Value, key).hash;
        FillGuard(KeyLock::word(&self.memory, hash))
    }

    /// Stores a value, unless the key has one, or may have been stored or removed by [`Cache::remove_fenced`] since
    /// `guard`: what a process stores gets here before it gets to the second tier.
    pub fn fill(&self, key: &[u8], value: &NewValue<'_>, guard: FillGuard) -> Stored {
        self.store_value(Space::Values, key, value, 0, Condition::Quiet(guard.0))
    }

    /// Stores a value that the second tier has now, in place of another one, unless the key was stored, or removed by
    /// [`Cache::remove_fenced`], since `guard`: that may have reached the second tier later.
    pub fn set_sent(
        &self,
        key: &[u8],
        value: &NewValue<'_>,
        how: Option<Production>,
        guard: FillGuard,
    ) -> Stored {
        let extra = how.map_or(0, Production::word);
        let condition = Condition::Since(guard.0);
        self.store_value(Space::Values, key, value, extra, condition)
    }

    /// Refuses what was read from the second tier before, or is stored there only now, because its value of the key is
    /// this one: removes another one. Returns the state of the key then; `None` if it was stored or removed since
    /// `guard`, so that the value may be an older one.
    #[must_use]
    pub fn fence(
        &self,
        key: &[u8],
        encoding: Encoding,
        bytes: &[u8],
        guard: FillGuard,
    ) -> Option<FillGuard> {
        let lock = KeyLock::acquire(&self.memory, self.hashed(Kind::Value, key).hash);
        if self.has_other(key, encoding, bytes) {
            self.delete(key);
        }
        lock.follows(guard.0).then(|| FillGuard(lock.next_word()))
    }

    /// Removes the value of a key, and refuses what was read from the second tier before. Returns `false` if it had
    /// none.
    pub fn remove_fenced(&self, key: &[u8]) -> bool {
        let _fence = KeyLock::acquire(&self.memory, self.hashed(Kind::Value, key).hash);
        self.delete(key)
    }

    /// Whether a key has another value than this one. Counts neither as a read nor as a hit.
    #[must_use]
    pub fn has_other(&self, key: &[u8], encoding: Encoding, bytes: &[u8]) -> bool {
        let key = self.hashed(Kind::Value, key);
        let is_other = table::read(&self.memory, key, |found| {
            found.head.encoding != encoding
                || found.head.value_bytes != bytes.len()
                || self.value_bytes(found) != bytes
        });
        is_other == Some(true)
    }

    /// As [`Cache::remove_fenced`], for a key that the server reports as changed. A value that has expired there stays
    /// for as long as `remember()` may return it; here it may have a moment left, which ends.
    pub fn remove_changed(&self, key: &[u8]) {
        let hashed = self.hashed(Kind::Value, key);
        let soon = self.now() + EXPIRY_SLACK;
        let expires_soon = table::read(&self.memory, hashed, |found| {
            let is_kept = found
                .head
                .production()
                .is_some_and(|how| how.stale_ms() > 0);
            is_kept && found.head.is_expired(soon) && self.is_valid(found)
        });
        if expires_soon == Some(true) && self.touch(key, Ttl::For(Duration::ZERO)) {
            return;
        }
        let _fence = KeyLock::acquire(&self.memory, hashed.hash);
        let now = self.now();
        let is_stale = table::read(&self.memory, hashed, |found| {
            found.head.is_expired(now) && !found.head.is_too_stale(now)
        });
        if is_stale != Some(true) {
            self.delete(key);
        }
    }
}
