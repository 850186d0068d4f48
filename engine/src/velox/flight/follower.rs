//! A process that waits for another one's build: holds `NNN.wait` together with all others who do, so
//! that the leader knows of them and the slot is not given away. Blocking threads.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use super::{
    leader::{Leader, note, progress},
    outcome::{self, Outcome},
    slot::Slot,
    table::{FlightId, Table},
};
use crate::{
    Error, Result,
    failpoint::{FailPoint, reach},
    host::lock::{Kind, Lock},
};

/// Leaders that may die in one flight. Beyond it the build itself is taken for the cause.
pub(super) const MAX_DEATHS: u32 = 10;

/// What a waiter sees.
#[derive(Debug)]
pub enum Sight {
    /// Still in the air; what the leader last told of it.
    Flying(Option<Value>),
    /// It has ended.
    Landed(Outcome),
    /// Its leader has died, and we are in its place.
    Lead(Leader),
    /// The table knows nothing of it any more: board anew.
    Lost,
}

/// A process that waits for another one's build.
#[derive(Debug)]
pub struct Waiter {
    pub(super) dir: PathBuf,
    pub(super) slot: Slot,
    pub(super) id: FlightId,
    pub(super) forced: bool,
    pub(super) attempt: u64,
    pub(super) _wait: Lock,
}

impl Waiter {
    /// Adds to the list of those who asked.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn note(&self, request_ids: &[String]) -> Result<()> {
        note(&self.slot, request_ids)
    }

    /// Looks how it stands. After [`Sight::Lead`], [`Sight::Landed`] and [`Sight::Lost`] this waiter
    /// is of no more use.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn look(&mut self) -> Result<Sight> {
        if let Some(outcome) = outcome::look(&self.dir, self.id, self.attempt) {
            return Ok(Sight::Landed(outcome));
        }
        let Some(mut table) = Table::open(&self.dir, Duration::ZERO)? else {
            return Ok(Sight::Flying(None));
        };
        let entry = table.entry(self.slot.number);
        if entry.id != self.id || entry.is_empty() {
            return Ok(Sight::Lost);
        }
        let lead = Slot::take(&self.slot.lead(), Kind::Exclusive)?;
        if lead.is_none() && entry.attempt == self.attempt {
            return Ok(Sight::Flying(progress(&self.slot, entry.attempt)));
        }
        // A leader writes the outcome before it lets go, so that of ours is there by now, or never.
        if let Some(outcome) = outcome::look(&self.dir, self.id, self.attempt) {
            return Ok(Sight::Landed(outcome));
        }
        if self.forced && !entry.forced {
            return Ok(Sight::Lost);
        }
        let Some(lead) = lead else {
            // Another one has taken over; its outcome will be ours.
            self.attempt = entry.attempt;
            return Ok(Sight::Flying(progress(&self.slot, entry.attempt)));
        };
        if let Some(outcome) = outcome::look(&self.dir, self.id, entry.attempt) {
            return Ok(Sight::Landed(outcome));
        }
        reach(FailPoint::FlightDeath);
        let deaths = entry.deaths + 1;
        let seat = (self.id, entry.forced, deaths);
        let leader = Leader::begin(&mut table, &self.dir, self.slot.clone(), lead, seat)?;
        reach(FailPoint::FlightTaken);
        if deaths > MAX_DEATHS {
            leader.land(&Err(Error::Internal(format!(
                "{deaths} processes have died while they built this configuration; it is not tried again"
            ))))?;
            self.attempt = leader.attempt();
            return Ok(Sight::Flying(None));
        }
        Ok(Sight::Lead(leader))
    }
}
