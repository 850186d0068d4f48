//! What one PHP thread learns of its jobs. The slot of a job holds the outcome; here pass ids only,
//! so that `wait`, `select` and `completed` never steal from each other and unread results pile up
//! nowhere. Written by the runtime's threads, read by the PHP thread that owns it.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::notifier::Notifier;
use crate::{
    descriptors,
    host::fork,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Finished jobs whose ids may wait to be read; beyond it the reader looks through all its handles.
const CAPACITY: usize = 1024;
const NO_SLOT: usize = usize::MAX;

/// Made by a PHP thread at its first job; dropped when the thread ends.
#[derive(Debug)]
pub struct CompletionQueue {
    generation: u32,
    finished: (Sender<u64>, Receiver<u64>),
    overflowed: AtomicBool,
    wake: OwnedFd,
    notifier: Mutex<Option<Notifier>>,
    notifier_slot: AtomicUsize,
    signalled: AtomicBool,
}

impl CompletionQueue {
    /// A new completions. `inherited` is the parent's, in a forked child: its notifier is taken over, so
    /// that a stream which PHP opened before the fork works in the child for the child's jobs.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn new(inherited: Option<&Self>) -> io::Result<Self> {
        descriptors::hold_standard();
        // SAFETY: no pointers pass; the answer is a new descriptor or -1.
        let wake = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if wake < 0 {
            return Err(io::Error::last_os_error());
        }
        let slot = inherited.map_or(NO_SLOT, |parent| {
            parent.notifier_slot.load(Ordering::Acquire)
        });
        Ok(Self {
            generation: fork::generation(),
            finished: bounded(CAPACITY),
            overflowed: AtomicBool::new(false),
            // SAFETY: just made, and owned by nobody else.
            wake: unsafe { OwnedFd::from_raw_fd(wake) },
            notifier: Mutex::new(Notifier::adopt(slot)),
            notifier_slot: AtomicUsize::new(slot),
            signalled: AtomicBool::new(false),
        })
    }

    /// Whether this process made it, and not an ancestor.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Turns readable when a job of this thread is done; for [`super::wait_until`].
    #[must_use]
    pub fn wake_fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Tells that a job is done. Called by the runtime, after the outcome is in its slot.
    pub(super) fn push(&self, id: u64) {
        if let Err(TrySendError::Full(_)) = self.finished.0.try_send(id) {
            self.overflowed.store(true, Ordering::Release);
        }
        // The notifier first: who is woken by the other may look at it at once.
        self.signal();
        let one = 1u64;
        // SAFETY: eight bytes from a valid place. A full counter is readable already.
        unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    fn signal(&self) {
        let mut notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = notifier.as_ref() else {
            return;
        };
        if !self.signalled.swap(true, Ordering::AcqRel) && !open.signal() {
            *notifier = None;
            self.notifier_slot.store(NO_SLOT, Ordering::Release);
            self.signalled.store(false, Ordering::Release);
        }
    }

    /// Makes a notifier and gives PHP's end, readable from the start where finished jobs are unread.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn open_notifier(&self) -> io::Result<OwnedFd> {
        let (ours, php) = Notifier::new()?;
        self.notifier_slot.store(ours.slot(), Ordering::Release);
        {
            let mut notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
            *notifier = Some(ours);
            self.signalled.store(false, Ordering::Release);
        }
        if !self.finished.1.is_empty() || self.overflowed.load(Ordering::Acquire) {
            self.signal();
        }
        Ok(php)
    }

    /// Its lock, as another thread may hold it in the moment of a fork.
    #[cfg(test)]
    pub(super) fn hold<R>(&self, meanwhile: impl FnOnce() -> R) -> R {
        let _lock = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
        meanwhile()
    }

    /// The ids of the jobs that were done since the last call. The second value: some are missing,
    /// because more were done than the completions holds.
    pub fn drain(&self) -> (Vec<u64>, bool) {
        {
            let notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(notifier) = notifier.as_ref() {
                notifier.quiet();
            }
            // Armed again before the ids are read: one that comes in between signals anew.
            self.signalled.store(false, Ordering::Release);
        }
        let overflowed = self.overflowed.swap(false, Ordering::AcqRel);
        (self.finished.1.try_iter().collect(), overflowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(fd: RawFd) -> bool {
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, no waiting.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    #[test]
    fn ids_come_out_once_and_in_order() {
        let completions = CompletionQueue::new(None).unwrap();
        completions.push(7);
        completions.push(8);
        assert_eq!(completions.drain(), (vec![7, 8], false));
        assert_eq!(completions.drain(), (vec![], false));
    }

    #[test]
    fn the_notifier_is_readable_until_it_is_drained() {
        let completions = CompletionQueue::new(None).unwrap();
        let php = completions.open_notifier().unwrap();
        assert!(!readable(php.as_raw_fd()));
        for id in 0..10_000 {
            completions.push(id);
        }
        assert!(readable(php.as_raw_fd()));
        let (ids, overflowed) = completions.drain();
        assert_eq!((ids.len(), overflowed), (CAPACITY, true));
        assert!(!readable(php.as_raw_fd()));
        completions.push(1);
        assert!(readable(php.as_raw_fd()));
    }

    #[test]
    fn what_was_done_before_the_notifier_opened_makes_it_readable() {
        let completions = CompletionQueue::new(None).unwrap();
        completions.push(1);
        let php = completions.open_notifier().unwrap();
        assert!(readable(php.as_raw_fd()));
    }

    #[test]
    fn php_may_close_its_end() {
        let completions = CompletionQueue::new(None).unwrap();
        drop(completions.open_notifier().unwrap());
        completions.push(1);
        completions.push(2);
        assert_eq!(completions.drain().0, vec![1, 2]);
        let again = completions.open_notifier().unwrap();
        completions.push(3);
        assert!(readable(again.as_raw_fd()));
    }
}
