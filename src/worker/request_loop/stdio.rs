//! RoadRunner's relay is standard input and output of its worker, and one stray byte there ends the worker. While a
//! loop runs, the relay has descriptors of its own that no child inherits; standard input is empty, and output to
//! standard output, of PHP, of a library or of a program that the handler starts, goes to standard error, which is
//! RoadRunner's log. On PHP's thread.

use std::{
    ffi::c_int,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use pillion_engine::{Error, Result, host::fork_descriptors};

use crate::zend::{owned::OwnedZval, stream};

/// The relay has descriptors of its own.
static IS_MOVED: AtomicBool = AtomicBool::new(false);

/// The descriptors of the relay. PHP's streams own them.
#[derive(Debug, Clone, Copy)]
pub struct RelayStdio {
    /// RoadRunner writes to it.
    input: c_int,
    /// RoadRunner reads from it.
    output: c_int,
}

impl RelayStdio {
    /// Moves the relay away from standard input and output.
    ///
    /// # Errors
    /// No descriptors are left, or one of the three standard ones is closed.
    pub fn take() -> Result<Self> {
        let relay = move_away().map_err(|error| {
            Error::io(
                "taking standard input and output for RoadRunner's relay",
                error,
            )
        })?;
        IS_MOVED.store(true, Ordering::Release);
        fork_descriptors::register(relay.input);
        fork_descriptors::register(relay.output);
        Ok(relay)
    }

    /// Returns both as PHP streams, which close them, or `None` if PHP makes none.
    #[must_use]
    pub fn streams(self) -> Option<[OwnedZval; 2]> {
        let mut made = true;
        let mut stream = |descriptor, mode| {
            OwnedZval::with(|ret| {
                made &= stream::return_descriptor(descriptor, mode, ret);
            })
        };
        let streams = [stream(self.input, c"rb"), stream(self.output, c"wb")];
        made.then_some(streams)
    }

    /// Makes the relay standard input and output again, before its streams are closed.
    pub fn restore(self) {
        // SAFETY: descriptors of ours; if it fails, nothing has changed.
        unsafe {
            libc::dup2(self.input, libc::STDIN_FILENO);
            libc::dup2(self.output, libc::STDOUT_FILENO);
        }
        fork_descriptors::unregister(self.input);
        fork_descriptors::unregister(self.output);
        IS_MOVED.store(false, Ordering::Release);
    }
}

/// Whether a loop runs that has moved the relay away from standard input and output.
#[must_use]
pub fn is_moved() -> bool {
    IS_MOVED.load(Ordering::Acquire)
}

fn move_away() -> io::Result<RelayStdio> {
    let relay = RelayStdio {
        input: copy(libc::STDIN_FILENO)?,
        output: copy(libc::STDOUT_FILENO)?,
    };
    // SAFETY: plain calls on descriptors; the path is a C string.
    unsafe {
        let empty = checked(libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY))?;
        checked(libc::dup2(empty, libc::STDIN_FILENO))?;
        if empty != libc::STDIN_FILENO {
            libc::close(empty);
        }
        checked(libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO))?;
    }
    Ok(relay)
}

fn copy(descriptor: c_int) -> io::Result<c_int> {
    // SAFETY: a plain call; 3 is the first descriptor that is not a standard one.
    checked(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) })
}

fn checked(result: c_int) -> io::Result<c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}
