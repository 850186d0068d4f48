//! Reads a build request from JSON. Reports all violations at once, before any I/O. Accepts the same input as the
//! Velox server: names in both spellings, unknown fields ignored, `null` as absent (protobuf's JSON mapping; the
//! rules of Velox's `request.proto`).

use serde_json::{Map, Value};

use super::{
    grammar::{is_rr_version, is_uuid},
    json_fields::{Fields, JsonPath, type_name},
    request::{BuildRequest, Exclude, Platform, Plugin, Replace},
};
use crate::{Error, Result, error::Violation, uuid};

/// The limit of all texts of a request together. RoadRunner's forty plugins have four thousand bytes; the
/// configuration that an artifact records must stay far below the limit of an entry on disk.
pub(super) const MAX_TEXT_LEN: usize = 256 << 10;

impl BuildRequest {
    /// Validates and completes a request. The request id defaults to a new UUID, the platform to this host's.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] with all violations, or [`Error::Internal`] if the system has no random
    /// numbers.
    pub fn from_json(value: &Value) -> Result<Self> {
        let mut request = Self::without_id(value)?;
        if request.request_id.is_empty() {
            request.request_id = uuid::v4()?.to_string();
        }
        Ok(request)
    }

    /// As [`BuildRequest::from_json`], for a request that is not sent: without an id, its id is empty.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] with all violations.
    pub fn without_id(value: &Value) -> Result<Self> {
        let Some(object) = value.as_object() else {
            return Err(Error::InvalidRequest(vec![Violation {
                field: "request".into(),
                message: format!(
                    "must be an object with rr_version and plugins, not {}",
                    type_name(value)
                ),
            }]));
        };
        let mut violations = Vec::new();
        let request = read(
            &mut Fields::new(object, JsonPath::Root, &mut violations),
            object,
        );
        if !violations.is_empty() {
            return Err(Error::InvalidRequest(violations));
        }
        let length = request.text_len();
        if length > MAX_TEXT_LEN {
            return Err(Error::InvalidRequest(vec![Violation {
                field: "request".into(),
                message: format!(
                    "its texts must be at most {MAX_TEXT_LEN} bytes long in all, and are {length}"
                ),
            }]));
        }
        Ok(request)
    }

    /// Returns the bytes of all texts in its lists.
    fn text_len(&self) -> usize {
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
}

fn read(fields: &mut Fields<'_>, object: &Map<String, Value>) -> BuildRequest {
    let request_id = fields.text("request_id").unwrap_or_default();
    if !request_id.is_empty() && !is_uuid(&request_id) {
        fields.add_violation(
            "request_id",
            "must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made",
        );
    }
    let rr_version = fields.required("rr_version").unwrap_or_default();
    if !rr_version.is_empty() && !is_rr_version(&rr_version) {
        fields.add_violation(
            "rr_version",
            "must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)",
        );
    }
    let target_platform = platform(fields);
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
    BuildRequest {
        request_id,
        rr_version,
        target_platform,
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
        fields.add_missing("plugins");
    }
    plugins.unwrap_or_default()
}

/// Reads the target system and processor; each defaults to this host's.
fn platform(fields: &mut Fields<'_>) -> Platform {
    let mut target = Platform::host();
    let Some(mut platform) = fields.object("target_platform") else {
        return target;
    };
    for (name, part) in [("os", &mut target.os), ("arch", &mut target.arch)] {
        let Some(given) = platform.text(name) else {
            continue;
        };
        if given.is_empty() {
            platform.add_violation(
                name,
                "must not be empty; leave it out to build for this host",
            );
        } else if given.chars().any(char::is_whitespace) {
            platform.add_violation(
                name,
                "must not contain whitespace; Go's names are such as linux and amd64",
            );
        } else {
            *part = given;
        }
    }
    target
}

#[cfg(test)]
mod tests;
