//! The leader of a flight: holds `NNN.lead`, publishes progress, and completes the flight. If it is dropped before
//! that, its followers see it as dead. Runs on blocking threads.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::{
    entry::{FlightEntry, FlightId},
    outcome::{self, BuildOutput, BuildSummary, Outcome},
    slot::FlightSlot,
    small_files::{read_small, replace},
    table::FlightTable,
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

/// The limit of a flight's list of request ids, in bytes.
const MAX_IDS: u64 = 64 << 10;

/// The one process that builds. Dropped without [`Leader::complete`], it counts as dead for its followers.
#[derive(Debug)]
pub struct Leader {
    dir: PathBuf,
    pub(super) slot: FlightSlot,
    entry: FlightEntry,
    lock: Mutex<Option<Lock>>,
}

/// The values of a new leader's record.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaderClaim {
    pub(super) id: FlightId,
    pub(super) forced: bool,
    /// Leaders that have died in this flight.
    pub(super) deaths: u32,
}

impl LeaderClaim {
    /// The first leader of a flight.
    pub(super) fn new(id: FlightId, forced: bool) -> Self {
        Self {
            id,
            forced,
            deaths: 0,
        }
    }
}

impl Leader {
    /// Writes the leader's record. The caller holds the slot's lock and the table.
    pub(super) fn start(
        table: &mut FlightTable,
        dir: &Path,
        slot: FlightSlot,
        lock: Lock,
        claim: LeaderClaim,
    ) -> Result<Self> {
        let entry = FlightEntry {
            id: claim.id,
            attempt: new_attempt()?,
            forced: claim.forced,
            pid: std::process::id(),
            deaths: claim.deaths,
        };
        if claim.deaths == 0 {
            let _ = fs::remove_file(slot.request_ids());
        }
        table.write(slot.number, entry)?;
        failpoint!("flight.led");
        Ok(Self {
            dir: dir.to_owned(),
            slot,
            entry,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Returns whether a subscriber of the flight has asked for a forced build.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.entry.forced
    }

    /// Returns the number of this attempt, which ties progress and outcome to it.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.entry.attempt
    }

    /// Adds request ids to the list of the flight.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn add_request_ids(&self, request_ids: &[String]) -> Result<()> {
        let lock = self.lock();
        if lock.is_none() {
            return Ok(());
        }
        add_request_ids(&self.slot, request_ids)
    }

    /// Publishes progress to the host. `progress` is a JSON object; the attempt is added as `flight`.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn publish_progress(&self, mut progress: Value) -> Result<()> {
        if let Some(progress) = progress.as_object_mut() {
            progress.insert("flight".into(), format!("{:016x}", self.attempt()).into());
        }
        // After the end the slot may belong to another leader.
        let lock = self.lock();
        if lock.is_none() {
            return Ok(());
        }
        let path = self.slot.progress();
        replace(&path, progress.to_string().as_bytes())
            .context(|| format!("writing {}", path.display()))
    }

    /// Publishes the outcome to all followers, and releases the slot. Does nothing after [`Leader::abandon`].
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the outcome can't be written. The followers then build themselves.
    pub fn complete(&self, result: &Result<BuildOutput>) -> Result<()> {
        let mut lock = self.lock();
        if lock.is_none() {
            return Ok(());
        }
        let outcome = Outcome {
            result: result.clone(),
            request_ids: read_request_ids(&self.slot),
            summary: read_progress(&self.slot, self.attempt()).and_then(BuildSummary::of),
        };
        let published = outcome::publish(&self.dir, self.entry.id, self.entry.attempt, &outcome);
        failpoint!("flight.published");
        let now = outcome::published_at(&self.dir, self.entry.id, self.entry.attempt);
        let _ = fs::remove_file(self.slot.progress());
        lock.take();
        drop(lock);
        failpoint!("flight.completed");
        outcome::sweep(&self.dir, now);
        published
    }

    /// Ends the flight without outcome if no other process follows it and `retire`, which is called last and under all
    /// locks, returns that this process has no subscriber either. Returns whether the flight is over.
    ///
    /// # Errors
    /// Returns [`Error::Io`].
    pub fn abandon(&self, retire: impl FnOnce() -> bool) -> Result<bool> {
        let mut lock = self.lock();
        let Some(mut table) = FlightTable::open(&self.dir, Duration::ZERO)? else {
            return Ok(false);
        };
        let without_followers =
            FlightSlot::try_lock(&self.slot.follower_lock(), LockMode::Exclusive)?;
        if without_followers.is_none() || !retire() {
            return Ok(false);
        }
        // Only the lock counts: a record that remains belongs to a slot without leader.
        let _ = table.write(self.slot.number, FlightEntry::default());
        failpoint!("flight.emptied");
        let _ = fs::remove_file(self.slot.progress());
        lock.take();
        Ok(true)
    }

    /// Returns the slot's lock, `None` after the end. The guard is held while the slot's files are written, because
    /// they may belong to another leader once the lock is released.
    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a random number for an attempt, never 0.
fn new_attempt() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("reading random numbers", std::io::Error::other(error)))?;
    Ok(u64::from_le_bytes(bytes) | 1)
}

/// Reads the progress that the leader of `attempt` published last.
pub(super) fn read_progress(slot: &FlightSlot, attempt: u64) -> Option<Value> {
    let bytes = read_small(&slot.progress()).ok()??;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    (value.get("flight")?.as_str()? == format!("{attempt:016x}")).then_some(value)
}

/// Reads the request ids of all subscribers of the host, without duplicates.
pub(super) fn read_request_ids(slot: &FlightSlot) -> Vec<String> {
    let bytes = read_small(&slot.request_ids()).ok().flatten();
    let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    let mut ids: Vec<String> = text.lines().map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Appends request ids, up to [`MAX_IDS`].
pub(super) fn add_request_ids(slot: &FlightSlot, request_ids: &[String]) -> Result<()> {
    let path = slot.request_ids();
    let mut lines = request_ids.join("\n");
    lines.push('\n');
    files::open(&path, OpenOptions::new().append(true))
        .and_then(|mut file| {
            if file.metadata()?.len() > MAX_IDS {
                return Ok(());
            }
            file.write_all(lines.as_bytes())
        })
        .context(|| format!("writing {}", path.display()))
}
