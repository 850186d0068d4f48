//! Writing of results to standard output. A reader that closes it early, such as `head`, is no error.

use std::io::{self, Write};

use pillion_engine::{Error, Result};

/// Writes a result.
///
/// # Errors
/// The system's, except that the reader has closed the pipe.
pub fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// As [`print()`], for any bytes.
///
/// # Errors
/// As [`print()`].
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("writing to standard output", error))
        }
        _ => Ok(()),
    }
}

/// Writes a remark to standard error, which may be closed.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "pillion: {text}");
}
