//! Speaks with the build server: Connect's JSON over HTTP/1.1 (connectrpc.com/docs/protocol). Made at
//! the first build, because its certificates and its resolver cost memory; runs on the runtime.

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
    body,
    error::{Reason, Trouble},
    response::{self, PathAnswer},
    retry::retry_after,
};
use crate::velox::protocol::request::Request;
use crate::{
    Error, Result,
    config::{Secret, ServerUrl, VeloxSettings},
    descriptors,
    dns::Dns,
    http_client::{chain, install_crypto},
    tls,
};

/// The largest JSON answer.
const MOST_JSON: u64 = 16 << 20;
/// The largest progress answer.
const MOST_PROGRESS: u64 = 64 << 10;
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// A server that has vanished from the network is noticed after a minute, however long a build takes.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A server and how to reach it.
#[derive(Debug)]
pub(in crate::velox) struct Client {
    http: reqwest::Client,
    base: String,
    place: ServerUrl,
    token: Option<Secret>,
    silence: Duration,
    tells_progress: AtomicBool,
}

/// A finished build.
#[derive(Debug)]
pub(in crate::velox) enum Reply {
    /// Its binary is a file of the server.
    Path(PathAnswer),
    /// Its binary is the body.
    Body(Response),
}

/// What a server of ours tells of a build.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(in crate::velox) struct ServerProgress {
    /// The server's own word: `queued`, `building`.
    pub(in crate::velox) state: String,
    /// The last lines of the build's log.
    pub(in crate::velox) lines: Vec<String>,
}

impl Client {
    /// Makes a client. Reads `ca_file`.
    pub(in crate::velox) fn new(settings: &VeloxSettings) -> Result<Self> {
        let Some(place) = settings.server_url.clone() else {
            return Err(Error::Config(
                "velox.server_url is not set: it has to name the build server, such as http://127.0.0.1:9000".into(),
            ));
        };
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pillion/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            // A call that is dropped closes its connection, by which the server knows.
            .http1_only()
            // Under CGI, HTTP_PROXY may be a header of the visitor's; a build server is nearby anyway.
            .no_proxy()
            .dns_resolver(Dns::of_system())
            .connect_timeout(settings.request_timeout)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_keepalive_retries(3)
            .pool_max_idle_per_host(2);
        // A server that is reached by http needs no certificates.
        let ca_file = settings.ca_file.as_deref();
        let ca_file = ca_file.filter(|_| place.as_url().scheme() == "https");
        builder = tls::trusting(
            builder,
            "velox.ca_file",
            ca_file,
            &settings.system_certificates,
        )?;
        let http = builder.build().map_err(|error| {
            Error::Config(format!("velox.server_url {place}: {}", chain(&error)))
        })?;
        Ok(Self {
            http,
            base: place.as_url().as_str().trim_end_matches('/').to_owned(),
            token: settings.auth_token.clone(),
            silence: settings.request_timeout,
            place,
            tells_progress: AtomicBool::new(true),
        })
    }

    /// The server's address without secrets, for messages.
    pub(in crate::velox) fn place(&self) -> String {
        self.place.to_string()
    }

    /// The longest silence while something is on its way.
    pub(in crate::velox) fn silence(&self) -> Duration {
        self.silence
    }

    /// Asks for a build and waits for its end, for as long as the caller lets it. A dropped call closes
    /// the connection, by which the server knows that nobody wants the build any more.
    pub(in crate::velox) async fn ask(
        &self,
        request: &Request,
        force: bool,
    ) -> Result<Reply, Trouble> {
        let url = format!("{}/api.service.v1.BuildService/Build", self.base);
        let mut post = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, application/octet-stream")
            .header("Connect-Protocol-Version", "1")
            .body(request.to_wire(force).to_string());
        if let Some(token) = &self.token {
            post = post.bearer_auth(token.expose());
        }
        descriptors::hold_standard();
        let response = post.send().await.map_err(|error| self.unreachable(error))?;
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
        let body = body::text(response, self.silence, MOST_JSON).await?;
        if status == StatusCode::OK {
            return response::path(&body).map(Reply::Path);
        }
        let place = self.place();
        Err(response::failure(&place, status.as_u16(), location.as_deref(), &body).after(pause))
    }

    fn unreachable(&self, error: reqwest::Error) -> Trouble {
        let error = error.without_url();
        let place = &self.place;
        let why = chain(&error);
        if let Some(why) = refused_certificate(&error) {
            return Trouble::remote(format!(
                "velox server at {place} shows a certificate that is not trusted ({why}); velox.ca_file may name the authority that signed it"
            ));
        }
        if error.is_builder() {
            return Trouble::Final(Error::Config(format!("velox.server_url {place}: {why}")));
        }
        if error.is_connect() {
            let message = format!("velox server at {place} can't be reached: {why}");
            return Trouble::Passing(Reason::Connect, Error::Remote(message));
        }
        let message = format!("the connection to the velox server at {place} broke: {why}");
        Trouble::Passing(Reason::Download, Error::Remote(message))
    }

    /// How far a build is, if the server is ours. `None`: nothing is known now.
    pub(in crate::velox) async fn progress(&self, request_id: &str) -> Option<ServerProgress> {
        if !self.tells_progress.load(Ordering::Relaxed) {
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
            // The real server's answer to every path that it does not know.
            self.tells_progress.store(false, Ordering::Relaxed);
        }
        if status != StatusCode::OK || !json {
            return None;
        }
        let body = body::text(response, PROGRESS_TIMEOUT, MOST_PROGRESS).await;
        serde_json::from_slice(&body.ok()?).ok()
    }

    /// Whether asking for progress makes sense.
    pub(in crate::velox) fn tells_progress(&self) -> bool {
        self.tells_progress.load(Ordering::Relaxed)
    }
}

/// Why a certificate was refused, if that is what happened.
fn refused_certificate(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(error @ rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return Some(error.to_string());
        }
        // An I/O error gives its inner error's source as its own, and hides the inner one itself.
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
