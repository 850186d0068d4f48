//! Ids of finished jobs on their way to a PHP thread.

use std::{
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
};

use loom::thread;

use super::completions::CompletionQueue;

fn readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd, no waiting.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
}

/// Two jobs end while PHP drains its notifier: no id remains unread while the notifier is not readable, since an event
/// loop would sleep on it forever; and each id is read once.
pub fn jobs_end_while_the_notifier_is_drained() {
    let Ok(completions) = CompletionQueue::new(None).map(Arc::new) else {
        return;
    };
    let Ok(php) = completions.open_notifier() else {
        return;
    };
    let enders: Vec<_> = [1, 2]
        .map(|id| {
            let completions = Arc::clone(&completions);
            thread::spawn(move || completions.push(id))
        })
        .into();
    let (mut read, _) = completions.drain();
    for ender in enders {
        let _ = ender.join();
    }
    while readable(php.as_raw_fd()) {
        read.extend(completions.drain().0);
    }
    read.sort_unstable();
    assert_eq!(
        read,
        [1, 2],
        "what PHP's loop has read when it goes to sleep"
    );
}

/// A job ends while PHP opens its notifier.
pub fn job_ends_while_the_notifier_is_opened() {
    let Ok(completions) = CompletionQueue::new(None).map(Arc::new) else {
        return;
    };
    let shared = Arc::clone(&completions);
    let ender = thread::spawn(move || shared.push(1));
    let php = completions.open_notifier();
    let _ = ender.join();
    assert!(php.is_ok_and(|php| readable(php.as_raw_fd())));
}
