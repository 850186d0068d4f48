//! Addresses that a server listens on, and the mode of its sockets in the file system. Pure functions; any thread.

use std::{fmt, path::PathBuf};

use super::text::shorten;

/// Addresses of a server at most.
const MAX_ADDRESSES: usize = 32;
/// Bytes of a socket's path, the NUL at its end not counted (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// `host:port`; without a host all addresses of the machine.
    Tcp(String),
    /// The absolute path of a socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Parses a list with commas.
pub(super) fn parse_list(text: &str) -> Result<Vec<ListenAddress>, String> {
    let mut addresses = Vec::new();
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let address = parse(entry).map_err(|reason| format!("{reason} in {:?}", shorten(entry)))?;
        if addresses.contains(&address) {
            return Err(format!("{:?} twice", shorten(entry)));
        }
        addresses.push(address);
    }
    match addresses.len() {
        0 => Err("no address".into()),
        1..=MAX_ADDRESSES => Ok(addresses),
        _ => Err(format!("more than {MAX_ADDRESSES} addresses")),
    }
}

fn parse(text: &str) -> Result<ListenAddress, &'static str> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("white space or control characters");
    }
    if let Some(path) = text.strip_prefix("unix:") {
        // Both `unix:/path` and `unix:///path` are written.
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') || path.ends_with('/') {
            return Err("no absolute path of a socket");
        }
        if path.len() > MAX_SOCKET_PATH {
            return Err("a path that is too long for a socket");
        }
        return Ok(ListenAddress::Unix(path.into()));
    }
    let (host, port) = text.rsplit_once(':').ok_or("no port")?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    if host.contains(':') && !is_bracketed {
        return Err("an IPv6 address without brackets");
    }
    match port.parse::<u16>() {
        Ok(_) if port.bytes().all(|digit| digit.is_ascii_digit()) => {
            Ok(ListenAddress::Tcp(text.to_owned()))
        }
        _ => Err("no port"),
    }
}

/// Parses the octal mode of a socket.
pub(super) fn parse_mode(text: &str) -> Result<u32, &'static str> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_octal = digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => Ok(mode),
        _ => Err("not an octal mode"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ports_and_sockets() {
        let parsed = parse_list("127.0.0.1:9180, [::1]:80,:0, unix:/run/a.sock").unwrap();
        let shown: Vec<String> = parsed.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["127.0.0.1:9180", "[::1]:80", ":0", "unix:/run/a.sock"]
        );
        assert_eq!(
            parse_list("unix:///run/a.sock"),
            parse_list("unix:/run/a.sock")
        );
        for bad in [
            "",
            " , ",
            "9180",
            "localhost",
            "::1:80",
            "host:65536",
            "host:+1",
            "unix:run/a",
            "unix:/run/",
            "a b:1",
            ":1,:1",
        ] {
            assert!(parse_list(bad).is_err(), "{bad:?}");
        }
        assert!(parse_list(&format!("unix:/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(parse_mode("0660"), Ok(0o660));
        assert_eq!(parse_mode("666"), Ok(0o666));
        assert_eq!(parse_mode("0o600"), Ok(0o600));
        for bad in ["", "0888", "+7", "1777", "rw"] {
            assert!(parse_mode(bad).is_err(), "{bad:?}");
        }
    }
}
