//! The workers of the host, and the processes that have joined it.

use serde_json::{Value, json};

use super::seconds;
use crate::{
    engine::Engine,
    host::{clock, lock, presence},
    worker::registry::{WorkerField, WorkerRecord},
};

/// The sums of all workers.
pub(super) struct Totals {
    pub(super) total: usize,
    pub(super) busy: usize,
    pub(super) memory: u64,
    pub(super) peak_memory: u64,
    pub(super) leaks: u64,
}

impl Totals {
    pub(super) fn of(workers: &[WorkerRecord]) -> Self {
        let sum = |field| {
            workers
                .iter()
                .fold(0, |sum: u64, worker| sum.saturating_add(worker.get(field)))
        };
        Self {
            total: workers.len(),
            busy: workers
                .iter()
                .filter(|worker| worker.get(WorkerField::RequestStartedMs) != 0)
                .count(),
            memory: sum(WorkerField::Memory),
            peak_memory: sum(WorkerField::PeakMemory),
            leaks: sum(WorkerField::Leaks),
        }
    }
}

impl Engine {
    /// All workers with their statistics and running requests, and all processes of the host.
    #[must_use]
    pub fn workers_view(&self) -> Value {
        json!({
            "workers": self.workers_status(),
            "processes": self.processes(),
        })
    }

    fn processes(&self) -> Vec<Value> {
        let now = clock::unix_ms();
        let mut found = self
            .dirs()
            .map(|dirs| presence::list_alive(&dirs.run.join("presence")))
            .unwrap_or_default();
        found.sort_by_key(|process| process.pid);
        let processes = found.iter().map(|process| {
            json!({
                "pid": process.pid,
                "mode": process.mode,
                "version": process.version,
                "seconds": seconds(now.saturating_sub(process.since_ms)),
            })
        });
        processes.collect()
    }

    /// The process that does the periodic work of the host; `None` if there is none, or the system does not name it.
    pub(super) fn leader_view(&self) -> Option<Value> {
        let run = &self.dirs().ok()?.run;
        let holders = lock::holders(&run.join("leader.lock"));
        let leader = presence::list_alive(&run.join("presence"))
            .into_iter()
            .find(|process| holders.contains(&process.pid))?;
        Some(json!({ "pid": leader.pid, "mode": leader.mode }))
    }
}
