//! Runs the tasks of a graph: each after its dependencies, as many at once as are allowed, its result restored if its
//! key is known. A failed command is not stored and stops the tasks after it; the others go on. One thread for each
//! task that runs at the moment.
//!
//! # Layout
//!
//! * `schedule`: which task is next; `task`: one task; `command`: its process group; [`stop`]: signals.
//! * [`results`]: store and [`gateway`]; `outputs`: files on the disk; [`report`]: outcomes.
//! * `recorded_output`: the part of a command's output that a hit shows again.

mod command;
pub mod gateway;
mod outputs;
mod recorded_output;
pub mod report;
pub mod results;
mod schedule;
pub mod stop;
mod task;

use std::{thread, time::Instant};

pub use command::Failure;
pub use gateway::{Budget, Gateway};
pub use report::{Outcome, RemoteReport, Report, TaskReport};
pub use results::Results;
use schedule::Schedule;
pub use stop::Stop;

use super::{
    graph::{Graph, Node},
    inputs::{Identities, Sources, record::Records},
};

/// Follows a run. Called from its threads.
pub trait Observer: Sync {
    /// A command starts.
    fn started(&self, node: &Node<'_>);
    /// A command has written these bytes, in this run or in the one that the result is from.
    fn output(&self, node: &Node<'_>, bytes: &[u8]);
    /// A task has an outcome.
    fn ended(&self, node: &Node<'_>, report: &TaskReport);
}

/// A run.
pub struct Run<'a> {
    /// The tasks.
    pub graph: &'a Graph<'a>,
    /// Their keys.
    pub identities: &'a Identities,
    /// Files and environment of the tasks.
    pub sources: Sources<'a>,
    /// Store and gateway.
    pub results: &'a Results,
    /// The last runs; `None`: nothing is compared or recorded.
    pub records: Option<&'a Records>,
    /// Whether commands run although their results are known.
    pub is_forced: bool,
    /// Whether a hit replays the output of its command.
    pub replays: bool,
    /// Tasks at once, at least one.
    pub concurrency: usize,
    /// Stops the run.
    pub stop: &'a Stop,
    /// Follows the run.
    pub observer: &'a dyn Observer,
}

impl Run<'_> {
    /// Runs all tasks, and waits for the uploads.
    #[must_use]
    pub fn execute(&self) -> Report {
        let start = Instant::now();
        if !self.is_forced {
            self.negotiate();
        }
        let schedule = Schedule::new(self.graph);
        let work = || {
            while let Some(number) = schedule.next() {
                let report = match self.graph.nodes.get(number) {
                    Some(node) => self.task(node, number),
                    None => continue,
                };
                schedule.end(self.graph, number, report, &|node, report| {
                    self.observer.ended(node, report)
                });
            }
        };
        thread::scope(|scope| {
            // A refused thread leaves its tasks to the others.
            for _ in 1..self.concurrency.min(self.graph.nodes.len()) {
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        if let Some(gateway) = &self.results.gateway {
            gateway.finish();
        }
        if let Some(records) = self.records {
            records.clean();
        }
        Report {
            tasks: schedule.into_reports(self.graph),
            seconds: start.elapsed().as_secs_f64(),
            remote: self.results.remote(),
        }
    }

    /// Asks the gateway for the keys that this host does not have.
    pub fn negotiate(&self) {
        let Some(gateway) = &self.results.gateway else {
            return;
        };
        let nodes = self.graph.nodes.iter().zip(&self.identities.list);
        let keys = nodes
            .filter(|(node, _)| node.task.command.is_some())
            .filter_map(|(_, identity)| identity.as_ref().ok())
            .map(|identity| identity.key.clone())
            .filter(|key| !self.results.is_local(key));
        gateway.negotiate(keys.collect());
    }
}
