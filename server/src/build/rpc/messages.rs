//! The messages of a call: decodes a request, encodes a response or an error, in Protocol Buffers or in Connect's JSON.
//! Sources: Velox's `api/*.proto`, `google/rpc/status.proto`. Pure data, any thread.

use pillion_engine::velox::BuildRequest;
use prost::Message;
use serde::Serialize;

use super::error::{ErrorCode, RpcError};
use crate::build::validate::violation::Violations;

/// `logs` of a response from the cache, as the Velox server words it.
pub(in crate::build) const CACHED_LOGS: &str =
    "cached output, logs are available only on the first build";

/// Decodes a request in JSON.
///
/// # Errors
/// `invalid_argument`.
pub(in crate::build) fn request_from_json(body: &[u8]) -> Result<BuildRequest, RpcError> {
    // serde would take an array for a struct, protojson does not.
    if matches!(body.trim_ascii_start().first(), Some(byte) if *byte != b'{') {
        return Err(undecodable("expected a JSON object"));
    }
    serde_json::from_slice(body).map_err(undecodable)
}

/// Decodes a request in Protocol Buffers.
///
/// # Errors
/// `invalid_argument`.
pub(in crate::build) fn request_from_proto(body: &[u8]) -> Result<BuildRequest, RpcError> {
    BuildRequest::decode(body).map_err(undecodable)
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
