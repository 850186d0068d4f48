//! Joins flights of the host. A directory that all processes share holds a fixed number of slots, so nothing in it
//! grows. Each slot has two locks: `NNN.lead`, held exclusively by the leader, which builds, and `NNN.wait`, shared by
//! the followers. The locks are the truth, because the kernel releases them with the process; the table only assigns
//! slots to configurations. Every change of the leader happens under `table.lock`:
//!
//! | process | finds | does |
//! | --- | --- | --- |
//! | joining | no led slot of this configuration | leads: a new attempt in its old slot, or in a free one |
//! | joining | its old slot, with followers of a dead leader | leads in its place |
//! | joining | a led slot | follows: acquires the shared lock, remembers the attempt |
//! | joining, forced | a led slot of a build that is not forced | joins again later, until that build is over |
//! | follower | the outcome of its attempt | returns it |
//! | follower | its slot without a leader, no outcome | the leader has died: leads, with a new attempt |
//! | follower | another attempt in its slot, no outcome of its own | follows that one, or joins again for a forced build |
//! | leader, done | | writes the outcome, then releases the slot |
//! | leader without subscribers | the wait lock is free | has no follower: empties the slot, releases it, stops the build |
//!
//! A slot is assigned to another configuration only if both its locks are free, so a follower never finds another
//! configuration in its slot. Runs on blocking threads; every call returns within [`LOCK_TIMEOUT`].

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    entry::{FlightEntry, FlightId},
    follower::Follower,
    leader::{Leader, LeaderClaim, read_progress, read_request_ids},
    outcome::{self, EndedFlight, Outcome},
    slot::FlightSlot,
    table::{FlightTable, MAX_FLIGHTS},
};
use crate::{
    Error, Result,
    error::IoContext,
    failpoint::failpoint,
    host::{
        files,
        lock::{Lock, LockMode},
    },
};

/// The longest wait of one step for the table. The caller repeats the step later.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest wait of a status call for the table.
const STATUS_LOCK_TIMEOUT: Duration = Duration::from_millis(50);

/// The flights of the host.
#[derive(Debug, Clone)]
pub struct SingleFlight {
    dir: PathBuf,
}

/// The result of joining a flight.
#[derive(Debug)]
pub enum Join {
    /// This process builds.
    Leader(Leader),
    /// Another process builds, and this one shares its outcome.
    Follower(Follower),
    /// A build that is not forced is active, and a forced one is required: join again later.
    UnforcedActive,
    /// Other processes hold the table: join again later.
    TableBusy,
}

impl SingleFlight {
    /// Uses `dir`, and creates it if it is missing.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if it can't be created.
    pub fn new(dir: PathBuf) -> Result<Self> {
        files::create_dir_with_parent(&dir).context(|| format!("making {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// Uses `dir` if it exists.
    #[must_use]
    pub fn existing(dir: PathBuf) -> Option<Self> {
        dir.is_dir().then_some(Self { dir })
    }

    /// Joins the flight of a configuration, or starts one. `forced` accepts the outcome of a forced build only.
    ///
    /// # Errors
    /// Returns [`Error::QueueFull`] if no slot is free, or [`Error::Io`].
    pub fn join(&self, id: FlightId, forced: bool) -> Result<Join> {
        let Some(mut table) = FlightTable::open(&self.dir, LOCK_TIMEOUT)? else {
            return Ok(Join::TableBusy);
        };
        let mut own = None;
        let known: Vec<_> = table
            .entries()
            .filter(|(_, entry)| entry.id == id && !entry.is_empty())
            .collect();
        for (number, entry) in known {
            let slot = FlightSlot::new(&self.dir, number);
            match FlightSlot::try_lock(&slot.leader_lock(), LockMode::Exclusive)? {
                Some(lock) => own = own.or(Some((slot, lock, entry))),
                None if forced && !entry.forced => return Ok(Join::UnforcedActive),
                None => {
                    let lock = FlightSlot::try_lock(&slot.follower_lock(), LockMode::Shared)?;
                    failpoint!("flight.waiting");
                    return Ok(lock.map_or(Join::TableBusy, |lock| {
                        Join::Follower(Follower {
                            dir: self.dir.clone(),
                            slot,
                            id,
                            forced,
                            attempt: entry.attempt,
                            _lock: lock,
                        })
                    }));
                }
            }
        }
        let (slot, lock, claim) = match own {
            Some((slot, lock, entry)) => {
                let claim = self.claim_known_slot(&slot, id, forced, entry)?;
                (slot, lock, claim)
            }
            None => {
                let (slot, lock) = free_slot(&self.dir, &table)?;
                (slot, lock, LeaderClaim::new(id, forced))
            }
        };
        failpoint!("flight.reserved");
        let leader = Leader::start(&mut table, &self.dir, slot, lock, claim)?;
        Ok(Join::Leader(leader))
    }

    /// Continues the flight of a leader that died before its followers noticed; else starts a new one.
    fn claim_known_slot(
        &self,
        slot: &FlightSlot,
        id: FlightId,
        forced: bool,
        entry: FlightEntry,
    ) -> Result<LeaderClaim> {
        let has_followers =
            FlightSlot::try_lock(&slot.follower_lock(), LockMode::Exclusive)?.is_none();
        if has_followers && outcome::read(&self.dir, id, entry.attempt).is_none() {
            return Ok(LeaderClaim {
                id,
                forced: forced || entry.forced,
                deaths: entry.deaths + 1,
            });
        }
        Ok(LeaderClaim::new(id, forced))
    }

    /// Returns the active flights of the host: the progress that each leader published, with all request ids.
    #[must_use]
    pub fn active(&self) -> Vec<Value> {
        let table = FlightTable::open(&self.dir, STATUS_LOCK_TIMEOUT)
            .ok()
            .flatten();
        let entries = match &table {
            Some(table) => table.entries().collect(),
            None => FlightTable::read_unlocked(&self.dir),
        };
        let mut all = Vec::new();
        for (number, entry) in entries.into_iter().filter(|(_, entry)| !entry.is_empty()) {
            let slot = FlightSlot::new(&self.dir, number);
            let Some(mut progress) = read_progress(&slot, entry.attempt) else {
                continue;
            };
            // Without the table lock, testing the leader's lock could make other processes see it as held.
            let is_led = table.is_none() || Lock::is_held(&slot.leader_lock()).unwrap_or(false);
            if is_led {
                if let Some(progress) = progress.as_object_mut() {
                    progress.insert("request_ids".into(), read_request_ids(&slot).into());
                }
                all.push(progress);
            }
        }
        all
    }

    /// Returns the flights that ended within the last minute.
    #[must_use]
    pub fn completed(&self) -> Vec<Outcome> {
        outcome::read_all(&self.dir)
    }

    /// Returns the same with their keys and ends, the newest first.
    #[must_use]
    pub fn ended(&self, now: SystemTime) -> Vec<EndedFlight> {
        outcome::read_recent(&self.dir, now)
    }

    /// Reads the outcome of the last attempt of a flight, if it is still there.
    #[must_use]
    pub fn last_outcome(&self, id: FlightId) -> Option<Outcome> {
        outcome::read_last(&self.dir, id, SystemTime::now())
    }

    /// Removes expired outcomes. Cheap; called at each completion and by the periodic task.
    pub fn sweep(&self, now: SystemTime) {
        outcome::sweep(&self.dir, now);
    }
}

/// Returns a slot without leader and followers: unused ones first, so that few files are created.
fn free_slot(dir: &Path, table: &FlightTable) -> Result<(FlightSlot, Lock)> {
    let empty = table.entries().filter(|(_, entry)| entry.is_empty());
    let used = table.entries().filter(|(_, entry)| !entry.is_empty());
    for (number, _) in empty.chain(used) {
        let slot = FlightSlot::new(dir, number);
        let Some(lock) = FlightSlot::try_lock(&slot.leader_lock(), LockMode::Exclusive)? else {
            continue;
        };
        if FlightSlot::try_lock(&slot.follower_lock(), LockMode::Exclusive)?.is_some() {
            return Ok((slot, lock));
        }
    }
    Err(Error::QueueFull(format!(
        "{MAX_FLIGHTS} builds are in flight on this host; ask again when some of them have ended"
    )))
}
