//! What can go wrong with one attempt at a build, by what is to be done about it.

use std::time::Duration;

use crate::Error;

/// One attempt's failure.
#[derive(Debug, Clone)]
pub(in crate::velox) enum Trouble {
    /// Trying again would give the same.
    Final(Error),
    /// Probably as [`Trouble::Final`]; but a server whose module proxy is away answers the same. Try once
    /// more after a pause.
    Doubtful(Error),
    /// It may pass: try again after a pause, as often as the settings allow.
    Passing(Reason, Error),
    /// What is inside, and the server asks for a pause of at least that long.
    After(Duration, Box<Trouble>),
    /// The same build is in flight at the server: ask again until it is done.
    Busy,
    /// The file of the answer is gone or cut: a fresh build will do.
    Stale(Error),
    /// The disk of our own cache is full: so many bytes are needed.
    Full(u64, Error),
    /// Our own cache can't be written: the artifact is put elsewhere.
    Unkept(Error),
}

/// The label of `velox_retries_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::velox) enum Reason {
    /// The server can't be reached.
    Connect,
    /// It answers with an error that is not its word about this build.
    Server,
    /// Its answer does not arrive whole.
    Download,
}

impl Reason {
    pub(in crate::velox) fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Server => "velox_server",
            Self::Download => "download",
        }
    }
}

impl Trouble {
    /// With the pause that the server asked for, where a later attempt makes sense.
    pub(in crate::velox) fn after(self, pause: Option<Duration>) -> Self {
        match (self, pause) {
            (trouble @ (Self::Passing(..) | Self::Busy), Some(pause)) => {
                Self::After(pause, Box::new(trouble))
            }
            (trouble, _) => trouble,
        }
    }

    /// Takes the pause that the server asked for from the rest.
    pub(in crate::velox) fn split(self) -> (Self, Duration) {
        match self {
            Self::After(pause, trouble) => (*trouble, pause),
            trouble => (trouble, Duration::ZERO),
        }
    }

    /// A protocol breach, or a setting that does not fit the server.
    pub(in crate::velox) fn remote(message: impl Into<String>) -> Self {
        Self::Final(Error::Remote(message.into()))
    }
}
