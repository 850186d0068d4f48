//! Errors and warnings of the configuration: location, value found, value expected. They hold no secret.

use std::fmt;

use super::{
    setting::{Capability, Setting},
    types::{ValueType, text::shorten},
};
use crate::secret::MASK;

/// The consequence of a configuration error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The capability is off.
    Error,
    /// Everything works, but the setting is probably a mistake.
    Warning,
}

/// One invalid or dubious setting: `<location>: found <found>; expected <expected>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Exact location: `velox.retry.max_delay in /etc/rr.yaml line 12`, `pillion.velox_retry_max_delay (INI)`.
    pub location: String,
    /// The value as it was given, shortened; masked if it is secret; empty if there is none.
    pub value: String,
    /// The value with the reason why it is refused: `"soon" (not a duration)`.
    pub found: String,
    /// The expected value; may be empty.
    pub expected: String,
    /// The capability that the setting belongs to.
    pub capability: Capability,
    /// Whether that capability is off.
    pub severity: Severity,
}

impl ConfigError {
    /// A value that is valid alone, and refused for `reason` together with others.
    pub(super) fn contradiction(
        setting: &Setting,
        location: String,
        value: String,
        reason: &str,
        expected: &str,
    ) -> Self {
        Self {
            location,
            found: found(&value, reason),
            value,
            expected: expected.into(),
            capability: setting.capability,
            severity: Severity::Error,
        }
    }

    /// A value that is refused for `reason`, a noun phrase without the value: `not a duration`.
    pub(super) fn invalid(setting: &Setting, location: String, text: &str, reason: &str) -> Self {
        let value = match (setting.value_type, text.rsplit_once('@')) {
            (ValueType::Secret | ValueType::Dsn, _) if text.is_empty() => String::new(),
            (ValueType::Secret | ValueType::Dsn, _) => MASK.into(),
            // Too malformed to find the start of a password.
            (ValueType::Url, Some((_, host))) => shorten(&format!("{MASK}@{host}")),
            _ => shorten(text),
        };
        Self {
            location,
            found: found(&value, reason),
            value,
            expected: setting.value_type.expected(),
            capability: setting.capability,
            severity: Severity::Error,
        }
    }
}

/// Joins a value, if there is one, and the reason why it is refused.
pub(super) fn found(value: &str, reason: &str) -> String {
    if value.is_empty() {
        reason.to_owned()
    } else {
        format!("{value:?} ({reason})")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}", self.location, self.found)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        Ok(())
    }
}
