//! Sentry's data source name: the address of a project's events and the key to submit them
//! (develop.sentry.dev/sdk/foundations/transport/authentication). A secret: `Debug` and `Display` mask the key, and no
//! error message repeats it. Pure; any thread.

#[cfg(test)]
mod tests;

use std::fmt;

use super::text::parse_flag;
use crate::secret::MASK;

/// A project's address and keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    text: String,
    endpoint: String,
    shown: String,
    public_key: String,
    secret_key: Option<String>,
    host: String,
    authority: String,
    project: String,
}

/// Words that switch Sentry's SDKs off, in any case of letters (sentry-php: option `dsn`).
const OFF: [&[u8]; 6] = [
    b"null", b"(null)", b"false", b"(false)", b"empty", b"(empty)",
];

impl Dsn {
    /// Whether a text names no project because it is empty or a word for off.
    #[inline]
    #[must_use]
    pub fn is_off(text: impl AsRef<[u8]>) -> bool {
        let text = text.as_ref().trim_ascii();
        text.len() <= 7
            && (text.is_empty()
                || OFF.iter().any(|word| word.eq_ignore_ascii_case(text))
                || str::from_utf8(text).is_ok_and(|text| parse_flag(text) == Some(false)))
    }

    /// Parses `https://public[:secret]@host[:port][/path]/project`.
    ///
    /// # Errors
    /// The reason as a noun phrase: `no project after the last slash`. It contains no key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = |reason: &str| Err(reason.to_owned());
        if text.is_empty() {
            return invalid("an empty text");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return invalid("white space or control characters");
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return invalid("no scheme");
        };
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return invalid("a scheme that is neither http nor https");
        }
        let url = match reqwest::Url::parse(text) {
            Ok(url) => url,
            Err(error) => return invalid(&format!("not a URL: {error}")),
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return invalid("no host");
        };
        if url.port() == Some(0) {
            return invalid("port 0");
        }
        let key = |part: &str| part.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        if url.username().is_empty() {
            return invalid("no public key before the @");
        }
        if !key(url.username()) || !url.password().is_none_or(key) {
            return invalid("a key with characters that no header may contain");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid("a query or a fragment");
        }
        let (path, project) = match url.path().rsplit_once('/') {
            Some((path, project)) if !project.is_empty() => (path, project),
            _ => return invalid("no project after the last slash"),
        };
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let base = format!("{}://", url.scheme());
        Ok(Self {
            text: text.to_owned(),
            endpoint: format!("{base}{host}{port}{path}/api/{project}/envelope/"),
            shown: format!("{base}{MASK}@{host}{port}{path}/{project}"),
            public_key: url.username().to_owned(),
            secret_key: url
                .password()
                .filter(|secret| !secret.is_empty())
                .map(str::to_owned),
            authority: format!("{host}{port}"),
            host: host.to_owned(),
            project: project.to_owned(),
        })
    }

    /// Returns the original text with the key, for the envelope's header and the outbox.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the URL that envelopes are posted to; it contains no key.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the value of `X-Sentry-Auth`. `client` is `name/version`.
    #[must_use]
    pub fn auth(&self, client: &str) -> String {
        let mut header = format!(
            "Sentry sentry_version=7, sentry_client={client}, sentry_key={}",
            self.public_key
        );
        if let Some(secret) = &self.secret_key {
            header.push_str(", sentry_secret=");
            header.push_str(secret);
        }
        header
    }

    /// The host, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host with its port, if the DSN has one.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The project, a text that is not always a number.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Returns the organisation in a host of sentry.io: `o123.ingest.sentry.io`.
    #[must_use]
    pub fn organisation(&self) -> Option<&str> {
        let digits = self.host.strip_prefix('o')?.split_once('.')?.0;
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then_some(digits)
    }

    /// Whether envelopes are sent by TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.endpoint.starts_with("https:")
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
