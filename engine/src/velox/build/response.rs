//! Reads the server's answers and says what each means. Connect's JSON over HTTP
//! (connectrpc.com/docs/protocol, "Unary response" and "Error codes"); the messages are those of
//! Velox's own server. A compile error and an unknown version are a 500 `internal` there, told from
//! passing faults by how the message begins.

use serde::Deserialize;
use serde_json::Value;

use super::error::{Reason, Trouble};
use crate::velox::flight::tail;
use crate::{
    Error,
    error::{BuildFailure, Violation, shorten},
};

/// The lines of a compiler's output that go into an exception's message.
const TOLD_LINES: usize = 20;
const TOLD_BYTES: usize = 4096;
/// How many things a server may say are wrong with a request.
const MOST_VIOLATIONS: usize = 100;
/// What is kept of the output, from its end.
const MOST_LOG: usize = 1 << 20;

/// What a message says when the server was stopped, or its network or its machine is to blame, and not
/// the configuration.
const OWN_TROUBLE: [&str; 15] = [
    "context canceled",
    "context deadline exceeded",
    "signal: killed",
    "dial tcp",
    "i/o timeout",
    "connection reset by peer",
    "TLS handshake timeout",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway",
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "cannot allocate memory",
    "too many open files",
];

/// A finished build whose binary is a file of the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::velox) struct PathAnswer {
    /// Absolute, on the server's file system.
    #[serde(default)]
    pub(in crate::velox) path: String,
    /// The compiler's output, where the server gives it.
    #[serde(default)]
    pub(in crate::velox) logs: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    code: String,
    message: String,
    details: Vec<Value>,
}

impl Failure {
    fn printable(self) -> Self {
        Self {
            code: printable(&self.code).replace('\n', " "),
            message: printable(&self.message),
            details: self.details,
        }
    }
}

/// Whether a content type is JSON, whatever its parameters.
pub(in crate::velox) fn is_json(content_type: &str) -> bool {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/json")
}

/// A 200 with JSON.
pub(in crate::velox) fn path(body: &[u8]) -> Result<PathAnswer, Trouble> {
    let answer: PathAnswer = serde_json::from_slice(body).map_err(|error| {
        Trouble::Passing(
            Reason::Download,
            Error::Remote(format!(
                "velox server answered 200 with JSON that can't be read: {}",
                // It repeats a text that stands in a wrong place, whole.
                shorten(&error.to_string(), TOLD_BYTES)
            )),
        )
    })?;
    if answer.path.is_empty() {
        return Err(Trouble::remote(
            "velox server answered 200 without a path to the binary",
        ));
    }
    if answer.path.len() >= libc::PATH_MAX as usize || answer.path.contains('\0') {
        return Err(Trouble::remote(format!(
            "velox server answered with a path that no file can have: {:?}",
            shorten(&answer.path, 200)
        )));
    }
    Ok(answer)
}

/// Any answer that is not 200. `place` is the server's address, without secrets.
pub(in crate::velox) fn failure(
    place: &str,
    status: u16,
    location: Option<&str>,
    body: &[u8],
) -> Trouble {
    let failure = serde_json::from_slice(body)
        .ok()
        .filter(|failure: &Failure| !failure.code.is_empty())
        .map(Failure::printable);
    let location = location.map(printable);
    let code = failure.as_ref().map(|failure| failure.code.as_str());
    match (status, code, &failure) {
        (409, ..) => return Trouble::Busy,
        (400, Some("invalid_argument"), Some(failure)) => {
            return Trouble::Final(Error::InvalidRequest(violations(failure)));
        }
        // Any other status is the word of what stands before the server.
        (500, Some("internal"), Some(failure)) => return internal(place, &failure.message),
        _ => {}
    }
    let said = failure.as_ref().map_or_else(
        || foreign(body),
        |failure| {
            let [code, message] = [failure.code.as_str(), failure.message.trim_end()]
                .map(|text| shorten(text, TOLD_BYTES));
            format!("{code}: {message}")
        },
    );
    match status {
        401 | 403 => Trouble::remote(format!(
            "velox server at {place} refused us with {status}: velox.auth_token is missing or wrong ({said})"
        )),
        300..=399 => Trouble::remote(format!(
            "velox server at {place} answered {status} and pointed to {}: redirects are not followed, velox.server_url has to name the server itself",
            shorten(location.as_deref().unwrap_or("nothing"), TOLD_BYTES)
        )),
        408 | 429 => passing(place, status, &said),
        400..=498 => Trouble::remote(format!(
            "what answers at {place} is no Velox server, velox.server_url is probably wrong: {status} {said}"
        )),
        501 | 505 => Trouble::remote(format!("velox server at {place} answered {status}: {said}")),
        499..=599 => passing(place, status, &said),
        _ => Trouble::remote(format!("velox server at {place} answered {status}: {said}")),
    }
}

fn passing(place: &str, status: u16, said: &str) -> Trouble {
    Trouble::Passing(
        Reason::Server,
        Error::Remote(format!("velox server at {place} answered {status}: {said}")),
    )
}

/// A 500 of the server itself: its word about this build, or a fault that may pass.
fn internal(place: &str, message: &str) -> Trouble {
    const STATUS: u16 = 500;
    if OWN_TROUBLE.iter().any(|words| message.contains(words)) {
        return passing(place, STATUS, tail(message.trim_end(), TOLD_BYTES));
    }
    let error = Error::BuildFailed(build_failure(STATUS, message));
    if message.starts_with("building plugins: verifyResolvedVersions:")
        && message.contains("not a known dependency")
    {
        return Trouble::Doubtful(error);
    }
    let about_the_build = message.starts_with("building plugins:")
        || (message.starts_with("downloading template: expected 3xx")
            && message.trim_end().ends_with("got 404"));
    if about_the_build {
        Trouble::Final(error)
    } else {
        Trouble::Passing(Reason::Server, error)
    }
}

/// A text of others without what a terminal would take as a command. Lines stay lines.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect()
}

/// Splits a message into what the server says and what the compiler said, which comes last.
pub(in crate::velox) fn build_failure(status: u16, message: &str) -> BuildFailure {
    let message = message.trim_end();
    let (head, logs) = match message.split_once("\n--- stderr (") {
        Some((head, rest)) => (head, rest.split_once('\n').map_or("", |(_, logs)| logs)),
        None if message.lines().count() <= TOLD_LINES && message.len() <= TOLD_BYTES => {
            (message, "")
        }
        None => (message.lines().next().unwrap_or_default(), message),
    };
    let lines: Vec<&str> = logs.lines().collect();
    let last = lines.split_at(lines.len().saturating_sub(TOLD_LINES)).1;
    let last = last.join("\n");
    let head = match tail(head, TOLD_BYTES).trim_end() {
        "" => "no message",
        head => head,
    };
    let message = format!("velox server returned: {head}\n{}", tail(&last, TOLD_BYTES));
    let message = message.trim_end().to_owned();
    BuildFailure {
        message,
        logs: tail(logs, MOST_LOG).to_owned(),
        http_status: status,
    }
}

/// What a proxy or another server said, on one line.
fn foreign(body: &[u8]) -> String {
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

/// The violations of `buf.validate.Violations` in its `debug` form; else what the message says.
fn violations(failure: &Failure) -> Vec<Violation> {
    let told = |text: &str| shorten(&printable(text), TOLD_BYTES).into_owned();
    let mut all: Vec<Violation> = failure
        .details
        .iter()
        .filter_map(|detail| detail.get("debug")?.get("violations")?.as_array())
        .flatten()
        .filter_map(|violation| {
            Some(Violation {
                field: field(violation.get("field")?.get("elements")?.as_array()?),
                message: told(violation.get("message")?.as_str()?),
            })
        })
        .take(MOST_VIOLATIONS)
        .collect();
    if all.is_empty() {
        let text = failure
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
                    field: told(field),
                    message: told(message),
                },
                _ => Violation {
                    field: "request".into(),
                    message: told(line),
                },
            })
            .take(MOST_VIOLATIONS)
            .collect();
    }
    if all.is_empty() {
        all.push(Violation {
            field: "request".into(),
            message: "velox server refused it without a word".into(),
        });
    }
    all
}

/// `plugins[0].module_name`
fn field(elements: &[Value]) -> String {
    let mut out = String::new();
    for element in elements {
        if out.len() > TOLD_BYTES {
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
        // protojson writes 64-bit numbers as texts.
        if let Some(index) = element.get("index") {
            let index = index
                .as_str()
                .map_or_else(|| index.to_string(), str::to_owned);
            out.push_str(&format!("[{index}]"));
        }
    }
    shorten(&printable(&out), TOLD_BYTES).into_owned()
}

#[cfg(test)]
mod tests;
