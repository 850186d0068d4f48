//! The messages of Velox's one call as Connect's JSON carries them: the request with its leniencies
//! (both spellings of a name, `null` as absent, unknown fields skipped), the answer, and the error
//! with the HTTP status that belongs to its code. Sources: Velox's `api/*.proto` and connectrpc.com,
//! "Protocol reference". Pure data, any thread.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::build::validate::violation::{self, Violation};

/// The path of the one call.
pub const BUILD_PATH: &str = "/api.service.v1.BuildService/Build";

/// What an answer from the store says in place of logs, as the real server words it.
pub(in crate::build) const CACHED: &str =
    "cached output, logs are available only on the first build";

/// `api.request.v1.BuildRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in crate::build) struct BuildRequest {
    #[serde(alias = "requestId", deserialize_with = "nullable")]
    pub(in crate::build) request_id: String,
    #[serde(alias = "rrVersion", deserialize_with = "nullable")]
    pub(in crate::build) rr_version: String,
    #[serde(alias = "forceRebuild", deserialize_with = "nullable")]
    pub(in crate::build) force_rebuild: bool,
    #[serde(alias = "targetPlatform", deserialize_with = "nullable")]
    pub(in crate::build) target_platform: Platform,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) plugins: Vec<Plugin>,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) replaces: Vec<Replace>,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) excludes: Vec<Exclude>,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) race: bool,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) debug: bool,
}

/// A target in Go's words; what is empty means the server's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Platform {
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) os: String,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) arch: String,
}

/// A plugin's module and the version, branch or commit that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Plugin {
    #[serde(alias = "moduleName", deserialize_with = "nullable")]
    pub(in crate::build) module_name: String,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) tag: String,
}

/// One `replace` line of the module: `module[@version]` by `module@version` or a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Replace {
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) new: String,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) old: String,
}

/// One `exclude` line of the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::build) struct Exclude {
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) module: String,
    #[serde(deserialize_with = "nullable")]
    pub(in crate::build) version: String,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

impl BuildRequest {
    /// Decodes a body.
    ///
    /// # Errors
    /// `invalid_argument`, worded as the real server does where a JSON parser can know it.
    pub(in crate::build) fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |why: String| {
            Err(Refusal::new(
                Code::InvalidArgument,
                format!("unmarshal message: {why}"),
            ))
        };
        if body.is_empty() {
            return refuse("zero-length payload is not a valid JSON object".into());
        }
        let why = match (
            serde_json::from_slice(body),
            body.trim_ascii_start().first(),
        ) {
            (Ok(request), Some(b'{')) => return Ok(request),
            // serde takes a list for a struct, protojson does not.
            (Ok(_), other) => format!(
                "unexpected token {}",
                char::from(other.copied().unwrap_or(b' '))
            ),
            (Err(error), _) if error.is_eof() => "unexpected EOF".into(),
            (Err(error), _) => {
                let place = format!(" at line {} column {}", error.line(), error.column());
                let text = error.to_string().replace(&place, "");
                let syntax = if error.is_syntax() {
                    "syntax error "
                } else {
                    ""
                };
                format!("{syntax}(line {}:{}): {text}", error.line(), error.column())
            }
        };
        refuse(format!(
            "unmarshal into *requestV1.BuildRequest: proto: {why}"
        ))
    }
}

/// `api.response.v1.BuildResponse`; protojson leaves empty fields out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::build) struct BuildAnswer {
    /// Absolute path of the binary on this machine.
    pub(in crate::build) path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::build) logs: String,
}

/// Connect's error codes, those that occur here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) enum Code {
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

impl Code {
    /// The code's name and the HTTP status that Connect gives it.
    pub(in crate::build) const fn parts(self) -> (&'static str, u16) {
        match self {
            Self::InvalidArgument => ("invalid_argument", 400),
            Self::Unauthenticated => ("unauthenticated", 401),
            Self::NotFound => ("not_found", 404),
            Self::AlreadyExists => ("already_exists", 409),
            Self::ResourceExhausted => ("resource_exhausted", 429),
            Self::Canceled => ("canceled", 499),
            Self::Internal => ("internal", 500),
            Self::Unimplemented => ("unimplemented", 501),
            Self::Unavailable => ("unavailable", 503),
            Self::DeadlineExceeded => ("deadline_exceeded", 504),
        }
    }
}

impl Code {
    /// The code's number in gRPC.
    pub(in crate::build) const fn number(self) -> u8 {
        match self {
            Self::Canceled => 1,
            Self::InvalidArgument => 3,
            Self::DeadlineExceeded => 4,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::ResourceExhausted => 8,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }
}

/// An error as the client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::build) struct Refusal {
    pub(in crate::build) code: Code,
    pub(in crate::build) message: String,
    pub(in crate::build) violations: Vec<Violation>,
}

impl Refusal {
    /// An error without details.
    pub(in crate::build) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            violations: Vec::new(),
        }
    }

    /// What went wrong on this machine, or in the build.
    pub(in crate::build) fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// All that is wrong with a request, in protovalidate's words.
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
            code: Code::InvalidArgument,
            message,
            violations,
        }
    }

    /// The body, byte for byte as Go's encoder writes it.
    pub(in crate::build) fn body(&self) -> String {
        let (code, _) = self.code.parts();
        let mut value = json!({"code": code, "message": self.message});
        if !self.violations.is_empty()
            && let Some(fields) = value.as_object_mut()
        {
            fields.insert("details".into(), violation::details(&self.violations));
        }
        escaped_as_go_does(&value.to_string()).into_owned()
    }
}

/// Go's JSON encoder escapes what could end a script element; outside of strings these characters
/// do not occur in JSON.
fn escaped_as_go_does(json: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    if !json.contains(special) {
        return Cow::Borrowed(json);
    }
    let escape = |c: char| {
        if special(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    Cow::Owned(json.chars().map(escape).collect())
}

#[cfg(test)]
mod tests;
