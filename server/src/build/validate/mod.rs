//! Validation of a request before anything is written: first the Velox server's rules in its own words, then Go's grammar,
//! which the Velox server leaves to `go`. Fields in the order of the proto file, each with the first rule that it breaks.
//! Pure, any thread.

pub(super) mod grammar;
pub(super) mod violation;

use crate::build::rpc::messages::{BuildRequest, Exclude, Plugin, Replace};
use violation::{FieldPath, FieldPathElement, Violation};

/// Plugins, replaces or excludes of one request; RoadRunner has about forty plugins.
const MAX_ENTRIES: usize = 256;
/// Length of a path on Linux.
const MAX_PATH_BYTES: usize = 4096;

/// Ids of the rules. Those with `go.` are not the Velox server's.
mod rule {
    pub(super) const REQUIRED: &str = "required";
    pub(super) const UUID: &str = "string.uuid";
    pub(super) const UUID_EMPTY: &str = "string.uuid_empty";
    pub(super) const RR_VERSION: &str = "rr_version.format";
    pub(super) const PLATFORM: &str = "go.platform";
    pub(super) const TOO_MANY: &str = "go.too_many";
    pub(super) const MODULE_PATH: &str = "go.module_path";
    pub(super) const VERSION: &str = "go.version";
    pub(super) const REPLACE: &str = "go.replace";
}

/// One element of a field's path.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    index: Option<usize>,
}

impl Field {
    const fn new(name: &'static str) -> Self {
        Self { name, index: None }
    }

    const fn at(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }
}

const PLUGINS: Field = Field::new("plugins");
const REPLACES: Field = Field::new("replaces");
const EXCLUDES: Field = Field::new("excludes");

/// Permissions of the server's clients.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Policy {
    /// Whether a `replace` may name a directory of this machine.
    pub(super) local_replaces: bool,
}

/// Returns all violations in field order; none for a valid request.
pub(super) fn check(request: &BuildRequest, policy: Policy) -> Vec<Violation> {
    let mut found = Collector(Vec::new());
    let id = [Field::new("request_id")];
    match request.request_id.as_str() {
        "" => found.add(
            &id,
            rule::UUID_EMPTY,
            "value is empty, which is not a valid UUID",
        ),
        text if !grammar::is_uuid(text) => found.add(&id, rule::UUID, "must be a valid UUID"),
        _ => {}
    }
    let version = [Field::new("rr_version")];
    match request.rr_version.as_str() {
        "" => found.required(&version),
        text if !grammar::is_rr_version(text) => found.add(
            &version,
            rule::RR_VERSION,
            "rr_version must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)",
        ),
        _ => {}
    }
    if let Some(platform) = &request.target_platform {
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

struct Collector(Vec<Violation>);

impl Collector {
    fn add(&mut self, field: &[Field], rule: &str, message: impl Into<String>) {
        let element = |field: &Field| FieldPathElement {
            field_name: field.name.to_owned(),
            index: field.index.map(|index| index as u64),
        };
        self.0.push(Violation {
            rule_id: rule.to_owned(),
            message: message.into(),
            field: FieldPath {
                elements: field.iter().map(element).collect(),
            },
        });
    }

    fn required(&mut self, field: &[Field]) {
        self.add(field, rule::REQUIRED, "value is required");
    }

    /// Checks a required text against its grammar.
    fn text(
        &mut self,
        field: &[Field],
        text: &str,
        rule: &str,
        grammar: impl Fn(&str) -> Result<(), String>,
    ) {
        if text.is_empty() {
            self.required(field);
        } else if let Err(message) = grammar(text) {
            self.add(field, rule, message);
        }
    }

    fn plugin(&mut self, at: Field, plugin: &Plugin, earlier: &[Plugin]) {
        let Plugin { module_name, tag } = plugin;
        let duplicate = earlier
            .iter()
            .find(|other| other.module_name == *module_name && other.tag != *tag);
        let field = [at, Field::new("module_name")];
        self.text(&field, module_name, rule::MODULE_PATH, |path| {
            grammar::check_module_path(path)?;
            match duplicate {
                Some(other) => Err(format!(
                    "{path} is requested twice, as {} and as {tag}",
                    other.tag
                )),
                None => Ok(()),
            }
        });
        let field = [at, Field::new("tag")];
        self.text(&field, tag, rule::VERSION, |version| {
            grammar::check_version_query(version)?;
            let suffix = grammar::major_suffix(module_name).unwrap_or_default();
            if suffix.is_empty()
                || !grammar::is_canonical_version(version)
                || grammar::version_matches_path(version, module_name)
            {
                return Ok(());
            }
            Err(format!(
                "{version} can't be a version of {module_name}: its path ends in {suffix}"
            ))
        });
    }

    fn replace(&mut self, at: Field, replace: &Replace, policy: Policy) {
        let field = [at, Field::new("new")];
        self.text(&field, &replace.new, rule::REPLACE, |new| {
            if new.starts_with(['/', '.']) {
                return check_directory(new, policy);
            }
            let Some((path, version)) = new.split_once('@') else {
                return Err(format!(
                    "found {new:?}; expected module@version or an absolute directory"
                ));
            };
            grammar::check_module_path(path)?;
            grammar::check_version_query(version)
        });
        let field = [at, Field::new("old")];
        self.text(&field, &replace.old, rule::REPLACE, |old| {
            match old.split_once('@') {
                Some((path, version)) => check_pinned(path, version),
                None => grammar::check_module_path(old),
            }
        });
    }

    fn exclude(&mut self, at: Field, exclude: &Exclude) {
        let Exclude { module, version } = exclude;
        let field = [at, Field::new("module")];
        self.text(
            &field,
            module,
            rule::MODULE_PATH,
            grammar::check_module_path,
        );
        let field = [at, Field::new("version")];
        self.text(&field, version, rule::VERSION, |version| {
            match grammar::check_module_path(module) {
                Ok(()) => check_pinned(module, version),
                // The violation of the module's own field is enough.
                Err(_) => Ok(()),
            }
        });
    }
}

/// Checks the left side of a `replace`, or an `exclude`: `go.mod` allows only canonical versions there.
fn check_pinned(path: &str, version: &str) -> Result<(), String> {
    grammar::check_module_path(path)?;
    if grammar::is_canonical_version(version) && grammar::version_matches_path(version, path) {
        return Ok(());
    }
    Err(format!(
        "found {version:?}; expected a full version of {path}, such as {}",
        match grammar::major_suffix(path) {
            Some("") | None => "v1.2.3".to_owned(),
            Some(suffix) => format!("{suffix}.2.3"),
        }
    ))
}

/// Checks a directory of this machine. A relative one would be relative to the build's temporary directory.
fn check_directory(path: &str, policy: Policy) -> Result<(), String> {
    if !policy.local_replaces {
        return Err(format!(
            "{path:?} is a directory of the build server, which allows those only with --allow-local-replaces"
        ));
    }
    if !path.starts_with('/') {
        return Err(format!(
            "found {path:?}; expected an absolute directory of the build server"
        ));
    }
    if path.len() > MAX_PATH_BYTES
        || path
            .chars()
            .any(|c| c.is_control() || matches!(c, '"' | '\\' | '`'))
    {
        return Err(format!(
            "{path:?} has characters that a go.mod can't contain"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
