//! The configuration of a build, borrowed from its request: the parts that make a key. [`Configuration::read`] takes it
//! from the caller's own values, without a copy of their texts, because `Velox\find` of a request does nothing else on
//! PHP's thread. Any thread.

mod given;
#[cfg(any(test, feature = "fuzzing"))]
mod json;
mod read;

pub use given::{Given, Name, Table};

use super::request::BuildRequest;

/// The validated configuration of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration<'a> {
    /// A release (`v2025.1.2`), `master`, or a commit; trimmed.
    pub rr_version: &'a str,
    /// The target's operating system, a `GOOS` value; trimmed.
    pub os: &'a str,
    /// The target's processor, a `GOARCH` value; trimmed.
    pub arch: &'a str,
    /// Module path and tag of each plugin, in the caller's order; trimmed.
    pub plugins: Vec<(&'a str, &'a str)>,
    /// What is replaced, and by what.
    pub replaces: Vec<(&'a str, &'a str)>,
    /// Module path and version of each exclusion.
    pub excludes: Vec<(&'a str, &'a str)>,
    /// Whether Go's race detector is built in.
    pub race: bool,
    /// Whether the binary has debug information and no optimisation.
    pub debug: bool,
}

impl<'a> From<&'a BuildRequest> for Configuration<'a> {
    fn from(request: &'a BuildRequest) -> Self {
        let plugins = request.plugins.iter();
        let replaces = request.replaces.iter();
        let excludes = request.excludes.iter();
        Self {
            rr_version: request.rr_version.trim(),
            os: request.target_platform.os.trim(),
            arch: request.target_platform.arch.trim(),
            plugins: plugins
                .map(|plugin| (plugin.module_name.trim(), plugin.tag.trim()))
                .collect(),
            replaces: replaces
                .map(|replace| (replace.old.as_str(), replace.new.as_str()))
                .collect(),
            excludes: excludes
                .map(|exclude| (exclude.module.as_str(), exclude.version.as_str()))
                .collect(),
            race: request.race,
            debug: request.debug,
        }
    }
}

#[cfg(test)]
mod tests;
