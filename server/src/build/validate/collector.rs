//! Collects violations: the rules of a plugin, a replacement and an exclusion, with the path of each field. Pure, any
//! thread.

use super::{
    grammar,
    violation::{FieldPath, FieldPathElement, Violation},
};
use pillion_engine::velox::{Exclude, Plugin, Replace, protocol::grammar::is_canonical_version};

/// Length of a path on Linux.
const MAX_PATH_BYTES: usize = 4096;

/// Ids of the rules. Those with `go.` are not the Velox server's.
pub(super) mod rule {
    pub(in crate::build::validate) const REQUIRED: &str = "required";
    pub(in crate::build::validate) const UUID: &str = "string.uuid";
    pub(in crate::build::validate) const UUID_EMPTY: &str = "string.uuid_empty";
    pub(in crate::build::validate) const RR_VERSION: &str = "rr_version.format";
    pub(in crate::build::validate) const PLATFORM: &str = "go.platform";
    pub(in crate::build::validate) const TOO_MANY: &str = "go.too_many";
    pub(in crate::build::validate) const MODULE_PATH: &str = "go.module_path";
    pub(in crate::build::validate) const VERSION: &str = "go.version";
    pub(in crate::build::validate) const REPLACE: &str = "go.replace";
}

/// Permissions of the server's clients.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::build) struct Policy {
    /// Whether a `replace` may name a directory of this machine.
    pub(in crate::build) local_replaces: bool,
}

/// One element of a field's path.
#[derive(Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    index: Option<usize>,
}

impl Field {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, index: None }
    }

    pub(super) const fn at(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }
}

/// Collects the violations of a request.
#[derive(Default)]
pub(super) struct Collector(pub(super) Vec<Violation>);

impl Collector {
    pub(super) fn add(&mut self, field: &[Field], rule: &str, message: impl Into<String>) {
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

    pub(super) fn required(&mut self, field: &[Field]) {
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

    pub(super) fn plugin(&mut self, at: Field, plugin: &Plugin, earlier: &[Plugin]) {
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
                || !is_canonical_version(version)
                || grammar::version_matches_path(version, module_name)
            {
                return Ok(());
            }
            Err(format!(
                "{version} can't be a version of {module_name}: its path ends in {suffix}"
            ))
        });
    }

    pub(super) fn replace(&mut self, at: Field, replace: &Replace, policy: Policy) {
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

    pub(super) fn exclude(&mut self, at: Field, exclude: &Exclude) {
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
    if is_canonical_version(version) && grammar::version_matches_path(version, path) {
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
