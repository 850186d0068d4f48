//! The one error type of this crate: what can go wrong while a server is set up or told what to do. A running
//! server has no errors of its own; what goes wrong on a connection ends that connection.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a server did not start, or a script was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of this machine alone.
    #[error(
        "{0} is not a loopback address; the control endpoint must not be reachable from outside (use 127.0.0.1:0 or [::1]:0)"
    )]
    NotLoopback(SocketAddr),
    /// The socket could not be opened, or the runtime not be made.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory that is needed before anything else could not be had.
    #[error("{path}: {source}", path = path.display())]
    Path {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The script is not what the server understands; the message names the line, the column and the field.
    #[error("not a script: {0}")]
    Script(#[from] serde_json::Error),
}
