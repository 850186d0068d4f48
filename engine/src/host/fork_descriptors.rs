//! Descriptors of a conversation that one process has with a server, such as the pipes between RoadRunner and
//! its worker. A forked child that goes on in its parent's role would write answers of its own, and each later
//! client would get the answer to another one's request. So such a descriptor leads to `/dev/null` in the
//! child: reading finds the end, and a write is gone.
//!
//! Noted on PHP's thread; replaced in the child by the fork handler, with atomics and plain system calls.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicI32, Ordering},
};

/// Standard input and output, what a loop has moved them to, and a socket.
const MOST: usize = 8;

static DESCRIPTORS: [AtomicI32; MOST] = [const { AtomicI32::new(-1) }; MOST];

/// Notes a descriptor; beyond eight none is.
pub fn note(descriptor: c_int) {
    let is_noted = |slot: &AtomicI32| slot.load(Ordering::Relaxed) == descriptor;
    if descriptor < 0 || DESCRIPTORS.iter().any(is_noted) {
        return;
    }
    let take = |slot: &AtomicI32| {
        slot.compare_exchange(-1, descriptor, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    };
    let _ = DESCRIPTORS.iter().any(take);
}

/// Takes the note back, before the descriptor is closed.
pub fn forget(descriptor: c_int) {
    for slot in &DESCRIPTORS {
        let _ = slot.compare_exchange(descriptor, -1, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// Runs in a forked child: atomics and plain system calls only.
pub fn after_fork() {
    for slot in &DESCRIPTORS {
        let descriptor = slot.swap(-1, Ordering::AcqRel);
        if descriptor < 0 {
            continue;
        }
        // SAFETY: plain calls on descriptors, of this child's own copy; the path is a C string.
        unsafe {
            let nothing = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            if nothing < 0 {
                libc::close(descriptor);
            } else if nothing != descriptor {
                libc::dup3(nothing, descriptor, kept_flags(descriptor));
                libc::close(nothing);
            }
        }
    }
}

/// Standard input and output are for the programs that a child starts, too.
const fn kept_flags(descriptor: c_int) -> c_int {
    if descriptor > libc::STDERR_FILENO {
        libc::O_CLOEXEC
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_noted_descriptor_leads_nowhere_after_the_fork() {
        let (mine, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (kept, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        note(mine.as_raw_fd());
        note(kept.as_raw_fd());
        forget(kept.as_raw_fd());
        after_fork();
        let text = [b'x'; 1];
        // SAFETY: open descriptors and one byte.
        let written = unsafe {
            [
                libc::write(mine.as_raw_fd(), text.as_ptr().cast(), 1),
                libc::write(kept.as_raw_fd(), text.as_ptr().cast(), 1),
            ]
        };
        assert_eq!(written, [1, 1]);
        let mut arrived = Vec::new();
        // The other end sees that nothing holds it any more.
        std::io::Read::read_to_end(&mut theirs, &mut arrived).unwrap();
        assert!(arrived.is_empty());
    }
}
