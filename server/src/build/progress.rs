//! How far a build is, for those who ask while it runs: a state, the seconds, the last log lines. Also
//! the bounded keepers of a program's output. Filled by the task that builds, read by any other.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

/// Lines told to who asks; the last of them is what a progress display shows.
const LINES: usize = 20;
/// Longer lines are cut: the compiler can be wordy.
const LINE_BYTES: usize = 400;
/// The log of one build that its answer carries, its end where it is longer.
const LOG_BYTES: usize = 256 * 1024;

/// Where a build stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Waiting for its turn.
    Queued,
    /// Versions are looked up, the module is written.
    Preparing,
    /// `go mod tidy` fetches modules.
    Downloading,
    /// `go build` runs.
    Compiling,
    /// The binary is kept.
    Done,
    /// It ended without a binary.
    Failed,
}

/// One build's progress.
#[derive(Debug)]
pub(super) struct Progress {
    request_id: String,
    started: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Set when it ended.
    took: Option<Duration>,
    lines: VecDeque<String>,
    log: Tail,
}

/// What `GET /builds/{request_id}` answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    request_id: String,
    state: State,
    /// Seconds since the request came, to the millisecond; standing still once it ended.
    elapsed: f64,
    lines: Vec<String>,
}

impl Progress {
    /// A build that was just asked for.
    pub(super) fn new(request_id: &str) -> Self {
        let inner = Inner {
            state: State::Queued,
            took: None,
            lines: VecDeque::new(),
            log: Tail::new(LOG_BYTES),
        };
        Self {
            request_id: request_id.to_owned(),
            started: Instant::now(),
            inner: Mutex::new(inner),
        }
    }

    /// The next state. `Done` and `Failed` stop the clock.
    pub(super) fn enter(&self, state: State) {
        let mut inner = self.lock();
        inner.state = state;
        if matches!(state, State::Done | State::Failed) {
            inner.took = Some(self.started.elapsed());
        }
    }

    /// One line of output, without its end.
    pub(super) fn line(&self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.log.push(line.as_bytes());
        inner.log.push(b"\n");
        if inner.lines.len() == LINES {
            inner.lines.pop_front();
        }
        let whole = |end: &usize| line.is_char_boundary(*end);
        let end = (0..=LINE_BYTES.min(line.len()))
            .rev()
            .find(whole)
            .unwrap_or(0);
        inner
            .lines
            .push_back(line.get(..end).unwrap_or_default().to_owned());
    }

    /// The moment's picture.
    pub(super) fn report(&self) -> Report {
        let inner = self.lock();
        let elapsed = inner
            .took
            .unwrap_or_else(|| self.started.elapsed())
            .as_millis();
        Report {
            request_id: self.request_id.clone(),
            state: inner.state,
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of a build fit many times over"
            )]
            elapsed: elapsed as f64 / 1000.0,
            lines: inner.lines.iter().cloned().collect(),
        }
    }

    /// All lines so far, the last 256 KiB of them.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(self.lock().log.bytes()).into_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last bytes of an output.
#[derive(Debug)]
pub(super) struct Tail {
    keep: usize,
    bytes: Vec<u8>,
}

impl Tail {
    /// Keeps the last `keep` bytes.
    pub(super) fn new(keep: usize) -> Self {
        Self {
            keep,
            bytes: Vec::new(),
        }
    }

    /// Adds to the end. Memory stays below twice what is kept, plus the addition.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.keep * 2 {
            self.bytes.drain(..self.bytes.len() - self.keep);
        }
    }

    /// What is kept.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes
            .get(self.bytes.len().saturating_sub(self.keep)..)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_last_bytes_however_they_came() {
        let mut tail = Tail::new(10);
        for piece in ["abc", "", "defghijklmnopqrstuvwx", "y", "z"] {
            tail.push(piece.as_bytes());
        }
        assert_eq!(tail.bytes(), b"qrstuvwxyz");
        assert!(tail.bytes.len() <= 20);
    }

    #[test]
    fn a_report_has_the_last_lines_and_a_clock_that_stops_at_the_end() {
        let progress = Progress::new("id");
        for number in 0..30 {
            progress.line(&format!("line {number}\r"));
        }
        progress.line("");
        progress.line(&"ü".repeat(1000));
        progress.enter(State::Done);
        let report = progress.report();
        assert_eq!(report.lines.len(), LINES);
        assert_eq!(report.lines[LINES - 2], "line 29");
        assert_eq!(report.lines[LINES - 1].len(), LINE_BYTES);
        std::thread::sleep(Duration::from_millis(3));
        assert_eq!(progress.report(), report);
        assert!(progress.log().starts_with("line 0\nline 1\n"));
    }

    #[test]
    fn a_report_is_told_in_the_words_that_clients_know() {
        let json = serde_json::to_string(&Progress::new("7").report()).unwrap();
        assert_eq!(
            json,
            r#"{"request_id":"7","state":"queued","elapsed":0.0,"lines":[]}"#
        );
    }
}
