//! Validation of a request before anything is written: first the Velox server's rules in its own words, then Go's
//! grammar, which the Velox server leaves to `go`. Fields in the order of the proto file, each with the first rule that
//! it breaks. Pure, any thread.

mod collector;
pub(super) mod grammar;
pub(super) mod violation;

use pillion_engine::velox::{
    BuildRequest,
    protocol::grammar::{is_rr_version, is_uuid},
};

pub(super) use collector::Policy;
use collector::{Collector, Field, rule};
use violation::Violation;

/// Plugins, replaces or excludes of one request; RoadRunner has about forty plugins.
const MAX_ENTRIES: usize = 256;
const PLUGINS: Field = Field::new("plugins");
const REPLACES: Field = Field::new("replaces");
const EXCLUDES: Field = Field::new("excludes");

/// Returns all violations in field order; none for a valid request.
pub(super) fn check(request: &BuildRequest, policy: Policy) -> Vec<Violation> {
    let mut found = Collector::default();
    let id = [Field::new("request_id")];
    match request.request_id.as_str() {
        "" => found.add(
            &id,
            rule::UUID_EMPTY,
            "value is empty, which is not a valid UUID",
        ),
        text if !is_uuid(text) => found.add(&id, rule::UUID, "must be a valid UUID"),
        _ => {}
    }
    let version = [Field::new("rr_version")];
    match request.rr_version.as_str() {
        "" => found.required(&version),
        text if !is_rr_version(text) => found.add(
            &version,
            rule::RR_VERSION,
            "rr_version must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)",
        ),
        _ => {}
    }
    let platform = &request.target_platform;
    for (name, word, examples) in [
        ("os", &platform.os, "linux, darwin, windows"),
        ("arch", &platform.arch, "amd64, arm64"),
    ] {
        if !word.is_empty() && !grammar::is_platform_word(word) {
            let field = [Field::new("target_platform"), Field::new(name)];
            let message = format!(
                "found {word:?}; expected lower-case letters and digits, such as {examples}"
            );
            found.add(&field, rule::PLATFORM, message);
        }
    }
    if request.plugins.is_empty() {
        found.required(&[PLUGINS]);
    }
    for (list, length) in [
        (PLUGINS, request.plugins.len()),
        (REPLACES, request.replaces.len()),
        (EXCLUDES, request.excludes.len()),
    ] {
        if length > MAX_ENTRIES {
            let message = format!("found {length} entries; expected at most {MAX_ENTRIES}");
            found.add(&[list], rule::TOO_MANY, message);
            return found.0;
        }
    }
    for (index, plugin) in request.plugins.iter().enumerate() {
        let earlier = request.plugins.get(..index).unwrap_or_default();
        found.plugin(PLUGINS.at(index), plugin, earlier);
    }
    for (index, replace) in request.replaces.iter().enumerate() {
        found.replace(REPLACES.at(index), replace, policy);
    }
    for (index, exclude) in request.excludes.iter().enumerate() {
        found.exclude(EXCLUDES.at(index), exclude);
    }
    found.0
}

#[cfg(test)]
mod tests;
