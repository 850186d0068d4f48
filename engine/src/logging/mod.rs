//! Structured log lines: a constant event name, then fields. Modules log through the `log` facade:
//! `log::info!(target: "pillion::velox", request_id = id; "build request received")`. PHP's thread formats the line and
//! never waits for it to be written: while a runtime runs, lines go through a bounded queue to a writer thread; before,
//! after and in a forked child, one call writes the line or drops it if it would block. Never to standard output.
//!
//! | state of the process | destination of a line | written by |
//! | --- | --- | --- |
//! | not installed | none | – |
//! | no runtime yet, or no more | the target | the logging thread |
//! | runtime runs | the queue; if full, counted and reported as `log lines dropped` | the writer thread |
//! | forked child | the target, with a new logger | the logging thread |
//! | target `php`, always | the queue | PHP's thread, which calls [`drain_php`] |
//!
//! All state is behind one atomic pointer. Of an ancestor's logger only the settings are read, since one of its threads
//! may have held a lock at the fork; it is replaced and forgotten. No thread-local here has a destructor.
//!
//! # Layout
//!
//! * [`logger`] the pointer and the path of a line; [`queue`] waiting lines; [`writer`] the thread.
//! * [`output`] target and fallback, [`sink`] standard error and files; [`mod@line`] format of a line, [`escape`] of a
//!   value.

mod escape;
mod line;
mod logger;
mod output;
mod queue;
mod sink;
#[cfg(test)]
mod tests;
mod writer;

use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};

use crate::config::LogSettings;

pub use logger::Line;

/// Applies the settings; the first call installs the `log` facade of this library. Further calls with the same settings
/// change nothing; other settings replace them, and queued lines are written.
pub fn install(settings: &LogSettings) {
    logger::install(settings);
    // Fails if it is installed already, which is intended.
    let _ = log::set_logger(&FACADE);
    log::set_max_level(settings.level);
}

/// Marks this process as php-fpm's master until [`after_fork`]: as root it creates no log file, since its children run
/// as another user and could not write to it.
pub fn set_fpm_master() {
    // SAFETY: takes no argument and can't fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    output::set_root_master(is_root);
}

/// Starts the writer thread, unless it runs or the target is PHP. Called with the runtime's start, never before an
/// expected fork.
pub fn start_writer() {
    if let Some(logger) = logger::current() {
        logger.start_writer();
    }
}

/// Stops the writer thread after it has written the queued lines. Waits for `timeout` at most, because the reader of
/// standard error may not read; lines that are not written by then are counted as dropped.
pub fn stop_writer(timeout: Duration) {
    if let Some(logger) = logger::current() {
        logger.stop_writer(timeout);
    }
}

/// Waits until all earlier lines are written. Returns `false` after `timeout`; `true` at once for PHP's log.
pub fn flush(timeout: Duration) -> bool {
    logger::current().is_none_or(|logger| logger.flush(timeout))
}

/// Takes up to `max` lines for PHP's log, oldest first. Empty if the target is another one.
#[must_use]
pub fn drain_php(max: usize) -> Vec<Line> {
    logger::current().map_or_else(Vec::new, |logger| logger.drain_php(max))
}

/// Called in a forked child. Atomic operations only, so async-signal-safe.
pub fn after_fork() {
    logger::after_fork();
}

static FACADE: Facade = Facade;

/// The implementation behind the `log` macros.
struct Facade;

impl Log for Facade {
    /// Other crates may log warnings and errors only: their finer lines may contain headers with tokens.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
            && (line::is_ours(metadata) || metadata.level() <= LevelFilter::Warn)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if let Some(logger) = logger::current() {
            logger.log(record);
        }
    }

    fn flush(&self) {}
}
