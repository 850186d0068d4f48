//! The gauges of all workers of the host, from the slots of the live ones.

use super::{WorkerField, WorkerRecord};
use crate::{
    metrics::{Derived, Samples, Source, worker as metrics},
    worker::Mode,
};

/// The gauges of one worker, and their fields.
const GAUGES: [(&Derived, WorkerField); 3] = [
    (&metrics::WORKER_MEMORY, WorkerField::Memory),
    (&metrics::WORKER_PEAK_MEMORY, WorkerField::PeakMemory),
    (&metrics::WORKER_LEAKS, WorkerField::Leaks),
];

impl Source for Vec<WorkerRecord> {
    fn read(&self, samples: &mut Samples) {
        for worker in self {
            let state = match worker.get(WorkerField::RequestStartedMs) {
                0 => "idle",
                _ => "busy",
            };
            let mode = Mode::from_code(worker.get(WorkerField::Mode)).name();
            samples.add(&metrics::WORKERS_NOW, &[mode, state], 1.0);
            let pid = worker.owner.pid().to_string();
            let thread = worker.get(WorkerField::Thread).to_string();
            for (gauge, field) in GAUGES {
                samples.add(gauge, &[&pid, &thread], worker.get(field) as f64);
            }
        }
    }
}
