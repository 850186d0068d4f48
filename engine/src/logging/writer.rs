//! The thread that writes lines while a runtime runs. A pipe can be written to without waiting; a file cannot: it polls
//! as writable always, and where dirty pages are limited write(2) waits for the disk (ext4, a line of 200 bytes each
//! millisecond: 41 ms for one in 1,000; beside files that are synced, 3 ms for one in 100). All but fault signals are
//! blocked on the thread, its stack is small, and it waits for a reader in short intervals, between which it checks its
//! stop flag.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::{
    output::Output,
    queue::{Message, Queue},
    sink::LogFile,
};
use crate::{config::LogTarget, signals::SignalsBlocked};

/// Duration of one attempt to write to a full pipe; the stop flag is checked between two attempts.
const WRITE_TIMEOUT: Duration = Duration::from_millis(20);

/// Pause of a writer that has written all lines, before it waits for the next one: in a busy process lines are written
/// once a pause, and the threads that log need not wake it. Warnings and errors end it.
const PAUSE: Duration = Duration::from_millis(10);

/// Lines after which a busy writer checks whether its file was rotated.
const ROTATION_CHECK_INTERVAL: usize = 256;

/// The handle of a started writer.
pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(super) fn request_stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Waits for the end of the thread. Returns `false` if it still runs; it will end by itself.
    pub(super) fn join(self, timeout: Duration) -> bool {
        // Disconnected means ended too: the thread drops its end when it returns.
        let ended = !matches!(
            self.ended.recv_timeout(timeout),
            Err(RecvTimeoutError::Timeout)
        );
        if ended {
            // A panic of the thread has no use here.
            let _ = self.thread.join();
        }
        ended
    }
}

/// Starts the thread.
pub(super) fn start(queue: &'static Queue, output: &'static Output) -> std::io::Result<Writer> {
    let stop = Arc::new(AtomicBool::new(false));
    let (alive, ended) = bounded(1);
    let worker = WriterThread {
        queue,
        output,
        stop: Arc::clone(&stop),
        file: LogFile::default(),
    };
    let blocked = SignalsBlocked::new();
    let thread = thread::Builder::new()
        .name("pillion-log".into())
        .stack_size(128 * 1024)
        .spawn(move || worker.run(alive));
    drop(blocked);
    Ok(Writer {
        stop,
        ended,
        thread: thread?,
    })
}

struct WriterThread {
    queue: &'static Queue,
    output: &'static Output,
    stop: Arc<AtomicBool>,
    file: LogFile,
}

impl WriterThread {
    /// Runs until it is stopped and the queue is empty.
    fn run(mut self, _alive: Sender<()>) {
        let mut lines_since_check = 0;
        let mut has_written = false;
        loop {
            let message = match self.queue.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.report_drops();
                    if self.stop.load(Ordering::Acquire) {
                        return;
                    }
                    lines_since_check = ROTATION_CHECK_INTERVAL;
                    if std::mem::take(&mut has_written) {
                        self.queue.pause(PAUSE);
                        continue;
                    }
                    let Ok(message) = self.queue.recv() else {
                        return;
                    };
                    message
                }
            };
            match message {
                Message::Line(_, line) => {
                    if lines_since_check >= ROTATION_CHECK_INTERVAL {
                        lines_since_check = 0;
                        self.check_rotation();
                    }
                    lines_since_check += 1;
                    has_written = true;
                    if !self.write(&line) {
                        self.queue.count_drop();
                    }
                }
                Message::Flush(done) => drop(done.try_send(())),
                Message::Wake => {}
            }
        }
    }

    fn check_rotation(&mut self) {
        if let LogTarget::File(path) = &self.output.settings.target {
            self.file.refresh(path);
        }
    }

    fn report_drops(&mut self) {
        if let Some(count) = self.queue.take_drop_count()
            && !self.write(&self.output.drop_report(count))
        {
            self.queue.restore_drop_count(count);
        }
    }

    /// Writes a line; returns whether it was written.
    fn write(&mut self, line: &str) -> bool {
        if let LogTarget::File(path) = &self.output.settings.target {
            match self.file.append(path, line) {
                Ok(()) => {
                    self.output.file_recovered();
                    return true;
                }
                Err(error) => {
                    self.file = LogFile::default();
                    self.output.report_file_error(&error);
                }
            }
        }
        loop {
            // A stopping writer has the rest of the queue before it, and no time to wait for a reader.
            let is_stopping = self.stop.load(Ordering::Acquire);
            let timeout = if is_stopping {
                Duration::ZERO
            } else {
                WRITE_TIMEOUT
            };
            match self.output.write_stderr(line, timeout) {
                Ok(()) => return true,
                Err(error) if is_stopping || error.kind() != ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
    }
}
