//! What requests leave behind of PHP's own state: its kinds, how often it was found, and which names have
//! been logged of. Who leaves something behind does so in every request, so a name is logged once a process, and
//! counted each time. Atomics only: PHP's threads never wait for each other here, and a forked child may
//! empty all at once.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::config::ResetSet;

/// What a request may leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResidueKind {
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

impl ResidueKind {
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
    pub fn action(self, wanted: ResetSet, is_first_request: bool) -> Action {
        match self {
            // Who comes second would get the session of who came first.
            Self::Session if wanted.contains(self.name()) => Action::Restored,
            Self::Session => Action::Reported,
            _ if is_first_request => Action::Accepted,
            _ if self.is_process_wide() => Action::Reported,
            _ if wanted.contains(self.name()) => Action::Restored,
            _ => Action::Reported,
        }
    }
}

/// What becomes of something stats behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The next request finds it as it is.
    Reported,
    /// The first request of a worker is part of its start: frameworks set much when they are first needed.
    Accepted,
    /// It is again as it was before the request.
    Restored,
}

impl Action {
    /// The word in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reported => "left",
            Self::Accepted => "kept",
            Self::Restored => "put back",
        }
    }
}

/// Names that are logged of, at most; who leaves more behind has been logged enough.
const MAX_LOGGED_NAMES: usize = 256;

/// See the head of the file.
pub struct ResidueStats {
    found: [AtomicU64; ResidueKind::ALL.len()],
    restored: AtomicU64,
    /// Hashes of kind and name, 0 where the cell is free.
    logged: [AtomicU64; MAX_LOGGED_NAMES],
}

impl ResidueStats {
    /// Nothing found yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            found: [const { AtomicU64::new(0) }; ResidueKind::ALL.len()],
            restored: AtomicU64::new(0),
            logged: [const { AtomicU64::new(0) }; MAX_LOGGED_NAMES],
        }
    }

    /// Counts one, and says whether it has to be logged: it is the first of its kind and name.
    pub fn count(&self, kind: ResidueKind, name: &[u8], action: Action) -> bool {
        if action != Action::Accepted {
            if let Some(found) = self.found.get(kind as usize) {
                found.fetch_add(1, Ordering::Relaxed);
            }
            let is_restored = action == Action::Restored;
            self.restored
                .fetch_add(is_restored.into(), Ordering::Relaxed);
        }
        let mut hasher = DefaultHasher::new();
        // What the first request sets may be logged once more, when a later one sets it anew.
        (kind, action == Action::Accepted, name).hash(&mut hasher);
        self.insert(hasher.finish().max(1))
    }

    fn insert(&self, hash: u64) -> bool {
        let start = (hash % MAX_LOGGED_NAMES as u64) as usize;
        let (before, from) = self.logged.split_at(start);
        for cell in from.iter().chain(before) {
            match cell.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(existing) if existing == hash => return false,
                Err(_) => {}
            }
        }
        false
    }

    /// How often something of a kind was stats behind by a request that was not a worker's first.
    #[must_use]
    pub fn found(&self, kind: ResidueKind) -> u64 {
        self.found
            .get(kind as usize)
            .map_or(0, |found| found.load(Ordering::Relaxed))
    }

    /// How often it was put back.
    #[must_use]
    pub fn restored(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    /// Forgets all: in a forked child, with atomics only.
    pub fn reset(&self) {
        for cell in self.found.iter().chain(&self.logged) {
            cell.store(0, Ordering::Relaxed);
        }
        self.restored.store(0, Ordering::Relaxed);
    }
}

impl Default for ResidueStats {
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
        let stats = ResidueStats::new();
        assert!(stats.count(ResidueKind::Ini, b"precision", Action::Reported));
        assert!(!stats.count(ResidueKind::Ini, b"precision", Action::Reported));
        assert!(stats.count(ResidueKind::Ini, b"memory_limit", Action::Restored));
        assert!(stats.count(ResidueKind::Handlers, b"precision", Action::Reported));
        assert_eq!(
            (
                stats.found(ResidueKind::Ini),
                stats.found(ResidueKind::Handlers)
            ),
            (3, 1)
        );
        assert_eq!(
            (stats.found(ResidueKind::Session), stats.restored()),
            (0, 1)
        );
        stats.reset();
        assert_eq!((stats.found(ResidueKind::Ini), stats.restored()), (0, 0));
        assert!(stats.count(ResidueKind::Ini, b"precision", Action::Reported));
    }

    #[test]
    fn what_the_first_request_sets_is_told_and_not_counted() {
        let stats = ResidueStats::new();
        assert!(stats.count(ResidueKind::Ini, b"precision", Action::Accepted));
        assert!(!stats.count(ResidueKind::Ini, b"precision", Action::Accepted));
        assert_eq!(stats.found(ResidueKind::Ini), 0);
        assert!(stats.count(ResidueKind::Ini, b"precision", Action::Reported));
    }

    #[test]
    fn somebody_who_leaves_thousands_of_names_behind_does_not_flood_the_log() {
        let stats = ResidueStats::new();
        let logged = (0..10_000)
            .filter(|n: &u32| {
                stats.count(ResidueKind::Wrappers, &n.to_le_bytes(), Action::Reported)
            })
            .count();
        assert_eq!(logged, MAX_LOGGED_NAMES);
        assert_eq!(stats.found(ResidueKind::Wrappers), 10_000);
    }

    #[test]
    fn only_what_is_named_is_put_back_and_never_what_other_threads_use() {
        for kind in ResidueKind::ALL {
            let named = ResetSet::of(&[kind.name()]);
            let all = ResetSet::of(RESETTABLE);
            assert_eq!(RESETTABLE.contains(&kind.name()), !kind.is_process_wide());
            let expected = match kind.is_process_wide() {
                true => Action::Reported,
                false => Action::Restored,
            };
            assert_eq!(kind.action(named, false), expected, "{kind:?}");
            assert_eq!(kind.action(all, false), expected, "{kind:?}");
            assert_eq!(
                kind.action(ResetSet::NONE, false),
                Action::Reported,
                "{kind:?}"
            );
        }
        for kind in ResidueKind::ALL
            .into_iter()
            .filter(|kind| *kind != ResidueKind::Session)
        {
            let named = ResetSet::of(&[kind.name()]);
            assert_eq!(kind.action(named, true), Action::Accepted, "{kind:?}");
        }
        let session = ResetSet::of(&["session"]);
        assert_eq!(ResidueKind::Session.action(session, true), Action::Restored);
    }
}
