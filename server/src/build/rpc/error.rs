//! The error of a call: Connect's code with its HTTP status and its gRPC number, a message, and the violations of a
//! request. Source: connectrpc.com, "Protocol reference". Pure data, any thread.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message;
use serde_json::json;

use crate::build::validate::violation::{Violation, Violations};

/// Connect's error codes, those that occur here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) enum ErrorCode {
    InvalidArgument,
    Unauthenticated,
    NotFound,
    AlreadyExists,
    ResourceExhausted,
    Canceled,
    Internal,
    Unimplemented,
    Unavailable,
    DeadlineExceeded,
}

impl ErrorCode {
    /// The code's name, its HTTP status in Connect, and its number in gRPC.
    const fn forms(self) -> (&'static str, u16, u8) {
        match self {
            Self::Canceled => ("canceled", 499, 1),
            Self::InvalidArgument => ("invalid_argument", 400, 3),
            Self::DeadlineExceeded => ("deadline_exceeded", 504, 4),
            Self::NotFound => ("not_found", 404, 5),
            Self::AlreadyExists => ("already_exists", 409, 6),
            Self::ResourceExhausted => ("resource_exhausted", 429, 8),
            Self::Unimplemented => ("unimplemented", 501, 12),
            Self::Internal => ("internal", 500, 13),
            Self::Unavailable => ("unavailable", 503, 14),
            Self::Unauthenticated => ("unauthenticated", 401, 16),
        }
    }

    /// The HTTP status in Connect.
    pub(super) const fn http_status(self) -> u16 {
        self.forms().1
    }

    /// The number in gRPC.
    pub(super) const fn grpc_number(self) -> u8 {
        self.forms().2
    }
}

/// An error that a client receives.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::build) struct RpcError {
    pub(in crate::build) code: ErrorCode,
    pub(in crate::build) message: String,
    violations: Violations,
}

impl RpcError {
    /// An error without violations.
    pub(in crate::build) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            violations: Violations::default(),
        }
    }

    /// A fault of this machine, or of the build.
    pub(in crate::build) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// All violations of a request, joined as protovalidate does.
    pub(in crate::build) fn invalid(violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [one] => format!("validation error: {one}"),
            many => many
                .iter()
                .fold("validation errors:".to_owned(), |all, one| {
                    format!("{all}\n - {one}")
                }),
        };
        Self {
            code: ErrorCode::InvalidArgument,
            message,
            violations: Violations { violations },
        }
    }

    /// The violations as `buf.validate.Violations`; `None` if there are none.
    pub(super) fn violations_proto(&self) -> Option<Vec<u8>> {
        let violations = &self.violations;
        (!violations.violations.is_empty()).then(|| violations.encode_to_vec())
    }

    /// The body in Connect.
    pub(in crate::build) fn to_json(&self) -> String {
        let mut body = json!({"code": self.code.forms().0, "message": self.message});
        if let (Some(value), Some(fields)) = (self.violations_proto(), body.as_object_mut()) {
            let value = STANDARD_NO_PAD.encode(value);
            let details = json!([{"type": Violations::TYPE_NAME, "value": value}]);
            fields.insert("details".into(), details);
        }
        body.to_string()
    }
}
