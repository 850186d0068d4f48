//! Values that must never be shown: tokens, and URLs that may contain a password. They have their own types, so that a
//! log line, a panic message or phpinfo can't show them by accident: only `expose` and `as_url` return the real value.

use std::fmt;

/// Replaces a secret wherever it would be shown.
pub const MASK: &str = "********";

/// A secret text. Its `Debug` and `Display` show [`MASK`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the real text, for the one function that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// An `http` or `https` URL with a host and without query or fragment. Its `Debug` and `Display`
/// mask user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(reqwest::Url);

impl ServerUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// The reason as a noun phrase, without the text itself, since that may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("white space or control characters".into());
        }
        let url = reqwest::Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("scheme {:?}", url.scheme()));
        }
        // The URL standard repairs a missing slash, and a typo would go unnoticed.
        if !text
            .get(url.scheme().len()..)
            .is_some_and(|rest| rest.starts_with("://"))
        {
            return Err("no \"//\" after the scheme".into());
        }
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return Err("no reachable host".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a query or a fragment".into());
        }
        Ok(Self(url))
    }

    /// Returns the real URL, with the password if there is one.
    #[must_use]
    pub const fn as_url(&self) -> &reqwest::Url {
        &self.0
    }

    /// Whether requests may leave the machine in clear text.
    #[must_use]
    pub fn is_clear_text(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost"
            || host.ends_with(".localhost")
            || address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        self.0.scheme() == "http" && !loopback
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_url(self.0.as_str()))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Replaces the part between `://` and `@` of each URL in a text by [`MASK`].
#[must_use]
pub fn mask_url(text: &str) -> std::borrow::Cow<'_, str> {
    if !(text.contains("://") && text.contains('@')) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| {
                matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>') || c.is_whitespace()
            })
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(MASK);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_shown_only_by_expose() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)).find("hunter2"),
            None
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn url_shows_neither_user_nor_password() {
        let url = ServerUrl::parse("https://ann:s3cret@velox.example:9000/base").unwrap();
        assert_eq!(url.to_string(), "https://********@velox.example:9000/base");
        assert_eq!(format!("{url:?}"), url.to_string());
        assert_eq!(url.as_url().password(), Some("s3cret"));
    }

    #[test]
    fn urls_inside_a_text_are_masked() {
        assert_eq!(
            mask_url("GET http://a:b@c.d/e failed, then https://x/y and m@n ok"),
            "GET http://********@c.d/e failed, then https://x/y and m@n ok"
        );
        assert_eq!(mask_url("no address@here"), "no address@here");
        assert_eq!(mask_url("http://a@b@c"), "http://********@c");
    }

    #[test]
    fn invalid_server_urls_are_refused_with_the_reason() {
        for (text, reason) in [
            ("velox:9000", "scheme"),
            ("127.0.0.1:9000", "URL"),
            ("ftp://velox", "scheme"),
            ("http:/velox", "//"),
            ("http://", "URL"),
            ("http://velox:0", "host"),
            ("http://velox/?a=1", "query"),
            ("http://velox/#a", "fragment"),
            ("http://ve lox", "white space"),
        ] {
            let error = ServerUrl::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn only_http_to_another_machine_is_clear_text() {
        for (text, clear) in [
            ("http://velox:9000", true),
            ("http://10.0.0.1", true),
            ("https://velox", false),
            ("http://localhost:9000", false),
            ("http://127.0.0.9", false),
            ("http://[::1]:9000", false),
            ("http://localhost.example", true),
        ] {
            assert_eq!(
                ServerUrl::parse(text).unwrap().is_clear_text(),
                clear,
                "{text}"
            );
        }
    }
}
