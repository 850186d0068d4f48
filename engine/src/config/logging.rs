//! The settings of the log.

use std::path::PathBuf;

use super::{
    value::Value,
    values::{Values, word},
};

/// `pillion.log`, `pillion.log_level` and `pillion.log_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The destination of lines.
    pub target: LogTarget,
    /// The least important level that is logged.
    pub level: log::LevelFilter,
    /// The format of a line.
    pub format: LogFormat,
}

/// The destination of log lines. Never standard output: it carries a RoadRunner worker's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The process's standard error.
    Stderr,
    /// PHP's own error log; the extension drains the lines on PHP's thread.
    Php,
    /// A file, by its absolute path.
    File(PathBuf),
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, event, then `name=value`.
    Text,
    /// One JSON object a line.
    Json,
    /// `name=value` throughout.
    Logfmt,
}

impl LogSettings {
    pub(super) fn from_values(values: Values<'_>) -> Self {
        Self {
            target: match values("log") {
                Some(Value::Path(path)) => LogTarget::File(path),
                Some(Value::Text(word)) if word == "php" => LogTarget::Php,
                _ => LogTarget::Stderr,
            },
            level: word(values, "log_level")
                .parse()
                .unwrap_or(log::LevelFilter::Info),
            format: match word(values, "log_format").as_str() {
                "json" => LogFormat::Json,
                "logfmt" => LogFormat::Logfmt,
                _ => LogFormat::Text,
            },
        }
    }
}
