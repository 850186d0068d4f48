//! The process that builds: holds `NNN.lead`, tells how far it is, and publishes the end. Dropped before
//! that, it has died for all who wait. Blocking threads.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::{
    outcome::{self, Landed, Outcome},
    paths::{read_small, replace},
    slot::Slot,
    table::{Entry, FlightId, Table},
};
use crate::{
    Error, Result,
    error::IoContext,
    failpoint::{FailPoint, reach},
    host::{
        files,
        lock::{Kind, Lock},
    },
};

/// The largest list of request ids of a flight.
const MAX_IDS: u64 = 64 << 10;

/// The one process that builds. Dropped without [`Leader::land`], it has died for all who wait.
#[derive(Debug)]
pub struct Leader {
    dir: PathBuf,
    pub(super) slot: Slot,
    entry: Entry,
    lead: Mutex<Option<Lock>>,
}

impl Leader {
    /// Takes a slot: the caller holds its lock and the table.
    pub(super) fn begin(
        table: &mut Table,
        dir: &Path,
        slot: Slot,
        lead: Lock,
        (id, forced, deaths): (FlightId, bool, u32),
    ) -> Result<Self> {
        let entry = Entry {
            id,
            attempt: attempt()?,
            forced,
            pid: std::process::id(),
            deaths,
        };
        if deaths == 0 {
            let _ = fs::remove_file(slot.ids());
        }
        table.write(slot.number, entry)?;
        reach(FailPoint::FlightLed);
        Ok(Self {
            dir: dir.to_owned(),
            slot,
            entry,
            lead: Mutex::new(Some(lead)),
        })
    }

    /// Whether somebody in it has asked for a forced build.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.entry.forced
    }

    /// The number of this attempt: the word by which progress and outcome belong together.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.entry.attempt
    }

    /// Adds to the list of those who asked.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn note(&self, request_ids: &[String]) -> Result<()> {
        let lead = self.held();
        if lead.is_none() {
            return Ok(());
        }
        note(&self.slot, request_ids)
    }

    /// Tells the host how far it is. `progress` is a JSON object; the attempt is added as `flight`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn tell(&self, mut progress: Value) -> Result<()> {
        if let Some(progress) = progress.as_object_mut() {
            progress.insert("flight".into(), format!("{:016x}", self.attempt()).into());
        }
        // After the end the slot may be another leader's.
        let lead = self.held();
        if lead.is_none() {
            return Ok(());
        }
        let path = self.slot.progress();
        replace(&path, progress.to_string().as_bytes())
            .context(|| format!("writing {}", path.display()))
    }

    /// Publishes the outcome to all who wait, and lets go. Does nothing after [`Leader::abandon`].
    ///
    /// # Errors
    /// [`Error::Io`]: it can't be written. Those who wait will then build themselves.
    pub fn land(&self, result: &Result<Landed>) -> Result<()> {
        let mut lead = self.held();
        if lead.is_none() {
            return Ok(());
        }
        let outcome = Outcome {
            result: result.clone(),
            request_ids: ids(&self.slot),
        };
        let published = outcome::publish(&self.dir, self.entry.id, self.entry.attempt, &outcome);
        reach(FailPoint::FlightPublished);
        let now = outcome::moment(&self.dir, self.entry.id, self.entry.attempt);
        let _ = fs::remove_file(self.slot.progress());
        lead.take();
        drop(lead);
        reach(FailPoint::FlightCompleted);
        outcome::sweep(&self.dir, now);
        published
    }

    /// Gives the flight up if no other process waits for it and `retire`, which is asked last and under
    /// all locks, says that nobody in this one does. `true`: it is over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn abandon(&self, retire: impl FnOnce() -> bool) -> Result<bool> {
        let mut lead = self.held();
        let Some(mut table) = Table::open(&self.dir, Duration::ZERO)? else {
            return Ok(false);
        };
        let alone = Slot::take(&self.slot.wait(), Kind::Exclusive)?;
        if alone.is_none() || !retire() {
            return Ok(false);
        }
        // The lock is what counts: a record that stays is one of a slot that nobody leads.
        let _ = table.write(self.slot.number, Entry::default());
        reach(FailPoint::FlightEmptied);
        let _ = fs::remove_file(self.slot.progress());
        lead.take();
        Ok(true)
    }

    /// The lock of the lead, `None` after the end. Held while the slot's files are written, because they
    /// may be another leader's as soon as it is let go.
    fn held(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number for an attempt, never 0.
fn attempt() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("reading random numbers", std::io::Error::other(error)))?;
    Ok(u64::from_le_bytes(bytes) | 1)
}

/// What the leader of that attempt last told.
pub(super) fn progress(slot: &Slot, attempt: u64) -> Option<Value> {
    let bytes = read_small(&slot.progress()).ok()??;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    (value.get("flight")?.as_str()? == format!("{attempt:016x}")).then_some(value)
}

/// The ids of all who asked, each once.
pub(super) fn ids(slot: &Slot) -> Vec<String> {
    let bytes = read_small(&slot.ids()).ok().flatten();
    let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    let mut ids: Vec<String> = text.lines().map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Adds to the ids, up to a bound.
pub(super) fn note(slot: &Slot, request_ids: &[String]) -> Result<()> {
    let path = slot.ids();
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
