//! The resolved settings, with the source of each value and the errors.

use super::{
    error::{ConfigError, Severity},
    setting::Capability,
    settings::Settings,
    sources::Source,
    unknown_names,
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

    /// Adds a warning for each of the environment's `names` that is probably a misspelled setting.
    pub fn check_variables<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.errors.extend(unknown_names::variables(names));
    }

    /// Adds a warning for each of the `names` in php.ini that begins with `pillion.` and is no setting.
    pub fn check_entries<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.errors.extend(unknown_names::entries(names));
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
