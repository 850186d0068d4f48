//! The client's request to PHP, as far as its response depends on it. Pure; on PHP's thread.

use std::borrow::Cow;

use super::{preconditions::Selection, validators};
use crate::artifacts::Artifact;

/// The next hop of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// A web server, or PHP itself.
    Server,
    /// RoadRunner: its plugin `send` ignores status, ranges and conditions.
    RoadRunner,
}

/// The client's request.
pub struct Client<'a> {
    /// `GET`.
    pub method: Cow<'a, str>,
    /// Returns a header of the request by its name, in any case.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// Path and query of the request, for a client that has to ask again.
    pub uri: Option<String>,
    /// The next on the way to the client.
    pub front: Front,
    /// Whether PHP can send a part of a file.
    pub can_slice: bool,
}

impl Client<'_> {
    /// Whether RoadRunner's plugin `send` answers the request rightly.
    pub(super) fn is_plain_get(&self) -> bool {
        const CONDITIONS: [&str; 6] = [
            "Range",
            "If-Range",
            "If-Match",
            "If-None-Match",
            "If-Modified-Since",
            "If-Unmodified-Since",
        ];
        self.method == "GET" && CONDITIONS.iter().all(|name| (self.header)(name).is_none())
    }

    /// Whether the client has this very binary.
    pub(super) fn has(&self, artifact: &Artifact) -> bool {
        let is_get = self.method == "GET";
        let select =
            || validators(&artifact.record).select(self.header, artifact.record.size, is_get);
        (is_get || self.method == "HEAD") && select() == Selection::NotModified
    }

    /// Path and query, unless a text is the address of another server.
    pub(super) fn own_uri(&self) -> Option<&str> {
        self.uri.as_deref().filter(|uri| is_own_uri(uri))
    }
}

/// Whether a text is a path of this server, and not the address of another one.
fn is_own_uri(uri: &str) -> bool {
    uri.starts_with('/')
        && !uri.starts_with("//")
        && uri.len() <= 2048
        && uri
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}
