//! Decides which artifacts of a storage are removed: those unused for longer than the retention, and beyond the size
//! limit those unused longest, first those of untrusted writers, so that these can't push out trusted artifacts. Sizes
//! are summed by ten minutes, so that the memory does not grow with the number of artifacts. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::object::ObjectName;

/// Width of an interval in seconds.
const INTERVAL: u64 = 600;
/// Untrusted writers keep this part of a full storage together: one in four bytes.
const UNTRUSTED_PART: u64 = 4;

/// Limits of a storage.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time after its last use that an artifact is removed; zero: never.
    pub retention: Duration,
    /// Bytes of all artifacts; 0: no limit.
    pub max_bytes: u64,
}

/// The sizes of all artifacts by the time of their last use.
#[derive(Debug, Default)]
pub struct Usage {
    trusted: Intervals,
    untrusted: Intervals,
}

#[derive(Debug, Default)]
struct Intervals(BTreeMap<u64, u64>);

/// The reason for a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Unused for longer than the retention.
    Expired,
    /// Unused longest, in a storage beyond its size.
    Lru,
}

impl Reason {
    /// The value of a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Lru => "lru",
        }
    }
}

/// The removals that are due.
#[derive(Debug)]
pub struct Plan {
    expired_before: SystemTime,
    trusted: Removals,
    untrusted: Removals,
}

/// The removals of the artifacts that are unused longest.
#[derive(Debug, Default)]
struct Removals {
    /// Artifacts of earlier intervals go.
    first_kept: u64,
    /// Bytes that go of the interval `first_kept`.
    partial_bytes: u64,
}

fn interval(used: SystemTime) -> u64 {
    let since = used.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / INTERVAL
}

impl Usage {
    /// Adds an artifact.
    pub fn add(&mut self, name: &ObjectName, used: SystemTime, bytes: u64) {
        let intervals = match name.namespace.is_trusted() {
            true => &mut self.trusted,
            false => &mut self.untrusted,
        };
        *intervals.0.entry(interval(used)).or_default() += bytes;
    }

    /// Bytes of all artifacts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.trusted.total() + self.untrusted.total()
    }

    /// The removals that are due at `now`.
    #[must_use]
    pub fn plan(&self, limits: Limits, now: SystemTime) -> Plan {
        let expired_before = match limits.retention {
            Duration::ZERO => SystemTime::UNIX_EPOCH,
            retention => now.checked_sub(retention).unwrap_or(SystemTime::UNIX_EPOCH),
        };
        let excess = match limits.max_bytes {
            0 => 0,
            max => self.total().saturating_sub(max),
        };
        let untrusted = self.untrusted.total();
        let of_untrusted = untrusted
            .saturating_sub(limits.max_bytes / UNTRUSTED_PART)
            .min(excess);
        Plan {
            expired_before,
            trusted: self.trusted.removals(excess - of_untrusted),
            untrusted: self.untrusted.removals(of_untrusted),
        }
    }
}

impl Intervals {
    fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Removes that many bytes, of those unused longest.
    fn removals(&self, mut excess: u64) -> Removals {
        let mut removals = Removals::default();
        for (interval, bytes) in &self.0 {
            if excess == 0 {
                break;
            }
            if *bytes > excess {
                removals.first_kept = *interval;
                removals.partial_bytes = excess;
                break;
            }
            excess -= bytes;
            removals.first_kept = interval + 1;
        }
        removals
    }
}

impl Plan {
    /// Whether an artifact goes, and why. Called once for each.
    pub fn removes(&mut self, name: &ObjectName, used: SystemTime, bytes: u64) -> Option<Reason> {
        let removals = match name.namespace.is_trusted() {
            true => &mut self.trusted,
            false => &mut self.untrusted,
        };
        let interval = interval(used);
        let is_partial = interval == removals.first_kept && removals.partial_bytes > 0;
        if is_partial {
            removals.partial_bytes = removals.partial_bytes.saturating_sub(bytes);
        }
        if used < self.expired_before {
            return Some(Reason::Expired);
        }
        (interval < removals.first_kept || is_partial).then_some(Reason::Lru)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::{
        object::Space,
        protocol::{Key, Namespace},
    };

    fn name(namespace: &str) -> ObjectName {
        ObjectName {
            namespace: Namespace::parse(namespace).unwrap_or_else(Namespace::trusted),
            space: Space::Velocity,
            key: Key::parse("a").unwrap(),
        }
    }

    fn at(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600)
    }

    fn removed_of(limits: Limits, artifacts: &[(&str, u64, u64)]) -> Vec<Option<Reason>> {
        let mut usage = Usage::default();
        for (namespace, hour, bytes) in artifacts {
            usage.add(&name(namespace), at(*hour), *bytes);
        }
        let mut plan = usage.plan(limits, at(1000));
        let removed = artifacts
            .iter()
            .map(|(namespace, hour, bytes)| plan.removes(&name(namespace), at(*hour), *bytes));
        removed.collect()
    }

    fn removed(limits: Limits, artifacts: &[(u64, u64)]) -> Vec<Option<Reason>> {
        let trusted = artifacts
            .iter()
            .map(|(hour, bytes)| ("trusted", *hour, *bytes));
        removed_of(limits, &trusted.collect::<Vec<_>>())
    }

    #[test]
    fn artifacts_unused_for_the_retention_expire() {
        let limits = Limits {
            retention: Duration::from_secs(10 * 3600),
            max_bytes: 0,
        };
        let expired = Some(Reason::Expired);
        assert_eq!(
            removed(limits, &[(1000, 5), (989, 5), (1, 0), (990, 1)]),
            [None, expired, expired, None]
        );
        let never = Limits {
            retention: Duration::ZERO,
            ..limits
        };
        assert_eq!(removed(never, &[(0, 5), (0, 0)]), [None, None]);
        assert_eq!(removed(never, &[(0, 0), (1, 5)]), [None, None]);
    }

    #[test]
    fn beyond_the_size_those_unused_longest_go() {
        let limits = Limits {
            retention: Duration::ZERO,
            max_bytes: 10,
        };
        let lru = Some(Reason::Lru);
        assert_eq!(
            removed(limits, &[(9, 4), (7, 4), (8, 4), (6, 4)]),
            [None, lru, None, lru]
        );
        // Of one interval no more than needed.
        assert_eq!(
            removed(limits, &[(9, 4), (9, 4), (9, 4), (9, 2)]),
            [lru, None, None, None]
        );
        assert_eq!(removed(limits, &[(9, 4), (8, 6)]), [None, None]);
        assert_eq!(removed(limits, &[(9, 40)]), [lru]);
    }

    #[test]
    fn untrusted_writers_push_out_no_trusted_artifact() {
        let limits = Limits {
            retention: Duration::ZERO,
            max_bytes: 40,
        };
        let lru = Some(Reason::Lru);
        // They may fill what is free.
        assert_eq!(
            removed_of(limits, &[("trusted", 1, 10), ("pr-1", 2, 30)]),
            [None, None]
        );
        // Else they keep a quarter, those used last.
        assert_eq!(
            removed_of(
                limits,
                &[("trusted", 1, 30), ("pr-1", 8, 20), ("pr-2", 9, 10)]
            ),
            [None, lru, None]
        );
        // Trusted artifacts make space for that quarter and no more.
        assert_eq!(
            removed_of(
                limits,
                &[("trusted", 8, 20), ("trusted", 9, 30), ("pr-1", 1, 10)]
            ),
            [lru, None, None]
        );
    }
}
