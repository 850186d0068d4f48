//! What is wrong with a setting: where, which value, and what would be right.

use std::fmt;

use super::{
    secret::{MASK, mask_url},
    table::{Capability, Setting},
    value_type::Kind,
};

/// Longest value that a message repeats, in characters.
const SHOWN: usize = 80;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The capability is off.
    Error,
    /// Everything works; somebody should look at it.
    Warning,
}

/// One thing that is wrong, or that looks like a mistake. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Exact place: `velox.retry.max_delay in /etc/rr.yaml line 12`, `pillion.velox_retry_max_delay (INI)`.
    pub place: String,
    /// The value as it was given, shortened; masked where it is a secret; empty where there is none.
    pub value: String,
    /// What is wrong with it: `is not a duration`.
    pub wrong: String,
    /// What would be right.
    pub right: String,
    /// What it belongs to.
    pub capability: Capability,
    /// Whether that capability is off.
    pub severity: Severity,
}

impl Problem {
    /// A value that its kind does not take.
    pub(super) fn bad(setting: &Setting, place: String, text: &str, wrong: String) -> Self {
        let value = match (setting.kind, text.rsplit_once('@')) {
            (Kind::Secret | Kind::Dsn, _) if text.is_empty() => String::new(),
            (Kind::Secret | Kind::Dsn, _) => MASK.into(),
            // Too broken to know where a password begins.
            (Kind::Url, Some((_, host))) => Self::shorten(&format!("{MASK}@{host}")),
            _ => Self::shorten(text),
        };
        Self {
            place,
            value,
            wrong,
            right: setting.kind.expectation(),
            capability: setting.capability,
            severity: Severity::Error,
        }
    }

    /// A value as messages may repeat it: on one line, and not for ever.
    pub(super) fn shorten(text: &str) -> String {
        // Masked first: a cut could take away the `@` by which a password is known.
        let masked = mask_url(text);
        let mut shown: String = masked.chars().take(SHOWN).collect();
        if shown.len() < masked.len() {
            shown.push('…');
        }
        shown
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.value.is_empty() {
            write!(f, "{:?} ", self.value)?;
        }
        write!(f, "{}", self.wrong)?;
        if !self.right.is_empty() {
            write!(f, "; right would be {}", self.right)?;
        }
        Ok(())
    }
}
