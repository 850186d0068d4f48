//! RoadRunner's wire is standard input and output of its worker, and one stray byte there is the end of the
//! worker. While a loop runs, the wire has descriptors of its own that no child inherits; standard input is
//! empty, and whatever is written to standard output, by PHP, by a library or by a program that the handler
//! starts, goes to standard error, which is RoadRunner's log.

use std::{
    ffi::c_int,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use pillion_engine::{Error, Result, host::fork_descriptors};

use crate::zend::{owned::OwnedZval, stream};

/// The wire is not standard input and output now.
static IS_MOVED: AtomicBool = AtomicBool::new(false);

/// The descriptors of the wire. PHP's streams own them.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// RoadRunner writes to it.
    input: c_int,
    /// And reads from it.
    output: c_int,
}

impl Wire {
    /// Moves the wire away from standard input and output.
    ///
    /// # Errors
    /// There are no descriptors left, or one of the three is closed.
    pub fn take() -> Result<Self> {
        let wire = move_away().map_err(|error| {
            Error::io(
                "taking standard input and output for RoadRunner's wire",
                error,
            )
        })?;
        IS_MOVED.store(true, Ordering::Release);
        fork_descriptors::register(wire.input);
        fork_descriptors::register(wire.output);
        Ok(wire)
    }

    /// Both as streams of PHP's, which close them; `None`: PHP makes none.
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

    /// Puts the wire back where it was, before its streams are closed.
    pub fn give_back(self) {
        // SAFETY: descriptors of ours; where it fails, nothing has changed.
        unsafe {
            libc::dup2(self.input, libc::STDIN_FILENO);
            libc::dup2(self.output, libc::STDOUT_FILENO);
        }
        fork_descriptors::unregister(self.input);
        fork_descriptors::unregister(self.output);
        IS_MOVED.store(false, Ordering::Release);
    }
}

/// Whether a loop runs that has moved the wire away from standard input and output.
#[must_use]
pub fn is_moved() -> bool {
    IS_MOVED.load(Ordering::Acquire)
}

fn move_away() -> io::Result<Wire> {
    let wire = Wire {
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
    Ok(wire)
}

fn copy(descriptor: c_int) -> io::Result<c_int> {
    // SAFETY: a plain call; 3 is the first descriptor that is nobody's standard.
    checked(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) })
}

fn checked(result: c_int) -> io::Result<c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}
