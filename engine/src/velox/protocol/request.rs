//! A validated build request, and its JSON forms. [`Request::from_json`] makes one.

use serde_json::{Map, Value, json};

/// A validated and complete build request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// A UUID in its dashed form.
    pub request_id: String,
    /// A release (`v2025.1.2`), `master`, or a commit.
    pub rr_version: String,
    /// Target operating system, a `GOOS` value.
    pub os: String,
    /// Target processor, a `GOARCH` value.
    pub arch: String,
    /// At least one, in the caller's order.
    pub plugins: Vec<Plugin>,
    /// Build again although an artifact exists.
    pub force_rebuild: bool,
    /// `replace` directives for go.mod.
    pub replaces: Vec<Replace>,
    /// `exclude` directives for go.mod.
    pub excludes: Vec<Exclude>,
    /// Build with Go's race detector.
    pub race: bool,
    /// Build with debug information and without optimisation.
    pub debug: bool,
}

/// A plugin to include.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plugin {
    /// Go module path.
    pub module_name: String,
    /// Release, branch or commit.
    pub tag: String,
}

/// A `replace` directive: `old => new`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replace {
    /// `module` or `module@version`.
    pub old: String,
    /// `module@version`, or a directory of the build server.
    pub new: String,
}

/// An `exclude` directive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exclude {
    /// Go module path.
    pub module: String,
    /// Its version.
    pub version: String,
}

impl Request {
    /// Returns the body for the build server: Connect's JSON.
    #[must_use]
    pub fn to_wire(&self, force_rebuild: bool) -> Value {
        let mut body = self.config();
        if let Some(body) = body.as_object_mut() {
            body.insert("force_rebuild".into(), force_rebuild.into());
        }
        body
    }

    /// Returns the whole request as JSON: the configuration that an artifact records, in the layout of the Velox
    /// plugin's `index.json`.
    #[must_use]
    pub fn config(&self) -> Value {
        let plugins: Vec<Value> = self
            .plugins
            .iter()
            .map(|plugin| json!({"module_name": plugin.module_name, "tag": plugin.tag}))
            .collect();
        let mut body = json!({
            "request_id": self.request_id,
            "force_rebuild": self.force_rebuild,
            "target_platform": {"os": self.os, "arch": self.arch},
            "rr_version": self.rr_version,
            "plugins": plugins,
        });
        if let Some(body) = body.as_object_mut() {
            self.extend(body);
        }
        body
    }

    /// Adds the fields that only newer servers accept, and only those that are set.
    fn extend(&self, body: &mut Map<String, Value>) {
        if !self.replaces.is_empty() {
            let list = self
                .replaces
                .iter()
                .map(|replace| json!({"new": replace.new, "old": replace.old}));
            body.insert("replaces".into(), list.collect());
        }
        if !self.excludes.is_empty() {
            let list = self
                .excludes
                .iter()
                .map(|exclude| json!({"module": exclude.module, "version": exclude.version}));
            body.insert("excludes".into(), list.collect());
        }
        for (name, set) in [("race", self.race), ("debug", self.debug)] {
            if set {
                body.insert(name.into(), true.into());
            }
        }
    }
}
