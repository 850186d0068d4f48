//! One request to the gateway, or to a URL that it has handed out: its deadlines, its redirections and its status.
//! The token goes to the gateway's own scheme, host and port only. Runs on the runtime.

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
};
use tokio::time::timeout;

use crate::{
    Error,
    config::duration,
    error::shorten,
    http_client::chain,
    secret::{Secret, ServerUrl},
};

/// Redirections of a download at most.
const MAX_REDIRECTS: u32 = 3;
/// Bytes of an answer that a message shows.
const MAX_TEXT: usize = 200;

/// The reason why a call did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The gateway, or a connection to it, has failed; a second attempt may succeed.
    Transient(Error),
    /// The gateway is of no use to this client at the moment.
    Gateway(Error),
    /// Only this artifact, or a file of this machine, is affected.
    Artifact(Error),
}

/// Sends requests.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    pub(super) address: ServerUrl,
    token: Option<Secret>,
    pub(super) timeout: Duration,
}

impl Http {
    pub(super) fn new(
        client: reqwest::Client,
        address: ServerUrl,
        token: Option<Secret>,
        timeout: Duration,
    ) -> Self {
        Self {
            client,
            address,
            token,
            timeout,
        }
    }

    /// Sends a small JSON body to a path of the gateway.
    pub(super) async fn post(&self, path: &str, json: String) -> Result<Response, Failure> {
        let base = self.address.as_url().as_str().trim_end_matches('/');
        let url = self.parse(&format!("{base}{path}"))?;
        let request = self.request(Method::POST, url);
        let request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(json);
        self.send(request).await
    }

    /// Reads a URL that the gateway has handed out; follows redirections.
    pub(super) async fn get(&self, url: &str) -> Result<Response, Failure> {
        let mut url = self.parse(url)?;
        for _ in 0..MAX_REDIRECTS {
            let response = self.send(self.request(Method::GET, url.clone())).await?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            let target = location(&response).and_then(|target| url.join(target).ok());
            url = target.ok_or_else(|| self.broken("it redirects to no URL"))?;
            if !is_http(&url) {
                return Err(self.broken("it redirects to another scheme than http and https"));
            }
        }
        Err(self.broken("it redirects again and again"))
    }

    /// A PUT to a URL that the gateway has handed out, without headers and body.
    pub(super) fn put(&self, url: &str) -> Result<(RequestBuilder, bool), Failure> {
        let url = self.parse(url)?;
        let is_own = self.is_own(&url);
        Ok((self.request(Method::PUT, url), is_own))
    }

    /// A request; it has the token if it goes to the gateway.
    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let token = self.token.as_ref().filter(|_| self.is_own(&url));
        let mut request = self.client.request(method, url);
        // A token that no header can hold is refused by the gateway, like none.
        let header = token.and_then(|token| {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            value.ok()
        });
        if let Some(mut header) = header {
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        request
    }

    fn is_own(&self, url: &Url) -> bool {
        let own = self.address.as_url();
        own.scheme() == url.scheme()
            && own.host_str() == url.host_str()
            && own.port_or_known_default() == url.port_or_known_default()
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        match timeout(self.timeout, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Reads the body of an answer up to `max` bytes.
    pub(super) async fn read(
        &self,
        mut response: Response,
        max: usize,
    ) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > max {
                return Err(self.broken("its answer is too long"));
            }
        }
        Ok(bytes)
    }

    /// The next bytes of a body.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, Failure> {
        match timeout(self.timeout, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// The failure for an answer with an unexpected status.
    pub(super) async fn refused(&self, doing: &str, response: Response) -> Failure {
        let (status, address) = (response.status(), &self.address);
        if is_redirect(status) {
            let target = location(&response).and_then(|target| Url::parse(target).ok());
            let target = target.map_or_else(
                || "elsewhere".to_owned(),
                |target| target.origin().ascii_serialization(),
            );
            return Failure::Gateway(Error::Remote(format!(
                "the gateway at {address} redirects {doing} to {target}; set the URL of the gateway itself"
            )));
        }
        let text = self.read(response, 4 << 10).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let text = shorten(text.trim(), MAX_TEXT);
        let code = status.as_u16();
        let error = Error::Remote(format!("{address} answered {doing} with {code}: {text}"));
        match status {
            StatusCode::UNAUTHORIZED => Failure::Gateway(error),
            StatusCode::TOO_MANY_REQUESTS => Failure::Transient(error),
            _ if status.is_server_error() => Failure::Transient(error),
            _ => Failure::Artifact(error),
        }
    }

    /// The failure for an answer that violates the protocol.
    pub(super) fn broken(&self, reason: &str) -> Failure {
        let address = &self.address;
        Failure::Gateway(Error::Remote(format!(
            "the gateway at {address} does not speak the protocol: {reason}"
        )))
    }

    /// The failure for a connection that can't be made, or that breaks. The URL of a storage is a secret.
    pub(super) fn unreachable(&self, error: reqwest::Error) -> Failure {
        let is_late = error.is_timeout();
        let (address, cause) = (&self.address, chain(&error.without_url()));
        let message =
            format!("the gateway at {address}, or its storage, can't be reached: {cause}");
        match is_late {
            true => Failure::Gateway(Error::Timeout(message)),
            false => Failure::Transient(Error::Remote(message)),
        }
    }

    /// The failure for a gateway that sends nothing.
    pub(super) fn silent(&self) -> Failure {
        let (address, time) = (&self.address, duration::format(self.timeout));
        Failure::Gateway(Error::Timeout(format!(
            "the gateway at {address}, or its storage, has not answered for {time}"
        )))
    }

    fn parse(&self, url: &str) -> Result<Url, Failure> {
        let url = Url::parse(url).ok().filter(is_http);
        url.ok_or_else(|| self.broken("its URL is not one of http or https"))
    }
}

/// The value of a header as text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn location(response: &Response) -> Option<&str> {
    text(response.headers(), LOCATION.as_str())
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}
