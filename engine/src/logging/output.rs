//! Writes a line to the target of the settings: a file, with standard error as its fallback, or standard error itself.
//! Used by the threads that log and by the writer thread.

use std::{
    io,
    os::fd::RawFd,
    process,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use super::{line, sink};
use crate::config::{LogSettings, LogTarget};

/// This process is php-fpm's master as root; its children run as another user.
static IS_ROOT_MASTER: AtomicBool = AtomicBool::new(false);

/// See [`super::set_fpm_master`].
pub(super) fn set_root_master(is_master: bool) {
    IS_ROOT_MASTER.store(is_master, Ordering::Relaxed);
}

/// The target of one [`Logger`](super::logger::Logger).
pub(super) struct Output {
    pub settings: LogSettings,
    pub stderr: RawFd,
    has_file_failed: AtomicBool,
}

impl Output {
    pub(super) const fn new(settings: LogSettings, stderr: RawFd) -> Self {
        Self {
            settings,
            stderr,
            has_file_failed: AtomicBool::new(false),
        }
    }

    /// Writes a line without waiting and without leaving a descriptor open.
    pub(super) fn write_now(&self, line: &str) -> io::Result<()> {
        if let LogTarget::File(path) = &self.settings.target {
            match sink::append_once(path, line, !IS_ROOT_MASTER.load(Ordering::Relaxed)) {
                Ok(()) => return Ok(()),
                Err(error) => self.report_file_error(&error),
            }
        }
        self.write_stderr(line, Duration::ZERO)
    }

    /// Writes a line to standard error.
    pub(super) fn write_stderr(&self, line: &str, timeout: Duration) -> io::Result<()> {
        sink::write_shared(self.stderr, line, timeout)
    }

    /// Reports once that the file can't be written and lines go to standard error.
    pub(super) fn report_file_error(&self, error: &io::Error) {
        if let LogTarget::File(path) = &self.settings.target
            && !self.has_file_failed.swap(true, Ordering::Relaxed)
        {
            let report = line::format_file_error(
                self.settings.format,
                SystemTime::now(),
                process::id(),
                &path.to_string_lossy(),
                &error.to_string(),
            );
            // A failure of standard error too can't be reported anywhere.
            let _ = self.write_stderr(&report, Duration::ZERO);
        }
    }

    /// Marks the file as writable again, so that the next failure is reported.
    pub(super) fn file_recovered(&self) {
        self.has_file_failed.store(false, Ordering::Relaxed);
    }

    /// Returns the line that reports dropped ones.
    pub(super) fn drop_report(&self, count: u64) -> String {
        line::format_drop_report(
            self.settings.format,
            SystemTime::now(),
            process::id(),
            count,
        )
    }
}
