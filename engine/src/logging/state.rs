//! The one state of the process, behind one atomic pointer, and the way of a line through it. States
//! are never freed: a thread may be reading one at any moment, and there is one more only when the
//! settings change or a forked child speaks for the first time.
//!
//! Locks: `writer` is taken by those who start and stop the runtime, never by who logs. The queue has
//! locks of its own inside, held for moments. Neither is touched across a fork, since the child
//! makes a state of its own.

use std::{
    io,
    os::fd::RawFd,
    process, ptr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use log::{Level, Record};

use super::{
    Line, line,
    line::Head,
    sink,
    writer::{self, Writer},
};
use crate::{
    config::{LogSettings, LogTarget},
    metrics::logging::LOG_LINES_DROPPED,
};

/// Lines and bytes that may wait. Enough for the burst of a restart; a reader who stands still must not
/// cost a worker its memory.
const MOST_LINES: usize = 1024;
const MOST_BYTES: usize = 1 << 20;

static CURRENT: AtomicPtr<State> = AtomicPtr::new(ptr::null_mut());
/// Counts the forks between the first process and this one.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// This process only makes others, which run as another user.
pub(super) static IS_MASTER: AtomicBool = AtomicBool::new(false);

/// What waits in the queue.
pub(super) enum Message {
    /// A rendered line with its newline.
    Line(Level, String),
    /// Tells the one who waits that all before it is written.
    Flush(Sender<()>),
    /// Has the writer look at its stop flag.
    Wake,
}

pub(super) struct State {
    pub settings: LogSettings,
    stderr: RawFd,
    epoch: u32,
    queue: OnceLock<(Sender<Message>, Receiver<Message>)>,
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
    is_queued: AtomicBool,
    file_failed: AtomicBool,
    writer: Mutex<Option<Writer>>,
}

/// The state of this process, made anew where it is an ancestor's.
pub(super) fn current() -> Option<&'static State> {
    loop {
        let found = CURRENT.load(Ordering::Acquire);
        // SAFETY: only leaked states are ever stored.
        let state = unsafe { found.as_ref() }?;
        let epoch = EPOCH.load(Ordering::Acquire);
        if state.epoch == epoch {
            return Some(state);
        }
        let fresh = State::new(state.settings.clone(), state.stderr, epoch);
        replace(found, fresh);
    }
}

/// Stores a new state, unless somebody else was first.
fn replace(found: *mut State, fresh: State) {
    let fresh = Box::into_raw(Box::new(fresh));
    let swapped = CURRENT.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire);
    if swapped.is_err() {
        // SAFETY: made above, and seen by nobody else.
        drop(unsafe { Box::from_raw(fresh) });
    }
}

pub(super) fn install(settings: &LogSettings) {
    let old = current();
    if old.is_some_and(|state| state.settings == *settings) {
        return;
    }
    if old.is_none() {
        sink::note_stderr();
    }
    let fresh = State::new(
        settings.clone(),
        libc::STDERR_FILENO,
        EPOCH.load(Ordering::Acquire),
    );
    let found = old.map_or(ptr::null_mut(), |state| ptr::from_ref(state).cast_mut());
    replace(found, fresh);
    if let Some(old) = old
        && old.stop_writer(Duration::from_millis(100))
        && let Some(state) = current()
    {
        state.start_writer();
    }
}

pub(super) fn after_fork() {
    EPOCH.fetch_add(1, Ordering::AcqRel);
    IS_MASTER.store(false, Ordering::Relaxed);
}

impl State {
    pub(super) fn new(settings: LogSettings, stderr: RawFd, epoch: u32) -> Self {
        Self {
            settings,
            stderr,
            epoch,
            queue: OnceLock::new(),
            waiting_bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            is_queued: AtomicBool::new(false),
            file_failed: AtomicBool::new(false),
            writer: Mutex::new(None),
        }
    }

    /// Renders a record and sends the line on its way.
    pub(super) fn accept(&self, record: &Record<'_>) {
        let head = Head {
            time: SystemTime::now(),
            level: record.level(),
            pid: process::id(),
        };
        let line = line::of_record(self.settings.format, head, record);
        let is_queued = self.is_queued.load(Ordering::Acquire);
        if is_queued || self.settings.target == LogTarget::Php {
            self.enqueue(record.level(), line);
        } else {
            self.write_waiting();
            self.write_now(&line);
        }
    }

    fn queue(&self) -> &(Sender<Message>, Receiver<Message>) {
        self.queue.get_or_init(|| bounded(MOST_LINES))
    }

    /// The end of the queue that the writer reads.
    pub(super) fn receiver(&self) -> &Receiver<Message> {
        &self.queue().1
    }

    fn enqueue(&self, level: Level, line: String) {
        let bytes = line.len();
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let full = waiting + bytes > MOST_BYTES
            || self.queue().0.try_send(Message::Line(level, line)).is_err();
        if full {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.lost();
        }
    }

    /// To be called for each line that was taken from the queue.
    pub(super) fn taken(&self, line: &str) {
        self.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
    }

    /// Counts a line that nobody will see.
    pub(super) fn lost(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        LOG_LINES_DROPPED.inc();
    }

    /// The line that tells of lost ones, where there are any.
    pub(super) fn loss(&self) -> Option<(u64, String)> {
        let count = self.dropped.swap(0, Ordering::Relaxed);
        let format = self.settings.format;
        (count > 0).then(|| {
            (
                count,
                line::of_dropped(format, SystemTime::now(), process::id(), count),
            )
        })
    }

    /// Puts a count back whose line did not get through either.
    pub(super) fn lost_again(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Writes a line on the calling thread, without waiting for anybody.
    fn write_now(&self, line: &str) {
        if let Some((count, report)) = self.loss()
            && self.attempt(&report).is_err()
        {
            self.lost_again(count);
        }
        if self.attempt(line).is_err() {
            self.lost();
        }
    }

    fn attempt(&self, line: &str) -> io::Result<()> {
        if let LogTarget::File(path) = &self.settings.target {
            match sink::append_once(path, line, !IS_MASTER.load(Ordering::Relaxed)) {
                Ok(()) => return Ok(()),
                Err(error) => self.tell_of_file(&error),
            }
        }
        self.write_stderr(line, Duration::ZERO)
    }

    /// Standard error, which also takes what a file does not.
    pub(super) fn write_stderr(&self, line: &str, patience: Duration) -> io::Result<()> {
        sink::write_shared(self.stderr, line, patience)
    }

    /// Says once that the file takes no lines, and that they come to standard error.
    pub(super) fn tell_of_file(&self, error: &io::Error) {
        if let LogTarget::File(path) = &self.settings.target
            && !self.file_failed.swap(true, Ordering::Relaxed)
        {
            let path = path.to_string_lossy();
            let report = line::of_file(
                self.settings.format,
                SystemTime::now(),
                process::id(),
                &path,
                &error.to_string(),
            );
            // Where that fails too, nobody is left to be told.
            let _ = self.write_stderr(&report, Duration::ZERO);
        }
    }

    /// The file takes lines again.
    pub(super) fn file_works(&self) {
        self.file_failed.store(false, Ordering::Relaxed);
    }

    /// Writes what a writer left behind, on the calling thread.
    fn write_waiting(&self) {
        let Some((_, receiver)) = self.queue.get() else {
            return;
        };
        for message in receiver.try_iter().take(MOST_LINES) {
            match message {
                Message::Line(_, line) => {
                    self.taken(&line);
                    self.write_now(&line);
                }
                Message::Flush(done) => drop(done.try_send(())),
                Message::Wake => {}
            }
        }
    }

    pub(super) fn start_writer(&'static self) {
        if self.settings.target == LogTarget::Php {
            return;
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none()
            && let Ok(started) = writer::start(self)
        {
            *writer = Some(started);
            self.is_queued.store(true, Ordering::Release);
        }
    }

    /// Whether there was one.
    pub(super) fn stop_writer(&self, ceiling: Duration) -> bool {
        self.is_queued.store(false, Ordering::Release);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.take() else {
            return false;
        };
        writer.ask_to_stop();
        // Full: it is busy, and will see the flag.
        let _ = self.queue().0.try_send(Message::Wake);
        if writer.join(ceiling) {
            self.write_waiting();
        }
        true
    }

    pub(super) fn flush(&self, ceiling: Duration) -> bool {
        if self.settings.target == LogTarget::Php {
            return true;
        }
        if !self.is_queued.load(Ordering::Acquire) {
            self.write_waiting();
            return true;
        }
        let end = Instant::now() + ceiling;
        let (done, finished) = bounded(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(back)) = self.queue().0.try_send(message) {
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
        if self.settings.target != LogTarget::Php || max == 0 {
            return lines;
        }
        if let Some((_, report)) = self.loss() {
            lines.push(php_line(Level::Warn, report));
        }
        if let Some((_, receiver)) = self.queue.get() {
            while lines.len() < max
                && let Ok(message) = receiver.try_recv()
            {
                if let Message::Line(level, line) = message {
                    self.taken(&line);
                    lines.push(php_line(level, line));
                }
            }
        }
        lines
    }
}

fn php_line(level: Level, mut text: String) -> Line {
    text.truncate(text.trim_end_matches('\n').len());
    Line { level, text }
}
