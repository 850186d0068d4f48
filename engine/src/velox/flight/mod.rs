//! One flight a configuration on the whole host, whoever asks: threads, processes, unrelated programs.
//!
//! A directory that all share holds a fixed number of slots, so nothing in it grows. For each slot
//! there are two locks: `NNN.lead`, which the process that builds holds alone, and `NNN.wait`, which all
//! others hold together. Locks are the truth, since the kernel releases them with the process; the
//! [`table`] only says what a slot is for. Every change of hands happens under `table.lock`:
//!
//! | who | finds | does |
//! | --- | --- | --- |
//! | one who asks | no slot of this configuration that is led | leads: a new attempt in its old slot, or in a free one |
//! | one who asks | its old slot, whose leader has died while others wait | leads in its place |
//! | one who asks | a slot that is led | waits: takes the shared lock, notes the attempt |
//! | one who asks for a forced build | a slot that is led, not forced | follows: looks again until it is over |
//! | a waiter | the outcome of its attempt | takes it |
//! | a waiter | the slot not led, no outcome | the leader has died: leads, with a new attempt |
//! | a waiter | another attempt in its slot, no outcome of its own | waits for that one; asks anew if it needs a forced one and that isn't |
//! | the leader, done | | writes the outcome, then lets go |
//! | the leader, whose own callers have left | the wait lock to be had alone | nobody waits: empties the slot, lets go, stops the build |
//!
//! A slot is given to another configuration only if both its locks can be had, so a waiter never finds
//! a stranger in it. Blocking threads; every call returns within a moment.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{
    Error, Result,
    error::IoContext,
    failpoint::{FailPoint, reach},
    host::{
        files,
        lock::{Kind, Lock},
    },
};

mod failure;
mod follower;
pub(crate) mod inflight;
mod leader;
mod outcome;
mod paths;
mod slot;
mod table;

pub(super) use failure::{kind, tail};
pub(super) use follower::{Sight, Waiter};
pub(super) use leader::Leader;
pub(super) use outcome::{Landed, Outcome};
pub(super) use table::{FlightId, SLOTS};

use leader::{ids, progress};
use slot::Slot;
use table::{Entry, Table};

/// How long one step waits for the table. The step is tried again later.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long one who only looks waits for it.
const GLANCE: Duration = Duration::from_millis(50);

/// The flights of the host.
#[derive(Debug, Clone)]
pub struct Flights {
    dir: PathBuf,
}

/// A seat in a flight.
#[derive(Debug)]
pub enum Boarding {
    /// This process builds.
    Lead(Leader),
    /// Another one builds, and its outcome will be ours.
    Wait(Waiter),
    /// A build that is not forced is in the air, and ours has to be: look again later.
    Follow,
    /// The table is being used by others: look again later.
    Busy,
}

impl Flights {
    /// Uses `dir`, and makes it where it is missing.
    ///
    /// # Errors
    /// [`Error::Io`]: it can't be made.
    pub fn new(dir: PathBuf) -> Result<Self> {
        files::make_dir_in_ours(&dir).context(|| format!("making {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// Uses `dir` if it stands.
    #[must_use]
    pub fn standing(dir: PathBuf) -> Option<Self> {
        dir.is_dir().then_some(Self { dir })
    }

    /// Asks for a seat. `forced`: only the outcome of a forced build will do.
    ///
    /// # Errors
    /// [`Error::QueueFull`] with no slot left, [`Error::Io`].
    pub fn board(&self, id: FlightId, forced: bool) -> Result<Boarding> {
        let Some(mut table) = Table::open(&self.dir, PATIENCE)? else {
            return Ok(Boarding::Busy);
        };
        let mut own = None;
        let known: Vec<_> = table
            .entries()
            .filter(|(_, entry)| entry.id == id)
            .collect();
        for (number, entry) in known {
            let slot = Slot::new(&self.dir, number);
            if entry.is_empty() {
                continue;
            }
            match Slot::take(&slot.lead(), Kind::Exclusive)? {
                Some(lead) => own = own.or(Some((slot, lead, entry))),
                None if forced && !entry.forced => return Ok(Boarding::Follow),
                None => {
                    let wait = Slot::take(&slot.wait(), Kind::Shared)?;
                    reach(FailPoint::FlightWaiting);
                    return Ok(wait.map_or(Boarding::Busy, |wait| {
                        Boarding::Wait(Waiter {
                            dir: self.dir.clone(),
                            slot,
                            id,
                            forced,
                            attempt: entry.attempt,
                            _wait: wait,
                        })
                    }));
                }
            }
        }
        let (slot, lead, seat) = match own {
            Some((slot, lead, entry)) => {
                let seat = self.seat(&slot, id, forced, entry)?;
                (slot, lead, seat)
            }
            None => {
                let (slot, lead) = free(&self.dir, &table)?;
                (slot, lead, (id, forced, 0))
            }
        };
        reach(FailPoint::FlightReserved);
        let leader = Leader::begin(&mut table, &self.dir, slot, lead, seat)?;
        Ok(Boarding::Lead(leader))
    }

    /// A flight of its own, or that of a leader who has died before those who wait for it noticed.
    fn seat(
        &self,
        slot: &Slot,
        id: FlightId,
        forced: bool,
        entry: Entry,
    ) -> Result<(FlightId, bool, u32)> {
        let waited_for = Slot::take(&slot.wait(), Kind::Exclusive)?.is_none();
        if waited_for && outcome::look(&self.dir, id, entry.attempt).is_none() {
            return Ok((id, forced || entry.forced, entry.deaths + 1));
        }
        Ok((id, forced, 0))
    }

    /// What is in the air on this host: the leaders' own words, with the request ids of all who asked.
    #[must_use]
    pub fn flying(&self) -> Vec<Value> {
        let table = Table::open(&self.dir, GLANCE).ok().flatten();
        let entries = match &table {
            Some(table) => table.entries().collect(),
            None => Table::glance(&self.dir),
        };
        let mut all = Vec::new();
        for (number, entry) in entries.into_iter().filter(|(_, entry)| !entry.is_empty()) {
            let slot = Slot::new(&self.dir, number);
            let Some(mut progress) = progress(&slot, entry.attempt) else {
                continue;
            };
            // Without the table a look at the lock could make others think that it is held.
            let lives = table.is_none() || Lock::is_held(&slot.lead()).unwrap_or(false);
            if lives {
                if let Some(progress) = progress.as_object_mut() {
                    progress.insert("request_ids".into(), ids(&slot).into());
                }
                all.push(progress);
            }
        }
        all
    }

    /// The flights that ended within the last minute.
    #[must_use]
    pub fn ended(&self) -> Vec<Outcome> {
        outcome::all(&self.dir)
    }

    /// Removes old outcomes. Cheap; done at each landing, and by the steward.
    pub fn sweep(&self, now: SystemTime) {
        outcome::sweep(&self.dir, now);
    }
}

/// A slot that nobody leads and nobody waits in: unused ones first, so that few files are made.
fn free(dir: &Path, table: &Table) -> Result<(Slot, Lock)> {
    let empty = table.entries().filter(|(_, entry)| entry.is_empty());
    let used = table.entries().filter(|(_, entry)| !entry.is_empty());
    for (number, _) in empty.chain(used) {
        let slot = Slot::new(dir, number);
        let Some(lead) = Slot::take(&slot.lead(), Kind::Exclusive)? else {
            continue;
        };
        if Slot::take(&slot.wait(), Kind::Exclusive)?.is_some() {
            return Ok((slot, lead));
        }
    }
    Err(Error::QueueFull(format!(
        "{SLOTS} builds are in flight on this host; ask again when some of them have ended"
    )))
}

#[cfg(test)]
mod tests;
