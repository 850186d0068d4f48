//! Residue: PHP state that a request has changed and left. Its kinds, the action for each, and statistics. A handler
//! that leaves residue does so in every request, so an item is logged once per process and counted each time.
//! Atomics only: PHP's threads never wait for each other here, and a forked child may clear everything.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::config::ResetSet;

/// The kind of PHP state that a request may change.
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
    /// All kinds.
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

    /// The name in the log, in `Worker\status()`, and, for kinds that can be restored, in `worker.reset`.
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

    /// Whether the state belongs to the whole process: other threads are using it, so it is never restored.
    #[must_use]
    pub const fn is_process_wide(self) -> bool {
        matches!(self, Self::Umask | Self::Locale | Self::Environment)
    }

    /// The action for a change, if the settings ask to restore the kinds `restored`.
    #[must_use]
    pub fn action(self, restored: ResetSet, is_first_request: bool) -> Action {
        match self {
            // Not even accepted from the first request: the next user would get the session of the one before.
            Self::Session if restored.contains(self.name()) => Action::Restored,
            Self::Session => Action::Reported,
            _ if is_first_request => Action::Accepted,
            _ if self.is_process_wide() => Action::Reported,
            _ if restored.contains(self.name()) => Action::Restored,
            _ => Action::Reported,
        }
    }
}

/// The action for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Reported, and left as it is for the next request.
    Reported,
    /// Accepted as the application's own state: frameworks set much lazily, in a worker's first request.
    Accepted,
    /// Restored to the state before the request.
    Restored,
}

impl Action {
    /// The value of `fate` in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reported => "left",
            Self::Accepted => "kept",
            Self::Restored => "put back",
        }
    }
}

/// Items that are logged per process; further ones are only counted.
const MAX_LOGGED_NAMES: usize = 256;

/// Residue of all requests of a process: counts, and the items that were logged.
pub struct ResidueStats {
    found: [AtomicU64; ResidueKind::ALL.len()],
    restored: AtomicU64,
    /// Hashes of kind and name; 0 for a free cell.
    logged: [AtomicU64; MAX_LOGGED_NAMES],
}

impl ResidueStats {
    /// Statistics without any residue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            found: [const { AtomicU64::new(0) }; ResidueKind::ALL.len()],
            restored: AtomicU64::new(0),
            logged: [const { AtomicU64::new(0) }; MAX_LOGGED_NAMES],
        }
    }

    /// Counts a change, and returns whether to log it: it is the first one of its kind and name.
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
        // An accepted item is logged once more when a later request changes it.
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

    /// The number of changes of a kind, without those of workers' first requests.
    #[must_use]
    pub fn found(&self, kind: ResidueKind) -> u64 {
        self.found
            .get(kind as usize)
            .map_or(0, |found| found.load(Ordering::Relaxed))
    }

    /// The number of changes that were restored.
    #[must_use]
    pub fn restored(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    /// Clears everything, in a forked child: atomics only.
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
    fn a_name_is_logged_once_and_counted_each_time() {
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
    fn accepted_changes_are_logged_and_not_counted() {
        let stats = ResidueStats::new();
        assert!(stats.count(ResidueKind::Ini, b"precision", Action::Accepted));
        assert!(!stats.count(ResidueKind::Ini, b"precision", Action::Accepted));
        assert_eq!(stats.found(ResidueKind::Ini), 0);
        assert!(stats.count(ResidueKind::Ini, b"precision", Action::Reported));
    }

    #[test]
    fn logged_names_are_bounded() {
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
    fn only_named_kinds_of_the_thread_are_restored() {
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
