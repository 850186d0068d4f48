//! A process as one of the host's workers: the slots of its threads, and all others. A thread asks for its slot
//! when its first request is over, on PHP's thread; nothing is started for it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Engine;
use crate::{
    host::{clock, presence},
    worker::{
        Mode, Roster,
        registry::{Entry, Field, Owner, Seat},
    },
};

impl Engine {
    /// Whether it takes part in the host for another reason: it has had a job.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.membership.get().is_some()
    }

    /// A slot for the thread that calls. `None`: there is none to be had; that has been said in the log.
    pub fn take_seat(&self) -> Option<Seat> {
        let presence = match self.presence() {
            Ok(presence) => presence,
            Err(error) => {
                log::warn!(error:%; "this worker can't be seen by others");
                return None;
            }
        };
        if !presence.is_shown() && presence.renew().is_err() {
            return None;
        }
        let owner = Owner::of(&presence.name())?;
        let seat = self.roster()?.take(owner, &self.lives());
        if seat.is_none() {
            log::warn!(
                "this worker can't be seen by others: the host has more than the roster holds"
            );
        }
        seat
    }

    /// Whether a slot that was taken is still this process's, and names a presence that others can see.
    #[must_use]
    pub fn is_seated(&self, seat: &Seat) -> bool {
        let shown = self.presence.get().is_some_and(|presence| {
            presence.is_shown() && Owner::of(&presence.name()) == Some(seat.owner())
        });
        shown && seat.is_ours()
    }

    fn roster(&self) -> Option<&Arc<Roster>> {
        let opened = self.roster.get_or_init(|| {
            let opened = self.dirs().ok().map(|dirs| Roster::open(&dirs.run))?;
            match opened {
                Ok(roster) => Some(Arc::new(roster)),
                Err(error) => {
                    log::warn!(error:%; "workers can't be seen by others");
                    None
                }
            }
        });
        opened.as_ref()
    }

    fn lives(&self) -> impl Fn(Owner) -> bool + use<> {
        let dir = self.dirs().ok().map(|dirs| dirs.run.join("presence"));
        move |owner| {
            dir.as_ref()
                .is_some_and(|dir| presence::lives(dir, &owner.presence()))
        }
    }

    /// All workers of the host.
    pub(super) fn roster_status(&self) -> Vec<Value> {
        // Who only asks makes no segment.
        let is_there = || {
            let dirs = self.dirs().ok()?;
            dirs.run.join("workers-v1.seg").exists().then_some(())
        };
        if self.roster.get().is_none() && is_there().is_none() {
            return Vec::new();
        }
        let now = clock::unix_ms();
        let entries = self
            .roster()
            .map(|roster| roster.list(&self.lives()))
            .unwrap_or_default();
        entries.iter().map(|entry| shown(entry, now)).collect()
    }
}

fn shown(entry: &Entry, now: u64) -> Value {
    let since = |field| now.saturating_sub(entry.get(field)) as f64 / 1000.0;
    let ago = |field| (entry.get(field) != 0).then(|| since(field));
    let seconds = |field| entry.get(field) as f64 / 1e6;
    json!({
        "pid": entry.owner.pid(),
        "thread": entry.get(Field::Thread),
        "mode": Mode::numbered(entry.get(Field::Mode)).name(),
        "uptime": since(Field::Since),
        "restarts": entry.get(Field::Restarts),
        "requests": entry.get(Field::Requests),
        "busy": ago(Field::Began),
        "idle": match entry.get(Field::Began) {
            0 => ago(Field::Ended),
            _ => None,
        },
        "durations": {
            "last": seconds(Field::Last),
            "p50": seconds(Field::P50),
            "p99": seconds(Field::P99),
        },
        "memory": entry.get(Field::Memory),
        "peak_memory": entry.get(Field::Peak),
        "memory_baseline": entry.get(Field::Baseline),
        "leaks": entry.get(Field::Leaks),
    })
}
