//! The Connect protocol for one unary call with JSON: refusals before the call, errors and answers. A request that the
//! server must refuse gets an answer that a real Velox server ("v3") gave for the same fault.

use serde::Deserialize;
use serde_json::json;

use super::message::BuildRequest;
use crate::http::{Request, Response};

/// The one procedure of the server.
pub const BUILD: &str = "/api.service.v1.BuildService/Build";

const JSON: &str = "application/json";

/// A recorded answer of a real Velox server to a request that it refused.
#[derive(Debug, Clone, Deserialize)]
pub struct Refusal {
    /// The fault of the request.
    pub name: String,
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: String,
}

/// All recorded refusals.
///
/// # Panics
/// The file of them is not JSON.
#[allow(clippy::expect_used, reason = "the file is part of the sources")]
pub fn refusals() -> Vec<Refusal> {
    serde_json::from_str(include_str!("../../data/refusals.json")).expect("a list of refusals")
}

/// Decodes a request, or refuses it.
pub(super) fn accept(request: &Request) -> Result<BuildRequest, Response> {
    if request.method != "POST" {
        return Err(Response::new(405, "").with("Allow", "POST"));
    }
    if request.header("content-type") != Some(JSON) {
        return Err(Response::new(415, "").with("Accept-Post", JSON));
    }
    let decoded: BuildRequest =
        serde_json::from_slice(&request.body).map_err(|_| refuse("body {"))?;
    match decoded.refusal() {
        Some(fault) => Err(refuse(fault)),
        None => Ok(decoded),
    }
}

fn refuse(fault: &str) -> Response {
    let recorded = refusals().into_iter().find(|one| one.name == fault);
    let (status, body) = recorded.map_or((500, String::new()), |one| (one.status, one.body));
    with_headers(Response::new(status, body))
}

/// An error in the protocol's form.
pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"code": code, "message": message});
    with_headers(Response::new(status, body.to_string()))
}

/// A `BuildResponse`; empty fields are omitted.
pub(super) fn answer(path: &str, logs: &str) -> Response {
    let mut body = json!({"path": path, "logs": logs});
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| value != "");
    }
    with_headers(Response::new(200, body.to_string()))
}

fn with_headers(response: Response) -> Response {
    response
        .with("Accept-Encoding", "gzip")
        .with("Content-Type", JSON)
}
