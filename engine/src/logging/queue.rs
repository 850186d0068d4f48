//! The bounded queue of rendered lines, and the count of dropped ones. Filled by the threads that log; read by the
//! writer thread, or by PHP's thread for the target `php`.

use std::{
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvError, Sender, TryRecvError, TrySendError, bounded};
use log::Level;

use crate::metrics::logging::LOG_LINES_DROPPED;

/// Lines and bytes that may be queued. Enough for the burst of a restart; a reader that doesn't read must not cost a
/// worker its memory.
pub(super) const MAX_LINES: usize = 1024;
const MAX_BYTES: usize = 1 << 20;

/// An entry of the queue.
pub(super) enum Message {
    /// A rendered line with its newline.
    Line(Level, String),
    /// Answered once all earlier lines are written.
    Flush(Sender<()>),
    /// Makes the writer check its stop flag.
    Wake,
}

/// The queue of one [`Logger`](super::logger::Logger). Its channel is created with the first line.
pub(super) struct Queue {
    channel: OnceLock<(Sender<Message>, Receiver<Message>)>,
    bytes: AtomicUsize,
    dropped: AtomicU64,
    /// Whether the reader's pause is to end now.
    is_urgent: Mutex<bool>,
    urgent: Condvar,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            channel: OnceLock::new(),
            bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            is_urgent: Mutex::new(false),
            urgent: Condvar::new(),
        }
    }

    /// Appends a line, or counts it as dropped if the queue is full.
    pub(super) fn push(&self, level: Level, line: String) {
        let len = line.len();
        let queued = self.bytes.fetch_add(len, Ordering::Relaxed);
        let is_urgent = level <= Level::Warn
            || queued > MAX_BYTES / 2
            || self.channel().0.len() > MAX_LINES / 2;
        if queued + len > MAX_BYTES || self.try_send(Message::Line(level, line)).is_err() {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            self.count_drop();
        }
        if is_urgent {
            self.end_pause();
        }
    }

    /// Appends a message.
    ///
    /// # Errors
    /// The queue is full.
    pub(super) fn try_send(&self, message: Message) -> Result<(), TrySendError<Message>> {
        let is_line = matches!(message, Message::Line(..));
        let sent = self.channel().0.try_send(message);
        if !is_line {
            self.end_pause();
        }
        sent
    }

    /// Waits, and is woken by no line but a warning or an error, or by many. By the writer.
    pub(super) fn pause(&self, time: Duration) {
        let is_urgent = self
            .is_urgent
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .urgent
            .wait_timeout_while(is_urgent, time, |is_urgent| !*is_urgent);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    /// Ends the pause, or the next one.
    fn end_pause(&self) {
        *self
            .is_urgent
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.urgent.notify_one();
    }

    /// Takes the oldest message, if there is one.
    pub(super) fn try_recv(&self) -> Result<Message, TryRecvError> {
        match self.channel.get() {
            Some((_, receiver)) => receiver.try_recv().inspect(|message| self.release(message)),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Waits for a message.
    pub(super) fn recv(&self) -> Result<Message, RecvError> {
        let received = self.channel().1.recv();
        received.inspect(|message| self.release(message))
    }

    /// Counts a line that was not written.
    pub(super) fn count_drop(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        LOG_LINES_DROPPED.inc();
    }

    /// Takes the count of dropped lines since the last report; `None` if there are none.
    pub(super) fn take_drop_count(&self) -> Option<u64> {
        Some(self.dropped.swap(0, Ordering::Relaxed)).filter(|count| *count > 0)
    }

    /// Adds a count back after its report could not be written either.
    pub(super) fn restore_drop_count(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    fn channel(&self) -> &(Sender<Message>, Receiver<Message>) {
        self.channel.get_or_init(|| bounded(MAX_LINES))
    }

    fn release(&self, message: &Message) {
        if let Message::Line(_, line) = message {
            self.bytes.fetch_sub(line.len(), Ordering::Relaxed);
        }
    }
}
