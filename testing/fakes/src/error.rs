//! The error type of this crate: errors of a server's start and of its scripts. A running server reports no errors of
//! its own; an error on a connection ends that connection.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Reasons for which a server does not start or a script is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is reachable from other machines.
    #[error(
        "{0} is not a loopback address; the control endpoint must not be reachable from outside (use 127.0.0.1:0 or [::1]:0)"
    )]
    NotLoopback(SocketAddr),
    /// The socket could not be opened, or the runtime not be created.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// A file or directory that the server needs at its start is not available.
    #[error("{path}: {source}", path = path.display())]
    Path {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The script is invalid; the message names the line, the column and the field.
    #[error("not a script: {0}")]
    Script(#[from] serde_json::Error),
}
