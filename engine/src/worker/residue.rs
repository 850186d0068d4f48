//! What requests leave behind of PHP's own state: its kinds, how often it was found, and which names have
//! been told of. Who leaves something behind does so in every request, so a name is told once a process, and
//! counted each time. Atomics only: PHP's threads never wait for each other here, and a forked child may
//! empty all at once.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::config::ResetSet;

/// What a request may leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A setting of PHP's: `ini_set`, `set_time_limit`, `error_reporting`.
    Ini,
    /// An error or exception handler.
    Handlers,
    /// `date_default_timezone_set`.
    Timezone,
    /// A stream wrapper, registered or unregistered.
    Wrappers,
    /// A session that is open.
    Session,
    /// The process's file mode mask.
    Umask,
    /// The process's locale.
    Locale,
    /// A variable of the process's environment.
    Environment,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ini,
        Self::Handlers,
        Self::Timezone,
        Self::Wrappers,
        Self::Session,
        Self::Umask,
        Self::Locale,
        Self::Environment,
    ];

    /// The name in the log, in `Worker\status()`, and of those that may be reset in `worker.reset`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ini => "ini",
            Self::Handlers => "handlers",
            Self::Timezone => "timezone",
            Self::Wrappers => "wrappers",
            Self::Session => "session",
            Self::Umask => "umask",
            Self::Locale => "locale",
            Self::Environment => "environment",
        }
    }

    /// Whether it is the process's and not the thread's: other threads are using it, so it is never put back.
    #[must_use]
    pub const fn is_process_wide(self) -> bool {
        matches!(self, Self::Umask | Self::Locale | Self::Environment)
    }

    /// What is done with it.
    #[must_use]
    pub fn fate(self, wanted: ResetSet, is_first_request: bool) -> Fate {
        match self {
            // Who comes second would get the session of who came first.
            Self::Session if wanted.has(self.name()) => Fate::PutBack,
            Self::Session => Fate::Left,
            _ if is_first_request => Fate::Kept,
            _ if self.is_process_wide() => Fate::Left,
            _ if wanted.has(self.name()) => Fate::PutBack,
            _ => Fate::Left,
        }
    }
}

/// What becomes of something left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The next request finds it as it is.
    Left,
    /// The first request of a worker is part of its start: frameworks set much when they are first needed.
    Kept,
    /// It is again as it was before the request.
    PutBack,
}

impl Fate {
    /// The word in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Kept => "kept",
            Self::PutBack => "put back",
        }
    }
}

/// Names that are told of, at most; who leaves more behind has been told enough.
const MOST_TOLD: usize = 256;

/// See the head of the file.
pub struct LeftBehind {
    found: [AtomicU64; Kind::ALL.len()],
    put_back: AtomicU64,
    /// Hashes of kind and name, 0 where the place is free.
    told: [AtomicU64; MOST_TOLD],
}

impl LeftBehind {
    /// Nothing found yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            found: [const { AtomicU64::new(0) }; Kind::ALL.len()],
            put_back: AtomicU64::new(0),
            told: [const { AtomicU64::new(0) }; MOST_TOLD],
        }
    }

    /// Counts one, and says whether it has to be told: it is the first of its kind and name.
    pub fn count(&self, kind: Kind, name: &[u8], fate: Fate) -> bool {
        if fate != Fate::Kept {
            if let Some(found) = self.found.get(kind as usize) {
                found.fetch_add(1, Ordering::Relaxed);
            }
            let is_back = fate == Fate::PutBack;
            self.put_back.fetch_add(is_back.into(), Ordering::Relaxed);
        }
        let mut hasher = DefaultHasher::new();
        // What the first request sets may be told once more, when a later one sets it anew.
        (kind, fate == Fate::Kept, name).hash(&mut hasher);
        self.is_new(hasher.finish().max(1))
    }

    fn is_new(&self, hash: u64) -> bool {
        let start = (hash % MOST_TOLD as u64) as usize;
        let (before, from) = self.told.split_at(start);
        for place in from.iter().chain(before) {
            match place.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(there) if there == hash => return false,
                Err(_) => {}
            }
        }
        false
    }

    /// How often something of a kind was left behind by a request that was not a worker's first.
    #[must_use]
    pub fn found(&self, kind: Kind) -> u64 {
        self.found
            .get(kind as usize)
            .map_or(0, |found| found.load(Ordering::Relaxed))
    }

    /// How often it was put back.
    #[must_use]
    pub fn put_back(&self) -> u64 {
        self.put_back.load(Ordering::Relaxed)
    }

    /// Forgets all: in a forked child, with atomics only.
    pub fn reset(&self) {
        for cell in self.found.iter().chain(&self.told) {
            cell.store(0, Ordering::Relaxed);
        }
        self.put_back.store(0, Ordering::Relaxed);
    }
}

impl Default for LeftBehind {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RESETTABLE;

    #[test]
    fn each_name_of_a_kind_is_told_once_and_counted_each_time() {
        let left = LeftBehind::new();
        assert!(left.count(Kind::Ini, b"precision", Fate::Left));
        assert!(!left.count(Kind::Ini, b"precision", Fate::Left));
        assert!(left.count(Kind::Ini, b"memory_limit", Fate::PutBack));
        assert!(left.count(Kind::Handlers, b"precision", Fate::Left));
        assert_eq!((left.found(Kind::Ini), left.found(Kind::Handlers)), (3, 1));
        assert_eq!((left.found(Kind::Session), left.put_back()), (0, 1));
        left.reset();
        assert_eq!((left.found(Kind::Ini), left.put_back()), (0, 0));
        assert!(left.count(Kind::Ini, b"precision", Fate::Left));
    }

    #[test]
    fn what_the_first_request_sets_is_told_and_not_counted() {
        let left = LeftBehind::new();
        assert!(left.count(Kind::Ini, b"precision", Fate::Kept));
        assert!(!left.count(Kind::Ini, b"precision", Fate::Kept));
        assert_eq!(left.found(Kind::Ini), 0);
        assert!(left.count(Kind::Ini, b"precision", Fate::Left));
    }

    #[test]
    fn somebody_who_leaves_thousands_of_names_behind_does_not_flood_the_log() {
        let left = LeftBehind::new();
        let told = (0..10_000)
            .filter(|n: &u32| left.count(Kind::Wrappers, &n.to_le_bytes(), Fate::Left))
            .count();
        assert_eq!(told, MOST_TOLD);
        assert_eq!(left.found(Kind::Wrappers), 10_000);
    }

    #[test]
    fn only_what_is_named_is_put_back_and_never_what_other_threads_use() {
        for kind in Kind::ALL {
            let named = ResetSet::of(&[kind.name()]);
            let all = ResetSet::of(RESETTABLE);
            assert_eq!(RESETTABLE.contains(&kind.name()), !kind.is_process_wide());
            let expected = match kind.is_process_wide() {
                true => Fate::Left,
                false => Fate::PutBack,
            };
            assert_eq!(kind.fate(named, false), expected, "{kind:?}");
            assert_eq!(kind.fate(all, false), expected, "{kind:?}");
            assert_eq!(kind.fate(ResetSet::NONE, false), Fate::Left, "{kind:?}");
        }
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Session) {
            let named = ResetSet::of(&[kind.name()]);
            assert_eq!(kind.fate(named, true), Fate::Kept, "{kind:?}");
        }
        let session = ResetSet::of(&["session"]);
        assert_eq!(Kind::Session.fate(session, true), Fate::PutBack);
    }
}
