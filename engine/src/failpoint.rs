//! Failpoints: named points between two steps of a change that other processes may see half done. A test stops or
//! kills its process there, to check that the others cope with the rest. An ordinary build compiles them to nothing.
//! Unit tests set a hook for their thread; a build with the feature `failpoints` reads the environment once, at the
//! first failpoint:
//!
//! * `PILLION_FAILPOINT=<name>[@<n>][:kill|stop|sleep-<ms>]`: the n-th time (default: the first) that this process
//!   reaches the failpoint, it kills itself (SIGKILL), stops itself (SIGSTOP), or sleeps;
//! * `PILLION_CLOCK_AHEAD=<seconds>`: its wall clock is that far ahead, so that grace periods are over.

macro_rules! failpoints {
    ($($point:ident $name:literal)*) => {
        /// Every failpoint.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum FailPoint {
            $($point,)*
        }

        #[cfg(any(test, feature = "failpoints"))]
        impl FailPoint {
            const ALL: &[Self] = &[$(Self::$point,)*];

            /// The name in tests and in `PILLION_FAILPOINT`.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

failpoints! {
    SecretWritten "secret.written"
    SecretLinked "secret.linked"
    PresenceLocked "presence.locked"
    PresenceJoined "presence.joined"
    PresenceDead "presence.dead"
    LeaderElected "leader.elected"
    LeaderTask "leader.task"
    SegmentMade "segment.made"
    SegmentAllocated "segment.allocated"
    SegmentFilled "segment.filled"
    SegmentLinked "segment.linked"
    SegmentRemoved "segment.removed"
    RebuildBegun "rebuild.begun"
    RebuildFolder "rebuild.folder"
    RebuildEnded "rebuild.ended"
    TempMade "temp.made"
    TempLocked "temp.locked"
    CopyChunk "copy.chunk"
    CommitWritten "commit.written"
    CommitBinary "commit.binary"
    CommitLink "commit.link"
    CommitLinked "commit.linked"
    CommitEntry "commit.entry"
    CommitIndexed "commit.indexed"
    CommitAnnounced "commit.announced"
    CommitClosed "commit.closed"
    CommitSynced "commit.synced"
    EraseEntry "erase.entry"
    EraseBinary "erase.binary"
    EraseLink "erase.link"
    EraseAnnounced "erase.announced"
    IndexNoted "index.noted"
    IndexGroups "index.groups"
    IndexSlotHalf "index.slot-half"
    IndexSlot "index.slot"
    IndexTagged "index.tagged"
    IndexCounted "index.counted"
    IndexUntagged "index.untagged"
    IndexEmptied "index.emptied"
    IndexRepairing "index.repairing"
    IndexRepaired "index.repaired"
    ChangesBegun "changes.begun"
    ChangesNoted "changes.noted"
    EvictOut "evict.out"
    EvictErased "evict.erased"
    CleanTemporary "clean.temporary"
    CleanOrphan "clean.orphan"
    ExportWritten "export.written"
    ExportPublished "export.published"
    ImportHashed "import.hashed"
    ImportNamed "import.named"
    FlightReserved "flight.reserved"
    FlightLed "flight.led"
    FlightWaiting "flight.waiting"
    FlightFile "flight.file"
    FlightPublished "flight.published"
    FlightCompleted "flight.completed"
    FlightEmptied "flight.emptied"
    FlightDeath "flight.death"
    FlightTaken "flight.taken"
    SlotTaken "slot.taken"
    BuildAsking "build.asking"
    BuildAnswered "build.answered"
    BuildCopied "build.copied"
    BuildPlacing "build.placing"
    BuildKept "build.kept"
    OutboxLocked "outbox.locked"
    OutboxMade "outbox.made"
    OutboxReserved "outbox.reserved"
    OutboxCopied "outbox.copied"
    OutboxCommitted "outbox.committed"
    OutboxGrown "outbox.grown"
    OutboxAlone "outbox.alone"
    OutboxListed "outbox.listed"
    OutboxSent "outbox.sent"
    OutboxSettled "outbox.settled"
    OutboxUnlinked "outbox.unlinked"
    AdoptLocked "adopt.locked"
    AdoptRecovered "adopt.recovered"
    AdoptListed "adopt.listed"
    DeadLetterWritten "dead-letter.written"
    DeadLetterNamed "dead-letter.named"
    DeadLetterReplayed "dead-letter.replayed"
}

/// Marks a failpoint: runs the action that a test or the environment has set for it.
#[inline(always)]
pub(crate) fn reach(_point: FailPoint) {
    #[cfg(test)]
    tests::run(_point.name());
    #[cfg(feature = "failpoints")]
    armed::run(_point);
}

/// The names of all failpoints.
#[cfg(feature = "failpoints")]
pub fn names() -> impl Iterator<Item = &'static str> {
    FailPoint::ALL.iter().map(|point| point.name())
}

/// The offset of this process's wall clock ahead of the system's, in milliseconds.
#[inline(always)]
pub(crate) fn clock_offset_ms() -> u64 {
    #[cfg(feature = "failpoints")]
    return armed::clock_offset_ms();
    #[cfg(not(feature = "failpoints"))]
    0
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::{
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    use super::FailPoint;

    /// The parsed value of `PILLION_FAILPOINT`.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Armed {
        pub(super) name: &'static str,
        pub(super) nth: u64,
        pub(super) action: Action,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Action {
        Kill,
        Stop,
        Sleep(Duration),
    }

    pub(super) fn parse(text: &str) -> Option<Armed> {
        let (point, action) = text.split_once(':').unwrap_or((text, "kill"));
        let (name, nth) = point.split_once('@').unwrap_or((point, "1"));
        Some(Armed {
            name: super::names().find(|known| *known == name)?,
            nth: nth.parse().ok()?,
            action: match action.strip_prefix("sleep-") {
                Some(ms) => Action::Sleep(Duration::from_millis(ms.parse().ok()?)),
                None if action == "stop" => Action::Stop,
                None if action == "kill" => Action::Kill,
                None => return None,
            },
        })
    }

    pub(super) fn run(point: FailPoint) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let read = || {
            let text = std::env::var("PILLION_FAILPOINT").ok()?;
            let armed = parse(&text);
            // A mistyped name must not look like a failpoint that is never reached.
            if armed.is_none() {
                std::process::abort();
            }
            armed
        };
        let Some(armed) = ARMED.get_or_init(read) else {
            return;
        };
        if armed.name != point.name() || COUNT.fetch_add(1, Ordering::Relaxed) + 1 != armed.nth {
            return;
        }
        match armed.action {
            Action::Sleep(time) => std::thread::sleep(time),
            Action::Stop => signal(libc::SIGSTOP),
            Action::Kill => signal(libc::SIGKILL),
        }
    }

    fn signal(signal: i32) {
        // SAFETY: takes numbers only; the signal goes to this process.
        unsafe { libc::kill(libc::getpid(), signal) };
    }

    pub(super) fn clock_offset_ms() -> u64 {
        static OFFSET: OnceLock<u64> = OnceLock::new();
        *OFFSET.get_or_init(|| {
            let seconds = std::env::var("PILLION_CLOCK_AHEAD").ok();
            let seconds: Option<u64> = seconds.and_then(|text| text.parse().ok());
            seconds.unwrap_or(0).saturating_mul(1000)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    type Hook = Box<dyn FnMut(&str)>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// Sets the hook that this thread runs at each failpoint.
    pub(crate) fn set(hook: impl FnMut(&str) + 'static) {
        HOOK.with(|slot| *slot.borrow_mut() = Some(Box::new(hook)));
    }

    /// Removes this thread's hook.
    pub(crate) fn clear() {
        HOOK.with(|slot| *slot.borrow_mut() = None);
    }

    pub(super) fn run(name: &str) {
        // Taken out while it runs, so that a hook that reaches a failpoint itself does not recurse.
        if let Some(mut hook) = HOOK.with(|slot| slot.borrow_mut().take()) {
            hook(name);
            HOOK.with(|slot| {
                slot.borrow_mut().get_or_insert(hook);
            });
        }
    }

    #[test]
    fn failpoint_names_are_unique() {
        let names: std::collections::BTreeSet<_> = super::FailPoint::ALL
            .iter()
            .map(|point| point.name())
            .collect();
        assert_eq!(names.len(), super::FailPoint::ALL.len());
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn environment_value_has_name_count_and_action() {
        use super::armed::{Action, parse};
        let armed = parse("commit.entry@3:stop").unwrap();
        assert_eq!(
            (armed.name, armed.nth, armed.action),
            ("commit.entry", 3, Action::Stop)
        );
        assert_eq!(parse("slot.taken").unwrap().action, Action::Kill);
        let slept = parse("slot.taken:sleep-20").unwrap().action;
        assert_eq!(slept, Action::Sleep(std::time::Duration::from_millis(20)));
        for wrong in ["", "nowhere", "slot.taken@x", "slot.taken:dance"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
