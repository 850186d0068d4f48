//! What can be answered to a valid build request, from the build itself to whatever a proxy in front of the server, or
//! a server that is not what it seems, might send.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::files::FileFault;

/// How a body of bytes is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gzip {
    /// Not at all.
    #[default]
    No,
    /// The body is a gzip file; no header says so.
    Body,
    /// The body is gzip, and `Content-Encoding` says so.
    Encoding,
}

/// What is answered to a valid request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A build as always, with a file that may be at fault.
    Build {
        /// What is wrong with the file.
        #[serde(default)]
        file: FileFault,
        /// Its size in bytes; the server's own where absent. At least 128.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// The answer's `logs`; "v3" leaves them out of a fresh build.
        #[serde(default)]
        logs: String,
        /// That many bytes of made-up compiler output after `logs`.
        #[serde(default)]
        logs_bytes: u64,
    },
    /// A path as it stands, and no file. An empty one makes the answer `{}`.
    Path {
        /// The `path` of the answer.
        path: String,
    },
    /// The binary itself as the body.
    Bytes {
        /// Its size in bytes; the server's own where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// How it is packed.
        #[serde(default)]
        gzip: Gzip,
        /// Send only so many bytes of the packed body, and end it properly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<u64>,
        /// `application/octet-stream` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// A small gzip body that unpacks to the head of a binary and, after it, so many zeros.
    Bomb {
        /// Unpacked size in bytes.
        size: u64,
    },
    /// A binary's body that never ends.
    Endless,
    /// 409, as if the same build were in flight.
    Busy,
    /// An error in the protocol's own form.
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
    /// Anything, as a proxy in front of the server might answer it.
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
    /// Nothing, ever: the build runs until the client leaves.
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
    /// A build whose file has that fault.
    pub fn file(fault: FileFault) -> Self {
        Self::Build {
            file: fault,
            size: None,
            logs: String::new(),
            logs_bytes: 0,
        }
    }

    /// The error that the real server gives for everything that goes wrong inside a build: 500 `internal`.
    pub fn failure(message: &str) -> Self {
        Self::Error {
            status: 500,
            code: internal_code(),
            message: message.to_owned(),
        }
    }

    /// What a proxy answers when the server behind it is away: HTML, and none of the protocol.
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

    /// Whether the server itself works on it; if not, the request ends in front of it and counts as no build.
    pub(super) fn is_a_build(&self) -> bool {
        !matches!(self, Self::Busy | Self::Raw { .. })
    }
}
