//! The address of the delivery server: a URL, or a location of the front server.

use std::fmt;

use crate::secret::ServerUrl;

/// The address of the delivery server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryUrl {
    /// A location of the front server that passes requests on to it: an absolute path without a slash at its end.
    Path(String),
    /// A URL for clients.
    Url(ServerUrl),
}

impl DeliveryUrl {
    /// Parses `/path` or an `http` or `https` URL.
    ///
    /// # Errors
    /// The reason as a noun phrase.
    pub(in crate::config) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            let url = ServerUrl::parse(text)?;
            let parsed = url.as_url();
            if !parsed.username().is_empty() || parsed.password().is_some() {
                return Err("a user or a password, which clients would see".into());
            }
            return Ok(Self::Url(url));
        }
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        if !text.bytes().all(is_safe) {
            return Err("a character that is no letter, digit, `-`, `_`, `.` or `~`".into());
        }
        let path = text.trim_end_matches('/');
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        if !path.split('/').skip(1).all(is_part) {
            return Err("an empty part, `.` or `..` in the path".into());
        }
        Ok(Self::Path(path.to_owned()))
    }

    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        match self {
            Self::Path(base) => format!("{base}{path}"),
            Self::Url(base) => format!("{}{path}", base.as_url().as_str().trim_end_matches('/')),
        }
    }
}

impl fmt::Display for DeliveryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) if path.is_empty() => f.write_str("/"),
            Self::Path(path) => f.write_str(path),
            Self::Url(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_joined() {
        for (text, joined) in [
            ("/", "/delivery/t"),
            ("/_pillion/", "/_pillion/delivery/t"),
            ("http://10.0.0.1:9090", "http://10.0.0.1:9090/delivery/t"),
            (
                "https://dl.example/base/",
                "https://dl.example/base/delivery/t",
            ),
        ] {
            assert_eq!(
                DeliveryUrl::parse(text).unwrap().join("/delivery/t"),
                joined
            );
        }
    }

    #[test]
    fn unsafe_addresses_are_refused() {
        for text in [
            "//evil.example",
            "/a/../b",
            "/a//b",
            "/a b",
            "/a\r\nSet-Cookie: x",
            "/a?b",
            "/%2e%2e",
            "http://ann:s3cret@host",
            "file:///etc",
            "host:80",
        ] {
            assert!(DeliveryUrl::parse(text).is_err(), "{text}");
        }
    }
}
