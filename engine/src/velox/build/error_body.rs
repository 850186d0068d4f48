//! The JSON body of an error answer, and its texts: limited, without control characters, split into message, compiler
//! output and violations.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{BuildFailure, Violation, shorten};
use crate::velox::flight::tail;

/// The limit of lines of a compiler's output in an exception's message.
const MAX_MESSAGE_LINES: usize = 20;
/// The limit of a foreign text in a message.
pub(super) const MAX_MESSAGE_BYTES: usize = 4096;
/// The limit of violations that are read from an answer.
const MAX_VIOLATIONS: usize = 100;
/// The limit of the stored output; its end is stored.
const MAX_LOG: usize = 1 << 20;

/// The JSON body of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) details: Vec<Value>,
}

impl ErrorBody {
    /// Removes control characters.
    pub(super) fn printable(self) -> Self {
        Self {
            code: printable(&self.code).replace('\n', " "),
            message: printable(&self.message),
            details: self.details,
        }
    }
}

/// Removes control characters, which a terminal could interpret, from a foreign text. Keeps line breaks.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect()
}

/// Splits a message into the server's text and the compiler's output, which comes last.
pub(super) fn build_failure(status: u16, message: &str) -> BuildFailure {
    let message = message.trim_end();
    let (head, logs) = match message.split_once("\n--- stderr (") {
        Some((head, rest)) => (head, rest.split_once('\n').map_or("", |(_, logs)| logs)),
        None if message.lines().count() <= MAX_MESSAGE_LINES
            && message.len() <= MAX_MESSAGE_BYTES =>
        {
            (message, "")
        }
        None => (message.lines().next().unwrap_or_default(), message),
    };
    let lines: Vec<&str> = logs.lines().collect();
    let last = lines
        .split_at(lines.len().saturating_sub(MAX_MESSAGE_LINES))
        .1;
    let last = last.join("\n");
    let head = match tail(head, MAX_MESSAGE_BYTES).trim_end() {
        "" => "no message",
        head => head,
    };
    let message = format!(
        "velox server returned: {head}\n{}",
        tail(&last, MAX_MESSAGE_BYTES)
    );
    let message = message.trim_end().to_owned();
    BuildFailure {
        message,
        logs: tail(logs, MAX_LOG).to_owned(),
        http_status: status,
    }
}

/// Returns the body of a proxy or another server, on one line.
pub(super) fn one_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(400)).unwrap_or_default());
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        "an empty body".into()
    } else {
        words
            .join(" ")
            .chars()
            .filter(|letter| !letter.is_control())
            .collect()
    }
}

/// Returns the violations of `buf.validate.Violations` in its `debug` form; else those in the message.
pub(super) fn violations(error: &ErrorBody) -> Vec<Violation> {
    let bounded = |text: &str| shorten(&printable(text), MAX_MESSAGE_BYTES).into_owned();
    let mut all: Vec<Violation> = error
        .details
        .iter()
        .filter_map(|detail| detail.get("debug")?.get("violations")?.as_array())
        .flatten()
        .filter_map(|violation| {
            Some(Violation {
                field: field(violation.get("field")?.get("elements")?.as_array()?),
                message: bounded(violation.get("message")?.as_str()?),
            })
        })
        .take(MAX_VIOLATIONS)
        .collect();
    if all.is_empty() {
        let text = error
            .message
            .trim_start_matches("validation errors:")
            .trim_start_matches("validation error:");
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("- "));
        all = lines
            .filter(|line| !line.is_empty())
            .map(|line| match line.split_once(": ") {
                Some((field, message)) if !field.contains(' ') => Violation {
                    field: bounded(field),
                    message: bounded(message),
                },
                _ => Violation {
                    field: "request".into(),
                    message: bounded(line),
                },
            })
            .take(MAX_VIOLATIONS)
            .collect();
    }
    if all.is_empty() {
        all.push(Violation {
            field: "request".into(),
            message: "velox server rejected it without a message".into(),
        });
    }
    all
}

/// Formats the path of a field: `plugins[0].module_name`.
fn field(elements: &[Value]) -> String {
    let mut out = String::new();
    for element in elements {
        if out.len() > MAX_MESSAGE_BYTES {
            break;
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(
            element
                .get("fieldName")
                .and_then(Value::as_str)
                .unwrap_or("?"),
        );
        // protojson writes 64-bit numbers as strings.
        if let Some(index) = element.get("index") {
            let index = index
                .as_str()
                .map_or_else(|| index.to_string(), str::to_owned);
            out.push_str(&format!("[{index}]"));
        }
    }
    shorten(&printable(&out), MAX_MESSAGE_BYTES).into_owned()
}
