//! Registers the process's threads in the host's worker registry and lists all workers. A thread registers when its
//! first request is over, on PHP's thread; no thread is started for it.

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
    /// Whether the process has joined the host, which it does with its first job.
    #[must_use]
    pub fn is_host_member(&self) -> bool {
        self.membership.get().is_some()
    }

    /// Registers the calling thread. Returns `None` if there is no slot; the reason is logged.
    pub fn register_worker(&self) -> Option<WorkerSlot> {
        let presence = match self.presence() {
            Ok(presence) => presence,
            Err(error) => {
                log::warn!(error:%; "worker not registered");
                return None;
            }
        };
        if !presence.is_published() && presence.renew().is_err() {
            return None;
        }
        let owner = ProcessId::from_presence(&presence.name())?;
        let slot = self.registry()?.acquire(owner, &self.liveness());
        if slot.is_none() {
            log::warn!("worker not registered: the host has more workers than the registry holds");
        }
        slot
    }

    /// Whether a slot still belongs to this process and refers to a visible presence.
    #[must_use]
    pub fn is_registered(&self, slot: &WorkerSlot) -> bool {
        let is_visible = self.presence.get().is_some_and(|presence| {
            presence.is_published()
                && ProcessId::from_presence(&presence.name()) == Some(slot.owner())
        });
        is_visible && slot.is_owned()
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
                    log::warn!(error:%; "worker registry not opened");
                    None
                }
            }
        });
        opened.as_ref()
    }

    /// Returns a check whether a process is alive.
    fn liveness(&self) -> impl Fn(ProcessId) -> bool + use<> {
        let dir = self.dirs().ok().map(|dirs| dirs.run.join("presence"));
        move |owner| {
            dir.as_ref()
                .is_some_and(|dir| presence::is_alive(dir, &owner.presence_name()))
        }
    }

    /// Lists all workers of the host.
    pub(super) fn workers_status(&self) -> Vec<Value> {
        let now = clock::unix_ms();
        let workers = self.registered_workers();
        workers
            .iter()
            .map(|worker| worker_json(worker, now))
            .collect()
    }

    /// The slots of all live workers of the host.
    pub(super) fn registered_workers(&self) -> Vec<WorkerRecord> {
        // A process that only lists workers creates no segment.
        let exists = || {
            let dirs = self.dirs().ok()?;
            dirs.run.join("workers-v1.seg").exists().then_some(())
        };
        if self.registry.get().is_none() && exists().is_none() {
            return Vec::new();
        }
        self.registry()
            .map(|registry| registry.list(&self.liveness()))
            .unwrap_or_default()
    }
}

fn worker_json(entry: &WorkerRecord, now: u64) -> Value {
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
        "request": entry.request.as_ref().map(|request| {
            json!({ "method": request.method, "uri": request.uri })
        }),
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
