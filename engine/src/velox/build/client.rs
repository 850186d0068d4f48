//! The client of the build server: Connect's JSON over HTTP/1.1 (connectrpc.com/docs/protocol). Created at the first
//! build, because its certificates and its resolver cost memory. Runs on the runtime.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use serde::Deserialize;

use super::{
    backoff::retry_after,
    body,
    error::{AttemptError, RetryReason},
    response::{self, PathAnswer},
};
use crate::velox::protocol::{BUILD_PATH, request::BuildRequest};
use crate::{
    Error, Result,
    config::VeloxSettings,
    descriptors,
    dns::Dns,
    http_client::{ServerAnswer, cause, chain, install_crypto},
    secret::{Secret, ServerUrl},
    tls,
};

/// The limit of a JSON answer.
const MAX_JSON: u64 = 16 << 20;
/// The limit of a progress answer.
const MAX_PROGRESS: u64 = 64 << 10;
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Detects an unreachable server within a minute, however long a build takes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The client of one server.
#[derive(Debug)]
pub(in crate::velox) struct Client {
    http: reqwest::Client,
    base: String,
    address: ServerUrl,
    token: Option<Secret>,
    idle_timeout: Duration,
    has_progress: AtomicBool,
}

/// The answer to a finished build.
#[derive(Debug)]
pub(in crate::velox) enum Reply {
    /// The binary is a file of the server.
    Path(PathAnswer),
    /// The binary is the body.
    Body(Response),
}

/// The progress that a Pillion server reports.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(in crate::velox) struct ServerProgress {
    /// The last lines of the build's log.
    pub(in crate::velox) lines: Vec<String>,
}

impl Client {
    /// Creates a client. Reads `ca_file`.
    pub(in crate::velox) fn new(settings: &VeloxSettings) -> Result<Self> {
        let Some(address) = settings.server_url.clone() else {
            return Err(Error::Config(
                "velox.server_url is not set; set it to the URL of a Velox build server, such as http://127.0.0.1:9000".into(),
            ));
        };
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pillion/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            // Dropping a call closes its connection, which cancels the build at the server.
            .http1_only()
            // Under CGI, HTTP_PROXY may be a request header; a build server is on the local network anyway.
            .no_proxy()
            .dns_resolver(Dns::system())
            .connect_timeout(settings.request_timeout)
            .tcp_keepalive(KEEPALIVE_INTERVAL)
            .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
            .tcp_keepalive_retries(3)
            .pool_max_idle_per_host(2);
        // A server with an http URL needs no certificates.
        let ca_file = settings.ca_file.as_deref();
        let ca_file = ca_file.filter(|_| address.as_url().scheme() == "https");
        builder = tls::trusting(
            builder,
            "velox.ca_file",
            ca_file,
            &settings.system_certificates,
        )?;
        let http = builder.build().map_err(|error| {
            Error::Config(format!("velox.server_url {address}: {}", chain(&error)))
        })?;
        Ok(Self {
            http,
            base: address.as_url().as_str().trim_end_matches('/').to_owned(),
            token: settings.auth_token.clone(),
            idle_timeout: settings.request_timeout,
            address,
            has_progress: AtomicBool::new(true),
        })
    }

    /// Returns the server's address without secrets, for messages.
    pub(in crate::velox) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Sends a build request without version and plugins, which each Velox server refuses as invalid, and no other one.
    pub(in crate::velox) async fn probe(&self) -> Result<ServerAnswer, String> {
        let request = self.post_build("{}".to_owned()).timeout(self.idle_timeout);
        let sent = request.send().await;
        let response = sent.map_err(|error| cause(&error.without_url()))?;
        let answer = ServerAnswer::of(&response);
        let status = response.status();
        let location = response.headers().get(LOCATION);
        let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = body::read_to_end(response, self.idle_timeout, MAX_JSON).await;
        let body = body.map_err(|error| error.message())?;
        let address = self.address();
        if status.is_success() {
            return Err(format!(
                "the server at {address} is not a Velox server, velox.server_url is probably wrong: it accepts an invalid build request with {status}"
            ));
        }
        match response::classify(&address, status.as_u16(), location.as_deref(), &body) {
            AttemptError::Permanent(Error::InvalidRequest(_)) => Ok(answer),
            error => Err(error.message()),
        }
    }

    /// Returns the longest accepted time without data during a transfer.
    pub(in crate::velox) fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// Asks for a build and waits for its end, without a timeout of its own. Dropping the call closes the connection,
    /// which cancels the build at the server.
    pub(in crate::velox) async fn request_build(
        &self,
        request: &BuildRequest,
        force: bool,
    ) -> Result<Reply, AttemptError> {
        descriptors::reserve_stdio();
        let response = self
            .post_build(request.to_wire(force).to_string())
            .send()
            .await
            .map_err(|error| self.connection_error(error))?;
        let status = response.status();
        let header = |name| {
            let value = response.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let location = header(LOCATION);
        let pause = header(RETRY_AFTER).and_then(|value| retry_after(&value, SystemTime::now()));
        if status == StatusCode::OK && !response::is_json(&content_type) {
            return Ok(Reply::Body(response));
        }
        let body = body::read_to_end(response, self.idle_timeout, MAX_JSON).await?;
        if status == StatusCode::OK {
            return response::parse_path(&body).map(Reply::Path);
        }
        let address = self.address();
        Err(
            response::classify(&address, status.as_u16(), location.as_deref(), &body)
                .with_pause(pause),
        )
    }

    fn post_build(&self, json: String) -> reqwest::RequestBuilder {
        let url = format!("{}{BUILD_PATH}", self.base);
        let post = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, application/octet-stream")
            .header("Connect-Protocol-Version", "1")
            .body(json);
        match &self.token {
            Some(token) => post.bearer_auth(token.expose()),
            None => post,
        }
    }

    fn connection_error(&self, error: reqwest::Error) -> AttemptError {
        let error = error.without_url();
        let address = &self.address;
        let reason = cause(&error);
        if let Some(reason) = rejected_certificate(&error) {
            return AttemptError::remote(format!(
                "velox server at {address} has a certificate that is not trusted ({reason}); velox.ca_file may name the authority that signed it"
            ));
        }
        if error.is_builder() {
            return AttemptError::Permanent(Error::Config(format!(
                "velox.server_url {address}: {reason}"
            )));
        }
        if error.is_connect() {
            let message = format!("velox server at {address} can't be reached: {reason}");
            return AttemptError::Transient(RetryReason::Connect, Error::Remote(message));
        }
        let message = format!("the connection to the velox server at {address} broke: {reason}");
        AttemptError::Transient(RetryReason::Download, Error::Remote(message))
    }

    /// Returns the progress of a build, or `None` if the server reports none.
    pub(in crate::velox) async fn progress(&self, request_id: &str) -> Option<ServerProgress> {
        if !self.has_progress.load(Ordering::Relaxed) {
            return None;
        }
        let mut get = self
            .http
            .get(format!("{}/builds/{request_id}", self.base))
            .header(ACCEPT, "application/json")
            .timeout(PROGRESS_TIMEOUT);
        if let Some(token) = &self.token {
            get = get.bearer_auth(token.expose());
        }
        let response = get.send().await.ok()?;
        let status = response.status();
        let json = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.to_str().is_ok_and(response::is_json));
        if status == StatusCode::NOT_FOUND && !json {
            // The Velox server's answer to every unknown path.
            self.has_progress.store(false, Ordering::Relaxed);
        }
        if status != StatusCode::OK || !json {
            return None;
        }
        let body = body::read_to_end(response, PROGRESS_TIMEOUT, MAX_PROGRESS).await;
        serde_json::from_slice(&body.ok()?).ok()
    }

    /// Returns whether the server may report progress.
    pub(in crate::velox) fn has_progress(&self) -> bool {
        self.has_progress.load(Ordering::Relaxed)
    }
}

/// Returns the reason if a certificate was rejected.
fn rejected_certificate(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(error @ rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return Some(error.to_string());
        }
        // An I/O error returns its inner error's source as its own, and hides the inner one itself.
        let inner = cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}
