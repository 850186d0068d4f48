//! Log lines: an event name that does not change, then fields. The rooms speak to the `log` facade:
//! `log::info!(target: "pillion::velox", request_id = id; "build request received")`. PHP's thread
//! renders the line and never waits for it to be written: while a runtime lives, lines go through a
//! bounded queue to a thread of their own; before, after and in a forked child, a line is written
//! with one call that gives up rather than waits. Never to standard output.
//!
//! | state of the process | where a line goes | who writes |
//! | --- | --- | --- |
//! | not installed | nowhere | – |
//! | no runtime yet, or no more | straight to the target | the thread that speaks |
//! | runtime lives | queue; full: counted, and told as `log lines dropped` | the writer thread |
//! | forked child | straight to the target, with a fresh state | the thread that speaks |
//! | target `php`, always | queue | PHP's thread, which calls [`drain_php`] |
//!
//! All state hangs on one atomic pointer. What an ancestor left there is never touched but for its
//! settings, since one of its threads may have held a lock at the fork; it is replaced and forgotten.
//! No thread-local has a destructor here.
//!
//! # Layout
//!
//! * [`state`] the pointer, the queue, who writes; [`writer`] the thread.
//! * [`sink`] standard error and files; [`mod@line`] how a line looks, [`escape`] how a value does.

mod escape;
mod line;
mod sink;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod time;
mod writer;

use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::config::LogSettings;

/// A line for PHP's own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// The line, without the newline at its end.
    pub text: String,
}

/// Puts the settings in force; the first call takes over the `log` facade of this library. Again and
/// again is fine: the same settings change nothing, others take over, and lines under way are kept.
pub fn install(settings: &LogSettings) {
    state::install(settings);
    // Fails where it is done already, which is what we want.
    let _ = log::set_logger(&FACADE);
    log::set_max_level(settings.level);
}

/// Says that this process only makes others, which run as another user (php-fpm's master): it makes no
/// log file, since they could not write to it. Holds until [`after_fork`].
pub fn be_master() {
    // SAFETY: takes nothing and can't fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    state::IS_MASTER.store(is_root, std::sync::atomic::Ordering::Relaxed);
}

/// Lines go to a thread of their own from now on. Nothing happens where there is one already, or where
/// the target is PHP. To be called by the runtime when it starts, never before a fork that is foreseen.
pub fn start_writer() {
    if let Some(state) = state::current() {
        state.start_writer();
    }
}

/// Ends that thread after it has written what is queued. Waits `ceiling` at most (a reader of standard
/// error that stands still may hold it); what is not written by then is counted as dropped.
pub fn stop_writer(ceiling: Duration) {
    if let Some(state) = state::current() {
        state.stop_writer(ceiling);
    }
}

/// Waits until all lines so far are written; `false`: not within `ceiling`. True at once for PHP's log.
pub fn flush(ceiling: Duration) -> bool {
    state::current().is_none_or(|state| state.flush(ceiling))
}

/// Takes up to `max` lines for PHP's log, oldest first. Empty where the target is another one.
#[must_use]
pub fn drain_php(max: usize) -> Vec<Line> {
    state::current().map_or_else(Vec::new, |state| state.drain_php(max))
}

/// To be called in a forked child. One atomic addition, so async-signal-safe.
pub fn after_fork() {
    state::after_fork();
}

static FACADE: Facade = Facade;

/// What the `log` macros call.
struct Facade;

impl Log for Facade {
    /// Of other crates only warnings and errors are heard: their finer lines may hold headers with tokens.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
            && (is_ours(metadata) || metadata.level() <= LevelFilter::Warn)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if let Some(state) = state::current() {
            state.accept(record);
        }
    }

    fn flush(&self) {}
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("pillion")
}
