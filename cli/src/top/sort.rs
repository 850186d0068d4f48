//! The order of workers. Pure.

use std::cmp::Ordering;

use clap::ValueEnum;
use serde_json::Value;

use crate::units::{float, number};

/// The order of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// The oldest running request first, then idle workers.
    Age,
    /// The most memory first.
    Memory,
    /// The most requests first.
    Requests,
    /// The longest 99th percentile first.
    P99,
    /// Process id and thread.
    Pid,
}

impl Sort {
    pub(super) const ALL: [Self; 5] = [
        Self::Age,
        Self::Memory,
        Self::Requests,
        Self::P99,
        Self::Pid,
    ];

    /// The order so many places further.
    pub(super) fn step(self, by: isize) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        let next = at.checked_add_signed(by).unwrap_or(count - 1) % count;
        Self::ALL.get(next).copied().unwrap_or(self)
    }

    fn compare(self, one: &Value, other: &Value) -> Ordering {
        let descending = |pointer: &str| {
            let of = |worker| float(worker, pointer).unwrap_or(-1.0);
            of(other).total_cmp(&of(one))
        };
        match self {
            Self::Age => descending("/busy"),
            Self::Memory => descending("/memory"),
            Self::Requests => descending("/requests"),
            Self::P99 => descending("/durations/p99"),
            Self::Pid => Ordering::Equal,
        }
    }

    /// The workers in this order; those that are equal by process id and thread.
    pub(super) fn sorted(self, workers: &[Value], is_reversed: bool) -> Vec<&Value> {
        let mut sorted: Vec<&Value> = workers.iter().collect();
        let id = |worker: &Value| (number(worker, "/pid"), number(worker, "/thread"));
        sorted.sort_by(|one, other| {
            let order = self
                .compare(one, other)
                .then_with(|| id(one).cmp(&id(other)));
            if is_reversed { order.reverse() } else { order }
        });
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn workers_are_sorted_by_each_order() {
        let worker = |pid: u64, busy: Option<f64>, memory: u64, requests: u64| {
            json!({
                "pid": pid, "thread": pid, "busy": busy, "memory": memory, "requests": requests,
                "durations": {"p99": requests as f64},
            })
        };
        let workers = [
            worker(3, None, 20, 1),
            worker(2, Some(1.5), 10, 3),
            worker(1, Some(9.0), 10, 2),
        ];
        let pids = |sort: Sort, is_reversed| -> Vec<u64> {
            let sorted = sort.sorted(&workers, is_reversed).into_iter();
            sorted.map(|worker| number(worker, "/pid")).collect()
        };
        assert_eq!(pids(Sort::Age, false), [1, 2, 3]);
        assert_eq!(pids(Sort::Memory, false), [3, 1, 2]);
        assert_eq!(pids(Sort::Requests, false), [2, 1, 3]);
        assert_eq!(pids(Sort::P99, true), [3, 1, 2]);
        assert_eq!(pids(Sort::Pid, true), [3, 2, 1]);
    }

    #[test]
    fn orders_follow_each_other_in_a_circle() {
        assert_eq!(Sort::Age.step(1), Sort::Memory);
        assert_eq!(Sort::Pid.step(1), Sort::Age);
        assert_eq!(Sort::Age.step(-1), Sort::Pid);
    }
}
