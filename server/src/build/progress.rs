//! Progress of a build: its state, its age, its last log lines; and the bounded buffer of a program's output. Written
//! by the build's task, read by any other.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

/// Lines of a report; the last of them is the one that a progress display shows.
const MAX_LINES: usize = 20;
/// Longer lines of a report are cut.
const MAX_LINE_BYTES: usize = 400;
/// The log in a response; of a longer one, the end.
const MAX_LOG_BYTES: usize = 256 * 1024;

/// State of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BuildState {
    /// Waits for a slot.
    Queued,
    /// Versions are resolved, the module is written.
    Preparing,
    /// `go mod tidy` fetches modules.
    Downloading,
    /// `go build` runs.
    Compiling,
    /// The binary is in the cache.
    Done,
    /// It ended without a binary.
    Failed,
}

/// Progress of one build.
#[derive(Debug)]
pub(super) struct Progress {
    request_id: String,
    started: Instant,
    record: Mutex<ProgressRecord>,
}

#[derive(Debug)]
struct ProgressRecord {
    state: BuildState,
    /// Set at the build's end.
    duration: Option<Duration>,
    lines: VecDeque<String>,
    log: TailBuffer,
}

/// The answer to `GET /builds/{request_id}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProgressReport {
    request_id: String,
    state: BuildState,
    /// Seconds from the request to now, or to the build's end; with milliseconds.
    elapsed: f64,
    lines: Vec<String>,
}

impl Progress {
    /// Progress of a queued build.
    pub(super) fn new(request_id: &str) -> Self {
        let record = ProgressRecord {
            state: BuildState::Queued,
            duration: None,
            lines: VecDeque::new(),
            log: TailBuffer::new(MAX_LOG_BYTES),
        };
        Self {
            request_id: request_id.to_owned(),
            started: Instant::now(),
            record: Mutex::new(record),
        }
    }

    /// Sets the state. `Done` and `Failed` stop the clock.
    pub(super) fn set_state(&self, state: BuildState) {
        let mut record = self.lock();
        record.state = state;
        if matches!(state, BuildState::Done | BuildState::Failed) {
            record.duration = Some(self.started.elapsed());
        }
    }

    /// Appends a line of output; an empty one is skipped.
    pub(super) fn push_line(&self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let mut record = self.lock();
        record.log.push(line.as_bytes());
        record.log.push(b"\n");
        if record.lines.len() == MAX_LINES {
            record.lines.pop_front();
        }
        let mut end = line.len().min(MAX_LINE_BYTES);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let short = line.get(..end).unwrap_or_default();
        record.lines.push_back(short.to_owned());
    }

    /// The current report.
    pub(super) fn report(&self) -> ProgressReport {
        let record = self.lock();
        let elapsed = record.duration.unwrap_or_else(|| self.started.elapsed());
        ProgressReport {
            request_id: self.request_id.clone(),
            state: record.state,
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of a build fit many times over"
            )]
            elapsed: elapsed.as_millis() as f64 / 1000.0,
            lines: record.lines.iter().cloned().collect(),
        }
    }

    /// All lines so far, up to [`MAX_LOG_BYTES`] from the end.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(self.lock().log.bytes()).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, ProgressRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last bytes of an output.
#[derive(Debug)]
pub(super) struct TailBuffer {
    max_bytes: usize,
    bytes: Vec<u8>,
}

impl TailBuffer {
    /// A buffer of the last `max_bytes`.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: Vec::new(),
        }
    }

    /// Appends bytes. Memory stays below twice the limit plus the appended bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.max_bytes * 2 {
            self.bytes.drain(..self.bytes.len() - self.max_bytes);
        }
    }

    /// The last bytes, at most `max_bytes`.
    pub(super) fn bytes(&self) -> &[u8] {
        let start = self.bytes.len().saturating_sub(self.max_bytes);
        self.bytes.get(start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_buffer_holds_the_last_bytes() {
        let mut tail = TailBuffer::new(10);
        for piece in ["abc", "", "defghijklmnopqrstuvwx", "y", "z"] {
            tail.push(piece.as_bytes());
        }
        assert_eq!(tail.bytes(), b"qrstuvwxyz");
        assert!(tail.bytes.len() <= 20);
    }

    #[test]
    fn report_has_the_last_lines_and_a_clock_that_stops() {
        let progress = Progress::new("id");
        for number in 0..30 {
            progress.push_line(&format!("line {number}\r"));
        }
        progress.push_line("");
        progress.push_line(&"ü".repeat(1000));
        progress.set_state(BuildState::Done);
        let report = progress.report();
        assert_eq!(report.lines.len(), MAX_LINES);
        assert_eq!(report.lines[MAX_LINES - 2], "line 29");
        assert_eq!(report.lines[MAX_LINES - 1].len(), MAX_LINE_BYTES);
        std::thread::sleep(Duration::from_millis(3));
        assert_eq!(progress.report(), report);
        assert!(progress.log().starts_with("line 0\nline 1\n"));
    }

    #[test]
    fn report_has_the_documented_json_form() {
        let json = serde_json::to_string(&Progress::new("7").report()).unwrap();
        assert_eq!(
            json,
            r#"{"request_id":"7","state":"queued","elapsed":0.0,"lines":[]}"#
        );
    }
}
