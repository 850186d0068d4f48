//! The table of level zero: two places for each hash, and more places as long as they are needed and the limit allows.
//! A full table gives the place of a value that was not read lately, and only to a key that is read for the second
//! time: keys that are read once never displace others.
//!
//! Values end with the script, or outlive it as copies. Such a copy may be in use until the script ends, so it is only
//! discarded then, and freed before the next script. On PHP's threads.

use ext_php_rs::ffi::zend_string;
use pillion_engine::cache::Version;

use crate::zend::{owned::OwnedZval, persistent, value};

/// Places of a new table, a power of two.
const FIRST_PLACES: usize = 64;
/// Places beyond which only values that cost much to decode are worth more: the places of others would take the
/// processor's caches from the first tier, which is as fast for them.
const CHEAP_PLACES: usize = 1024;
/// Places that are examined to make room for one value.
const SWEEP: usize = 32;

/// A value that was decoded.
pub struct Entry {
    pub hash: u64,
    pub key: OwnedZval,
    pub value: OwnedZval,
    pub version: Version,
    /// The number of the key's policy.
    pub pattern: Option<u8>,
    /// Bytes of key and value, estimated.
    pub bytes: usize,
    /// Whether it was read since a sweep has passed it.
    pub was_read: bool,
}

/// Bytes of a place.
const PLACE_BYTES: usize = size_of::<Option<Entry>>() + size_of::<Marks>();

/// What a lookup examines first, apart from the entries: a miss touches nothing else.
#[derive(Clone, Copy, Default)]
struct Marks {
    /// The tag of the entry's key; 0: the place is free.
    tag: u32,
    /// The tag of the key that was refused last.
    refused: u32,
}

/// The values of one PHP thread.
pub struct Table {
    entries: Vec<Option<Entry>>,
    marks: Vec<Marks>,
    /// Places that have been filled since the table was empty, unless there are too many to list.
    filled: Vec<u32>,
    /// Bytes of all entries.
    bytes: usize,
    /// Where the next sweep starts.
    hand: usize,
    /// Whether the values are copies that outlive the script.
    outlives_script: bool,
    /// Copies that are freed before the next script, and their bytes.
    discarded: Vec<OwnedZval>,
    discarded_bytes: usize,
}

impl Table {
    /// An empty table without memory.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            marks: Vec::new(),
            filled: Vec::new(),
            bytes: 0,
            hand: 0,
            outlives_script: false,
            discarded: Vec::new(),
            discarded_bytes: 0,
        }
    }

    /// Whether the values are copies that outlive the script.
    pub const fn outlives_script(&self) -> bool {
        self.outlives_script
    }

    /// Sets whether values outlive the script. The table is empty.
    pub fn set_outlives_script(&mut self, outlives_script: bool) {
        self.outlives_script = outlives_script;
    }

    /// The entry of a key.
    #[inline(always)]
    pub fn find(&mut self, key: *mut zend_string) -> Option<&mut Entry> {
        let hash = hash_of(key);
        let home = self.home(hash);
        let place = if self.has(home, hash, key) {
            home
        } else if self.has(home ^ 1, hash, key) {
            home ^ 1
        } else {
            return None;
        };
        self.entries.get_mut(place)?.as_mut()
    }

    /// Whether a key is read for the second time without being in the table, as far as that is remembered.
    pub fn is_read_again(&mut self, key: *mut zend_string) -> bool {
        let hash = hash_of(key);
        if self.entries.is_empty() {
            self.make_places(FIRST_PLACES);
        }
        self.was_refused(self.home(hash), hash)
    }

    /// Whether a cheap value of a key gets no place, because all of its places are in use and it is not read again. Of
    /// many keys that are read once, this is most of what the table costs.
    #[inline]
    pub fn refuses_cheap(&mut self, key: *mut zend_string) -> bool {
        if self.entries.len() < CHEAP_PLACES {
            return false;
        }
        let hash = hash_of(key);
        let (home, tag) = (self.home(hash), tag_of(hash));
        let has_place = |place| self.tag(place).is_none_or(|used| used == 0 || used == tag);
        if has_place(home) || has_place(home ^ 1) {
            return false;
        }
        let marks = self.marks.get_mut(home);
        marks.is_some_and(|marks| {
            marks.refused != tag && {
                marks.refused = tag;
                true
            }
        })
    }

    /// The place for a value of a key, of so many bytes; `None` if others need the memory more.
    pub fn place_for(
        &mut self,
        key: *mut zend_string,
        bytes: usize,
        is_cheap: bool,
        limit: usize,
    ) -> Option<usize> {
        let hash = hash_of(key);
        if self.entries.is_empty() {
            self.make_places(FIRST_PLACES);
        }
        loop {
            let home = self.home(hash);
            let is_known = |place| self.has(place, hash, key);
            if let Some(place) = [home, home ^ 1].into_iter().find(|place| is_known(*place)) {
                return self.has_room(bytes, limit).then_some(place);
            }
            if let Some(place) = [home, home ^ 1]
                .into_iter()
                .find(|place| self.is_free(*place))
            {
                return self.has_room(bytes, limit).then_some(place);
            }
            let is_large = is_cheap && self.entries.len() >= CHEAP_PLACES;
            if is_large || !self.grow(limit) {
                return self.contended_place(home, hash, bytes, limit);
            }
        }
    }

    /// Puts an entry in a place in the stead of another one.
    pub fn put(&mut self, place: usize, entry: Entry) {
        self.remove(place);
        if self.filled.len() <= self.entries.len() / 8 {
            self.filled.push(place as u32);
        }
        self.bytes += entry.bytes;
        if let (Some(free), Some(marks)) = (self.entries.get_mut(place), self.marks.get_mut(place))
        {
            marks.tag = tag_of(entry.hash);
            *free = Some(entry);
        }
    }

    /// Removes all entries. The places stay.
    pub fn clear(&mut self) {
        if self.filled.len() <= self.entries.len() / 8 {
            while let Some(place) = self.filled.pop() {
                self.remove(place as usize);
            }
        } else {
            (0..self.entries.len()).for_each(|place| self.remove(place));
        }
        self.filled.clear();
        self.hand = 0;
    }

    /// Frees copies that were discarded.
    ///
    /// # Safety
    /// No script runs that may have seen them.
    pub unsafe fn free_discarded(&mut self) {
        for copy in self.discarded.drain(..) {
            // SAFETY: by the contract; only copies are discarded.
            unsafe { persistent::free(copy) };
        }
        self.discarded_bytes = 0;
    }

    /// Frees all memory.
    ///
    /// # Safety
    /// No script runs.
    pub unsafe fn free(&mut self) {
        if self.outlives_script {
            self.clear();
        }
        // SAFETY: by the contract.
        unsafe { self.free_discarded() };
        // Values of a script, if any are left, have ended with its memory.
        *self = Self::new();
    }

    /// The place of a hash of which both are in use: that of an entry that was not read lately, for a key that was
    /// refused before.
    fn contended_place(
        &mut self,
        home: usize,
        hash: u64,
        bytes: usize,
        limit: usize,
    ) -> Option<usize> {
        if !self.was_refused(home, hash) {
            return None;
        }
        let idle = [home, home ^ 1]
            .into_iter()
            .find(|place| !self.take_mark(*place));
        idle.filter(|_| self.has_room(bytes, limit))
    }

    /// Whether a key of that hash was refused last at its place. It is now.
    fn was_refused(&mut self, home: usize, hash: u64) -> bool {
        let marks = self.marks.get_mut(home);
        marks.is_some_and(|marks| {
            std::mem::replace(&mut marks.refused, tag_of(hash)) == tag_of(hash)
        })
    }

    /// Makes room for so many bytes, by the removal of entries that were not read lately. Discarded copies may take as
    /// much again.
    fn has_room(&mut self, bytes: usize, limit: usize) -> bool {
        let mut steps = SWEEP;
        let mask = self.entries.len().saturating_sub(1);
        while self.used() + bytes > limit && steps > 0 {
            if !self.take_mark(self.hand) {
                self.remove(self.hand);
            }
            self.hand = (self.hand + 1) & mask;
            steps -= 1;
        }
        self.used() + bytes <= limit && self.discarded_bytes <= limit
    }

    /// Doubles the places, if they take a quarter of the limit at most. Two entries at most stay for each place.
    fn grow(&mut self, limit: usize) -> bool {
        let count = self.entries.len() * 2;
        if count * PLACE_BYTES > limit / 4 {
            return false;
        }
        let old = std::mem::take(&mut self.entries);
        (self.bytes, self.hand) = (0, 0);
        self.filled.clear();
        self.marks.clear();
        self.make_places(count);
        for entry in old.into_iter().flatten() {
            let home = self.home(entry.hash);
            let place = if self.is_free(home) { home } else { home ^ 1 };
            self.put(place, entry);
        }
        true
    }

    fn make_places(&mut self, count: usize) {
        self.entries.resize_with(count, || None);
        self.marks.resize(count, Marks::default());
    }

    /// Whether an entry was read since the last call; false for a free place.
    fn take_mark(&mut self, place: usize) -> bool {
        let entry = self.entries.get_mut(place).and_then(Option::as_mut);
        entry.is_some_and(|entry| std::mem::take(&mut entry.was_read))
    }

    /// Runs no PHP code: keys are strings, and values have no objects.
    fn remove(&mut self, place: usize) {
        let entry = self.entries.get_mut(place).and_then(Option::take);
        let Some(entry) = entry else {
            return;
        };
        if let Some(marks) = self.marks.get_mut(place) {
            marks.tag = 0;
        }
        self.bytes -= entry.bytes;
        if self.outlives_script {
            self.discarded.extend([entry.key, entry.value]);
            self.discarded_bytes += entry.bytes;
        } else {
            entry.key.release();
            entry.value.release();
        }
    }

    /// Bytes of the places and of all entries.
    pub const fn used(&self) -> usize {
        self.entries.len() * PLACE_BYTES + self.bytes
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        (spread(hash) >> 32) as usize & self.entries.len().wrapping_sub(1)
    }

    #[inline(always)]
    fn has(&self, place: usize, hash: u64, key: *mut zend_string) -> bool {
        if self.tag(place) != Some(tag_of(hash)) {
            return false;
        }
        let entry = self.entries.get(place).and_then(Option::as_ref);
        entry.is_some_and(|entry| entry.hash == hash && is_equal(entry.key.zend_string(), key))
    }

    #[inline]
    fn is_free(&self, place: usize) -> bool {
        self.tag(place) == Some(0)
    }

    #[inline]
    fn tag(&self, place: usize) -> Option<u32> {
        self.marks.get(place).map(|marks| marks.tag)
    }
}

/// The part of a hash that a place is compared by first; not 0.
#[inline]
const fn tag_of(hash: u64) -> u32 {
    (spread(hash) >> 32) as u32 | 1
}

/// PHP's hashes of short keys with the same beginning differ in their lower bits only. The upper ones of this all do.
#[inline]
const fn spread(hash: u64) -> u64 {
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// PHP's hash of a string.
#[inline]
pub fn hash_of(key: *mut zend_string) -> u64 {
    // SAFETY: a live string, of an argument or an entry.
    unsafe { value::hash_of(key) }
}

#[inline]
fn is_equal(one: *mut zend_string, other: *mut zend_string) -> bool {
    // SAFETY: live strings, of an argument and an entry.
    unsafe { value::is_equal(one, other) }
}
