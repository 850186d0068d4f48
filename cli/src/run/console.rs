//! Output of commands and states of tasks. Lines of several tasks have the task before them, or come grouped when their
//! task ends; a terminal has a line with the progress below them. From the threads of a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

use clap::ValueEnum;
use pillion_engine::pipeline::{
    graph::Node,
    run::{Observer, Outcome, TaskReport},
};

use crate::units::{printable, seconds};

/// Bytes of a line or of a group that are held back at most.
const MAX_HELD: usize = 1 << 20;
/// Running tasks that the progress names.
const MAX_NAMED: usize = 3;

/// How the output of commands is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Log {
    /// Each line at once, after its task
    Stream,
    /// All lines of a task when it ends
    Grouped,
}

/// The console of a run.
pub(super) struct Console {
    log: Log,
    /// Output of commands goes to standard error, because standard output has the JSON.
    is_redirected: bool,
    has_progress: bool,
    /// Whether the differences to the last run are shown.
    explains: bool,
    /// Whether lines have no task before them: there is only one.
    is_single: bool,
    total: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Output that is held back, by task.
    held: BTreeMap<String, Vec<u8>>,
    running: BTreeSet<String>,
    done: usize,
    has_line: bool,
}

impl Console {
    /// A console for tasks of this number. Without `log`, a terminal gets lines at once and everything else groups.
    pub fn new(log: Option<Log>, is_redirected: bool, explains: bool, total: usize) -> Self {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let is_terminal = io::stderr().is_terminal() && !is_dumb;
        let usual = if is_terminal {
            Log::Stream
        } else {
            Log::Grouped
        };
        Self {
            log: log.unwrap_or(usual),
            is_redirected,
            has_progress: is_terminal && env::var_os("CI").is_none_or(|value| value.is_empty()),
            explains,
            is_single: total == 1,
            total,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes output of commands. A reader that is gone does not stop the commands.
    fn write(&self, state: &mut State, bytes: &[u8]) {
        self.clear(state);
        if self.is_redirected {
            let _ = io::stderr().write_all(bytes);
        } else {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
        }
    }

    fn remark(&self, state: &mut State, text: &str) {
        self.clear(state);
        let _ = writeln!(io::stderr(), "{}", printable(text));
    }

    fn clear(&self, state: &mut State) {
        if std::mem::take(&mut state.has_line) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    /// Writes the progress again. Long ones are cut by the terminal, which does not wrap them.
    fn progress(&self, state: &mut State) {
        if !self.has_progress {
            return;
        }
        self.clear(state);
        if state.done == self.total {
            return;
        }
        let mut names: Vec<String> = state
            .running
            .iter()
            .take(MAX_NAMED)
            .map(|id| printable(id))
            .collect();
        if state.running.len() > MAX_NAMED {
            names.push("…".into());
        }
        let (done, total, names) = (state.done, self.total, names.join(", "));
        let _ = write!(io::stderr(), "\x1b[?7l[{done}/{total}] {names}\x1b[?7h");
        let _ = io::stderr().flush();
        state.has_line = true;
    }

    /// Writes complete lines that are held, and with `all` the rest.
    fn release(&self, state: &mut State, id: &str, all: bool) {
        let Some(held) = state.held.get_mut(id) else {
            return;
        };
        let end = match held.iter().rposition(|byte| *byte == b'\n') {
            _ if all => held.len(),
            Some(end) => end + 1,
            None => return,
        };
        let rest = held.split_off(end);
        let lines = std::mem::replace(held, rest);
        if lines.is_empty() {
            return;
        }
        let mut out = Vec::with_capacity(lines.len() + 64);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_single {
                out.extend(format!("{}: ", printable(id)).into_bytes());
            }
            out.extend_from_slice(line);
        }
        if !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        self.write(state, &out);
    }
}

impl Observer for Console {
    fn started(&self, node: &Node<'_>) {
        let mut state = self.lock();
        state.running.insert(node.id.clone());
        self.progress(&mut state);
    }

    fn output(&self, node: &Node<'_>, bytes: &[u8]) {
        let mut state = self.lock();
        let held = state.held.entry(node.id.clone()).or_default();
        held.extend_from_slice(bytes);
        let is_full = held.len() > MAX_HELD;
        if self.log == Log::Stream || is_full {
            self.release(&mut state, &node.id, is_full);
            self.progress(&mut state);
        }
    }

    fn ended(&self, node: &Node<'_>, report: &TaskReport) {
        let mut state = self.lock();
        state.running.remove(&node.id);
        state.done += 1;
        self.release(&mut state, &node.id, true);
        state.held.remove(&node.id);
        let id = &node.id;
        if self.explains && report.key.is_some() {
            let why = match report.differences.as_deref() {
                None => "no earlier run in this directory".to_owned(),
                Some([]) => "no difference to the last run".to_owned(),
                Some(differences) => differences.join("; "),
            };
            self.remark(&mut state, &format!("{id}: {why}"));
        }
        for note in &report.notes {
            self.remark(&mut state, &format!("{id}: {note}"));
        }
        let time = seconds(report.seconds);
        let text = match &report.outcome {
            Outcome::Group => String::new(),
            Outcome::Local => format!("{id}: hit in the store of this host, {time}"),
            Outcome::Remote => format!("{id}: hit in the gateway, {time}"),
            Outcome::Ran => format!("{id}: miss, ran in {time}"),
            Outcome::Failed(failure) => format!("{id}: failed after {time}: {failure}"),
            Outcome::Skipped(cause) => format!("{id}: skipped, because {cause} has failed"),
            Outcome::Stopped => format!("{id}: stopped"),
        };
        if !text.is_empty() {
            self.remark(&mut state, &text);
        }
        self.progress(&mut state);
    }
}
