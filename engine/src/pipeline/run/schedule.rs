//! The order of tasks: each after its dependencies have succeeded, the one with the longest chain after it first.
//! Shared by the threads of a run.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::report::{Outcome, TaskReport};
use crate::pipeline::graph::{Graph, Node};

/// The state of a run.
pub(super) struct Schedule {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Height and number, the lowest number of a height first.
    ready: BinaryHeap<(usize, Reverse<usize>)>,
    /// For each task, the number of dependencies without an outcome.
    waiting: Vec<usize>,
    reports: Vec<Option<TaskReport>>,
    open: usize,
}

impl Schedule {
    pub fn new(graph: &Graph<'_>) -> Self {
        let ready = graph.nodes.iter().enumerate();
        let ready = ready.filter(|(_, node)| node.dependencies.is_empty());
        Self {
            state: Mutex::new(State {
                ready: ready
                    .map(|(number, node)| (node.height, Reverse(number)))
                    .collect(),
                waiting: graph
                    .nodes
                    .iter()
                    .map(|node| node.dependencies.len())
                    .collect(),
                reports: graph.nodes.iter().map(|_| None).collect(),
                open: graph.nodes.len(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits for a task that can run; `None`: all have an outcome.
    pub fn next(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.open == 0 {
                return None;
            }
            if let Some((_, Reverse(number))) = state.ready.pop() {
                return Some(number);
            }
            // A task that runs ends: commands by themselves or by a stop, requests by their deadlines.
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the outcome of a task, and skips those after it if it has failed. `ended` sees each new outcome.
    pub fn end(
        &self,
        graph: &Graph<'_>,
        number: usize,
        report: TaskReport,
        ended: &dyn Fn(&Node<'_>, &TaskReport),
    ) {
        let mut news = vec![(number, report)];
        let mut done = 0;
        while let Some((number, report)) = news.get(done).cloned() {
            done += 1;
            let Some(node) = graph.nodes.get(number) else {
                continue;
            };
            let mut state = self.lock();
            match state.reports.get_mut(number) {
                Some(place @ None) => *place = Some(report.clone()),
                // Two tasks before it have failed.
                _ => continue,
            }
            state.open -= 1;
            for next in &node.dependents {
                if report.outcome.is_success() {
                    state.count_down(graph, *next);
                } else if state.reports.get(*next).is_some_and(Option::is_none) {
                    news.push((*next, skipped(node, &report)));
                }
            }
            drop(state);
            ended(node, &report);
            self.changed.notify_all();
        }
    }

    /// The outcomes in the order of nodes, with ids.
    pub fn into_reports(self, graph: &Graph<'_>) -> Vec<(String, TaskReport)> {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let reports = graph.nodes.iter().zip(state.reports);
        reports
            .filter_map(|(node, report)| Some((node.id.clone(), report?)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count_down(&mut self, graph: &Graph<'_>, number: usize) {
        let Some(count) = self.waiting.get_mut(number) else {
            return;
        };
        *count -= 1;
        let is_open = self.reports.get(number).is_some_and(Option::is_none);
        if let Some(node) = graph.nodes.get(number).filter(|_| *count == 0 && is_open) {
            self.ready.push((node.height, Reverse(number)));
        }
    }
}

/// The outcome of a task after one that has not succeeded.
fn skipped(before: &Node<'_>, report: &TaskReport) -> TaskReport {
    let outcome = match &report.outcome {
        Outcome::Stopped => Outcome::Stopped,
        Outcome::Skipped(cause) => Outcome::Skipped(cause.clone()),
        _ => Outcome::Skipped(before.id.clone()),
    };
    TaskReport {
        outcome,
        seconds: 0.0,
        key: None,
        notes: Vec::new(),
        differences: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::pipeline::{
        file::parse,
        graph::Request,
        run::Failure,
        workspace::{Package, Workspace},
    };

    /// Runs the tasks of a pipeline one after the other; `fails` is the one that does not succeed. Returns the order in
    /// which they had outcomes, with the words of these.
    fn run(text: &str, requests: &[&str], fails: &str) -> Vec<String> {
        let (pipeline, problems) = parse(text, &|_| None);
        let pipeline = pipeline.unwrap_or_else(|| unreachable!("{problems:?}"));
        let workspace = Workspace {
            packages: vec![Package {
                name: String::new(),
                names: Vec::new(),
                path: PathBuf::new(),
                dependencies: Vec::new(),
            }],
            ..Workspace::default()
        };
        let requests: Vec<_> = requests.iter().map(|text| Request::parse(text)).collect();
        let graph = Graph::build(&pipeline, &workspace, &requests, &[]).unwrap();
        let (schedule, ended) = (Schedule::new(&graph), Mutex::new(Vec::new()));
        while let Some(number) = schedule.next() {
            let node = &graph.nodes[number];
            let outcome = match node.id == fails {
                true => Outcome::Failed(Failure::Code(1)),
                false => Outcome::Ran,
            };
            schedule.end(&graph, number, report(outcome), &|node, report| {
                let line = format!("{} {}", node.id, report.outcome.word());
                ended.lock().unwrap().push(line);
            });
        }
        assert_eq!(schedule.into_reports(&graph).len(), graph.nodes.len());
        ended.into_inner().unwrap()
    }

    fn report(outcome: Outcome) -> TaskReport {
        TaskReport {
            outcome,
            seconds: 0.0,
            key: None,
            notes: Vec::new(),
            differences: None,
        }
    }

    const DIAMOND: &str = "
pipeline:
  short: {command: x}
  base: {command: x}
  left: {command: x, depends_on: [base]}
  right: {command: x, depends_on: [base]}
  top: {command: x, depends_on: [left, right]}
";

    #[test]
    fn task_with_the_longest_chain_after_it_is_first() {
        assert_eq!(
            run(DIAMOND, &["short", "top"], ""),
            ["base ran", "left ran", "right ran", "short ran", "top ran"]
        );
    }

    #[test]
    fn failure_skips_those_after_it_once() {
        assert_eq!(
            run(DIAMOND, &["short", "top"], "base"),
            [
                "base failed",
                "left skipped",
                "right skipped",
                "top skipped",
                "short ran"
            ]
        );
        assert_eq!(
            run(DIAMOND, &["top"], "right"),
            ["base ran", "left ran", "right failed", "top skipped"]
        );
    }
}
