//! Descriptors over which a process exchanges requests and responses with a server, such as the pipes between
//! RoadRunner and its worker. A forked child that goes on in its parent's role would write responses of its own, and
//! each later client would get the response to another request. So the child replaces such a descriptor by `/dev/null`:
//! reads find the end, and writes are discarded. Registered on PHP's thread; replaced by the fork handler.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicI32, Ordering},
};

/// Enough for standard input and output, the descriptors that a request loop moves them to, and a socket.
const MAX_DESCRIPTORS: usize = 8;

static DESCRIPTORS: [AtomicI32; MAX_DESCRIPTORS] = [const { AtomicI32::new(-1) }; MAX_DESCRIPTORS];

/// Registers a descriptor; does nothing beyond [`MAX_DESCRIPTORS`].
pub fn register(descriptor: c_int) {
    let is_registered = |slot: &AtomicI32| slot.load(Ordering::Relaxed) == descriptor;
    if descriptor < 0 || DESCRIPTORS.iter().any(is_registered) {
        return;
    }
    let claim = |slot: &AtomicI32| {
        slot.compare_exchange(-1, descriptor, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    };
    let _ = DESCRIPTORS.iter().any(claim);
}

/// Removes a registration, before the descriptor is closed.
pub fn unregister(descriptor: c_int) {
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
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            if null < 0 {
                libc::close(descriptor);
            } else if null != descriptor {
                libc::dup3(null, descriptor, flags(descriptor));
                libc::close(null);
            }
        }
    }
}

/// Programs that a child starts inherit standard input and output.
const fn flags(descriptor: c_int) -> c_int {
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
    fn registered_descriptor_is_null_in_a_forked_child() {
        let (registered, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let (kept, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        register(registered.as_raw_fd());
        register(kept.as_raw_fd());
        unregister(kept.as_raw_fd());
        after_fork();
        let text = [b'x'; 1];
        // SAFETY: open descriptors and one byte.
        let written = unsafe {
            [
                libc::write(registered.as_raw_fd(), text.as_ptr().cast(), 1),
                libc::write(kept.as_raw_fd(), text.as_ptr().cast(), 1),
            ]
        };
        assert_eq!(written, [1, 1]);
        let mut arrived = Vec::new();
        // The other end is not held any more.
        std::io::Read::read_to_end(&mut peer, &mut arrived).unwrap();
        assert!(arrived.is_empty());
    }
}
