//! The outcomes of a run, for people and for programs. Pure.

use serde_json::{Value, json};

use super::command::Failure;

/// The outcome of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its outputs came from the store of this host.
    Local,
    /// They came from the gateway.
    Remote,
    /// The command ran and succeeded.
    Ran,
    /// The command failed.
    Failed(Failure),
    /// A task before it failed: its id.
    Skipped(String),
    /// The run was stopped, before or while the command ran.
    Stopped,
    /// It has no command.
    Group,
}

impl Outcome {
    /// The word for programs.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Ran => "ran",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Stopped => "stopped",
            Self::Group => "group",
        }
    }

    /// Whether the tasks after it may run.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Local | Self::Remote | Self::Ran | Self::Group)
    }
}

/// The outcome of a task, with its circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskReport {
    /// The outcome.
    pub outcome: Outcome,
    /// Seconds that it took, the store included.
    pub seconds: f64,
    /// The key, if it has one.
    pub key: Option<String>,
    /// Why its result is not in the store, or did not come from there.
    pub notes: Vec<String>,
    /// The inputs that differ from the last run; `None`: there is none to compare with.
    pub differences: Option<Vec<String>>,
}

/// The outcomes of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// In the order of nodes, with ids.
    pub tasks: Vec<(String, TaskReport)>,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// The gateway.
    pub remote: RemoteReport,
}

/// What went wrong with the gateway in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteReport {
    /// The reason why the gateway of the file is not used.
    pub unused: Option<String>,
    /// Number of failed negotiations and downloads.
    pub reading_errors: usize,
    /// Number of failed uploads.
    pub writing_errors: usize,
    /// The first error, one line.
    pub first_error: Option<String>,
}

impl RemoteReport {
    /// The line for people, if something went wrong.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        if let Some(why) = &self.unused {
            return Some(format!("remote: not used ({why})"));
        }
        let first = self.first_error.as_ref()?;
        let doing = match (self.reading_errors, self.writing_errors) {
            (_, 0) => "reading",
            (0, _) => "writing",
            _ => "reading and writing",
        };
        let count = self.reading_errors + self.writing_errors;
        let errors = counted(count, "error", "errors");
        let nth = if count > 1 { "first: " } else { "" };
        Some(format!("remote: {errors} while {doing} ({nth}{first})"))
    }

    /// All of it for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "not_used": self.unused,
            "reading_errors": self.reading_errors,
            "writing_errors": self.writing_errors,
            "first_error": self.first_error,
        })
    }
}

impl Report {
    /// Number of tasks with an outcome.
    fn count(&self, is_counted: impl Fn(&Outcome) -> bool) -> usize {
        let tasks = self.tasks.iter();
        tasks.filter(|(_, task)| is_counted(&task.outcome)).count()
    }

    /// Whether all tasks have succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.tasks.iter().all(|(_, task)| task.outcome.is_success())
    }

    /// Whether the run was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.count(|outcome| *outcome == Outcome::Stopped) > 0
    }

    /// The one line at the end.
    #[must_use]
    pub fn summary(&self) -> String {
        let total = self.count(|outcome| *outcome != Outcome::Group);
        let local = self.count(|outcome| *outcome == Outcome::Local);
        let remote = self.count(|outcome| *outcome == Outcome::Remote);
        let ran = self.count(|outcome| *outcome == Outcome::Ran);
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        let hits = counted(local + remote, "hit", "hits");
        let mut parts = vec![
            counted(total, "task", "tasks"),
            format!("{hits} ({local} local, {remote} remote)"),
            counted(ran + failed, "miss", "misses"),
        ];
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        let stopped = self.count(|outcome| *outcome == Outcome::Stopped);
        for (count, word) in [
            (failed, "failed"),
            (skipped, "skipped"),
            (stopped, "stopped"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        format!("{} in {:.1}s", parts.join(", "), self.seconds)
    }

    /// All of it for programs.
    #[must_use]
    pub fn json(&self, exit_code: u8) -> Value {
        let task = |(id, task): &(String, TaskReport)| {
            let (exit, signal, skipped) = match &task.outcome {
                Outcome::Failed(Failure::Code(code)) => (Some(*code), None, None),
                Outcome::Ran => (Some(0), None, None),
                Outcome::Failed(Failure::Signal(signal)) => (None, Some(*signal), None),
                Outcome::Skipped(cause) => (None, None, Some(cause)),
                _ => (None, None, None),
            };
            json!({
                "id": id,
                "outcome": task.outcome.word(),
                "seconds": round(task.seconds),
                "key": task.key,
                "exit_code": exit,
                "signal": signal,
                "skipped_because_of": skipped,
                "notes": task.notes,
                "differences": task.differences,
            })
        };
        json!({
            "version": 1,
            "success": self.is_success(),
            "exit_code": exit_code,
            "seconds": round(self.seconds),
            "summary": {
                "tasks": self.count(|outcome| *outcome != Outcome::Group),
                "local": self.count(|outcome| *outcome == Outcome::Local),
                "remote": self.count(|outcome| *outcome == Outcome::Remote),
                "ran": self.count(|outcome| *outcome == Outcome::Ran),
                "failed": self.count(|outcome| matches!(outcome, Outcome::Failed(_))),
                "skipped": self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
                "stopped": self.count(|outcome| *outcome == Outcome::Stopped),
            },
            "remote": self.remote.json(),
            "tasks": self.tasks.iter().map(task).collect::<Vec<_>>(),
        })
    }
}

/// Milliseconds are enough.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// A number with its noun.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<Outcome>) -> Report {
        let task = |outcome| TaskReport {
            outcome,
            seconds: 0.0004,
            key: None,
            notes: Vec::new(),
            differences: None,
        };
        let tasks = outcomes
            .into_iter()
            .map(|outcome| ("a#build".to_owned(), task(outcome)));
        Report {
            tasks: tasks.collect(),
            seconds: 1.26,
            remote: RemoteReport {
                unused: None,
                reading_errors: 1,
                writing_errors: 1,
                first_error: Some("refused".into()),
            },
        }
    }

    #[test]
    fn summary_counts_each_outcome() {
        let all = report(vec![
            Outcome::Local,
            Outcome::Remote,
            Outcome::Remote,
            Outcome::Ran,
            Outcome::Failed(Failure::Code(2)),
            Outcome::Skipped("a#build".into()),
            Outcome::Stopped,
            Outcome::Group,
        ]);
        assert_eq!(
            all.summary(),
            "7 tasks, 3 hits (1 local, 2 remote), 2 misses, 1 failed, 1 skipped, 1 stopped in 1.3s"
        );
        assert_eq!(
            all.remote.line().as_deref(),
            Some("remote: 2 errors while reading and writing (first: refused)")
        );
        assert!(!all.is_success() && all.is_stopped());
        let one = report(vec![Outcome::Ran]);
        assert_eq!(
            one.summary(),
            "1 task, 0 hits (0 local, 0 remote), 1 miss in 1.3s"
        );
        assert!(one.is_success() && !one.is_stopped());
        let json = all.json(1);
        assert_eq!(
            (&json["summary"]["tasks"], &json["tasks"][4]["exit_code"]),
            (&7.into(), &2.into())
        );
    }
}
