//! Velox's messages in Protocol Buffers' binary form, and the status that carries an error's details in
//! gRPC. Sources: Velox's `api/*.proto`, `google/rpc/status.proto`. Pure data, any thread.

use prost::Message;

use crate::build::{
    rpc::protocol::{self, Code, Refusal},
    validate::violation,
};

#[derive(Clone, PartialEq, Message)]
struct BuildRequest {
    #[prost(string, tag = "1")]
    request_id: String,
    #[prost(string, tag = "2")]
    rr_version: String,
    #[prost(bool, tag = "3")]
    force_rebuild: bool,
    #[prost(message, optional, tag = "4")]
    target_platform: Option<Pair>,
    #[prost(message, repeated, tag = "5")]
    plugins: Vec<Pair>,
    #[prost(message, repeated, tag = "6")]
    replaces: Vec<Pair>,
    #[prost(message, repeated, tag = "7")]
    excludes: Vec<Pair>,
    #[prost(bool, tag = "8")]
    race: bool,
    #[prost(bool, tag = "9")]
    debug: bool,
}

/// `Platform` (os, arch), `Plugin` (module_name, tag), `Replace` (new, old), `Exclude` (module, version).
#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    first: String,
    #[prost(string, tag = "2")]
    second: String,
}

#[derive(Clone, PartialEq, Message)]
struct BuildResponse {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(string, tag = "2")]
    logs: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
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

/// Decodes a request.
///
/// # Errors
/// `invalid_argument`.
pub(in crate::build) fn request(body: &[u8]) -> Result<protocol::BuildRequest, Refusal> {
    let decoded = BuildRequest::decode(body).map_err(|error| {
        let why = format!("unmarshal message: unmarshal into *requestV1.BuildRequest: {error}");
        Refusal::new(Code::InvalidArgument, why)
    })?;
    let platform = decoded.target_platform.unwrap_or_default();
    let plugins = decoded.plugins.into_iter().map(|pair| protocol::Plugin {
        module_name: pair.first,
        tag: pair.second,
    });
    let replaces = decoded.replaces.into_iter().map(|pair| protocol::Replace {
        new: pair.first,
        old: pair.second,
    });
    let excludes = decoded.excludes.into_iter().map(|pair| protocol::Exclude {
        module: pair.first,
        version: pair.second,
    });
    Ok(protocol::BuildRequest {
        request_id: decoded.request_id,
        rr_version: decoded.rr_version,
        force_rebuild: decoded.force_rebuild,
        target_platform: protocol::Platform {
            os: platform.first,
            arch: platform.second,
        },
        plugins: plugins.collect(),
        replaces: replaces.collect(),
        excludes: excludes.collect(),
        race: decoded.race,
        debug: decoded.debug,
    })
}

/// Encodes an answer.
pub(in crate::build) fn answer(answer: protocol::BuildAnswer) -> Vec<u8> {
    BuildResponse {
        path: answer.path,
        logs: answer.logs,
    }
    .encode_to_vec()
}

/// Encodes an error with its details.
pub(in crate::build) fn status(refusal: &Refusal) -> Vec<u8> {
    let violations = Any {
        type_url: format!("type.googleapis.com/{}", violation::TYPE),
        value: violation::bytes(&refusal.violations),
    };
    let details = if refusal.violations.is_empty() {
        Vec::new()
    } else {
        vec![violations]
    };
    Status {
        code: refusal.code.number().into(),
        message: refusal.message.clone(),
        details,
    }
    .encode_to_vec()
}
