//! The address of a Redis server: `host:port`, `redis://`, `rediss://` or `unix:`. Its `Debug` and `Display` mask user
//! name and password. Pure functions; any thread.

use std::{fmt, path::PathBuf};

use crate::secret::{MASK, Secret};

/// The default port.
const PORT: u16 = 6379;

/// The address of a Redis server, with user, password and database.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// The server.
    pub target: RedisTarget,
    /// The user of an access control list; `None`: the default user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u32,
}

/// The socket of a Redis server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisTarget {
    /// A TCP port.
    Tcp {
        /// Name or address; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether the connection is encrypted.
        tls: bool,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl RedisUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// The reason as a noun phrase, without the text itself, since that may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("white space or control characters".into());
        }
        let (target, query, user, password) = match text.strip_prefix("unix:") {
            Some(rest) => unix(rest)?,
            None => tcp(text)?,
        };
        let mut url = Self {
            target,
            user: user.filter(|user| !user.is_empty()),
            password: password
                .filter(|password| !password.is_empty())
                .map(Secret::new),
            database: 0,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // A path without a name is the number of the database.
            let (name, value) = pair.split_once('=').unwrap_or(("db", pair));
            match name {
                "db" => url.database = database(value)?,
                "user" => url.user = Some(decode(value)?),
                "password" => url.password = Some(Secret::new(decode(value)?)),
                // The protocol is negotiated.
                "protocol" => {}
                _ => return Err("an unknown parameter".into()),
            }
        }
        Ok(url)
    }
}

type Parts<'a> = (RedisTarget, &'a str, Option<String>, Option<String>);

/// The parts after `unix:`: a path, after `//` with `user:password@` before it.
fn unix(text: &str) -> Result<Parts<'_>, String> {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let (credentials, path) = match address.strip_prefix("//") {
        Some(rest) => {
            let start = rest.find('/').ok_or("no path")?;
            let (authority, path) = rest.split_at(start);
            (authority, path)
        }
        None => ("", address),
    };
    if !path.starts_with('/') {
        return Err("no absolute path".into());
    }
    let credentials = match credentials {
        "" => None,
        text => Some(text.strip_suffix('@').ok_or("a host before the path")?),
    };
    let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, "")))
    {
        Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
        None => (None, None),
    };
    Ok((
        RedisTarget::Unix(decode(path)?.into()),
        query,
        user,
        password,
    ))
}

fn tcp(text: &str) -> Result<Parts<'_>, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
    let tls = match scheme {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(format!("scheme {scheme:?}")),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if rest.contains('#') {
        return Err("a fragment".into());
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, address) = match authority.rsplit_once('@') {
        Some((credentials, address)) => (Some(credentials), address),
        None => (None, authority),
    };
    let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, "")))
    {
        Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
        None => (None, None),
    };
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("no closing bracket")?;
            (host, after.strip_prefix(':'))
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    if host.is_empty() {
        return Err("no host".into());
    }
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("no port")?,
        None => PORT,
    };
    let target = RedisTarget::Tcp {
        host: host.to_owned(),
        port,
        tls,
    };
    if path.is_empty() {
        return Ok((target, query, user, password));
    }
    if !query.is_empty() {
        return Err("a path and parameters".into());
    }
    Ok((target, path, user, password))
}

fn database(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| *number < 1 << 16)
        .ok_or_else(|| "no number of a database".into())
}

/// Decodes `%41`.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err("an incomplete percent sign".into());
        };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8".into())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_credentials = self.user.is_some() || self.password.is_some();
        let mask = if has_credentials {
            format!("{MASK}@")
        } else {
            String::new()
        };
        match &self.target {
            RedisTarget::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let (open, close) = if host.contains(':') {
                    ("[", "]")
                } else {
                    ("", "")
                };
                write!(
                    f,
                    "{scheme}://{mask}{open}{host}{close}:{port}/{}",
                    self.database
                )
            }
            RedisTarget::Unix(path) => {
                write!(f, "unix://{mask}{}?db={}", path.display(), self.database)
            }
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_shown_without_user_and_password() {
        for (text, shown, password) in [
            ("cache:6380", "redis://cache:6380/0", None),
            ("cache", "redis://cache:6379/0", None),
            ("redis://[::1]:7/3", "redis://[::1]:7/3", None),
            (
                "redis://:p%40ss@h",
                "redis://********@h:6379/0",
                Some("p@ss"),
            ),
            (
                "rediss://ann:a:b@h:1?db=2",
                "rediss://********@h:1/2",
                Some("a:b"),
            ),
            ("unix:/run/r.sock", "unix:///run/r.sock?db=0", None),
            ("unix:///run/r.sock?db=4", "unix:///run/r.sock?db=4", None),
            ("unix://u:p@/r?db=1", "unix://********@/r?db=1", Some("p")),
            (
                "unix:/r?user=u&password=p",
                "unix://********@/r?db=0",
                Some("p"),
            ),
        ] {
            let url = RedisUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(format!("{url:?}"), shown, "{text}");
            assert_eq!(
                url.password.as_ref().map(Secret::expose),
                password,
                "{text}"
            );
        }
    }

    #[test]
    fn invalid_addresses_are_refused_with_the_reason() {
        for (text, reason) in [
            ("http://cache", "scheme"),
            ("redis://", "host"),
            ("cache:0", "port"),
            ("cache:port", "port"),
            ("redis://[::1", "bracket"),
            ("redis://h/x", "database"),
            ("redis://h?ssl=1", "parameter"),
            ("redis://h/1?db=2", "path and"),
            ("redis://a%4@h", "percent"),
            ("unix:r.sock", "absolute"),
            ("unix://host/r", "host before"),
            ("ca che", "white space"),
        ] {
            let error = RedisUrl::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
