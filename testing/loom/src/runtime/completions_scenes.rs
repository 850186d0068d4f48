//! Ids of finished jobs on their way to a PHP thread.

use std::{
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
};

use loom::thread;

use super::completions::Inbox;

fn readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd, no waiting.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
}

/// Two jobs end while PHP drains its notifier: no id is left unread behind a notifier that is silent, for
/// an event loop would sleep on it for ever; and each id is read once.
pub fn jobs_end_while_the_notifier_is_drained() {
    let Ok(inbox) = Inbox::new(None).map(Arc::new) else {
        return;
    };
    let Ok(php) = inbox.open_notifier() else {
        return;
    };
    let enders: Vec<_> = [1, 2]
        .map(|id| {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || inbox.finished(id))
        })
        .into();
    let (mut read, _) = inbox.drain();
    for ender in enders {
        let _ = ender.join();
    }
    while readable(php.as_raw_fd()) {
        read.extend(inbox.drain().0);
    }
    read.sort_unstable();
    assert_eq!(
        read,
        [1, 2],
        "what PHP's loop has read when it goes to sleep"
    );
}

/// A job ends while PHP asks for its notifier.
pub fn a_job_ends_while_the_notifier_is_opened() {
    let Ok(inbox) = Inbox::new(None).map(Arc::new) else {
        return;
    };
    let shared = Arc::clone(&inbox);
    let ender = thread::spawn(move || shared.finished(1));
    let php = inbox.open_notifier();
    let _ = ender.join();
    assert!(php.is_ok_and(|php| readable(php.as_raw_fd())));
}
