//! One task of a run: restored, or run and stored. On the thread of the task.

use std::time::Instant;

use super::{
    Run, command,
    recorded_output::RecordedOutput,
    report::{Outcome, TaskReport},
    results::{Place, remark},
};
use crate::pipeline::{graph::Node, inputs::Identity};

impl Run<'_> {
    /// The outcome of the task with this number.
    pub(super) fn task(&self, node: &Node<'_>, number: usize) -> TaskReport {
        let start = Instant::now();
        let mut report = TaskReport {
            outcome: Outcome::Group,
            seconds: 0.0,
            key: None,
            notes: Vec::new(),
            differences: None,
        };
        let workspace = self.sources.workspace;
        let package = workspace.packages.get(node.package);
        if let (Some(command), Some(package)) = (&node.task.command, package) {
            let place = Place {
                root: &workspace.root,
                package: &package.path,
                outputs: &node.task.outputs,
            };
            let identity = match self.identities.list.get(number) {
                Some(Ok(identity)) => Some(identity),
                Some(Err(why)) => {
                    report.notes.push(format!("not cached: {why}"));
                    None
                }
                None => None,
            };
            if let Some(identity) = identity {
                report.key = Some(identity.key.to_string());
                report.differences = self.differences(node, identity);
            }
            report.outcome = if self.stop.is_requested() {
                Outcome::Stopped
            } else {
                let restored =
                    identity.and_then(|identity| self.restored(node, identity, place, &mut report));
                restored
                    .unwrap_or_else(|| self.command(node, command, identity, place, &mut report))
            };
            if let Some(identity) = identity.filter(|_| report.outcome.is_success()) {
                self.record(node, identity, &mut report);
            }
        }
        report.seconds = start.elapsed().as_secs_f64();
        report
    }

    fn differences(&self, node: &Node<'_>, identity: &Identity) -> Option<Vec<String>> {
        let earlier = self.records?.read(&self.sources.workspace.root, &node.id)?;
        Some(identity.parts.differences(&earlier))
    }

    fn record(&self, node: &Node<'_>, identity: &Identity, report: &mut TaskReport) {
        if report.differences.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let root = &self.sources.workspace.root;
        let written = self
            .records
            .map(|records| records.write(root, &node.id, &identity.parts));
        if let Some(Err(error)) = written {
            report.notes.push(error.to_string());
        }
    }

    fn restored(
        &self,
        node: &Node<'_>,
        identity: &Identity,
        place: Place<'_>,
        report: &mut TaskReport,
    ) -> Option<Outcome> {
        if self.is_forced {
            return None;
        }
        match self.results.restore(&identity.key, place) {
            Ok(Some((outcome, log))) => {
                if self.replays && !log.is_empty() {
                    self.observer.output(node, &log);
                }
                Some(outcome)
            }
            Ok(None) => None,
            Err(error) => {
                report.notes.push(format!("not restored: {error}"));
                None
            }
        }
    }

    fn command(
        &self,
        node: &Node<'_>,
        command: &str,
        identity: Option<&Identity>,
        place: Place<'_>,
        report: &mut TaskReport,
    ) -> Outcome {
        self.observer.started(node);
        let directory = place.root.join(place.package);
        let mut recorded = RecordedOutput::default();
        let output = &mut |bytes: &[u8]| {
            recorded.push(bytes);
            self.observer.output(node, bytes);
        };
        let ended = command::run(command, &directory, self.stop, output);
        // A command that ends well after a stop may have left something out.
        if self.stop.is_requested() {
            return Outcome::Stopped;
        }
        if let Err(failure) = ended {
            return Outcome::Failed(failure);
        }
        if let Some(identity) = identity {
            if self.sources.is_current(node, identity) {
                let stored = self.results.store(&identity.key, place, &recorded.finish());
                report.notes.extend(remark(stored));
            } else {
                report
                    .notes
                    .push("not stored: inputs have changed while the command ran".into());
            }
        }
        Outcome::Ran
    }
}
