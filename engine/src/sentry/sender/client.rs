//! The HTTP client: posts an envelope and classifies the response (develop.sentry.dev: transport, offline-caching).
//! All requests of the process share its connections; a server that closes an idle one (Relay does after 5 s) costs a
//! new connection and no envelope. On the runtime.

use std::time::{Duration, Instant};

use reqwest::{
    Proxy, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};

use super::compress::Compressor;
use crate::{
    Error, Result,
    config::{Dsn, SentrySettings},
    descriptors,
    dns::Dns,
    host::clock,
    http_client::{ServerAnswer, cause, chain, install_crypto, probe},
    sentry::protocol::rate_limit::{self, RateLimit},
    tls,
};

/// Below the 5 s of Relay, so that a connection that is about to be closed is rarely used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Limit on the body of a response. It is read so that its connection can be used again.
const MAX_RESPONSE_BODY: usize = 16 << 10;

const AUTH: HeaderName = HeaderName::from_static("x-sentry-auth");
const ENVELOPE: HeaderValue = HeaderValue::from_static("application/x-sentry-envelope");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The client name in `X-Sentry-Auth` and `User-Agent`.
pub(super) const NAME: &str = concat!("pillion/", env!("CARGO_PKG_VERSION"));

/// The outcome of a request, by the reaction to it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Sentry accepted the envelope.
    Delivered,
    /// Status 429. Sentry has processed the items that are not limited.
    RateLimited,
    /// Sentry rejected the envelope and would reject it again: status and body.
    Rejected(u16, String),
    /// It did not reach Sentry: no address, no connection, no TLS, or a response of a proxy on the way.
    Unreachable(String),
    /// The connection broke or timed out: Sentry may have received it.
    Unanswered(String),
}

/// The response to a request, or the error in its place.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) limits: Vec<RateLimit>,
    /// Bytes on the wire.
    pub(super) bytes: u64,
    pub(super) took: Duration,
}

/// Where the envelopes of a project are posted to, and by what right; parsed once.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: Url,
    /// `X-Sentry-Auth`; masked in `Debug`.
    auth: HeaderValue,
}

impl Endpoint {
    /// Returns `None` if the DSN is no address, or its key no header.
    pub(super) fn of(dsn: &Dsn) -> Option<Self> {
        let mut auth = HeaderValue::from_str(&dsn.auth(NAME)).ok()?;
        auth.set_sensitive(true);
        let url = Url::parse(dsn.endpoint()).ok()?;
        Some(Self { url, auth })
    }
}

/// The HTTP client of the process. Clones share connections and the compressor.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    compressor: Compressor,
    server_errors: bool,
}

impl Client {
    /// Asks for the address of a DSN's envelopes, and sends none.
    pub(super) async fn probe(
        &self,
        endpoint: &str,
        timeout: Duration,
    ) -> Result<ServerAnswer, String> {
        probe(self.http.get(endpoint), timeout).await
    }

    /// Creates the client. Reads `sentry.transport.ca_file`.
    pub(super) fn new(settings: &SentrySettings) -> Result<Self> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(NAME)
            .redirect(Policy::none())
            // As the SDKs write them: some front servers and log filters know no other case.
            .http1_title_case_headers()
            // Under CGI, HTTP_PROXY may be a request header: only the setting counts.
            .no_proxy()
            .dns_resolver(Dns::system())
            .timeout(settings.timeout)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(settings.workers);
        builder = match settings.ssl_verify {
            true => {
                let ca_file = settings.ca_file.as_deref();
                tls::trusting(
                    builder,
                    "sentry.transport.ca_file",
                    ca_file,
                    &settings.system_certificates,
                )?
            }
            false => builder.tls_danger_accept_invalid_certs(true),
        };
        if let Some(url) = &settings.proxy {
            let mut proxy = Proxy::all(url.as_url().clone()).map_err(|_| {
                Error::Config(format!(
                    "sentry.transport.proxy: unsupported proxy URL {url}"
                ))
            })?;
            if let Some(auth) = &settings.proxy_auth {
                let (user, password) = auth.expose().split_once(':').ok_or_else(|| {
                    Error::Config(
                        "sentry.transport.proxy_auth: found no colon; expected user:password"
                            .into(),
                    )
                })?;
                proxy = proxy.basic_auth(user, password);
            }
            builder = builder.proxy(proxy);
        }
        let http = builder
            .build()
            .map_err(|error| Error::Config(format!("sentry.transport: {}", chain(&error))))?;
        let level = settings.compression.then_some(settings.compression_level);
        Ok(Self {
            http,
            compressor: Compressor::new(level),
            server_errors: settings.server_errors,
        })
    }

    /// Posts an envelope.
    pub(super) async fn post(&self, endpoint: &Endpoint, envelope: Vec<u8>) -> Response {
        let (body, is_gzip) = self.compressor.gzip(envelope).await;
        let begun = Instant::now();
        let bytes = body.len() as u64;
        let mut post = self
            .http
            .post(endpoint.url.clone())
            .header(CONTENT_TYPE, ENVELOPE)
            .header(AUTH, endpoint.auth.clone())
            .body(body);
        if is_gzip {
            post = post.header(CONTENT_ENCODING, GZIP);
        }
        descriptors::reserve_stdio();
        let (outcome, status, limits) = match post.send().await {
            Err(error) => {
                let is_unreachable = error.is_connect();
                let why = cause(&error.without_url());
                let outcome = match is_unreachable {
                    true => Outcome::Unreachable(why),
                    false => Outcome::Unanswered(why),
                };
                (outcome, None, Vec::new())
            }
            Ok(mut response) => {
                let status = response.status().as_u16();
                let limits = limits_in(status, response.headers());
                let is_json = is_json(response.headers());
                let mut text = Vec::new();
                while text.len() < MAX_RESPONSE_BODY
                    && let Ok(Some(part)) = response.chunk().await
                {
                    text.extend_from_slice(&part);
                }
                (self.outcome(status, is_json, &text), Some(status), limits)
            }
        };
        Response {
            outcome,
            status,
            limits,
            bytes,
            took: begun.elapsed(),
        }
    }

    /// Classifies a status. `is_json`: a response of Sentry itself always is.
    fn outcome(&self, status: u16, is_json: bool, body: &[u8]) -> Outcome {
        match status {
            200..=299 => Outcome::Delivered,
            429 => Outcome::RateLimited,
            // Sentry never answers 407: it comes from the proxy.
            407 => Outcome::Unreachable("the proxy requires authentication (407)".into()),
            502..=504 if !is_json => Outcome::Unreachable(format!("a proxy answered {status}")),
            502..=504 if self.server_errors => Outcome::Unreachable(format!("answered {status}")),
            _ => {
                let text = String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or(body));
                Outcome::Rejected(status, text.chars().filter(|c| !c.is_control()).collect())
            }
        }
    }

    /// Frees the memory of the compressor.
    pub(super) fn free_buffers(&self) {
        self.compressor.free_buffers();
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn limits_in(status: u16, headers: &HeaderMap) -> Vec<RateLimit> {
    let all: Vec<&str> = headers
        .get_all("x-sentry-rate-limits")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    rate_limit::from_response(status, &all, after, clock::unix_ms() / 1000)
}
