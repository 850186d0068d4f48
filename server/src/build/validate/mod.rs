//! All that can be wrong with a request before anything is written: first the real server's rules in
//! its own words, then Go's grammar where the real server would let `go` stumble. Fields in the order
//! of the proto file, each with the first rule it breaks. Pure, any thread.

pub(super) mod grammar;
pub(super) mod violation;

use crate::build::rpc::protocol::{BuildRequest, Exclude, Plugin, Replace};
use violation::{Rule, Step, Violation};

/// The most plugins, replaces or excludes of one request; RoadRunner has about forty plugins.
const MOST: usize = 256;

const PLUGINS: Step = Step::message(5, "plugins");
const REPLACES: Step = Step::message(6, "replaces");
const EXCLUDES: Step = Step::message(7, "excludes");

/// What this server lets its clients do.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::build) struct Policy {
    /// Whether a `replace` may name a directory of this machine.
    pub(in crate::build) local_replaces: bool,
}

/// Everything that is wrong, in field order; empty for a good request.
pub(in crate::build) fn check(request: &BuildRequest, policy: Policy) -> Vec<Violation> {
    let mut found = Found(Vec::new());
    let id = Step::text(1, "request_id");
    match request.request_id.as_str() {
        "" => found.add(
            &[id],
            Rule::UuidEmpty,
            "value is empty, which is not a valid UUID",
        ),
        text if !grammar::uuid(text) => found.add(&[id], Rule::Uuid, "must be a valid UUID"),
        _ => {}
    }
    let version = Step::text(2, "rr_version");
    match request.rr_version.as_str() {
        "" => found.required(&[version]),
        text if !grammar::rr_version(text) => found.add(
            &[version],
            Rule::RrVersion,
            "rr_version must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)",
        ),
        _ => {}
    }
    let platform = &request.target_platform;
    for (number, name, word) in [(1, "os", &platform.os), (2, "arch", &platform.arch)] {
        if !word.is_empty() && !grammar::platform_word(word) {
            let field = [
                Step::message(4, "target_platform"),
                Step::text(number, name),
            ];
            let example = if name == "os" {
                "linux, darwin, windows"
            } else {
                "amd64, arm64"
            };
            let message = format!(
                "{word:?} is no platform of Go's; lower-case letters and digits, such as {example}"
            );
            found.add(&field, Rule::Go("go.platform"), message);
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
        if length > MOST {
            found.add(
                &[list],
                Rule::Go("go.too_many"),
                format!("has {length} entries; at most {MOST} are taken"),
            );
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

struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, field: &[Step], rule: Rule, message: impl Into<String>) {
        self.0.push(Violation {
            field: field.to_vec(),
            rule,
            message: message.into(),
        });
    }

    fn required(&mut self, field: &[Step]) {
        self.add(field, Rule::Required, "value is required");
    }

    /// One required text with the grammar it must have.
    fn text(
        &mut self,
        field: &[Step],
        text: &str,
        rule: &'static str,
        grammar: impl Fn(&str) -> Result<(), String>,
    ) {
        if text.is_empty() {
            self.required(field);
        } else if let Err(message) = grammar(text) {
            self.add(field, Rule::Go(rule), message);
        }
    }

    fn plugin(&mut self, at: Step, plugin: &Plugin, earlier: &[Plugin]) {
        let (name, tag) = (Step::text(1, "module_name"), Step::text(2, "tag"));
        let twice = earlier
            .iter()
            .find(|other| other.module_name == plugin.module_name && other.tag != plugin.tag);
        self.text(&[at, name], &plugin.module_name, "go.module_path", |path| {
            grammar::module_path(path)?;
            match twice {
                Some(other) => Err(format!(
                    "{path} is asked for twice, as {} and as {}",
                    other.tag, plugin.tag
                )),
                None => Ok(()),
            }
        });
        self.text(&[at, tag], &plugin.tag, "go.version", |version| {
            grammar::version_query(version)?;
            let suffix = grammar::major_suffix(&plugin.module_name).unwrap_or_default();
            if suffix.is_empty()
                || !grammar::canonical_version(version)
                || grammar::version_fits_path(version, &plugin.module_name)
            {
                return Ok(());
            }
            Err(format!(
                "{version} can't be a version of {}: its path ends in {suffix}",
                plugin.module_name
            ))
        });
    }

    fn replace(&mut self, at: Step, replace: &Replace, policy: Policy) {
        self.text(
            &[at, Step::text(1, "new")],
            &replace.new,
            "go.replace",
            |new| {
                if new.starts_with(['/', '.']) {
                    return local_directory(new, policy);
                }
                let Some((path, version)) = new.split_once('@') else {
                    return Err(format!(
                        "{new:?} needs a version (module@version), or must be an absolute directory"
                    ));
                };
                grammar::module_path(path)?;
                grammar::version_query(version)
            },
        );
        self.text(
            &[at, Step::text(2, "old")],
            &replace.old,
            "go.replace",
            |old| match old.split_once('@') {
                Some((path, version)) => pinned(path, version),
                None => grammar::module_path(old),
            },
        );
    }

    fn exclude(&mut self, at: Step, exclude: &Exclude) {
        self.text(
            &[at, Step::text(1, "module")],
            &exclude.module,
            "go.module_path",
            grammar::module_path,
        );
        self.text(
            &[at, Step::text(2, "version")],
            &exclude.version,
            "go.version",
            |version| {
                match grammar::module_path(&exclude.module) {
                    Ok(()) => pinned(&exclude.module, version),
                    // Told already, at the module's own field.
                    Err(_) => Ok(()),
                }
            },
        );
    }
}

/// `go.mod` takes canonical versions only on the left side of a `replace`, and in an `exclude`.
fn pinned(path: &str, version: &str) -> Result<(), String> {
    grammar::module_path(path)?;
    if grammar::canonical_version(version) && grammar::version_fits_path(version, path) {
        return Ok(());
    }
    Err(format!(
        "{version:?} must be a full version of {path}, such as {}",
        match grammar::major_suffix(path) {
            Some("") | None => "v1.2.3".to_owned(),
            Some(suffix) => format!("{suffix}.2.3"),
        }
    ))
}

/// A directory of this machine. Relative ones would be relative to a directory that lives only while
/// building.
fn local_directory(path: &str, policy: Policy) -> Result<(), String> {
    if !policy.local_replaces {
        return Err(format!(
            "{path:?} is a directory of the build server, which allows those only when it was started with --allow-local-replaces"
        ));
    }
    if !path.starts_with('/') {
        return Err(format!(
            "{path:?} must be an absolute directory of the build server"
        ));
    }
    if path.len() > 4096
        || path
            .chars()
            .any(|c| c.is_control() || matches!(c, '"' | '\\' | '`'))
    {
        return Err(format!("{path:?} has characters that a go.mod can't carry"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
