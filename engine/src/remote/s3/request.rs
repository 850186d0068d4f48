//! Requests to the storage: signed, repeated where it does not answer, each wait with a limit. Runs on the runtime.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use tokio::time::{sleep, timeout};

use super::{
    Address, OWN_LIFETIME, S3Store,
    sign::{Unsigned, presign},
};
use crate::{
    Error, Result,
    backoff::{self, Jitter},
    http_client::cause,
};

/// Attempts of a request that the storage does not answer, or answers with 5xx or 429.
pub(super) const MAX_ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);
const MAX_ERROR: usize = 4 << 10;
/// Time until the next bytes of a listing or an error.
const TEXT_TIMEOUT: Duration = Duration::from_secs(30);

impl S3Store {
    /// Sends a request without a body; again where the storage does not answer.
    pub(super) async fn request(
        &self,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Result<Response> {
        let verb = Method::from_bytes(method.as_bytes())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let mut jitter = Jitter::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let url = self.url(&self.own, method, key, query, headers, OWN_LIFETIME);
            let mut request = self.http.request(verb.clone(), url);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let sent = timeout(self.timeout, request.send()).await;
            match sent {
                Ok(Ok(response)) if attempt == MAX_ATTEMPTS || !is_transient(response.status()) => {
                    return Ok(response);
                }
                Ok(Err(error)) if attempt == MAX_ATTEMPTS => return Err(unanswered(error)),
                Err(_) if attempt == MAX_ATTEMPTS => return Err(silent(self.timeout)),
                _ => pause(&mut jitter, attempt).await,
            }
        }
    }

    pub(super) fn url(
        &self,
        address: &Address,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        lifetime: Duration,
    ) -> String {
        let request = Unsigned {
            method,
            scheme: &address.scheme,
            host: &address.host,
            path: &format!("{}/{key}", address.base),
            query,
            headers,
            lifetime,
        };
        let now = SystemTime::now();
        presign(
            self.provider,
            &self.credentials,
            &self.region,
            now,
            &request,
        )
    }
}

pub(super) fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

pub(super) async fn pause(jitter: &mut Jitter, attempt: u32) {
    let ceiling = backoff::ceiling(FIRST_PAUSE, 2.0, MAX_PAUSE, attempt.saturating_sub(1));
    sleep(jitter.equal(ceiling)).await;
}

/// The next bytes of a body; `None` at their end.
///
/// # Errors
/// The connection breaks, or the storage sends nothing for that time.
pub(super) async fn chunk(response: &mut Response, limit: Duration) -> Result<Option<Bytes>> {
    match timeout(limit, response.chunk()).await {
        Ok(chunk) => chunk.map_err(unanswered),
        Err(_) => Err(silent(limit)),
    }
}

/// The failure of a storage that does nothing for that time.
pub(super) fn silent(limit: Duration) -> Error {
    let seconds = limit.as_secs_f64();
    Error::Remote(format!(
        "the object storage has not answered for {seconds:.0} s"
    ))
}

/// The URL of an own request is a secret.
pub(super) fn unanswered(error: reqwest::Error) -> Error {
    let cause = cause(&error.without_url());
    Error::Remote(format!("the object storage can't be reached: {cause}"))
}

pub(super) async fn refused(mut response: Response, doing: &str) -> Error {
    let status = response.status().as_u16();
    let text = read_text(&mut response, MAX_ERROR)
        .await
        .unwrap_or_default();
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or("without a code", |(code, _)| code);
    Error::Remote(format!(
        "the object storage answered {doing} with {status} ({code})"
    ))
}

pub(super) async fn read_text(response: &mut Response, max: usize) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunk(response, TEXT_TIMEOUT).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > max {
            return Err(Error::Remote(
                "the object storage's answer is too long".into(),
            ));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
