//! The one logger of the process, behind one atomic pointer, and the path of a line through it. Loggers are never
//! freed: a thread may be reading one at any moment, and there is one more only when the settings change or a forked
//! child logs for the first time.
//!
//! Locks: `writer` is taken by threads that start and stop the runtime, never by a thread that logs. The queue has
//! locks of its own, held for moments. Neither is touched across a fork, since the child creates its own logger.

use std::{
    os::fd::RawFd,
    process, ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{TrySendError, bounded};
use log::{Level, Record};

use super::{
    line,
    line::Header,
    output::{self, Output},
    queue::{MAX_LINES, Message, Queue},
    sink,
    writer::{self, Writer},
};
use crate::config::{LogSettings, LogTarget};

static CURRENT: AtomicPtr<Logger> = AtomicPtr::new(ptr::null_mut());
/// The number of forks between the first process and this one.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// A line for PHP's own error log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The level.
    pub level: Level,
    /// The line, without the newline at its end.
    pub text: String,
}

/// Settings, queue and writer of one process.
pub(super) struct Logger {
    epoch: u32,
    output: Output,
    queue: Queue,
    is_queued: AtomicBool,
    writer: Mutex<Option<Writer>>,
}

/// Returns the logger of this process, a new one if the current is an ancestor's.
pub(super) fn current() -> Option<&'static Logger> {
    loop {
        let found = CURRENT.load(Ordering::Acquire);
        // SAFETY: only leaked loggers are ever stored.
        let logger = unsafe { found.as_ref() }?;
        let epoch = EPOCH.load(Ordering::Acquire);
        if logger.epoch == epoch {
            return Some(logger);
        }
        let Output {
            settings, stderr, ..
        } = &logger.output;
        replace(found, Logger::new(settings.clone(), *stderr, epoch));
    }
}

/// Stores a new logger, unless another thread was first.
fn replace(found: *mut Logger, fresh: Logger) {
    let fresh = Box::into_raw(Box::new(fresh));
    let swapped = CURRENT.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire);
    if swapped.is_err() {
        // SAFETY: created above and never published.
        drop(unsafe { Box::from_raw(fresh) });
    }
}

pub(super) fn install(settings: &LogSettings) {
    let old = current();
    if old.is_some_and(|logger| logger.output.settings == *settings) {
        return;
    }
    if old.is_none() {
        sink::record_stderr();
    }
    let fresh = Logger::new(
        settings.clone(),
        libc::STDERR_FILENO,
        EPOCH.load(Ordering::Acquire),
    );
    let found = old.map_or(ptr::null_mut(), |logger| ptr::from_ref(logger).cast_mut());
    replace(found, fresh);
    if let Some(old) = old
        && old.stop_writer(Duration::from_millis(100))
        && let Some(logger) = current()
    {
        logger.start_writer();
    }
}

pub(super) fn after_fork() {
    EPOCH.fetch_add(1, Ordering::AcqRel);
    output::set_root_master(false);
}

impl Logger {
    pub(super) fn new(settings: LogSettings, stderr: RawFd, epoch: u32) -> Self {
        Self {
            epoch,
            output: Output::new(settings, stderr),
            queue: Queue::new(),
            is_queued: AtomicBool::new(false),
            writer: Mutex::new(None),
        }
    }

    fn is_for_php(&self) -> bool {
        self.output.settings.target == LogTarget::Php
    }

    /// Formats a record, and queues or writes the line.
    pub(super) fn log(&self, record: &Record<'_>) {
        let header = Header {
            time: SystemTime::now(),
            level: record.level(),
            pid: process::id(),
        };
        let line = line::format_record(self.output.settings.format, header, record);
        if self.is_queued.load(Ordering::Acquire) || self.is_for_php() {
            self.queue.push(record.level(), line);
        } else {
            self.drain();
            self.write_now(&line);
        }
    }

    /// Writes a line on the calling thread, without waiting; after the report of dropped lines, if there are any.
    fn write_now(&self, line: &str) {
        if let Some(count) = self.queue.take_drop_count()
            && (self.output.write_now(&self.output.drop_report(count))).is_err()
        {
            self.queue.restore_drop_count(count);
        }
        if self.output.write_now(line).is_err() {
            self.queue.count_drop();
        }
    }

    /// Writes the lines that a stopped writer has left in the queue, on the calling thread.
    fn drain(&self) {
        for _ in 0..MAX_LINES {
            match self.queue.try_recv() {
                Ok(Message::Line(_, line)) => self.write_now(&line),
                Ok(Message::Flush(done)) => drop(done.try_send(())),
                Ok(Message::Wake) => {}
                Err(_) => return,
            }
        }
    }

    pub(super) fn start_writer(&'static self) {
        if self.is_for_php() {
            return;
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none()
            && let Ok(started) = writer::start(&self.queue, &self.output)
        {
            *writer = Some(started);
            self.is_queued.store(true, Ordering::Release);
        }
    }

    /// Stops the writer; returns whether there was one.
    pub(super) fn stop_writer(&self, timeout: Duration) -> bool {
        self.is_queued.store(false, Ordering::Release);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.take() else {
            return false;
        };
        writer.request_stop();
        // If the queue is full, the writer is busy and will see the flag.
        let _ = self.queue.try_send(Message::Wake);
        if writer.join(timeout) {
            self.drain();
        }
        true
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        if self.is_for_php() {
            return true;
        }
        if !self.is_queued.load(Ordering::Acquire) {
            self.drain();
            return true;
        }
        let end = Instant::now() + timeout;
        let (done, finished) = bounded(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(back)) = self.queue.try_send(message) {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
            message = back;
        }
        finished.recv_deadline(end).is_ok()
    }

    pub(super) fn drain_php(&self, max: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        if !self.is_for_php() || max == 0 {
            return lines;
        }
        if let Some(count) = self.queue.take_drop_count() {
            lines.push(php_line(Level::Warn, self.output.drop_report(count)));
        }
        while lines.len() < max
            && let Ok(message) = self.queue.try_recv()
        {
            if let Message::Line(level, line) = message {
                lines.push(php_line(level, line));
            }
        }
        lines
    }
}

fn php_line(level: Level, mut text: String) -> Line {
    text.truncate(text.trim_end_matches('\n').len());
    Line { level, text }
}
