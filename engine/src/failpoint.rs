//! Named places between two steps of a change that other processes may see half done. There a test
//! stops or kills its process, to see what the others make of the rest. In an ordinary build a place
//! is nothing: no code, no text. Unit tests set a hook for their thread; a build with the feature
//! `failpoints` reads the environment, once, when the first place is come to:
//!
//! * `PILLION_FAILPOINT=<place>[@<n>][:kill|stop|sleep-<ms>]`: at the n-th time (the first) that this
//!   process comes to that place it kills itself (SIGKILL), stops itself (SIGSTOP), or sleeps;
//! * `PILLION_CLOCK_AHEAD=<seconds>`: its wall clock is that far ahead, so that graces are over.

macro_rules! places {
    ($($place:ident $name:literal)*) => {
        /// Every place there is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Place {
            $($place,)*
        }

        #[cfg(any(test, feature = "failpoints"))]
        impl Place {
            const ALL: &[Self] = &[$(Self::$place,)*];

            /// By which tests and the environment name it.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$place => $name,)*
                }
            }
        }
    };
}

places! {
    SecretWritten "secret.written"
    SecretLinked "secret.linked"
    PresenceLocked "presence.locked"
    PresenceJoined "presence.joined"
    PresenceDead "presence.dead"
    StewardSeated "steward.seated"
    StewardDuty "steward.duty"
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
    CleanStray "clean.stray"
    ExportWritten "export.written"
    ExportPublished "export.published"
    ImportHashed "import.hashed"
    ImportNamed "import.named"
    FlightSeat "flight.seat"
    FlightLed "flight.led"
    FlightWaiting "flight.waiting"
    FlightFile "flight.file"
    FlightPublished "flight.published"
    FlightLanded "flight.landed"
    FlightEmptied "flight.emptied"
    FlightDeath "flight.death"
    FlightTaken "flight.taken"
    SlotTaken "slot.taken"
    BuildAsking "build.asking"
    BuildAnswered "build.answered"
    BuildCopied "build.copied"
    BuildPlacing "build.placing"
    BuildKept "build.kept"
    SharedMade "shared.made"
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
    BoardMade "board.made"
    BoardLinked "board.linked"
    LetterWritten "letter.written"
    LetterNamed "letter.named"
    LetterReplayed "letter.replayed"
}

/// A place that was come to.
#[inline(always)]
pub(crate) fn reach(_place: Place) {
    #[cfg(test)]
    tests::run(_place.name());
    #[cfg(feature = "failpoints")]
    armed::run(_place);
}

/// The names of all places.
#[cfg(feature = "failpoints")]
pub fn places() -> impl Iterator<Item = &'static str> {
    Place::ALL.iter().map(|place| place.name())
}

/// How far this process' wall clock is ahead of the system's, in milliseconds.
#[inline(always)]
pub(crate) fn ahead_ms() -> u64 {
    #[cfg(feature = "failpoints")]
    return armed::ahead_ms();
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

    use super::Place;

    /// What the environment asks for.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Armed {
        pub(super) place: &'static str,
        pub(super) nth: u64,
        pub(super) act: Act,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Act {
        Kill,
        Stop,
        Sleep(Duration),
    }

    pub(super) fn parse(text: &str) -> Option<Armed> {
        let (place, act) = text.split_once(':').unwrap_or((text, "kill"));
        let (place, nth) = place.split_once('@').unwrap_or((place, "1"));
        Some(Armed {
            place: super::places().find(|known| *known == place)?,
            nth: nth.parse().ok()?,
            act: match act.strip_prefix("sleep-") {
                Some(ms) => Act::Sleep(Duration::from_millis(ms.parse().ok()?)),
                None if act == "stop" => Act::Stop,
                None if act == "kill" => Act::Kill,
                None => return None,
            },
        })
    }

    pub(super) fn run(place: Place) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        static TIMES: AtomicU64 = AtomicU64::new(0);
        let read = || {
            let text = std::env::var("PILLION_FAILPOINT").ok()?;
            let armed = parse(&text);
            // A name that is mistyped must not look like a place that is never come to.
            if armed.is_none() {
                std::process::abort();
            }
            armed
        };
        let Some(armed) = ARMED.get_or_init(read) else {
            return;
        };
        if armed.place != place.name() || TIMES.fetch_add(1, Ordering::Relaxed) + 1 != armed.nth {
            return;
        }
        match armed.act {
            Act::Sleep(time) => std::thread::sleep(time),
            Act::Stop => signal(libc::SIGSTOP),
            Act::Kill => signal(libc::SIGKILL),
        }
    }

    fn signal(signal: i32) {
        // SAFETY: takes numbers only; a signal to one's own process.
        unsafe { libc::kill(libc::getpid(), signal) };
    }

    pub(super) fn ahead_ms() -> u64 {
        static AHEAD: OnceLock<u64> = OnceLock::new();
        *AHEAD.get_or_init(|| {
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

    /// What this thread does at each place from now on.
    pub(crate) fn set(hook: impl FnMut(&str) + 'static) {
        HOOK.with(|slot| *slot.borrow_mut() = Some(Box::new(hook)));
    }

    /// Nothing any longer.
    pub(crate) fn clear() {
        HOOK.with(|slot| *slot.borrow_mut() = None);
    }

    pub(super) fn run(place: &str) {
        // A hook that calls us again finds the slot empty.
        if let Some(mut hook) = HOOK.with(|slot| slot.borrow_mut().take()) {
            hook(place);
            HOOK.with(|slot| {
                slot.borrow_mut().get_or_insert(hook);
            });
        }
    }

    #[test]
    fn every_place_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            super::Place::ALL.iter().map(|place| place.name()).collect();
        assert_eq!(names.len(), super::Place::ALL.len());
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn the_environment_names_a_place_a_time_and_a_deed() {
        use super::armed::{Act, parse};
        let armed = parse("commit.entry@3:stop").unwrap();
        assert_eq!(
            (armed.place, armed.nth, armed.act),
            ("commit.entry", 3, Act::Stop)
        );
        assert_eq!(parse("slot.taken").unwrap().act, Act::Kill);
        let slept = parse("slot.taken:sleep-20").unwrap().act;
        assert_eq!(slept, Act::Sleep(std::time::Duration::from_millis(20)));
        for wrong in ["", "nowhere", "slot.taken@x", "slot.taken:dance"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
