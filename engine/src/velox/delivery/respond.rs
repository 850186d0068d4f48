//! PHP's response to a request for a binary. The settings decide how the binary gets to the client; headers that a
//! client can send never do, unless the settings say that the front server overwrites them. Decides without waiting for
//! a build, on PHP's thread.

use std::borrow::Cow;

use serde_json::json;

use super::{
    Disposition, PATH_PREFIX, Ticket, accel,
    client::{Client, Front},
    hit_headers,
    response::{Body, Response, json_headers},
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
    /// Whether a delivery server serves at the moment. Some system calls.
    pub is_served: &'a dyn Fn() -> bool,
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
        let waits_for_build = || *method == Method::Stream || !self.has_server();
        let is_done = request.force_rebuild
            && waits_for_build()
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
                    // nginx compares entity tags before it has the one of this response.
                    if client.has(artifact) {
                        return Ok(Response::new(304, headers, Body::Empty));
                    }
                    headers.push(("X-Accel-Redirect", uri));
                    return Ok(Response::new(200, headers, Body::Empty));
                }
                match self.has_server() {
                    true => self.to_server(request, method, true),
                    false => self.stream(artifact, headers, client),
                }
            }
            Method::Sendfile(name) => {
                if client.front == Front::Server || client.is_plain_get() {
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
                match client.method != "HEAD" && self.has_server() {
                    true => self.to_server(request, method, true),
                    false => self.stream(artifact, headers, client),
                }
            }
            Method::Ticket if self.settings.url.is_none() || self.has_server() => {
                self.to_server(request, method, true)
            }
            Method::Ticket | Method::Stream => self.stream(artifact, headers, client),
        }
    }

    fn miss(
        &self,
        request: &BuildRequest,
        method: &Method,
        client: &Client<'_>,
    ) -> Result<Response> {
        if let Some(error) = self.velox.recent_failure(request) {
            return Err(error);
        }
        let is_ticket = *method == Method::Ticket;
        if is_ticket && self.settings.url.is_none()
            || *method != Method::Stream && self.has_server()
        {
            return self.to_server(request, method, false);
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
        if let Some(uri) = client.own_uri() {
            headers.push(("Location", uri.to_owned()));
        }
        let body = json!({
            "status": "building",
            "request_id": id,
            "elapsed": (elapsed.unwrap_or_default() * 1000.0).round() / 1000.0,
        });
        Ok(Response::new(202, headers, Body::Text(body.to_string())))
    }

    /// Whether clients can be handed over: without a standing server PHP does what it can itself.
    fn has_server(&self) -> bool {
        self.settings.url.is_some() && (self.is_served)()
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
