//! Which requests may read, and which may act. With a token, requests have it as bearer token or have a session that
//! began with it.
//! Without one, requests may read, from this machine only: a page of another host whose name was made to resolve to
//! this machine has that name in its `Host` header. Any thread.

use std::time::{Duration, Instant};

use hyper::{
    HeaderMap,
    header::{self, HeaderName},
    http::request::Parts,
};
use pillion_engine::host::{clock, secret::Secret};

use super::{
    ended::EndedSessions,
    login_limit::LoginLimit,
    session::{Session, Sessions},
};
use crate::http::{Tokens, host, is_own_host};

/// The name of the cookie.
const COOKIE: &str = "pillion_session";
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-pillion-csrf");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rules of a server.
pub(super) struct Access {
    tokens: Tokens,
    sessions: Sessions,
    limit: LoginLimit,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has neither token nor session.
    Unauthorized,
    /// Its `Host` header is no name of this machine, and no token is configured.
    ForeignHost,
    /// Actions need a token, and none is configured.
    ActionsDisabled,
    /// It is not from the page of this session.
    Csrf,
    /// It is from a page of another origin.
    ForeignOrigin,
}

/// An authorized client.
#[derive(Debug)]
pub(super) enum Client {
    /// With a bearer token.
    Bearer,
    /// With a session.
    Session(Session),
    /// Without a token, because none is configured.
    Anonymous,
}

impl Access {
    pub(super) fn new(tokens: Tokens, secret: Secret, ended: EndedSessions) -> Self {
        let current = tokens.clone();
        Self {
            sessions: Sessions::new(secret, move || current.fingerprint(), ended),
            tokens,
            limit: LoginLimit::default(),
        }
    }

    /// Whether clients need a token.
    pub(super) fn is_token_required(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The client of a request that only reads.
    pub(super) fn reader(&self, head: &Parts) -> Result<Client, Refusal> {
        if self.tokens.is_empty() {
            return match is_own_host(head) {
                true => Ok(Client::Anonymous),
                false => Err(Refusal::ForeignHost),
            };
        }
        if let Some(authorization) = head.headers.get(header::AUTHORIZATION) {
            return match self.tokens.accept(Some(authorization)) {
                true => Ok(Client::Bearer),
                false => Err(Refusal::Unauthorized),
            };
        }
        let session = self.session(&head.headers).ok_or(Refusal::Unauthorized)?;
        Ok(Client::Session(session))
    }

    /// The client of a request that changes something.
    pub(super) fn actor(&self, head: &Parts) -> Result<Client, Refusal> {
        let client = self.reader(head)?;
        match &client {
            Client::Anonymous => Err(Refusal::ActionsDisabled),
            Client::Bearer => Ok(client),
            Client::Session(_) if !is_own_origin(head) => Err(Refusal::ForeignOrigin),
            Client::Session(session) => {
                let sent = head.headers.get(CSRF_HEADER);
                let is_sent = sent.is_some_and(|sent| sent.as_bytes() == session.csrf.as_bytes());
                is_sent.then_some(client).ok_or(Refusal::Csrf)
            }
        }
    }

    /// The time until a token may be tried; `None`: now.
    pub(super) fn login_wait(&self) -> Option<Duration> {
        self.limit.wait(Instant::now())
    }

    /// Begins a session if the token is right. Returns it with the header that sets its cookie.
    pub(super) fn login(&self, token: &str) -> Option<(Session, String)> {
        if !self.tokens.contains(token) {
            self.limit.failed(Instant::now());
            log::warn!("wrong token of the dashboard");
            return None;
        }
        let (session, cookie) = self.sessions.begin(now())?;
        // Without a path it is that of the API, also under the prefix of a front server.
        let seconds = session.expires.saturating_sub(now());
        let header = format!("{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Max-Age={seconds}");
        Some((session, header))
    }

    /// Ends a session, and writes a file. Returns the header that removes its cookie.
    pub(super) fn logout(&self, session: &Session) -> String {
        self.sessions.end(session, now());
        format!("{COOKIE}=; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    /// The session of the request's cookie.
    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == COOKIE)
            .find_map(|(_, cookie)| self.sessions.find(cookie, now()))
    }
}

fn now() -> u64 {
    clock::unix_ms() / 1000
}

/// Whether the request comes from a page of this server, as far as the browser says. A front server may change `Host`,
/// so the newer header counts where it is sent.
fn is_own_origin(head: &Parts) -> bool {
    if let Some(site) = head.headers.get(FETCH_SITE) {
        return site == "same-origin";
    }
    let Some(origin) = head.headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, authority)| Some(authority) == host(head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/dashboard");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn origin_is_compared_with_the_host() {
        let from = |headers: &[(&str, &str)]| is_own_origin(&head(headers));
        assert!(from(&[("host", "a:1")]));
        assert!(from(&[("host", "a:1"), ("origin", "http://a:1")]));
        assert!(!from(&[("host", "a:1"), ("origin", "http://b:1")]));
        assert!(!from(&[("host", "a:1"), ("origin", "null")]));
        assert!(from(&[
            ("host", "inside"),
            ("origin", "https://a"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!from(&[
            ("host", "a"),
            ("origin", "http://a"),
            ("sec-fetch-site", "cross-site")
        ]));
    }
}
