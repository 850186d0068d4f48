//! How far a build is: what its pilot tells callers, other processes and people.

use serde_json::{Value, json};

use crate::host::clock;
use crate::velox::{keys::config_keys::Identity, protocol::request::Request};

/// The last lines of a build's log that are passed on.
const MOST_LINES: usize = 20;
/// The longest of them, in letters.
const MOST_LINE: usize = 500;

/// What is being done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a slot, or for a build that goes before.
    #[default]
    Queued,
    /// The server builds.
    Building,
    /// Pausing before the next attempt.
    Retrying,
    /// The binary is on its way to us.
    Downloading,
}

impl Phase {
    /// The word for it in answers and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Building => "building",
            Self::Retrying => "retrying",
            Self::Downloading => "downloading",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Building,
            Self::Retrying,
            Self::Downloading,
        ]
        .into_iter()
        .find(|phase| phase.name() == name)
    }

    /// The label of `velox_client_disconnects_total`.
    pub(in crate::velox) fn stage(self) -> &'static str {
        match self {
            Self::Queued => "queue",
            Self::Building | Self::Retrying => "build",
            Self::Downloading => "stream",
        }
    }
}

/// A build under way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Attempts at the server until now.
    pub attempt: u32,
    /// When it began, in Unix milliseconds.
    pub started_ms: u64,
    /// The last lines of the build's log, where the server tells them.
    pub lines: Vec<String>,
    pub(in crate::velox) what: What,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::velox) struct What {
    key: String,
    rr_version: String,
    os: String,
    arch: String,
    forced: bool,
}

impl Progress {
    /// A build that begins now.
    pub(in crate::velox) fn begin(request: &Request, identity: &Identity) -> Self {
        Self {
            started_ms: clock::unix_ms(),
            what: What {
                key: identity.key.to_string(),
                rr_version: request.rr_version.clone(),
                os: request.os.clone(),
                arch: request.arch.clone(),
                forced: request.force_rebuild,
            },
            ..Self::default()
        }
    }

    /// With other lines.
    pub(in crate::velox) fn with_lines(mut self, mut lines: Vec<String>) -> Self {
        let surplus = lines.len().saturating_sub(MOST_LINES);
        self.lines = lines.split_off(surplus);
        for line in &mut self.lines {
            *line = line
                .chars()
                .filter(|letter| !letter.is_control())
                .take(MOST_LINE)
                .collect();
        }
        self
    }

    /// For files and for PHP. Times are float seconds.
    pub(in crate::velox) fn to_json(&self) -> Value {
        let elapsed = clock::unix_ms().saturating_sub(self.started_ms);
        json!({
            "key": self.what.key,
            "rr_version": self.what.rr_version,
            "os": self.what.os,
            "arch": self.what.arch,
            "force_rebuild": self.what.forced,
            "state": self.phase.name(),
            "attempt": self.attempt,
            "started": self.started_ms as f64 / 1000.0,
            "elapsed": elapsed as f64 / 1000.0,
            "lines": self.lines,
            "pid": std::process::id(),
        })
    }

    /// As another process told it.
    pub(in crate::velox) fn mirror(&self, told: &Value) -> Self {
        let phase = told
            .get("state")
            .and_then(Value::as_str)
            .and_then(Phase::named);
        let attempt = told.get("attempt").and_then(Value::as_u64);
        let lines = told.get("lines").and_then(Value::as_array);
        let lines = lines.into_iter().flatten().filter_map(Value::as_str);
        Self {
            phase: phase.unwrap_or(self.phase),
            attempt: attempt.map_or(self.attempt, |attempt| {
                attempt.try_into().unwrap_or(u32::MAX)
            }),
            ..self.clone()
        }
        .with_lines(lines.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_told_is_mirrored_and_bounded() {
        let mine = Progress::default();
        let lines: Vec<String> = (0..30)
            .map(|n| format!("{n}\u{1b}[1m{}", "x".repeat(600)))
            .collect();
        let told = json!({"state": "downloading", "attempt": 7, "lines": lines});
        let mirrored = mine.mirror(&told);
        assert_eq!((mirrored.phase, mirrored.attempt), (Phase::Downloading, 7));
        assert_eq!(mirrored.lines.len(), MOST_LINES);
        assert!(mirrored.lines[19].starts_with("29[1mxx"));
        assert_eq!(mirrored.lines[0].chars().count(), MOST_LINE);
        let garbage = mirrored.mirror(&json!({"state": 5, "attempt": "x", "lines": {}}));
        assert_eq!((garbage.phase, garbage.attempt), (Phase::Downloading, 7));
    }
}
