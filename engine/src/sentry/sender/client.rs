//! One envelope over the wire, and what its answer means (develop.sentry.dev: transport,
//! offline-caching). Connections are kept and shared by all requests of the process; a server that
//! closes an idle one (relay does after 5 s) costs a new connection and no envelope. On the runtime.

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

/// Below relay's 5 s, so that a connection which is about to be closed is rarely taken.
const IDLE: Duration = Duration::from_secs(4);
/// As much of an answer's body is read, so that its connection can be used again.
const MOST_BODY: usize = 16 << 10;
/// Larger bodies are compressed on a thread that may take its time.
const LARGE: usize = 256 << 10;

/// What we are called in `X-Sentry-Auth` and `User-Agent`.
pub(in crate::sentry) const NAME: &str = concat!("pillion/", env!("CARGO_PKG_VERSION"));

/// What became of an envelope.
#[derive(Debug)]
pub(in crate::sentry) enum Outcome {
    /// Sentry has it.
    Delivered,
    /// Sentry wants silence. What it wanted to keep it has kept.
    Limited,
    /// Sentry refuses it, and would again.
    Refused(u16, String),
    /// It never got there: no name, no connection, no TLS, or the answer of a proxy on the way.
    Unreachable(String),
    /// Nobody knows whether it arrived.
    Trouble(String),
}

/// An answer.
#[derive(Debug)]
pub(in crate::sentry) struct Response {
    pub(in crate::sentry) outcome: Outcome,
    pub(in crate::sentry) status: Option<u16>,
    pub(in crate::sentry) limits: Vec<RateLimit>,
    /// Bytes on the wire.
    pub(in crate::sentry) bytes: u64,
    pub(in crate::sentry) took: Duration,
}

/// How to reach Sentry.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Client {
    http: reqwest::Client,
    compression: Option<Compression>,
    /// What was compressed with last: making one anew takes longer than compressing an event.
    deflate: Arc<Mutex<Option<Compress>>>,
    server_errors: bool,
}

impl Client {
    /// Makes a client. Reads the file of certificates.
    pub(in crate::sentry) fn new(settings: &SentrySettings) -> Result<Self> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(NAME)
            .redirect(Policy::none())
            // As the SDKs write them; some front servers and their logs know no other case.
            .http1_title_case_headers()
            // Under CGI, HTTP_PROXY may be a header of the visitor's: only the setting counts.
            .no_proxy()
            .dns_resolver(Dns::of_system())
            .timeout(settings.timeout)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE)
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
                Error::Config(format!("sentry.transport.proxy: {url} is of no use"))
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
    pub(in crate::sentry) async fn post(
        &self,
        endpoint: &str,
        auth: &str,
        envelope: Vec<u8>,
    ) -> Response {
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
        descriptors::hold_standard();
        let (outcome, status, limits) = match post.send().await {
            Err(error) => {
                let never_left = error.is_connect();
                let why = chain(&error.without_url());
                let outcome = match never_left {
                    true => Outcome::Unreachable(why),
                    false => Outcome::Trouble(why),
                };
                (outcome, None, Vec::new())
            }
            Ok(mut response) => {
                let status = response.status().as_u16();
                let limits = limits_in(status, response.headers());
                let is_json = is_json(response.headers());
                let mut text = Vec::new();
                while text.len() < MOST_BODY
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

    /// `is_json`: as all that Sentry itself answers is.
    fn outcome(&self, status: u16, is_json: bool, body: &[u8]) -> Outcome {
        match status {
            200..=299 => Outcome::Delivered,
            429 => Outcome::Limited,
            // The proxy's word and not Sentry's.
            407 => Outcome::Unreachable("the proxy wants other credentials (407)".into()),
            502..=504 if !is_json => Outcome::Unreachable(format!("a proxy answered {status}")),
            502..=504 if self.server_errors => Outcome::Unreachable(format!("answered {status}")),
            _ => {
                let text = String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or(body));
                Outcome::Refused(status, text.chars().filter(|c| !c.is_control()).collect())
            }
        }
    }

    /// Gives back the memory that is kept for the next envelope.
    pub(in crate::sentry) fn rest(&self) {
        self.kept().take();
    }

    fn kept(&self) -> MutexGuard<'_, Option<Compress>> {
        self.deflate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn compress(&self, envelope: Vec<u8>) -> (Vec<u8>, bool) {
        let Some(level) = self.compression else {
            return (envelope, false);
        };
        if envelope.len() < LARGE {
            let mut kept = self.kept();
            let deflate = kept.get_or_insert_with(|| Compress::new(level, false));
            return packed(deflate, envelope);
        }
        let envelope = Arc::new(envelope);
        let shared = Arc::clone(&envelope);
        let packing = blocking(move || gzip(&mut Compress::new(level, false), &shared));
        match packing.await {
            Ok(Some(packed)) => (packed, true),
            // As it is: there is no thread.
            _ => (Arc::unwrap_or_clone(envelope), false),
        }
    }
}

/// What goes over the wire, and whether it is gzip.
fn packed(deflate: &mut Compress, envelope: Vec<u8>) -> (Vec<u8>, bool) {
    match gzip(deflate, &envelope) {
        Some(packed) => (packed, true),
        None => (envelope, false),
    }
}

/// A member of gzip (RFC 1952): a head that tells neither name nor time, what was compressed, its checksum and
/// its length.
fn gzip(deflate: &mut Compress, envelope: &[u8]) -> Option<Vec<u8>> {
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut out = Vec::with_capacity(envelope.len() / 2 + 64);
    out.extend_from_slice(&HEAD);
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
    fn one_compressor_serves_envelopes_of_any_size_one_after_the_other() {
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
                let packed = gzip(&mut deflate, &envelope).unwrap();
                let mut again = Vec::new();
                GzDecoder::new(packed.as_slice())
                    .read_to_end(&mut again)
                    .unwrap();
                assert_eq!(again, envelope, "{length} bytes");
            }
        }
    }
}
