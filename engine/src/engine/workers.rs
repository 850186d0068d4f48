//! A process as one of the host's workers: the slots of its threads, and all others. A thread asks for its slot
//! when its first request is over, on PHP's thread; nothing is started for it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Engine;
use crate::{
    host::{clock, presence},
    worker::{
        Mode, WorkerRegistry,
        registry::{ProcessId, WorkerField, WorkerRecord, WorkerSlot},
    },
};

impl Engine {
    /// Whether it takes part in the host for another reason: it has had a job.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.membership.get().is_some()
    }

    /// A slot for the thread that calls. `None`: there is none to be had; that has been said in the log.
    pub fn take_seat(&self) -> Option<WorkerSlot> {
        let presence = match self.presence() {
            Ok(presence) => presence,
            Err(error) => {
                log::warn!(error:%; "this worker can't be seen by others");
                return None;
            }
        };
        if !presence.is_published() && presence.renew().is_err() {
            return None;
        }
        let owner = ProcessId::from_presence(&presence.name())?;
        let seat = self.registry()?.acquire(owner, &self.lives());
        if seat.is_none() {
            log::warn!(
                "this worker can't be seen by others: the host has more than the registry holds"
            );
        }
        seat
    }

    /// Whether a slot that was taken is still this process's, and names a presence that others can see.
    #[must_use]
    pub fn is_seated(&self, seat: &WorkerSlot) -> bool {
        let shown = self.presence.get().is_some_and(|presence| {
            presence.is_published()
                && ProcessId::from_presence(&presence.name()) == Some(seat.owner())
        });
        shown && seat.is_owned()
    }

    fn registry(&self) -> Option<&Arc<WorkerRegistry>> {
        let opened = self.registry.get_or_init(|| {
            let opened = self
                .dirs()
                .ok()
                .map(|dirs| WorkerRegistry::open(&dirs.run))?;
            match opened {
                Ok(registry) => Some(Arc::new(registry)),
                Err(error) => {
                    log::warn!(error:%; "workers can't be seen by others");
                    None
                }
            }
        });
        opened.as_ref()
    }

    fn lives(&self) -> impl Fn(ProcessId) -> bool + use<> {
        let dir = self.dirs().ok().map(|dirs| dirs.run.join("presence"));
        move |owner| {
            dir.as_ref()
                .is_some_and(|dir| presence::is_alive(dir, &owner.presence_name()))
        }
    }

    /// All workers of the host.
    pub(super) fn workers_status(&self) -> Vec<Value> {
        // Who only asks makes no segment.
        let is_there = || {
            let dirs = self.dirs().ok()?;
            dirs.run.join("workers-v1.seg").exists().then_some(())
        };
        if self.registry.get().is_none() && is_there().is_none() {
            return Vec::new();
        }
        let now = clock::unix_ms();
        let entries = self
            .registry()
            .map(|registry| registry.list(&self.lives()))
            .unwrap_or_default();
        entries.iter().map(|entry| shown(entry, now)).collect()
    }
}

fn shown(entry: &WorkerRecord, now: u64) -> Value {
    let since = |field| now.saturating_sub(entry.get(field)) as f64 / 1000.0;
    let ago = |field| (entry.get(field) != 0).then(|| since(field));
    let seconds = |field| entry.get(field) as f64 / 1e6;
    json!({
        "pid": entry.owner.pid(),
        "thread": entry.get(WorkerField::Thread),
        "mode": Mode::from_code(entry.get(WorkerField::Mode)).name(),
        "uptime": since(WorkerField::RegisteredMs),
        "restarts": entry.get(WorkerField::Restarts),
        "requests": entry.get(WorkerField::Requests),
        "busy": ago(WorkerField::RequestStartedMs),
        "idle": match entry.get(WorkerField::RequestStartedMs) {
            0 => ago(WorkerField::RequestEndedMs),
            _ => None,
        },
        "durations": {
            "last": seconds(WorkerField::LastDurationUs),
            "p50": seconds(WorkerField::P50Us),
            "p99": seconds(WorkerField::P99Us),
        },
        "memory": entry.get(WorkerField::Memory),
        "peak_memory": entry.get(WorkerField::PeakMemory),
        "memory_baseline": entry.get(WorkerField::BaselineMemory),
        "leaks": entry.get(WorkerField::Leaks),
    })
}
