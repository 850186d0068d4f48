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
    http_client::cause,
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

    /// A PUT to a URL that the gateway has handed out, without headers and body; that URL, and whether it is the
    /// gateway's own.
    pub(super) fn put(&self, url: &str) -> Result<(RequestBuilder, Url, bool), Failure> {
        let url = self.parse(url)?;
        let is_own = self.is_own(&url);
        Ok((self.request(Method::PUT, url.clone()), url, is_own))
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
            // In place of credentials in the URL.
            request = request.headers(HeaderMap::from_iter([(AUTHORIZATION, header)]));
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
        let (client, request) = request.build_split();
        let request = request.map_err(|error| self.broken(&cause(&error.without_url())))?;
        let url = request.url().clone();
        match timeout(self.timeout, client.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unreachable(&url, error)),
            Err(_) => Err(self.silent(&url)),
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
            Ok(Err(error)) => {
                let (place, cause) = (self.place(response.url()), cause(&error.without_url()));
                let message = format!("the connection to {place} broke: {cause}");
                Err(Failure::Transient(Error::Remote(message)))
            }
            Err(_) => Err(self.silent(response.url())),
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
        let body = self.read(response, 4 << 10).await.unwrap_or_default();
        let reason = reason(&String::from_utf8_lossy(&body), status);
        let code = status.as_u16();
        let hint = match (status, &self.token) {
            (StatusCode::UNAUTHORIZED, None) => "; no token was sent",
            _ => "",
        };
        let message = format!("{address} answered {doing} with {code}: {reason}{hint}");
        let error = Error::Remote(message);
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

    /// The failure for a connection that can't be made, or that breaks.
    pub(super) fn unreachable(&self, url: &Url, error: reqwest::Error) -> Failure {
        let is_late = error.is_timeout();
        let (place, cause) = (self.place(url), cause(&error.without_url()));
        let message = format!("{place} can't be reached: {cause}");
        match is_late {
            true => Failure::Gateway(Error::Timeout(message)),
            false => Failure::Transient(Error::Remote(message)),
        }
    }

    /// The failure for a gateway or a storage that sends nothing.
    pub(super) fn silent(&self, url: &Url) -> Failure {
        let (place, time) = (self.place(url), duration::format(self.timeout));
        let message = format!("{place} has not answered for {time}");
        Failure::Gateway(Error::Timeout(message))
    }

    /// The server of a URL. The URL itself is a secret if it is signed.
    fn place(&self, url: &Url) -> String {
        let address = &self.address;
        match self.is_own(url) {
            true => format!("the gateway at {address}"),
            false => {
                let origin = url.origin().ascii_serialization();
                format!("the storage at {origin} of the gateway at {address}")
            }
        }
    }

    fn parse(&self, url: &str) -> Result<Url, Failure> {
        let url = Url::parse(url).ok().filter(is_http);
        url.ok_or_else(|| self.broken("its URL is not one of http or https"))
    }
}

/// What a server says about a failure, in one line without control characters: the code of a storage, the first line of
/// a text, and of a page nothing but the name of the status.
fn reason(body: &str, status: StatusCode) -> String {
    let code = body.split_once("<Code>");
    let code = code.and_then(|(_, rest)| rest.split_once("</Code>"));
    let mut lines = body.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty());
    let reason = match (code, line) {
        (Some((code, _)), _) => code,
        (None, Some(line)) if !line.starts_with('<') => line,
        _ => status.canonical_reason().unwrap_or_default(),
    };
    let visible: String = reason.chars().filter(|char| !char.is_control()).collect();
    shorten(&visible, MAX_TEXT).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_one_line() {
        let status = StatusCode::BAD_GATEWAY;
        let long = "x".repeat(MAX_TEXT + 1);
        for (body, expected) in [
            ("", "Bad Gateway"),
            ("\n Forbidden \n", "Forbidden"),
            ("first\nsecond", "first"),
            ("\u{1b}[31mred\u{7}", "[31mred"),
            ("<!DOCTYPE html>\n<html>\n</html>", "Bad Gateway"),
            (
                "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code></Error>",
                "SlowDown",
            ),
            (&long, &format!("{}…", &long[..MAX_TEXT])),
        ] {
            assert_eq!(reason(body, status), expected, "{body:?}");
        }
    }
}
