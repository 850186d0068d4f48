//! The settings of the log.

use std::path::PathBuf;

use super::super::{
    row::{Row, level, required},
    types::{Value, ValueType},
};

settings! {
    /// Destination and format of log lines.
    pub struct LogSettings: Log, "" in "pillion." {
        /// Destination of log lines: `stderr`, `php` (PHP's own error log) or a file, which is reopened after it was
        /// rotated.
        target as "log": LogTarget = target("stderr");
        /// The least important level that is logged. A command on the console logs warnings and errors only if neither
        /// this nor `pillion.log` is set.
        level as "log_level": log::LevelFilter = level("info");
        /// Format of a log line.
        format as "log_format": LogFormat = format("text");
    }
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

const fn target(default: &'static str) -> Row<LogTarget> {
    Row::new(ValueType::LogTarget, Some(default), |value| match value {
        Some(Value::Path(path)) => LogTarget::File(path),
        Some(Value::Text(word)) if word == "php" => LogTarget::Php,
        _ => LogTarget::Stderr,
    })
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

const fn format(default: &'static str) -> Row<LogFormat> {
    let words = &["text", "json", "logfmt"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "json" => LogFormat::Json,
            "logfmt" => LogFormat::Logfmt,
            _ => LogFormat::Text,
        }
    })
}
