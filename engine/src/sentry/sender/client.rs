//! The HTTP client: posts an envelope and classifies the response (develop.sentry.dev: transport, offline-caching).
//! All requests of the process share its connections; a server that closes an idle one (Relay does after 5 s) costs a
//! new connection and no envelope. On the runtime.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use reqwest::{
    Proxy,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};

use crate::sentry::protocol::rate_limit::{self, RateLimit};
use crate::{
    Error, Result,
    config::SentrySettings,
    descriptors,
    dns::Dns,
    host::clock,
    http_client::{chain, install_crypto},
    threads::blocking,
    tls,
};

/// Below the 5 s of Relay, so that a connection that is about to be closed is rarely used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Limit on the body of a response. It is read so that its connection can be used again.
const MAX_RESPONSE_BODY: usize = 16 << 10;
/// Larger bodies are compressed on a blocking thread, because they would hold up the runtime.
const BLOCKING_COMPRESSION_THRESHOLD: usize = 256 << 10;

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

/// The HTTP client of the process. Clones share connections and the compressor.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    compression: Option<Compression>,
    /// The compressor, reused because creating one takes longer than compressing an event.
    deflate: Arc<Mutex<Option<Compress>>>,
    server_errors: bool,
}

impl Client {
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
            .dns_resolver(Dns::of_system())
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
        Ok(Self {
            http,
            compression: settings.compression.map(Compression::new),
            deflate: Arc::default(),
            server_errors: settings.server_errors,
        })
    }

    /// Posts an envelope.
    pub(super) async fn post(&self, endpoint: &str, auth: &str, envelope: Vec<u8>) -> Response {
        let (body, is_gzip) = self.compress(envelope).await;
        let begun = Instant::now();
        let bytes = body.len() as u64;
        let mut post = self
            .http
            .post(endpoint)
            .header(CONTENT_TYPE, "application/x-sentry-envelope")
            .header("X-Sentry-Auth", auth)
            .body(body);
        if is_gzip {
            post = post.header(CONTENT_ENCODING, "gzip");
        }
        descriptors::reserve_stdio();
        let (outcome, status, limits) = match post.send().await {
            Err(error) => {
                let is_unreachable = error.is_connect();
                let why = chain(&error.without_url());
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

    /// Frees the compressor.
    pub(super) fn free_buffers(&self) {
        self.deflate().take();
    }

    fn deflate(&self) -> MutexGuard<'_, Option<Compress>> {
        self.deflate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn compress(&self, envelope: Vec<u8>) -> (Vec<u8>, bool) {
        let Some(level) = self.compression else {
            return (envelope, false);
        };
        if envelope.len() < BLOCKING_COMPRESSION_THRESHOLD {
            let mut deflate = self.deflate();
            let deflate = deflate.get_or_insert_with(|| Compress::new(level, false));
            return gzip_or_plain(deflate, envelope);
        }
        let envelope = Arc::new(envelope);
        let shared = Arc::clone(&envelope);
        let task = blocking(move || gzip(&mut Compress::new(level, false), &shared));
        match task.await {
            Ok(Some(compressed)) => (compressed, true),
            // Uncompressed: there is no thread for it.
            _ => (Arc::unwrap_or_clone(envelope), false),
        }
    }
}

/// Compresses an envelope. Returns it unchanged, and `false`, if that fails.
fn gzip_or_plain(deflate: &mut Compress, envelope: Vec<u8>) -> (Vec<u8>, bool) {
    match gzip(deflate, &envelope) {
        Some(compressed) => (compressed, true),
        None => (envelope, false),
    }
}

/// Writes a gzip member (RFC 1952): a header without name and time, the compressed data, checksum and length.
fn gzip(deflate: &mut Compress, envelope: &[u8]) -> Option<Vec<u8>> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut out = Vec::with_capacity(envelope.len() / 2 + 64);
    out.extend_from_slice(&HEADER);
    deflate.reset();
    loop {
        let rest = envelope.get(usize::try_from(deflate.total_in()).ok()?..)?;
        match deflate.compress_vec(rest, &mut out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => break,
            Ok(_) => out.reserve(envelope.len() / 2 + 64),
            Err(_) => return None,
        }
    }
    let mut sum = Crc::new();
    sum.update(envelope);
    out.extend_from_slice(&sum.sum().to_le_bytes());
    out.extend_from_slice(&sum.amount().to_le_bytes());
    Some(out)
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn compressor_is_reused_for_envelopes_of_any_size() {
        let mut deflate = Compress::new(Compression::new(1), false);
        let noise = |length: usize| {
            let mut state = 88_172_645_463_325_252u64;
            let bytes = std::iter::repeat_with(move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            });
            bytes.take(length).collect::<Vec<u8>>()
        };
        for length in [0, 1, 100, 9_600, 70_000, 300_000] {
            for envelope in [noise(length), vec![b'x'; length]] {
                let compressed = gzip(&mut deflate, &envelope).unwrap();
                let mut decompressed = Vec::new();
                GzDecoder::new(compressed.as_slice())
                    .read_to_end(&mut decompressed)
                    .unwrap();
                assert_eq!(decompressed, envelope, "{length} bytes");
            }
        }
    }
}
