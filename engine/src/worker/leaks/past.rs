//! What earlier requests have done to each thing. A thing that is filled once is lazy loading; one that
//! changes again and again is a leak.

use std::collections::{HashMap, HashSet};

use super::picture::Key;

/// Things that are remembered; whoever makes more of them has a leak that was told long before.
const MOST: usize = 20_000;

/// What is known of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Requests that have changed it.
    pub changed: u32,
    /// Requests that have made it larger, one after the other, with none between that has not.
    pub streak: u32,
    /// It has been smaller after a request than before.
    pub shrank: bool,
    /// Its hash, or its level, after the last change.
    pub after: u64,
    /// It has been in the log.
    pub is_logged: bool,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub struct Past {
    known: HashMap<Key, Known>,
    /// The objects that were there when the request before began.
    pub objects: HashSet<(u64, u32)>,
    /// How often PHP's collector had run at the last look.
    pub runs: u64,
    /// Requests that were looked at.
    pub looked: u64,
}

impl Past {
    /// What is known of a thing, to be added to.
    pub fn of(&mut self, key: Key) -> &mut Known {
        if self.known.len() >= MOST && !self.known.contains_key(&key) {
            self.known.clear();
        }
        self.known.entry(key).or_default()
    }

    /// Forgets it.
    pub fn forget(&mut self, key: Key) {
        self.known.remove(&key);
    }

    /// Things of a kind that are known.
    pub fn keys(&self) -> impl Iterator<Item = (Key, Known)> + '_ {
        self.known.iter().map(|(key, known)| (*key, *known))
    }
}
