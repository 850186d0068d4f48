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
