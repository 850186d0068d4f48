//! The thread that writes lines while a runtime lives. All but fault signals are blocked on it, its
//! stack is small, and it never waits for a reader longer than it takes to notice that it should stop.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::{
    sink::LogFile,
    state::{Message, State},
};
use crate::config::LogTarget;

/// How long one try at a full pipe lasts; between two tries the stop flag is looked at.
const PATIENCE: Duration = Duration::from_millis(20);

/// After how many lines a busy writer looks whether its file was rotated.
const REFRESH_AFTER: usize = 256;

/// A started writer.
pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(super) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Waits for its end; `false`: it still runs, and will end by itself.
    pub(super) fn join(self, ceiling: Duration) -> bool {
        // Disconnected counts as ended too: the thread drops its end when it goes.
        let ended = !matches!(
            self.ended.recv_timeout(ceiling),
            Err(crossbeam_channel::RecvTimeoutError::Timeout)
        );
        if ended {
            // The thread has no panic to hand over that anybody could use.
            let _ = self.thread.join();
        }
        ended
    }
}

/// Starts the thread.
pub(super) fn start(state: &'static State) -> std::io::Result<Writer> {
    let stop = Arc::new(AtomicBool::new(false));
    let (alive, ended) = bounded(1);
    let work = Work {
        state,
        stop: Arc::clone(&stop),
        file: LogFile::default(),
    };
    let blocked = SignalsBlocked::new();
    let thread = thread::Builder::new()
        .name("pillion-log".into())
        .stack_size(128 * 1024)
        .spawn(move || work.run(alive));
    drop(blocked);
    Ok(Writer {
        stop,
        ended,
        thread: thread?,
    })
}

struct Work {
    state: &'static State,
    stop: Arc<AtomicBool>,
    file: LogFile,
}

impl Work {
    /// Until told to stop, and then until the queue is empty.
    fn run(mut self, _alive: Sender<()>) {
        let mut since_refresh = 0;
        loop {
            let message = match self.state.receiver().try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.tell_of_losses();
                    if self.stop.load(Ordering::Acquire) {
                        return;
                    }
                    let Ok(message) = self.state.receiver().recv() else {
                        return;
                    };
                    since_refresh = REFRESH_AFTER;
                    message
                }
            };
            match message {
                Message::Line(_, line) => {
                    self.state.taken(&line);
                    if since_refresh >= REFRESH_AFTER {
                        since_refresh = 0;
                        self.refresh();
                    }
                    since_refresh += 1;
                    if !self.write(&line) {
                        self.state.lost();
                    }
                }
                Message::Flush(done) => drop(done.try_send(())),
                Message::Wake => {}
            }
        }
    }

    fn refresh(&mut self) {
        if let LogTarget::File(path) = &self.state.settings.target {
            self.file.refresh(path);
        }
    }

    fn tell_of_losses(&mut self) {
        if let Some((count, report)) = self.state.loss()
            && !self.write(&report)
        {
            self.state.lost_again(count);
        }
    }

    /// Whether the line got through.
    fn write(&mut self, line: &str) -> bool {
        if let LogTarget::File(path) = &self.state.settings.target {
            match self.file.append(path, line) {
                Ok(()) => {
                    self.state.file_works();
                    return true;
                }
                Err(error) => {
                    self.file = LogFile::default();
                    self.state.tell_of_file(&error);
                }
            }
        }
        loop {
            // Told to stop, it has the rest of the queue before it, and no time for any of it.
            let is_stopping = self.stop.load(Ordering::Acquire);
            let patience = if is_stopping {
                Duration::ZERO
            } else {
                PATIENCE
            };
            match self.state.write_stderr(line, patience) {
                Ok(()) => return true,
                Err(error) if is_stopping || error.kind() != ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
    }
}

/// All but fault signals blocked on the calling thread, so that one started meanwhile inherits it: a
/// handler of PHP must not run on a thread that PHP doesn't know.
struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    fn new() -> Self {
        let mut all = std::mem::MaybeUninit::uninit();
        let mut before = std::mem::MaybeUninit::uninit();
        // SAFETY: both sets are initialised by the calls that take them first; all numbers are signals.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for fault in [
                libc::SIGSEGV,
                libc::SIGBUS,
                libc::SIGFPE,
                libc::SIGILL,
                libc::SIGABRT,
                libc::SIGTRAP,
            ] {
                libc::sigdelset(all.as_mut_ptr(), fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set that `new` read.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
    }
}
