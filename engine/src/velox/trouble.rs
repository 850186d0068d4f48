//! What can go wrong with one attempt at a build, by what is to be done about it.

use crate::Error;

/// One attempt's failure.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// Trying again would give the same.
    Final(Error),
    /// It may pass: try again after a pause, as often as the settings allow.
    Passing(Reason, Error),
    /// The same build is in flight at the server: ask again until it is done.
    Busy,
    /// The file of the answer is gone or cut: a fresh build will do.
    Stale(Error),
    /// Our own cache can't be written: the artifact is put elsewhere.
    Unkept(Error),
}

/// The label of `velox_retries_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The server can't be reached.
    Connect,
    /// It answers with an error that is not its word about this build.
    Server,
    /// Its answer does not arrive whole.
    Download,
}

impl Reason {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Server => "velox_server",
            Self::Download => "download",
        }
    }
}

impl Trouble {
    /// A protocol breach, or a setting that does not fit the server.
    pub(super) fn remote(message: impl Into<String>) -> Self {
        Self::Final(Error::Remote(message.into()))
    }
}
