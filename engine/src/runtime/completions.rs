//! The queue of finished jobs of one PHP thread. The job holds its outcome; the queue carries ids only, so that `wait`,
//! `select` and `completed` never steal from each other and unread results don't pile up. Written by the runtime's
//! threads, read by the PHP thread that owns it.

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

/// Unread ids; beyond it the reader checks all its handles.
const CAPACITY: usize = 1024;
const NO_NOTIFIER: usize = usize::MAX;

/// Created by a PHP thread at its first job; dropped when the thread ends.
#[derive(Debug)]
pub struct CompletionQueue {
    generation: u32,
    finished: (Sender<u64>, Receiver<u64>),
    overflowed: AtomicBool,
    wake: OwnedFd,
    notifier: Mutex<Option<Notifier>>,
    notifier_index: AtomicUsize,
    signalled: AtomicBool,
}

impl CompletionQueue {
    /// Creates a queue. `inherited` is the parent's, in a forked child: the new queue adopts its notifier, so that a
    /// stream that PHP opened before the fork works in the child for the child's jobs.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new(inherited: Option<&Self>) -> io::Result<Self> {
        descriptors::reserve_stdio();
        // SAFETY: no pointers pass; the answer is a new descriptor or -1.
        let wake = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if wake < 0 {
            return Err(io::Error::last_os_error());
        }
        let index = inherited.map_or(NO_NOTIFIER, |parent| {
            parent.notifier_index.load(Ordering::Acquire)
        });
        Ok(Self {
            generation: fork::generation(),
            finished: bounded(CAPACITY),
            overflowed: AtomicBool::new(false),
            // SAFETY: just created, with no other owner.
            wake: unsafe { OwnedFd::from_raw_fd(wake) },
            notifier: Mutex::new(Notifier::adopt(index)),
            notifier_index: AtomicUsize::new(index),
            signalled: AtomicBool::new(false),
        })
    }

    /// Whether this process created the queue, and not an ancestor.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// A descriptor that turns readable when a job of this thread is done; for [`super::wait_until`].
    #[must_use]
    pub fn wake_fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Appends the id of a finished job and wakes the PHP thread. Called by the runtime after the outcome is set.
    pub(super) fn push(&self, id: u64) {
        if let Err(TrySendError::Full(_)) = self.finished.0.try_send(id) {
            self.overflowed.store(true, Ordering::Release);
        }
        // The notifier first: the thread that the eventfd wakes may check the notifier at once.
        self.signal();
        self.wake();
    }

    /// Wakes the PHP thread if it waits: [`super::wait_until`] checks its condition again.
    pub(super) fn wake(&self) {
        let one = 1u64;
        // SAFETY: eight bytes from a valid address. A full counter is readable already.
        unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    fn signal(&self) {
        let mut notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = notifier.as_ref() else {
            return;
        };
        if !self.signalled.swap(true, Ordering::AcqRel) && !open.signal() {
            *notifier = None;
            self.notifier_index.store(NO_NOTIFIER, Ordering::Release);
            self.signalled.store(false, Ordering::Release);
        }
    }

    /// Creates a notifier and returns PHP's end, readable from the start if ids are unread.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn open_notifier(&self) -> io::Result<OwnedFd> {
        let (ours, php) = Notifier::new()?;
        self.notifier_index.store(ours.index(), Ordering::Release);
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

    /// Holds the lock during `meanwhile`, as another thread may at the moment of a fork.
    #[cfg(test)]
    pub(super) fn hold_lock<R>(&self, meanwhile: impl FnOnce() -> R) -> R {
        let _lock = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
        meanwhile()
    }

    /// Takes the ids of the jobs that finished since the last call. The second value is `true` if some are missing
    /// because the queue was full.
    pub fn drain(&self) -> (Vec<u64>, bool) {
        {
            let notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(notifier) = notifier.as_ref() {
                notifier.clear();
            }
            // Armed again before the ids are read: an id that is pushed in between signals anew.
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
    fn ids_are_drained_once_and_in_order() {
        let completions = CompletionQueue::new(None).unwrap();
        completions.push(7);
        completions.push(8);
        assert_eq!(completions.drain(), (vec![7, 8], false));
        assert_eq!(completions.drain(), (vec![], false));
    }

    #[test]
    fn notifier_is_readable_until_drained() {
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
    fn notifier_is_readable_if_ids_precede_it() {
        let completions = CompletionQueue::new(None).unwrap();
        completions.push(1);
        let php = completions.open_notifier().unwrap();
        assert!(readable(php.as_raw_fd()));
    }

    #[test]
    fn queue_works_after_php_closes_its_end() {
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
