//! The progress of a build, published to its subscribers, to other processes and to `Velox\status`.

use serde_json::{Value, json};

use crate::host::clock;
use crate::velox::{keys::config_keys::ConfigKeys, protocol::request::BuildRequest};

/// The limit of published log lines; the last ones are published.
const MAX_LINES: usize = 20;
/// The limit of a published line, in characters.
const MAX_LINE_CHARS: usize = 500;

/// The phase of a build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a build slot, or for a build that must end first.
    #[default]
    Queued,
    /// The server builds.
    Building,
    /// Pauses before the next attempt.
    Retrying,
    /// Receives the binary.
    Downloading,
}

impl Phase {
    /// Returns the stable name of the phase.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Building => "building",
            Self::Retrying => "retrying",
            Self::Downloading => "downloading",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Building,
            Self::Retrying,
            Self::Downloading,
        ]
        .into_iter()
        .find(|phase| phase.name() == name)
    }

    /// Returns the label of `velox_client_disconnects_total`.
    pub(in crate::velox) fn stage(self) -> &'static str {
        match self {
            Self::Queued => "queue",
            Self::Building | Self::Retrying => "build",
            Self::Downloading => "stream",
        }
    }
}

/// The progress of an active build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The current phase.
    pub phase: Phase,
    /// The number of attempts so far.
    pub attempt: u32,
    /// The start of the build, in Unix milliseconds.
    pub started_ms: u64,
    /// The last lines of the build's log, if the server reports them.
    pub lines: Vec<String>,
    pub(in crate::velox) configuration: ConfigSummary,
}

/// The fields of a configuration that the status shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::velox) struct ConfigSummary {
    key: String,
    rr_version: String,
    os: String,
    arch: String,
    plugins: Vec<String>,
    forced: bool,
}

impl Progress {
    /// A build that starts now.
    pub(in crate::velox) fn start(request: &BuildRequest, keys: &ConfigKeys) -> Self {
        Self {
            started_ms: clock::unix_ms(),
            configuration: ConfigSummary {
                key: keys.key.to_string(),
                rr_version: request.rr_version.clone(),
                os: request.target_platform.os.clone(),
                arch: request.target_platform.arch.clone(),
                plugins: request.plugins.iter().map(ToString::to_string).collect(),
                forced: request.force_rebuild,
            },
            ..Self::default()
        }
    }

    /// Replaces the log lines, without control characters and within the limits.
    pub(in crate::velox) fn with_lines(mut self, mut lines: Vec<String>) -> Self {
        let surplus = lines.len().saturating_sub(MAX_LINES);
        self.lines = lines.split_off(surplus);
        for line in &mut self.lines {
            *line = line
                .chars()
                .filter(|letter| !letter.is_control())
                .take(MAX_LINE_CHARS)
                .collect();
        }
        self
    }

    /// Returns the progress for files and for PHP. Times are float seconds.
    pub(in crate::velox) fn to_json(&self) -> Value {
        let elapsed = clock::unix_ms().saturating_sub(self.started_ms);
        json!({
            "key": self.configuration.key,
            "rr_version": self.configuration.rr_version,
            "os": self.configuration.os,
            "arch": self.configuration.arch,
            "plugins": self.configuration.plugins,
            "force_rebuild": self.configuration.forced,
            "state": self.phase.name(),
            "attempt": self.attempt,
            "started": self.started_ms as f64 / 1000.0,
            "elapsed": elapsed as f64 / 1000.0,
            "lines": self.lines,
            "pid": std::process::id(),
        })
    }

    /// Updates the progress with the one that another process published.
    pub(in crate::velox) fn updated_from(&self, published: &Value) -> Self {
        let phase = published
            .get("state")
            .and_then(Value::as_str)
            .and_then(Phase::from_name);
        let attempt = published.get("attempt").and_then(Value::as_u64);
        let lines = published.get("lines").and_then(Value::as_array);
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
    fn published_progress_is_copied_and_bounded() {
        let mine = Progress::default();
        let lines: Vec<String> = (0..30)
            .map(|n| format!("{n}\u{1b}[1m{}", "x".repeat(600)))
            .collect();
        let published = json!({"state": "downloading", "attempt": 7, "lines": lines});
        let copied = mine.updated_from(&published);
        assert_eq!((copied.phase, copied.attempt), (Phase::Downloading, 7));
        assert_eq!(copied.lines.len(), MAX_LINES);
        assert!(copied.lines[19].starts_with("29[1mxx"));
        assert_eq!(copied.lines[0].chars().count(), MAX_LINE_CHARS);
        let garbage = copied.updated_from(&json!({"state": 5, "attempt": "x", "lines": {}}));
        assert_eq!((garbage.phase, garbage.attempt), (Phase::Downloading, 7));
    }
}
