//! A build request and its two encodings: JSON by `serde`, which accepts both spellings of a field's name, takes `null`
//! as absent and skips unknown fields, as protojson does; Protocol Buffers by `prost`. The client writes one, made by
//! [`BuildRequest::from_json`]; the build server reads one. Source: Velox's `api/request/v1/request.proto`. Pure data.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// `api.request.v1.BuildRequest`. The fields that only newer servers accept are written only if they are set.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildRequest {
    /// A UUID in its dashed form.
    #[prost(string, tag = "1")]
    #[serde(alias = "requestId", deserialize_with = "nullable")]
    pub request_id: String,
    /// Build again although an artifact exists.
    #[prost(bool, tag = "3")]
    #[serde(alias = "forceRebuild", deserialize_with = "nullable")]
    pub force_rebuild: bool,
    /// The target.
    #[prost(message, required, tag = "4")]
    #[serde(alias = "targetPlatform", deserialize_with = "nullable")]
    pub target_platform: Platform,
    /// A release (`v2025.1.2`), `master`, or a commit.
    #[prost(string, tag = "2")]
    #[serde(alias = "rrVersion", deserialize_with = "nullable")]
    pub rr_version: String,
    /// At least one, in the caller's order.
    #[prost(message, repeated, tag = "5")]
    #[serde(deserialize_with = "nullable")]
    pub plugins: Vec<Plugin>,
    /// `replace` directives for go.mod.
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Replace>,
    /// `exclude` directives for go.mod.
    #[prost(message, repeated, tag = "7")]
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<Exclude>,
    /// Build with Go's race detector.
    #[prost(bool, tag = "8")]
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub race: bool,
    /// Build with debug information and without optimisation.
    #[prost(bool, tag = "9")]
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub debug: bool,
}

/// A target by Go's names; an empty part means the build server's own.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// Operating system, a `GOOS` value.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub os: String,
    /// Processor, a `GOARCH` value.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub arch: String,
}

/// A plugin to include.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Plugin {
    /// Go module path.
    #[prost(string, tag = "1")]
    #[serde(alias = "moduleName", deserialize_with = "nullable")]
    pub module_name: String,
    /// Release, branch or commit.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub tag: String,
}

impl fmt::Display for Plugin {
    /// As Go writes a module with its version: `github.com/roadrunner-server/http/v5@v5.2.7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.module_name, self.tag)
    }
}

/// A `replace` directive: `old => new`.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Replace {
    /// `module@version`, or a directory of the build server.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub new: String,
    /// `module` or `module@version`.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub old: String,
}

/// An `exclude` directive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Exclude {
    /// Go module path.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub module: String,
    /// Its version.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub version: String,
}

impl BuildRequest {
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
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
