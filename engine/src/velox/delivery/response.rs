//! The response of PHP to a request for a binary. The settings decide how the binary gets to the client; headers that a
//! client can send never do, unless the settings say that the front server overwrites them. Decides without waiting for
//! a build, on PHP's thread.

use std::{borrow::Cow, fs::File};

use serde_json::json;

use super::{
    ErrorResponse, Header, Ticket, accel, hit_headers,
    preconditions::Selection,
    range::Range,
    ticket::{Disposition, PATH_PREFIX},
    validators,
};
use crate::{
    Error, Result,
    artifacts::Artifact,
    config::{DeliveryMethod, DeliverySettings, DeliveryUrl},
    host::{clock, secret::Secret},
    metrics::delivery as metrics,
    velox::{builds::Velox, protocol::request::BuildRequest},
};

/// Seconds after which a client asks again for a build in progress.
const RETRY_AFTER: u32 = 5;

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

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// None, or one that the front server adds.
    Empty,
    /// JSON.
    Text(String),
    /// A part of a file, which PHP sends.
    File {
        /// Opened for reading.
        file: File,
        /// The first byte.
        start: u64,
        /// How many.
        len: u64,
    },
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status of HTTP.
    pub status: u16,
    /// Its headers; each name occurs once.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// Its body.
    pub body: Body,
}

impl Response {
    fn new(status: u16, headers: Vec<Header>, body: Body) -> Self {
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        Self {
            status,
            headers,
            body,
        }
    }

    /// The response for an error.
    #[must_use]
    pub fn error(error: &Error, request_id: &str) -> Self {
        metrics::RESPONSES.inc_for(&["error"]);
        let response = ErrorResponse::of(error, request_id);
        let mut headers = json_headers(request_id);
        if let Some(seconds) = response.retry_after {
            headers.push(("Retry-After", seconds.to_string()));
        }
        let body = Body::Text(response.body.to_string());
        Self::new(response.status, headers, body)
    }

    /// Removes the body, as the response to a HEAD request has none.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body = Body::Empty;
        self
    }
}

fn json_headers(request_id: &str) -> Vec<Header> {
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Cache-Control", "no-store".to_owned()),
    ];
    if !request_id.is_empty() {
        headers.push(("X-Build-Request-ID", request_id.to_owned()));
    }
    headers
}

/// The method for one response.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Method {
    Accel,
    /// With the name of the header.
    Sendfile(Cow<'static, str>),
    Ticket,
    Stream,
}

/// The state that responses are made from.
pub struct Delivery<'a> {
    /// The settings.
    pub settings: &'a DeliverySettings,
    /// Builds, and their cache.
    pub velox: &'a Velox,
    /// Stores the request behind a ticket.
    pub store: &'a dyn Fn(&BuildRequest) -> Result<()>,
    /// Returns the host's secret.
    pub secret: &'a dyn Fn() -> Result<Secret>,
    /// Starts a build that no client waits for.
    pub build: &'a dyn Fn(BuildRequest) -> Result<()>,
}

impl Delivery<'_> {
    /// Answers a request for a binary.
    ///
    /// # Errors
    /// A setting is missing; or the build has failed a moment ago.
    pub fn respond(&self, request: &BuildRequest, client: &Client<'_>) -> Result<Response> {
        let method = self.method(client);
        if let Some(artifact) = self.cached(request, &method) {
            return self.hit(request, &artifact, &method, client);
        }
        self.miss(request, &method, client)
    }

    fn method(&self, client: &Client<'_>) -> Method {
        match self.settings.method {
            DeliveryMethod::Accel => Method::Accel,
            DeliveryMethod::Sendfile => Method::Sendfile("X-Sendfile".into()),
            DeliveryMethod::Ticket => Method::Ticket,
            DeliveryMethod::Stream => Method::Stream,
            DeliveryMethod::Auto => {
                let trusted = self.settings.trusts_headers;
                let named = trusted
                    .then(|| (client.header)("X-Sendfile-Type"))
                    .flatten();
                match named.as_deref().map(str::trim) {
                    Some(name) if name.eq_ignore_ascii_case("x-accel-redirect") => Method::Accel,
                    Some(name) if is_header_name(name) => Method::Sendfile(name.to_owned().into()),
                    _ if !self.settings.accel_map.is_empty() => Method::Accel,
                    _ if self.settings.url.is_some() => Method::Ticket,
                    _ => Method::Stream,
                }
            }
        }
    }

    fn cached(&self, request: &BuildRequest, method: &Method) -> Option<Artifact> {
        let waits_for_build = *method == Method::Stream || self.settings.url.is_none();
        let is_done = request.force_rebuild
            && waits_for_build
            && self
                .velox
                .status(&request.request_id)
                .is_some_and(|status| status.get("state") == Some(&json!("done")));
        if !is_done {
            return self.velox.lookup_cached(request);
        }
        // The client asks again for the build that its first request has started.
        let mut request = request.clone();
        request.force_rebuild = false;
        self.velox.lookup_cached(&request)
    }

    fn hit(
        &self,
        request: &BuildRequest,
        artifact: &Artifact,
        method: &Method,
        client: &Client<'_>,
    ) -> Result<Response> {
        let path = self.velox.path_of(artifact);
        let mut headers = hit_headers(
            &artifact.record,
            &request.config(),
            &request.request_id,
            Disposition::Attachment,
            clock::unix_ms(),
        );
        match method {
            Method::Accel => {
                if let Some(uri) = accel::uri(&path, &self.accel_map(client)) {
                    metrics::RESPONSES.inc_for(&["accel"]);
                    headers.push(("X-Accel-Redirect", uri));
                    return Ok(Response::new(200, headers, Body::Empty));
                }
                match &self.settings.url {
                    Some(_) => self.to_server(request, method, true),
                    None => self.stream(artifact, headers, client),
                }
            }
            Method::Sendfile(name) => {
                if client.front == Front::Server || is_plain_get(client) {
                    let Some(path) = path.to_str().filter(|path| is_sendable(path)) else {
                        return self.stream(artifact, headers, client);
                    };
                    metrics::RESPONSES.inc_for(&["sendfile"]);
                    if client.front == Front::RoadRunner {
                        headers.push(("Content-Length", artifact.record.size.to_string()));
                    }
                    let mut response = Response::new(200, headers, Body::Empty);
                    response.headers.push((name.clone(), path.to_owned()));
                    return Ok(response);
                }
                match &self.settings.url {
                    Some(_) if client.method != "HEAD" => self.to_server(request, method, true),
                    _ => self.stream(artifact, headers, client),
                }
            }
            Method::Ticket => self.to_server(request, method, true),
            Method::Stream => self.stream(artifact, headers, client),
        }
    }

    fn miss(
        &self,
        request: &BuildRequest,
        method: &Method,
        client: &Client<'_>,
    ) -> Result<Response> {
        if *method != Method::Stream && (self.settings.url.is_some() || *method == Method::Ticket) {
            return self.to_server(request, method, false);
        }
        if let Some(error) = self.velox.recent_failure(request) {
            return Err(error);
        }
        let id = &request.request_id;
        (self.build)(request.clone())?;
        metrics::RESPONSES.inc_for(&["building"]);
        let status = self.velox.status(id);
        let elapsed = status
            .as_ref()
            .and_then(|status| status.get("elapsed")?.as_f64());
        let mut headers = json_headers(id);
        headers.push(("Retry-After", RETRY_AFTER.to_string()));
        if let Some(uri) = client.uri.as_ref().filter(|uri| is_own_uri(uri)) {
            headers.push(("Location", uri.clone()));
        }
        let body = json!({
            "status": "building",
            "request_id": id,
            "elapsed": elapsed.unwrap_or_default(),
        });
        Ok(Response::new(202, headers, Body::Text(body.to_string())))
    }

    /// Hands the client over to the delivery server. The request of a cached binary need not be stored.
    fn to_server(
        &self,
        request: &BuildRequest,
        method: &Method,
        is_cached: bool,
    ) -> Result<Response> {
        let Some(url) = &self.settings.url else {
            return Err(Error::Config(
                "delivery_url is not set; set it to the address of pillion serve".into(),
            ));
        };
        match (self.store)(request) {
            // The server finds a cached binary by the ticket alone.
            Err(error) if is_cached => {
                log::warn!(request_id = request.request_id.as_str(), error:%; "request not stored");
            }
            stored => stored?,
        }
        let ticket = Ticket::issue(request, clock::unix_ms(), self.settings.ticket_lifetime);
        let target = url.join(&format!("{PATH_PREFIX}{}", ticket.sign(&(self.secret)()?)));
        if *method == Method::Accel && matches!(url, DeliveryUrl::Path(_)) {
            metrics::RESPONSES.inc_for(&["accel"]);
            // The server's own headers follow; the same here would be there twice. PHP's default type has a character
            // set, which nginx would keep.
            let headers = vec![
                ("Content-Type", "application/octet-stream".into()),
                ("X-Accel-Redirect", target),
            ];
            return Ok(Response::new(200, headers, Body::Empty));
        }
        metrics::RESPONSES.inc_for(&["ticket"]);
        let headers = vec![
            ("Location", target),
            ("Cache-Control", "no-store".into()),
            ("X-Build-Request-ID", request.request_id.clone()),
        ];
        Ok(Response::new(303, headers, Body::Empty))
    }

    /// Sends the file by PHP.
    fn stream(
        &self,
        artifact: &Artifact,
        mut headers: Vec<Header>,
        client: &Client<'_>,
    ) -> Result<Response> {
        let size = artifact.record.size;
        let Some(file) = self.velox.open(artifact)? else {
            return Err(Error::State("the binary was removed meanwhile".into()));
        };
        let is_read = matches!(&*client.method, "GET" | "HEAD");
        let selection = match is_read {
            true => {
                let is_get = client.method == "GET";
                validators(&artifact.record).select(client.header, size, is_get)
            }
            false => Selection::Bytes(Range::Whole),
        };
        if client.can_slice && is_read {
            headers.push(("Accept-Ranges", "bytes".into()));
        }
        let range = match selection {
            Selection::NotModified => {
                return Ok(Response::new(304, headers, Body::Empty));
            }
            Selection::Failed => return Ok(Response::new(412, headers, Body::Empty)),
            Selection::Bytes(Range::Unsatisfiable) if client.can_slice => {
                headers.push(("Content-Range", format!("bytes */{size}")));
                return Ok(Response::new(416, headers, Body::Empty));
            }
            Selection::Bytes(range) if client.can_slice => range,
            Selection::Bytes(_) => Range::Whole,
        };
        let status = match range {
            Range::Part { first, last } => {
                headers.push(("Content-Range", format!("bytes {first}-{last}/{size}")));
                206
            }
            _ => 200,
        };
        let (start, len) = range.span(size);
        headers.push(("Content-Length", len.to_string()));
        metrics::RESPONSES.inc_for(&["stream"]);
        let body = Body::File { file, start, len };
        Ok(Response::new(status, headers, body))
    }

    fn accel_map(&self, client: &Client<'_>) -> Cow<'_, [accel::Mapping]> {
        let header = match self.settings.trusts_headers {
            true => (client.header)("X-Accel-Mapping"),
            false => None,
        };
        match header.as_deref().map(accel::parse_header) {
            Some(map) if !map.is_empty() => map.into(),
            _ => self.settings.accel_map.as_slice().into(),
        }
    }
}

/// Whether RoadRunner's plugin `send` answers the request rightly.
fn is_plain_get(client: &Client<'_>) -> bool {
    const CONDITIONS: [&str; 6] = [
        "Range",
        "If-Range",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "If-Unmodified-Since",
    ];
    client.method == "GET"
        && CONDITIONS
            .iter()
            .all(|name| (client.header)(name).is_none())
}

/// Whether a path can be the value of a header that names a file; RoadRunner refuses any path with two dots.
fn is_sendable(path: &str) -> bool {
    path.starts_with('/') && !path.contains("..") && !path.chars().any(char::is_control)
}

fn is_header_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    // Another header would have an effect of its own on the client.
    name.len() <= 64
        && name
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
        && name.bytes().all(is_letter)
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
