//! Lookups without a lock: the value of a key, and whether a version that was read before is still the current one. On
//! PHP's threads.

use std::time::Duration;

use super::{
    Cache, Production, Space, ValueReader, Version,
    stats::Counter,
    table::{self, Found},
    words::MAX_READ_MARKS,
};

impl Cache {
    /// Reads the value of a key by `read`, which may run again when the value changes meanwhile; only the last result
    /// counts. Returns `None` if there is no value.
    #[inline]
    pub fn get<T>(&self, key: &[u8], read: impl FnMut(&ValueReader<'_>) -> T) -> Option<T> {
        self.get_with_version(key, read).map(|(value, _)| value)
    }

    /// As [`Cache::get`]; returns the version of the value too.
    #[inline]
    pub fn get_with_version<T>(
        &self,
        key: &[u8],
        read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        self.get_in(Space::Values, key, read)
    }

    /// As [`Cache::get_with_version`], in a space.
    #[inline]
    pub fn get_in<T>(
        &self,
        space: Space,
        key: &[u8],
        read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        let value = self.get_to_count_in(space, key, read);
        if value.is_some() {
            self.count_hits_in(space, 1);
        }
        value
    }

    /// As [`Cache::get_in`]; the caller counts the hit.
    #[inline]
    pub fn get_to_count_in<T>(
        &self,
        space: Space,
        key: &[u8],
        mut read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        let value = self.read_if(space, key, &mut read, |found| self.is_valid(found));
        if value.is_none() {
            self.count(Counter::misses(space));
        }
        value
    }

    /// As [`Cache::get_with_version`], and counts neither a hit nor a miss: for a lookup that is repeated.
    /// Finds an expired value too, for `stale` after its expiration, if it was stored to be kept for that time.
    pub fn get_again<T>(
        &self,
        key: &[u8],
        stale: Duration,
        mut read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        let limit = u64::try_from(stale.as_millis()).unwrap_or(u64::MAX);
        self.read_if(Space::Values, key, &mut read, |found| {
            let kept = found.head.production().map_or(0, Production::stale_ms);
            let until = found.head.expires.saturating_add(kept.min(limit));
            (found.head.expires == 0 || until > self.now())
                && found.head.has_current_tags(&self.memory, found.block)
        })
    }

    #[inline]
    fn read_if<T>(
        &self,
        space: Space,
        key: &[u8],
        read: &mut impl FnMut(&ValueReader<'_>) -> T,
        is_wanted: impl Fn(&Found) -> bool,
    ) -> Option<(T, Version)> {
        let key = self.hashed(space.kind(), key);
        table::read(&self.memory, key, |found| {
            is_wanted(found).then(|| {
                let reader = ValueReader {
                    memory: &self.memory,
                    found,
                };
                let value = read(&reader);
                found.mark_read(&self.memory);
                (value, Version::of(&self.memory, found))
            })
        })
        .flatten()
    }

    /// Whether a value of `remember()` is to be produced anew before it expires, by this one of its readers: see
    /// [`Production`]. `now` is the time of its check, `random` draws from 0 (excluded) to 1.
    #[must_use]
    #[inline]
    pub fn is_refresh_due(
        &self,
        version: &Version,
        now: u64,
        beta: f64,
        random: impl FnOnce() -> f64,
    ) -> bool {
        match version.production {
            Some(production) if version.expires != 0 => {
                let left = version.expires.saturating_sub(now);
                production.is_refresh_due(left, beta, random)
            }
            _ => false,
        }
    }

    /// Whether the value of that version is still the stored one, expired or not.
    #[must_use]
    pub fn is_stored_version(&self, version: &Version) -> bool {
        self.memory.load_slot(version.slot).is_same(version.word)
    }

    /// Checks whether a key still has the value of that version: one load, one for each tag, and the clock for a value
    /// that expires. Marks it as read; the caller counts the hit. Returns the time of the check, 0 for a value that does
    /// not expire; `None` if the key has another value or none.
    #[must_use]
    #[inline]
    pub fn check_version(&self, version: &Version) -> Option<u64> {
        self.check_version_at(version, || self.now())
    }

    /// As [`Cache::check_version`], with a clock that is read for a value that expires: for several values, one time of
    /// [`Cache::now`] is enough.
    #[must_use]
    #[inline]
    pub fn check_version_at(&self, version: &Version, now: impl FnOnce() -> u64) -> Option<u64> {
        let word = self.memory.load_slot(version.slot);
        if !word.is_same(version.word) {
            return None;
        }
        let now = match version.expires {
            0 => 0,
            expires => Some(now()).filter(|now| *now < expires)?,
        };
        if !version.has_current_tags(&self.memory) {
            return None;
        }
        if word.reads() < MAX_READ_MARKS {
            self.memory.add_read(version.slot);
        }
        Some(now)
    }

    /// Whether a key has a value. Counts neither as a read nor as a hit.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        self.has_in(Space::Values, key)
    }

    /// As [`Cache::has`], in a space.
    #[must_use]
    pub fn has_in(&self, space: Space, key: &[u8]) -> bool {
        let key = self.hashed(space.kind(), key);
        table::read(&self.memory, key, |found| self.is_valid(found)) == Some(true)
    }

    pub(super) fn value_bytes(&self, found: &Found) -> Vec<u8> {
        ValueReader {
            memory: &self.memory,
            found,
        }
        .to_vec()
    }
}
