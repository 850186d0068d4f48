//! Velox's messages in both encodings: Protocol Buffers by `prost`, Connect's JSON by `serde`, which accepts both
//! spellings of a field name, takes `null` as absent and skips unknown fields, as protojson does. Sources: Velox's
//! `api/*.proto`, `google/rpc/status.proto`. Pure data, any thread.

use prost::Message;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::{ErrorCode, RpcError};
use crate::build::validate::violation::Violations;

/// `logs` of a response from the cache, as the Velox server words it.
pub(in crate::build) const CACHED_LOGS: &str =
    "cached output, logs are available only on the first build";

/// `api.request.v1.BuildRequest`.
#[derive(Clone, PartialEq, Eq, Message, Deserialize)]
#[serde(default)]
pub(in crate::build) struct BuildRequest {
    #[prost(string, tag = "1")]
    #[serde(alias = "requestId", deserialize_with = "nullable")]
    pub(in crate::build) request_id: String,
    #[prost(string, tag = "2")]
    #[serde(alias = "rrVersion", deserialize_with = "nullable")]
    pub(in crate::build) rr_version: String,
    #[prost(bool, tag = "3")]
    #[serde(alias = "forceRebuild", deserialize_with = "nullable")]
    pub(in crate::build) force_rebuild: bool,
    #[prost(message, optional, tag = "4")]
    #[serde(alias = "targetPlatform")]
    pub(in crate::build) target_platform: Option<Platform>,
    #[prost(message, repeated, tag = "5")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) plugins: Vec<Plugin>,
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) replaces: Vec<Replace>,
    #[prost(message, repeated, tag = "7")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) excludes: Vec<Exclude>,
    #[prost(bool, tag = "8")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) race: bool,
    #[prost(bool, tag = "9")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) debug: bool,
}

/// A target in Go's words; an empty part means the server's own.
#[derive(Clone, PartialEq, Eq, Message, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Platform {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) os: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) arch: String,
}

/// A plugin's module with the requested version, branch or commit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Plugin {
    #[prost(string, tag = "1")]
    #[serde(alias = "moduleName", deserialize_with = "nullable")]
    pub(in crate::build) module_name: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) tag: String,
}

/// One `replace` line of the module: `module[@version]` by `module@version` or a directory.
#[derive(Clone, PartialEq, Eq, Message, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Replace {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) new: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) old: String,
}

/// One `exclude` line of the module.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Exclude {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) module: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) version: String,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

impl BuildRequest {
    /// Decodes JSON.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(in crate::build) fn from_json(body: &[u8]) -> Result<Self, RpcError> {
        // serde would take an array for a struct, protojson does not.
        if matches!(body.trim_ascii_start().first(), Some(byte) if *byte != b'{') {
            return Err(undecodable("expected a JSON object"));
        }
        serde_json::from_slice(body).map_err(undecodable)
    }

    /// Decodes Protocol Buffers.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(in crate::build) fn from_proto(body: &[u8]) -> Result<Self, RpcError> {
        Self::decode(body).map_err(undecodable)
    }
}

fn undecodable(error: impl std::fmt::Display) -> RpcError {
    RpcError::new(
        ErrorCode::InvalidArgument,
        format!("unmarshal message: {error}"),
    )
}

/// `api.response.v1.BuildResponse`; protojson leaves out empty fields.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub(in crate::build) struct BuildResponse {
    /// Absolute path of the binary on this machine.
    #[prost(string, tag = "1")]
    pub(in crate::build) path: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::build) logs: String,
}

/// `google.rpc.Status`, by which gRPC carries the details of an error.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

impl Status {
    /// The status of an error.
    pub(super) fn of(error: &RpcError) -> Self {
        let details = error.violations_proto().map(|value| Any {
            type_url: format!("type.googleapis.com/{}", Violations::TYPE_NAME),
            value,
        });
        Self {
            code: error.code.grpc_number().into(),
            message: error.message.clone(),
            details: details.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
