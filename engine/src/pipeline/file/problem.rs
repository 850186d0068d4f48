//! A problem of `velocity.yml`, with its line.

use std::{fmt, path::Path};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; `None` if it is the file as a whole.
    pub line: Option<u64>,
    /// Path of the key, and the reason: `pipeline.build.outputs: found …; expected …`.
    pub message: String,
    /// Whether the file can't be used. Otherwise the key has no effect.
    pub is_error: bool,
}

impl Problem {
    /// The line of a report: `velocity.yml:7: …`.
    #[must_use]
    pub fn at(&self, file: &Path) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", file.display(), self.message),
            None => format!("{}: {}", file.display(), self.message),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
