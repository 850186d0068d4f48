//! A build request: what PHP or JSON gives, made typed and complete. All that is wrong is told at
//! once, before any I/O. What the real server accepts is accepted: names in both spellings, unknown
//! fields ignored, `null` as absence (protobuf's JSON mapping; the rules of Velox's `request.proto`).

use serde_json::{Map, Value, json};

use super::{
    grammar::{is_rr_version, is_uuid},
    json_fields::{Fields, Place, kind},
    platform::{host_arch, host_os},
};
use crate::{Error, Result, error::Violation, uuid};

/// The longest that all texts of a request may be. RoadRunner's forty plugins have four thousand bytes; what an
/// artifact records of its request has to stay far below the bound of an entry on disk.
const MAX_TEXTS: usize = 256 << 10;

/// What to build, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// A UUID in its dashed form.
    pub request_id: String,
    /// A release (`v2025.1.2`), `master`, or a commit.
    pub rr_version: String,
    /// Target operating system in Go's words.
    pub os: String,
    /// Target processor in Go's words.
    pub arch: String,
    /// One or more, in the caller's order.
    pub plugins: Vec<Plugin>,
    /// Build anew though there is an artifact.
    pub force_rebuild: bool,
    /// `replace` directives for go.mod.
    pub replaces: Vec<Replace>,
    /// `exclude` directives for go.mod.
    pub excludes: Vec<Exclude>,
    /// With Go's race detector.
    pub race: bool,
    /// With debug information, without optimisation.
    pub debug: bool,
}

/// A plugin to build in.
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
    /// Checks and completes a request. Where there is none, the request id is a new UUID and the
    /// platform is this host.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with everything that is wrong; [`Error::Io`] where the system has
    /// no random numbers.
    pub fn from_json(value: &Value) -> Result<Self> {
        let Some(object) = value.as_object() else {
            return Err(Error::InvalidRequest(vec![Violation {
                field: "request".into(),
                message: format!(
                    "must be an object with rr_version and plugins, not {}",
                    kind(value)
                ),
            }]));
        };
        let mut violations = Vec::new();
        let request = read(
            &mut Fields::new(object, Place::Top, &mut violations),
            object,
        );
        if !violations.is_empty() {
            return Err(Error::InvalidRequest(violations));
        }
        let mut request = request;
        let texts = request.texts();
        if texts > MAX_TEXTS {
            return Err(Error::InvalidRequest(vec![Violation {
                field: "request".into(),
                message: format!(
                    "its texts must be at most {MAX_TEXTS} bytes long in all, and are {texts}"
                ),
            }]));
        }
        if request.request_id.is_empty() {
            request.request_id = uuid::v4()?.to_string();
        }
        Ok(request)
    }

    /// Bytes of all texts in its lists.
    fn texts(&self) -> usize {
        let plugins = self
            .plugins
            .iter()
            .map(|plugin| [&plugin.module_name, &plugin.tag]);
        let replaces = self
            .replaces
            .iter()
            .map(|replace| [&replace.old, &replace.new]);
        let excludes = self
            .excludes
            .iter()
            .map(|exclude| [&exclude.module, &exclude.version]);
        let all = plugins.chain(replaces).chain(excludes).flatten();
        all.map(String::len).sum()
    }

    /// The body for the build server: Connect's JSON.
    #[must_use]
    pub fn to_wire(&self, force_rebuild: bool) -> Value {
        let mut body = self.config();
        if let Some(body) = body.as_object_mut() {
            body.insert("force_rebuild".into(), force_rebuild.into());
        }
        body
    }

    /// The whole request as JSON: what an artifact records as its configuration, in the shape that
    /// the Velox plugin's `index.json` had.
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

    /// What only newer servers know is sent only where it is set.
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

fn read(fields: &mut Fields<'_>, object: &Map<String, Value>) -> Request {
    let request_id = fields.text("request_id").unwrap_or_default();
    if !request_id.is_empty() && !is_uuid(&request_id) {
        fields.wrong(
            "request_id",
            "must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made",
        );
    }
    let rr_version = fields.required("rr_version").unwrap_or_default();
    if !rr_version.is_empty() && !is_rr_version(&rr_version) {
        fields.wrong(
            "rr_version",
            "must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)",
        );
    }
    let (os, arch) = platform(fields);
    let plugins = plugins(fields, object);
    let replaces = fields.list("replaces", |item| {
        let (new, old) = (item.required("new"), item.required("old"));
        Some(Replace {
            old: old?,
            new: new?,
        })
    });
    let excludes = fields.list("excludes", |item| {
        let (module, version) = (item.required("module"), item.required("version"));
        Some(Exclude {
            module: module?,
            version: version?,
        })
    });
    Request {
        request_id,
        rr_version,
        os,
        arch,
        plugins,
        force_rebuild: fields.flag("force_rebuild"),
        replaces: replaces.unwrap_or_default(),
        excludes: excludes.unwrap_or_default(),
        race: fields.flag("race"),
        debug: fields.flag("debug"),
    }
}

fn plugins(fields: &mut Fields<'_>, object: &Map<String, Value>) -> Vec<Plugin> {
    let plugins = fields.list("plugins", |item| {
        let (module_name, tag) = (item.required("module_name"), item.required("tag"));
        Some(Plugin {
            module_name: module_name?,
            tag: tag?,
        })
    });
    let absent = object
        .get("plugins")
        .is_none_or(|value| value.is_null() || value.as_array().is_some_and(Vec::is_empty));
    if absent {
        fields.missing("plugins");
    }
    plugins.unwrap_or_default()
}

/// Target system and processor; each is this host's where the caller names none.
fn platform(fields: &mut Fields<'_>) -> (String, String) {
    let mut os = host_os().to_owned();
    let mut arch = host_arch().to_owned();
    let Some(object) = fields.object("target_platform") else {
        return (os, arch);
    };
    let mut wrong = Vec::new();
    {
        let place = Place::In("target_platform");
        let mut platform = Fields::new(object, place, &mut wrong);
        for (name, place) in [("os", &mut os), ("arch", &mut arch)] {
            let Some(given) = platform.text(name) else {
                continue;
            };
            if given.is_empty() {
                platform.wrong(
                    name,
                    "must not be empty; leave it out to build for this host",
                );
            } else if given.chars().any(char::is_whitespace) {
                platform.wrong(
                    name,
                    "must not contain whitespace; Go's names are such as linux and amd64",
                );
            } else {
                *place = given;
            }
        }
    }
    fields.extend(wrong);
    (os, arch)
}

#[cfg(test)]
mod tests;
