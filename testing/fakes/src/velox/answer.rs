//! Answers to a valid build request: the build itself, the answers of a proxy in front of the server, and those of a
//! server that is not a Velox server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::files::FileFault;

/// Compression of a body of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gzip {
    /// None.
    #[default]
    No,
    /// The body is a gzip file without a header for it.
    Body,
    /// The body is gzip, with `Content-Encoding`.
    Encoding,
}

/// The answer to a valid request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A regular build, with an optional fault of its file.
    Build {
        /// The fault of the file.
        #[serde(default)]
        file: FileFault,
        /// Its size in bytes; by default the server's size. At least 128.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// The answer's `logs`; "v3" omits them for a fresh build.
        #[serde(default)]
        logs: String,
        /// Number of bytes of generated compiler output after `logs`.
        #[serde(default)]
        logs_bytes: u64,
    },
    /// A literal path without a file. An empty one makes the answer `{}`.
    Path {
        /// The `path` of the answer.
        path: String,
    },
    /// The binary itself as the body.
    Bytes {
        /// Its size in bytes; by default the server's size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// Its compression.
        #[serde(default)]
        gzip: Gzip,
        /// Send only that many bytes of the compressed body, and end it regularly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<u64>,
        /// `application/octet-stream` by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// A small gzip body that uncompresses to the head of a binary followed by that many zeros.
    Bomb {
        /// Uncompressed size in bytes.
        size: u64,
    },
    /// A binary's body without an end.
    Endless,
    /// 409, as if the same build were in flight.
    Busy,
    /// An error in the protocol's form.
    Error {
        /// The HTTP status.
        #[serde(default = "internal_status")]
        status: u16,
        /// The protocol's code, such as `internal` or `unavailable`.
        #[serde(default = "internal_code")]
        code: String,
        /// The message.
        message: String,
    },
    /// A literal response, such as one of a proxy in front of the server.
    Raw {
        /// The HTTP status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// No answer: the build runs until the client closes the connection.
    Hang,
}

fn internal_status() -> u16 {
    500
}

fn internal_code() -> String {
    "internal".to_owned()
}

impl Default for Answer {
    fn default() -> Self {
        Self::Build {
            file: FileFault::None,
            size: None,
            logs: String::new(),
            logs_bytes: 0,
        }
    }
}

impl Answer {
    /// A build with a fault of its file.
    pub fn file(fault: FileFault) -> Self {
        Self::Build {
            file: fault,
            size: None,
            logs: String::new(),
            logs_bytes: 0,
        }
    }

    /// The real server's error for all failures inside a build: 500 `internal`.
    pub fn failure(message: &str) -> Self {
        Self::Error {
            status: 500,
            code: internal_code(),
            message: message.to_owned(),
        }
    }

    /// A proxy's answer while the server behind it is down: HTML, without the protocol.
    pub fn proxy_error(status: u16) -> Self {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "text/html".to_owned())]);
        Self::Raw {
            status,
            headers,
            body: format!("<html><body><h1>{status}</h1></body></html>\n"),
        }
    }

    /// A redirect (302) to another address.
    pub fn redirect(location: &str) -> Self {
        let headers = BTreeMap::from([("Location".to_owned(), location.to_owned())]);
        Self::Raw {
            status: 302,
            headers,
            body: String::new(),
        }
    }

    /// 200 with that text as its JSON, valid or not.
    pub fn json(body: &str) -> Self {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
        Self::Raw {
            status: 200,
            headers,
            body: body.to_owned(),
        }
    }

    /// Whether the server itself handles the request; otherwise a proxy answers it, and it counts as no build.
    pub(super) fn is_a_build(&self) -> bool {
        !matches!(self, Self::Busy | Self::Raw { .. })
    }
}
