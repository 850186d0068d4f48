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
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{
    Error, Result,
    error::IoContext,
    host::lock::{Kind, Lock},
};

mod outcome;
mod table;

pub use outcome::{Landed, Outcome};
pub(crate) use outcome::{kind, tail};
use table::{Entry, Slot, Table};
pub use table::{FlightId, SLOTS};

/// How long one step waits for the table. The step is tried again later.
const PATIENCE: Duration = Duration::from_millis(500);
/// Leaders that may die in one flight. Beyond it the build itself is taken for the cause.
const MAX_DEATHS: u32 = 10;
/// The largest list of request ids of a flight.
const MAX_IDS: u64 = 64 << 10;

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

impl Flights {
    /// Uses `dir`, and makes it where it is missing.
    ///
    /// # Errors
    /// [`Error::Io`]: it can't be made.
    pub fn new(dir: PathBuf) -> Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o770)
            .create(&dir)
            .context(|| format!("making {}", dir.display()))?;
        Ok(Self { dir })
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
                Some(lead) => own = own.or(Some((slot, lead))),
                None if forced && !entry.forced => return Ok(Boarding::Follow),
                None => {
                    let wait = Slot::take(&slot.wait(), Kind::Shared)?;
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
        let (slot, lead) = match own {
            Some(own) => own,
            None => free(&self.dir, &table)?,
        };
        let leader = Leader::begin(&mut table, &self.dir, slot, lead, (id, forced, 0))?;
        Ok(Boarding::Lead(leader))
    }

    /// What is in the air on this host: the leaders' own words, with the request ids of all who asked.
    #[must_use]
    pub fn flying(&self) -> Vec<Value> {
        let Ok(Some(table)) = Table::open(&self.dir, PATIENCE) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (number, entry) in table.entries().filter(|(_, entry)| !entry.is_empty()) {
            let slot = Slot::new(&self.dir, number);
            let Some(mut progress) = progress(&slot, entry.attempt) else {
                continue;
            };
            if Lock::is_held(&slot.lead()).unwrap_or(false) {
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

fn progress(slot: &Slot, attempt: u64) -> Option<Value> {
    let bytes = outcome::read_small(&slot.progress()).ok()??;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    (value.get("flight")?.as_str()? == format!("{attempt:016x}")).then_some(value)
}

fn ids(slot: &Slot) -> Vec<String> {
    let bytes = outcome::read_small(&slot.ids()).ok().flatten();
    let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    let mut ids: Vec<String> = text.lines().map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn note(slot: &Slot, request_ids: &[String]) -> Result<()> {
    let path = slot.ids();
    let mut lines = request_ids.join("\n");
    lines.push('\n');
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o660)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(&path)
        .and_then(|mut file| {
            if file.metadata()?.len() > MAX_IDS {
                return Ok(());
            }
            file.write_all(lines.as_bytes())
        })
        .context(|| format!("writing {}", path.display()))
}

/// The one process that builds. Dropped without [`Leader::land`], it has died for all who wait.
#[derive(Debug)]
pub struct Leader {
    dir: PathBuf,
    slot: Slot,
    entry: Entry,
    lead: Mutex<Option<Lock>>,
}

impl Leader {
    fn begin(
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
        let path = self.slot.progress();
        outcome::replace(&path, progress.to_string().as_bytes())
            .context(|| format!("writing {}", path.display()))
    }

    /// Publishes the outcome to all who wait, and lets go.
    ///
    /// # Errors
    /// [`Error::Io`]: it can't be written. Those who wait will then build themselves.
    pub fn land(&self, result: &Result<Landed>) -> Result<()> {
        let outcome = Outcome {
            result: result.clone(),
            request_ids: ids(&self.slot),
        };
        let published = outcome::publish(&self.dir, self.entry.id, self.entry.attempt, &outcome);
        let _ = fs::remove_file(self.slot.progress());
        self.let_go();
        outcome::sweep(&self.dir, SystemTime::now());
        published
    }

    /// Gives the flight up if no other process waits for it and `retire`, which is asked last and under
    /// all locks, says that nobody in this one does. `true`: it is over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn abandon(&self, retire: impl FnOnce() -> bool) -> Result<bool> {
        let Some(mut table) = Table::open(&self.dir, Duration::ZERO)? else {
            return Ok(false);
        };
        let alone = Slot::take(&self.slot.wait(), Kind::Exclusive)?;
        if alone.is_none() || !retire() {
            return Ok(false);
        }
        // The lock is what counts: a record that stays is one of a slot that nobody leads.
        let _ = table.write(self.slot.number, Entry::default());
        let _ = fs::remove_file(self.slot.progress());
        self.let_go();
        Ok(true)
    }

    fn let_go(&self) {
        self.lead
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

/// A process that waits for another one's build.
#[derive(Debug)]
pub struct Waiter {
    dir: PathBuf,
    slot: Slot,
    id: FlightId,
    forced: bool,
    attempt: u64,
    _wait: Lock,
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
        let deaths = entry.deaths + 1;
        let seat = (self.id, entry.forced, deaths);
        let leader = Leader::begin(&mut table, &self.dir, self.slot.clone(), lead, seat)?;
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

/// A number for an attempt, never 0.
fn attempt() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("reading random numbers", std::io::Error::other(error)))?;
    Ok(u64::from_le_bytes(bytes) | 1)
}

#[cfg(test)]
mod tests;
