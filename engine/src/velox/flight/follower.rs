//! A process that follows the build of another one: shares `NNN.wait` with all other followers, so that the leader
//! sees that it has followers and the slot is not reassigned. Runs on blocking threads.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use super::{
    entry::FlightId,
    leader::{Leader, LeaderClaim, add_request_ids, read_progress},
    outcome::{self, Outcome},
    slot::FlightSlot,
    table::FlightTable,
};
use crate::{
    Error, Result,
    failpoint::failpoint,
    host::lock::{Lock, LockMode},
};

/// The leaders that may die in one flight. Beyond it the build itself is assumed to be the cause.
pub(super) const MAX_LEADER_DEATHS: u32 = 10;

/// The result of polling a flight.
#[derive(Debug)]
pub enum Poll {
    /// The flight is active; contains the progress that the leader published last.
    Active(Option<Value>),
    /// The flight has ended.
    Completed(Outcome),
    /// The leader has died, and this process leads in its place.
    Lead(Leader),
    /// The table does not list the flight any more: join again.
    Lost,
}

/// A process that follows the build of another one.
#[derive(Debug)]
pub struct Follower {
    pub(super) dir: PathBuf,
    pub(super) slot: FlightSlot,
    pub(super) id: FlightId,
    pub(super) forced: bool,
    pub(super) attempt: u64,
    pub(super) _lock: Lock,
}

impl Follower {
    /// Adds request ids to the list of the flight.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn add_request_ids(&self, request_ids: &[String]) -> Result<()> {
        add_request_ids(&self.slot, request_ids)
    }

    /// Polls the flight. After [`Poll::Lead`], [`Poll::Completed`] and [`Poll::Lost`] the follower must be dropped.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn poll(&mut self) -> Result<Poll> {
        if let Some(outcome) = outcome::read(&self.dir, self.id, self.attempt) {
            return Ok(Poll::Completed(outcome));
        }
        let Some(mut table) = FlightTable::open(&self.dir, Duration::ZERO)? else {
            return Ok(Poll::Active(None));
        };
        let entry = table.entry(self.slot.number);
        if entry.id != self.id || entry.is_empty() {
            return Ok(Poll::Lost);
        }
        let lock = FlightSlot::try_lock(&self.slot.leader_lock(), LockMode::Exclusive)?;
        if lock.is_none() && entry.attempt == self.attempt {
            return Ok(Poll::Active(read_progress(&self.slot, entry.attempt)));
        }
        // A leader writes its outcome before it releases the slot, so the outcome of this attempt exists now or never.
        if let Some(outcome) = outcome::read(&self.dir, self.id, self.attempt) {
            return Ok(Poll::Completed(outcome));
        }
        if self.forced && !entry.forced {
            return Ok(Poll::Lost);
        }
        let Some(lock) = lock else {
            // Another process leads now; its outcome is shared.
            self.attempt = entry.attempt;
            return Ok(Poll::Active(read_progress(&self.slot, entry.attempt)));
        };
        if let Some(outcome) = outcome::read(&self.dir, self.id, entry.attempt) {
            return Ok(Poll::Completed(outcome));
        }
        failpoint!("flight.death");
        let claim = LeaderClaim {
            id: self.id,
            forced: entry.forced,
            deaths: entry.deaths + 1,
        };
        let leader = Leader::start(&mut table, &self.dir, self.slot.clone(), lock, claim)?;
        failpoint!("flight.taken");
        if claim.deaths > MAX_LEADER_DEATHS {
            leader.complete(&Err(Error::Internal(format!(
                "{} processes have died while they built this configuration; it is not tried again",
                claim.deaths
            ))))?;
            self.attempt = leader.attempt();
            return Ok(Poll::Active(None));
        }
        Ok(Poll::Lead(leader))
    }
}
