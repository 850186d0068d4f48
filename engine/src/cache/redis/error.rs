//! Why the second tier has no result. Pure data.

use std::fmt;

/// Why an operation of the second tier has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TierError {
    /// The server does not answer, or did not lately.
    Unavailable,
    /// The server's error.
    Refused(String),
}

impl fmt::Display for TierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("the second tier is not available"),
            Self::Refused(error) => f.write_str(error),
        }
    }
}
