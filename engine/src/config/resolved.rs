//! The resolved settings, with the source of each value and the errors.

use super::{
    error::{ConfigError, Severity},
    setting::Capability,
    settings::Settings,
    sources::Source,
};

/// One resolved setting for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedValue {
    /// Dotted name.
    pub name: &'static str,
    /// The part of Pillion that it belongs to.
    pub capability: Capability,
    /// Name in INI.
    pub ini_name: String,
    /// The value, masked if it is secret; empty if it is not set.
    pub value: String,
    /// The source of the value.
    pub source: Source,
    /// The value is invalid: [`Settings`] has the default instead, and a [`ConfigError`] the reason.
    pub is_invalid: bool,
}

/// The result of [`super::resolve()`].
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The settings for the modules.
    pub settings: Settings,
    /// The values for display, in the order of the table.
    pub values: Vec<ResolvedValue>,
    /// Errors and warnings.
    pub errors: Vec<ConfigError>,
}

impl Resolved {
    /// Returns the error because of which a capability is off, or `None` if it is on. A capability is off too if one
    /// that it needs is off.
    #[must_use]
    pub fn capability_off(&self, capability: Capability) -> Option<&ConfigError> {
        self.errors.iter().find(|error| {
            error.severity == Severity::Error
                && (error.capability == capability
                    || capability.needs().contains(&error.capability))
        })
    }

    /// Logs each error and warning; called once the log's own settings are applied.
    pub fn log_errors(&self) {
        for error in &self.errors {
            let (event, level) = match error.severity {
                Severity::Error => ("configuration error", log::Level::Error),
                Severity::Warning => ("configuration warning", log::Level::Warn),
            };
            log::log!(
                target: "pillion::config", level,
                setting = error.location.as_str(),
                found = error.found.as_str(),
                expected = error.expected.as_str(),
                capability = error.capability.name();
                "{event}"
            );
        }
    }
}
